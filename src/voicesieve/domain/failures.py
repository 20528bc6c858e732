"""What can go wrong, whose fault it is, and what happens next (design, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from voicesieve.domain.errors import EXIT_FAULT, EXIT_OPERATOR, VoicesieveError


class FailureKind(StrEnum):
    """Every typed failure. The name is stored, logged and counted; keep it stable."""

    GONE = "gone"
    PRIVATE = "private"
    MEMBERS_ONLY = "members_only"
    AGE_RESTRICTED = "age_restricted"
    GEO_BLOCKED = "geo_blocked"
    DRM = "drm"
    LIVE_OR_UPCOMING = "live_or_upcoming"
    UNSUPPORTED = "unsupported"
    FORBIDDEN_ADDRESS = "forbidden_address"

    RATE_LIMITED = "rate_limited"
    NEEDS_OPERATOR = "needs_operator"

    NETWORK = "network"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"

    UNDECODABLE = "undecodable"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    NO_AUDIO = "no_audio"

    ANALYSER_CRASHED = "analyser_crashed"
    OUT_OF_MEMORY = "out_of_memory"
    INTERNAL_ERROR = "internal_error"

    MACHINE_FAULT = "machine_fault"
    DISK_FULL = "disk_full"
    CATALOG_UNAVAILABLE = "catalog_unavailable"


class Remedy(StrEnum):
    """What a failure kind asks for."""

    GIVE_UP = "give_up"
    """Permanent for this video: trying again would give the same answer."""
    DEFER = "defer"
    """Not now, but from a stated time on."""
    BACK_OFF = "back_off"
    """Transient: try again later, within the video's budget."""
    PAUSE_SOURCE = "pause_source"
    """The source refuses us, not this video: open the source's circuit and blame no item."""
    RETRY_ALONE = "retry_alone"
    """Our machinery failed: once more, with nothing else running beside it."""
    STOP_RUN = "stop_run"
    """The run cannot continue: stop cleanly, keep everything, report it to the operator."""


REMEDIES: dict[FailureKind, Remedy] = {
    FailureKind.GONE: Remedy.GIVE_UP,
    FailureKind.PRIVATE: Remedy.GIVE_UP,
    FailureKind.MEMBERS_ONLY: Remedy.GIVE_UP,
    FailureKind.AGE_RESTRICTED: Remedy.GIVE_UP,
    FailureKind.GEO_BLOCKED: Remedy.GIVE_UP,
    FailureKind.DRM: Remedy.GIVE_UP,
    FailureKind.LIVE_OR_UPCOMING: Remedy.DEFER,
    FailureKind.UNSUPPORTED: Remedy.GIVE_UP,
    FailureKind.FORBIDDEN_ADDRESS: Remedy.GIVE_UP,
    FailureKind.RATE_LIMITED: Remedy.PAUSE_SOURCE,
    FailureKind.NEEDS_OPERATOR: Remedy.PAUSE_SOURCE,
    FailureKind.NETWORK: Remedy.BACK_OFF,
    FailureKind.SERVER_ERROR: Remedy.BACK_OFF,
    FailureKind.TIMEOUT: Remedy.BACK_OFF,
    FailureKind.TRUNCATED: Remedy.BACK_OFF,
    FailureKind.UNDECODABLE: Remedy.GIVE_UP,
    FailureKind.TOO_LONG: Remedy.GIVE_UP,
    FailureKind.TOO_SHORT: Remedy.GIVE_UP,
    FailureKind.NO_AUDIO: Remedy.GIVE_UP,
    FailureKind.ANALYSER_CRASHED: Remedy.RETRY_ALONE,
    FailureKind.OUT_OF_MEMORY: Remedy.RETRY_ALONE,
    FailureKind.INTERNAL_ERROR: Remedy.RETRY_ALONE,
    FailureKind.MACHINE_FAULT: Remedy.STOP_RUN,
    FailureKind.DISK_FULL: Remedy.STOP_RUN,
    FailureKind.CATALOG_UNAVAILABLE: Remedy.STOP_RUN,
}

METHOD_SPECIFIC = frozenset({FailureKind.UNSUPPORTED, FailureKind.UNDECODABLE, FailureKind.NO_AUDIO})
"""Failures of the fetching method rather than of the video: the next method is worth a try."""


@dataclass(frozen=True)
class Failure:
    """A typed failure as it is stored and logged.

    ``message`` is one or two sentences for a person: what happened, why, what to do.
    ``retry_after_s`` is the wait the other side asked for (seconds), ``chain`` the exception types and
    texts from the outermost to the root cause.
    """

    kind: FailureKind
    message: str
    retry_after_s: float | None = None
    exception_type: str | None = None
    chain: tuple[str, ...] = ()

    @property
    def remedy(self) -> Remedy:
        return REMEDIES[self.kind]

    @classmethod
    def from_exception(
        cls, kind: FailureKind, error: BaseException, message: str | None = None, *, retry_after_s: float | None = None
    ) -> Failure:
        """Type ``error`` as ``kind``, keeping its cause chain."""
        return cls(
            kind=kind,
            message=message or str(error) or type(error).__name__,
            retry_after_s=retry_after_s,
            exception_type=_qualified_name(error),
            chain=_cause_chain(error),
        )


class FailureError(VoicesieveError):
    """Carries a typed `Failure` up to the stage that records it; exit code 3 where its remedy is to stop the run."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind}: {failure.message}")
        self.failure = failure
        self.exit_code = EXIT_FAULT if failure.remedy is Remedy.STOP_RUN else EXIT_OPERATOR

    def __reduce__(self) -> tuple[type[FailureError], tuple[Failure]]:
        return (FailureError, (self.failure,))


def _qualified_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _cause_chain(error: BaseException) -> tuple[str, ...]:
    chain: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(chain) < 8:
        seen.add(id(current))
        chain.append(f"{_qualified_name(current)}: {str(current)[:500]}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return tuple(chain)
