"""The content of a feed, independent of its format."""

from __future__ import annotations

from dataclasses import dataclass

from voicesieve.domain.errors import InnerError
from voicesieve.sources.media import Likeness

MAX_OFFERS = 1_000
"""Most offers of one entry that are read."""


@dataclass(frozen=True)
class Offer:
    """An address that an entry offers, as it is written in the feed, and the base that it is relative to.

    ``stated`` is its stated type. ``is_form``: it is the recording of another offer of the entry in another format.
    """

    address: str
    base: str
    likeness: Likeness
    stated: str = ""
    duration: str = ""
    is_form: bool = False


@dataclass(frozen=True)
class Entry:
    """One entry. Texts are as the feed states them, empty if it does not; ``guid`` is the feed's id of the entry."""

    offers: tuple[Offer, ...] = ()
    link: str = ""
    guid: str = ""
    title: str = ""
    author: str = ""
    language: str = ""
    licence: str = ""
    duration: str = ""
    published_at: float | None = None


@dataclass(frozen=True)
class Feed:
    """A feed, with the values that apply to every entry without its own.

    ``guid`` is the feed's own id (``podcast:guid``). ``has_more``: not all entries were read. ``broken_off`` is the
    error that ended the reading, empty if it reached the end.
    """

    entries: tuple[Entry, ...]
    title: str = ""
    language: str = ""
    licence: str = ""
    next_url: str | None = None
    moved_url: str | None = None
    guid: str = ""
    has_more: bool = False
    broken_off: str = ""


class NoFeedError(InnerError, ValueError):
    """The document is not a feed; the message says what it is and what to do."""
