"""What the catalog hands out: plain frozen rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from voicesieve.domain.candidates import Query
from voicesieve.domain.errors import InnerError, VoicesieveError
from voicesieve.domain.passwords import without_password
from voicesieve.domain.states import Stage, VideoState


@dataclass(frozen=True)
class QueryRow:
    """A query with its progress. ``cursor`` is ``None`` at its start; ``due_at`` is an epoch second.

    ``expands`` is the arm whose channel it lists, ``None`` for what a person asked for. ``passed_over`` is what its
    last walk left out on purpose, each with ``what``, ``count`` and ``example``.
    """

    id: int
    query: Query
    cursor: Mapping[str, Any] | None
    memory: Mapping[str, Any]
    exhausted: bool
    due_at: float
    failures: int
    expands: int | None = None
    passed_over: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def of(cls, row: Row[Any]) -> QueryRow:
        query = Query(row.source, row.argument)
        return cls(
            row.id,
            query,
            row.cursor,
            row.memory,
            row.exhausted,
            row.due_at,
            row.failures,
            row.expands,
            row.passed_over or (),
        )


@dataclass(frozen=True)
class Claim:
    """A video leased to one worker. Results are written only while ``token`` still holds the lease.

    ``waiting_state`` is where the video stands while the stage runs; ``recording_path`` is relative to the
    recordings folder and set for the analyse stage.
    """

    key: int
    video: str
    stage: Stage
    token: str
    waiting_state: VideoState
    source: str
    url: str
    host: str
    title: str
    item_failures: int
    machine_failures: int
    declared_duration_s: float | None
    declared_language: str | None
    facts: Mapping[str, Any]
    recording: str | None
    recording_path: str | None
    channel: str = ""
    licence: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SeenFile:
    """A local file as it was last seen: ``name`` is what its file system said of it, ``url`` where it lay.

    ``stored`` is the path of its audio relative to the recordings folder, ``None`` if it was never fetched.
    """

    name: str
    url: str
    stored: str | None


@dataclass(frozen=True)
class PageResult:
    """What one discovery page added: new videos, the total that it named, and known ones that have moved."""

    new: int
    total: int
    moved: int = 0


@dataclass(frozen=True)
class Pace:
    """Generic cell rate algorithm (ITU-T I.371): one request every ``interval_s``, ``burst`` at once after a rest.

    ``interval_s`` 0 means no pace. ``jitter`` stretches each interval by up to this share of it at random, so that
    requests never come faster than the pace and never like clockwork.
    """

    interval_s: float
    burst: int
    jitter: float = 0.0

    @classmethod
    def per_hour(cls, requests: float, burst: int, jitter: float = 0.0) -> Pace:
        return cls(3600.0 / requests if requests > 0 else 0.0, burst, jitter)

    def of(self, host: str) -> Pace:
        """One pace for every host; see `Paces` for several."""
        return self

    def earliest(self, slot_at: float) -> float:
        """When the next request may start, given the host's theoretical arrival time.

        Without a pace at any time: after a clock was set back, the last request may lie in the future.
        """
        if self.interval_s == 0:
            return 0.0
        return slot_at - (self.burst - 1) * self.interval_s

    def after_request(self, slot_at: float, now: float, chance: float = 0.0) -> float:
        """The host's theoretical arrival time once a request has started at ``now``; ``chance`` is in [0, 1)."""
        return max(slot_at, now) + self.interval_s * (1.0 + self.jitter * chance)


@dataclass(frozen=True)
class Paces:
    """``ordinary`` for every host that has no pace of its own."""

    ordinary: Pace
    own: Mapping[str, Pace] = field(default_factory=dict)

    def of(self, host: str) -> Pace:
        return self.own.get(host, self.ordinary)


class StaleLeaseError(InnerError):
    """The lease is no longer ours: someone else has the video, and nothing was written."""


class UnknownVideoError(VoicesieveError):
    """No video of that id or URL is in the catalog."""

    def __init__(self, wanted: str) -> None:
        super().__init__(
            f"No video {without_password(wanted)!r} is in the catalog. "
            "Ids look like url:0f3a..., file:91bc... or youtube:...; the crawl prints them, "
            "and a video's URL works too."
        )
