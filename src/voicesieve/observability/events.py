"""Events: what a run reports. Every sink (log, metrics, display) gets the same ones; `EVENTS` is the list of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, Protocol

DEBUG, INFO, WARNING, ERROR = "debug", "info", "warning", "error"

Fields = Mapping[str, type | UnionType]

_NUMBER = int | float
_FAILURE: Fields = {"kind": str, "message": str, "exception_type": str | None, "chain": list}
_VIDEO: Fields = {"video": str, "title": str, "url": str}


@dataclass(frozen=True)
class EventKind:
    """One kind of event: what it means, how much it matters, and the JSON type of each of its fields.

    >>> EVENTS["host_paused"].level, sorted(EVENTS["host_paused"].fields)
    ('warning', ['host', 'reason', 'until'])
    """

    name: str
    level: str
    meaning: str
    fields: Fields = field(default_factory=dict)


_KINDS = (
    EventKind("run_started", INFO, "A run begins.", {"leases_taken_back": int, "scratch_swept": int, "deleted": int}),
    EventKind("folder_open", WARNING, "Other users of the machine can read the data folder.", {"message": str}),
    EventKind(
        "lent_forgotten",
        INFO,
        "Data that a source only lends has expired and was deleted.",
        {"videos": int, "next": str},
    ),
    EventKind(
        "page_committed",
        INFO,
        "One page of a query was read and stored.",
        {"query": str, "found": int, "new": int, "moved": int, "requests": int, "passed_over": list},
    ),
    EventKind(
        "source_problem",
        WARNING,
        "One entry of a source cannot be used; the rest of the source is.",
        {"query": str, "where": str, "message": str},
    ),
    EventKind(
        "source_failed",
        WARNING,
        "A query could not be read.",
        {"query": str, "stage": str, **_FAILURE, "given_up": bool, "next": str},
    ),
    EventKind(
        "source_sleeps",
        INFO,
        "A query waits for its quota or for a paused host, while others are read.",
        {"query": str, "reason": str, "until": str, "bucket": str | None, "kind": str},
    ),
    EventKind("query_not_due", INFO, "A query is not asked in this run; the message says why.", {"message": str}),
    EventKind("channel_expanded", INFO, "A channel with good videos is looked through.", {"query": str}),
    EventKind(
        "frontier_learnt",
        INFO,
        "The order of fetching takes the decisions so far into account.",
        {"decisions": int, "words": int},
    ),
    EventKind(
        "video_screened_out",
        INFO,
        "A rule keeps a video out before its media are fetched.",
        {**_VIDEO, "rule": str, "reason": str},
    ),
    EventKind(
        "attempt_started",
        INFO,
        "A method is tried on a video.",
        {"video": str, "title": str, "stage": str, "method": str, "retry": bool},
    ),
    EventKind(
        "video_fetched",
        INFO,
        "The audio of a video is stored.",
        {
            **_VIDEO,
            "method": str,
            "bytes": int,
            "duration_s": _NUMBER,
            "recording": str,
            "state": str,
            "took_s": _NUMBER,
        },
    ),
    EventKind(
        "video_decided",
        INFO,
        "A recording was analysed and the policy decided.",
        {
            **_VIDEO,
            "outcome": str,
            "rule": str,
            "reason": str,
            "recording": str,
            "score": _NUMBER,
            "child_s": _NUMBER,
            "language": str,
            "duration_s": _NUMBER,
            "took_s": _NUMBER,
        },
    ),
    EventKind(
        "language_unavailable",
        WARNING,
        "A language detector could not run; the video was decided without it.",
        {"video": str, "url": str, "detector": str, "error": str, "chain": list, "next": str},
    ),
    EventKind(
        "attempt_failed",
        WARNING,
        "A method failed on a video.",
        {
            **_VIDEO,
            "stage": str,
            "method": str,
            **_FAILURE,
            "state": str,
            "next": str,
            "scratch": str | None,
            "recording": str | None,
            "attempts": list,
        },
    ),
    EventKind(
        "host_paused",
        WARNING,
        "A host refuses our requests, so none are made until then.",
        {"host": str, "until": str, "reason": str},
    ),
    EventKind(
        "file_lost",
        INFO,
        "The audio of a video is no longer in the store.",
        {"video": str, "recording": str, "error": str, "next": str},
    ),
    EventKind(
        "stale_result_dropped",
        INFO,
        "A result came after the lease of its video had ended; nothing was written.",
        {"video": str, "stage": str},
    ),
    EventKind(
        "scratch_left_behind",
        INFO,
        "A scratch folder could not be deleted.",
        {"scratch": str, "error": str, "next": str},
    ),
    EventKind(
        "clock_set_back",
        WARNING,
        "The machine's clock was set back, so waits begin again.",
        {"message": str, "moved": int},
    ),
    EventKind(
        "retention",
        INFO,
        "What was not to be kept any longer was deleted.",
        {"rejected_audio": int, "lent_descriptions": int, "quarantined": int},
    ),
    EventKind("backup_made", INFO, "The catalog was copied.", {"path": str, "bytes": int, "took_s": _NUMBER}),
    EventKind(
        "backup_failed",
        WARNING,
        "The catalog could not be copied; the run continues.",
        {"folder": str, **_FAILURE, "next": str},
    ),
    EventKind(
        "catalog_waits",
        INFO,
        "How often and how long writers waited for the catalog so far.",
        {"busy_waits": int, "wait_s": _NUMBER, "timeouts": int},
    ),
    EventKind(
        "http_request",
        DEBUG,
        "One HTTP request was made.",
        {
            "visit": str,
            "number": int,
            "url": str,
            "range": str,
            "status": int | None,
            "bytes": int | None,
            "took_s": _NUMBER,
            "error": str,
        },
    ),
    EventKind("run_stopping", INFO, "A run was asked to stop.", {"message": str}),
    EventKind("run_fault", ERROR, "A fault of the machine or the catalog stops the run.", {**_FAILURE, "next": str}),
    EventKind("run_ended", INFO, "A run has ended.", {"ending": str}),
)
EVENTS = {kind.name: kind for kind in _KINDS}
"""Every event. ``docs/observability.md`` says the same for people; a test compares the two."""


@dataclass(frozen=True)
class Event:
    """The name of one of `EVENTS` and plain JSON values for its fields."""

    name: str
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> str:
        return EVENTS[self.name].level


class Sink(Protocol):
    def __call__(self, event: Event) -> None: ...


class Events:
    """Hands each event to all sinks, in order."""

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._sinks = tuple(sinks)

    def emit(self, name: str, **fields: Any) -> None:
        """Report an event of `EVENTS` with all of its fields. Raises TypeError for another name or other fields."""
        kind = EVENTS.get(name)
        if kind is None or fields.keys() != kind.fields.keys():
            raise TypeError(f"{name} with {', '.join(sorted(fields))} is not an event of the table")
        event = Event(name, fields)
        for sink in self._sinks:
            sink(event)
