"""What discovery finds: queries, pages of candidates, and the cursor between pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_TITLE_CHARS = 1_000
MAX_URL_CHARS = 4_000

TAKEN = "taken"
"""Mark in a candidate's metadata: its page was read when it was taken, so what is not known by now stays unknown."""


@dataclass(frozen=True)
class Candidate:
    """One video as a source describes it, before anything is fetched.

    ``source`` and ``native_id`` together identify it (never its title). ``url`` is what a fetcher opens.
    ``language`` is the BCP-47 code that the source declares, ``licence`` its text as given; ``None`` means
    not stated, which is not the same as free or standard. ``metadata`` holds further plain JSON values; sources that
    know them use the names ``channel_id, description, tags, category, text_language, captions, made_for_kids,
    synthetic_media, availability, live_status, age_limit``. ``keep_s`` is how long the source lets us keep what it
    says (seconds), ``None`` for as long as we like.
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

    @property
    def id(self) -> str:
        return f"{self.source}:{self.native_id}"


@dataclass(frozen=True)
class SourceProblem:
    """Something in a source that was passed over, with where it stands (``line 12``, ``entry 3``)."""

    where: str
    message: str


@dataclass(frozen=True)
class Query:
    """One discovery request: the kind of source and its argument, as in ``--source KIND:ARGUMENT``."""

    source: str
    argument: str

    def __str__(self) -> str:
        return f"{self.source}:{self.argument}"


@dataclass(frozen=True)
class Budget:
    """What one page may cost: at most ``max_candidates`` videos and ``max_requests`` requests."""

    max_candidates: int = 500
    max_requests: int = 1


Cursor = Mapping[str, object]
"""Where a query goes on: plain JSON values that only its own source understands."""


@dataclass(frozen=True)
class Page:
    """The answer to one discovery request.

    ``cursor`` is where the next page starts, ``None`` when the query is exhausted. ``memory`` is kept for the
    next time the query is asked from its start (an ETag, say). ``requests`` counts what was spent.
    """

    candidates: tuple[Candidate, ...] = ()
    cursor: Cursor | None = None
    memory: Cursor = field(default_factory=dict)
    problems: tuple[SourceProblem, ...] = ()
    requests: int = 0
