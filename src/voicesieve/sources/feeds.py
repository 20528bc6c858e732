"""What a feed says, in whatever format it is written."""

from __future__ import annotations

from dataclasses import dataclass

from voicesieve.domain.errors import InnerError
from voicesieve.sources.media import Likeness

MAX_OFFERS = 1_000
"""Of one entry; what stands behind them is not looked at."""


@dataclass(frozen=True)
class Offer:
    """An address at which an entry offers something, as it stands there and with the base that it is relative to.

    ``stated`` is its type. ``is_form``: the same recording as another offer of the entry, in another form.
    """

    address: str
    base: str
    likeness: Likeness
    stated: str = ""
    duration: str = ""
    is_form: bool = False


@dataclass(frozen=True)
class Entry:
    """One entry. Texts are as the feed gives them and empty where it does not; ``guid`` is its own name of it."""

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
    """A feed, and what holds for every entry that does not say otherwise.

    ``guid`` is its own name of itself (``podcast:guid``). ``has_more``: not all entries were read.
    ``broken_off`` is the error at which reading ended, empty where it came to the end.
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
    """What was read is no feed; the text says what it is and what to do, for people."""
