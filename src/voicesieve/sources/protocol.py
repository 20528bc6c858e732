"""What every source promises, and the small part of an HTTP client and of yt-dlp that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from voicesieve.domain.candidates import Budget, Cursor, Page, Query
from voicesieve.domain.listings import ListPage
from voicesieve.domain.quotas import Price


class Source(Protocol):
    """A place where candidates come from, asked page by page.

    A source holds no durable state: everything needed to resume is in the cursor, which is plain JSON. The caller
    commits a page's candidates and its cursor in one transaction, so a restart resumes after the last committed page
    and repeats no finished request. In return a source promises:

    - The order of its findings is stable, and the same cursor gives the same continuation as long as the other side
      does not change. If the other side changed, the walk may start again: it may return a candidate twice (the
      catalog recognises it by its id), but it misses none that is still there.
    - A page keeps within its budget. A remote source makes at most one request (``Page.requests`` says whether it did).
    - An item that cannot be used costs only itself: it becomes a ``SourceProblem`` and the walk continues.
    - Every candidate is clean: bounded text without NUL or lone surrogates, an address that was checked and
      normalised, an id that holds no remote text.

    A source of one recording, complete:

        class OneFile:
            def fair_host(self, query):
                return None

            def price(self, query, cursor, memory):
                return None

            async def page(self, query, cursor, memory, budget):
                return Page((Candidate(*file_identity(Path(query.argument))),))
    """

    def fair_host(self, query: Query) -> str | None:
        """The host whose pace the next request of ``query`` counts against; ``None`` if it makes no request."""
        ...

    def price(self, query: Query, cursor: Cursor | None, memory: Cursor) -> Price | None:
        """What the next request of ``query`` takes from a daily quota; ``None`` if there is no quota."""
        ...

    async def page(self, query: Query, cursor: Cursor | None, memory: Cursor, budget: Budget) -> Page:
        """The next page of ``query``.

        ``cursor`` is ``None`` at the start, else the cursor of the page before. ``memory`` is what the last complete
        walk of this query left (an ETag, for example; empty at first); it matters only at the start. The page's
        ``memory`` replaces it. A page without a cursor means that the query was read to its end.

        Raises:
            FailureError: the whole request failed and found nothing; the same cursor may be used again.
            QuotaSpentError: as above, and the quota that it counts against is spent until the day ends.
        """
        ...


class Answer(Protocol):
    """A complete HTTP answer. ``url`` is the final address after redirects; header names are in lower case."""

    @property
    def status(self) -> int: ...

    @property
    def url(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> bytes: ...


class Reader(Protocol):
    """The part of `voicesieve.fetching.client.HttpClient` that sources use."""

    async def read(
        self,
        url: str,
        *,
        max_bytes: int,
        deadline_s: float,
        headers: Mapping[str, str] | None = None,
        any_status: bool = False,
    ) -> Answer:
        """The answer to a GET of ``url`` after redirects. 304 is an answer; with ``any_status``, so are errors.

        Raises:
            FailureError: no complete answer of at most ``max_bytes`` within ``deadline_s`` seconds, or a status of 400
                and above.
        """
        ...


class Lister(Protocol):
    """The part of `voicesieve.fetching.ytdlp.lister.YtDlpLister` that sources use: a page of a list for a request."""

    async def page(
        self, *, url: str, phrase: str, parameters: str | None, place: Mapping[str, object] | None
    ) -> ListPage:
        """One page of a search (``phrase``) or of the list at ``url``. Raises `FailureError`."""
        ...
