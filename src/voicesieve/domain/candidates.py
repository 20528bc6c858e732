"""What discovery finds: queries, pages of candidates, and the cursor between pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MAX_TITLE_CHARS = 1_000
MAX_URL_CHARS = 4_000

TAKEN = "taken"
"""Mark in a candidate's metadata: its page was read when it was taken, so what is not known by now stays unknown."""


class NameKind(StrEnum):
    """What a further name of a video is, and so how far it is believed."""

    ADDRESS = "address"
    """The id of another spelling of its address, by which an older catalog may have it. Given with one of its file."""
    ENTRY = "entry"
    """Its entry in a feed: the same, whatever address the feed gives it today. Means nothing outside of that feed."""
    FILE = "file"
    """What a file system says of a file: the same if nothing lies any longer where it lay, so a file that was moved."""


@dataclass(frozen=True)
class Name:
    """A further name by which a source recognises a video. ``value`` is an id or a hash, never remote text."""

    kind: NameKind
    value: str


@dataclass(frozen=True)
class Candidate:
    """One video as a source describes it, before anything is fetched.

    ``source`` and ``native_id`` together identify it (never its title). ``url`` is what a fetcher opens.
    ``language`` is the BCP-47 code that the source declares, ``licence`` its text as given; ``None`` means
    not stated, which is not the same as free or standard. ``metadata`` holds further plain JSON values; sources that
    know them use the names ``channel_id, description, tags, category, text_language, captions, made_for_kids,
    synthetic_media, availability, live_status, age_limit``, and any source may state ``passed_over``: a list of
    sentences for people, one for each thing of this entry that was left out, such as a further enclosure. ``keep_s`` is
    how long the source lets us keep what it says (seconds), ``None`` for as long as we like. ``names`` are further
    names, the most exact first: by one of them the catalog may recognise a video whose address has changed.
    """

    source: str
    native_id: str
    url: str
    title: str = ""
    channel: str = ""
    duration_s: float | None = None
    published_at: float | None = None
    language: str | None = None
    licence: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    keep_s: float | None = None
    names: tuple[Name, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.source}:{self.native_id}"


@dataclass(frozen=True)
class SourceProblem:
    """Something in a source that was passed over, with where it stands (``line 12``, ``entry 3``)."""

    where: str
    message: str


@dataclass(frozen=True)
class PassedOver:
    """What a source left out on purpose: ``count`` things of one sort, and where one of them stands.

    ``what`` is a plural in lower case that reads well before its count in brackets: ``files with suffix .txt``,
    ``linked folders``, ``further enclosures``. A source keeps to few sorts; `MAX_SORTS` of them are stored.
    """

    what: str
    count: int = 1
    example: str = ""


MAX_SORTS = 40
"""Sorts of passed-over things that are counted separately for one query; later ones count as `OTHER_SORTS`."""
OTHER_SORTS = "other things"


def added_up(passed_over: Iterable[PassedOver]) -> tuple[PassedOver, ...]:
    """One entry a sort, in the order in which they first came, each with its first example."""
    sums: dict[str, PassedOver] = {}
    for thing in passed_over:
        what = thing.what if thing.what in sums or len(sums) < MAX_SORTS else OTHER_SORTS
        before = sums.get(what, PassedOver(what, 0))
        sums[what] = PassedOver(what, before.count + thing.count, before.example or thing.example)
    return tuple(sums.values())


@dataclass(frozen=True)
class Query:
    """One discovery request: the kind of source and its argument, as in ``--source KIND:ARGUMENT``."""

    source: str
    argument: str

    def __str__(self) -> str:
        return f"{self.source}:{self.argument}"


@dataclass(frozen=True)
class Budget:
    """What one page may bring: at most ``max_candidates`` videos."""

    max_candidates: int = 500


Cursor = Mapping[str, object]
"""Where a query resumes: plain JSON values that only its own source understands."""


@dataclass(frozen=True)
class Page:
    """The answer to one discovery request.

    ``cursor`` is where the next page starts, ``None`` when the query is exhausted. ``memory`` is kept for the
    next time the query is asked from its start (an ETag, say). ``requests`` counts what was spent. ``passed_over`` is
    what was left out on purpose on this page. ``unchanged`` means that nothing has changed since the last walk, so
    what was passed over then still holds. ``feed`` are the hashes of what the feed behind this page is known by, within
    which its candidates' entry names count, the query's own address first; empty where there is no feed.
    ``preliminary``: nothing of the walk was read yet (robots.txt, say). It stands where it stood, and its failures in a
    row count on.
    """

    candidates: tuple[Candidate, ...] = ()
    cursor: Cursor | None = None
    memory: Cursor = field(default_factory=dict)
    problems: tuple[SourceProblem, ...] = ()
    requests: int = 0
    passed_over: tuple[PassedOver, ...] = ()
    unchanged: bool = False
    feed: tuple[str, ...] = ()
    preliminary: bool = False
