"""What a fetch is given and what it returns: always a typed value, never a raw exception."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voicesieve.domain.decisions import Reason
from voicesieve.domain.errors import InnerError


@dataclass(frozen=True)
class FetchLimits:
    """Hard limits of one fetch. Seconds and bytes.

    ``deadline_s`` bounds the whole method end to end. A transfer that brings fewer than ``stall_bytes`` in
    any ``stall_s`` is cut off.
    """

    deadline_s: float
    stall_s: float
    stall_bytes: int
    max_bytes: int
    max_duration_s: float
    max_redirects: int
    allow_private_addresses: bool


@dataclass(frozen=True)
class FetchRequest:
    """One video to fetch with one method into ``scratch``, a private empty folder that the caller owns.

    ``screen`` judges what the method learns of the video before it fetches any media; with a reason against it, the
    method raises `NotWantedError`. Methods that learn nothing before fetching never call it.
    """

    video: str
    url: str
    scratch: Path
    limits: FetchLimits
    screen: Callable[[Mapping[str, object]], Reason | None] | None = None


@dataclass(frozen=True)
class Exchange:
    """One HTTP request and what came of it, for the log.

    ``visit`` is what it was made for: a video's id, or the address of a feed or page. ``number`` counts the requests of
    one visit from 1. ``bytes`` are those of the body as they came in, packed or not; ``None`` if not counted.
    ``status`` is ``None`` where no answer came, and ``error`` says why.
    """

    visit: str
    number: int
    url: str
    range: str
    status: int | None
    bytes: int | None
    took_s: float
    error: str = ""


Observe = Callable[[Exchange], None]


def unobserved(exchange: Exchange) -> None:
    """An `Observe` for those who keep no log."""


class NotWantedError(InnerError):
    """A rule keeps the video out, now that more is known of it. Nothing has failed."""

    def __init__(self, reason: Reason, facts: Mapping[str, object]) -> None:
        super().__init__(f"{reason.rule}: {reason.message}")
        self.reason = reason
        self.facts = facts


@dataclass(frozen=True)
class Fetched:
    """A complete file in the scratch folder. It is not yet known to decode.

    ``expected_duration_s`` is what the source stated, ``None`` if it did not. ``facts`` are plain JSON values
    learned on the way (title, channel, licence, language, captions, ETag, final URL).
    """

    path: Path
    bytes: int
    expected_duration_s: float | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class SoundTrack:
    """One of a file's sound tracks; ``number`` counts from 1. ``language`` is its code, ``und`` if it is not stated."""

    number: int
    language: str
    is_default: bool
    is_commentary: bool
    is_taken: bool


@dataclass(frozen=True)
class MediaInfo:
    """What probing found. ``duration_s`` is how much sound decodes, never copied from a header.

    ``tracks`` are all sound tracks of the file; one of them was taken.
    """

    duration_s: float
    container: str
    codec: str
    sample_rate: int
    channels: int
    suffix: str
    tracks: tuple[SoundTrack, ...] = ()


@dataclass(frozen=True)
class FetchedRecording:
    """A probed file in scratch with its SHA-256, ready to enter the store."""

    path: Path
    sha256: str
    bytes: int
    media: MediaInfo
    facts: Mapping[str, object] = field(default_factory=dict)
