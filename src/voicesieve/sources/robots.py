"""robots.txt (RFC 9309): read before a page is, and obeyed for that page and for the links to its own host.

A page is searched for recordings by a program, which is what robots.txt is about. A feed and its enclosures are meant
for programs, and an address in a list was chosen by a person, so neither needs robots.txt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from voicesieve.domain.candidates import Budget, Cursor, Page, PassedOver, Query
from voicesieve.domain.failures import Failure, FailureError, FailureKind, Remedy
from voicesieve.domain.quotas import Price
from voicesieve.domain.text import quoted
from voicesieve.sources.confined import in_confinement
from voicesieve.sources.protocol import Reader, Source

AGENT = "voicesieve"
"""Our product token, which site owners write after ``User-agent:``."""
SETTING = "discovery.obey_robots"
DEADLINE_S = 30.0
MAX_BYTES = 512_000
"""RFC 9309, section 2.5: at least 500 KiB must be read. A longer file is refused rather than half obeyed."""


class RobotsSource:
    """The pages of ``source`` that robots.txt of the query's host allows.

    A walk starts with the request for robots.txt. It finds nothing, counts as a request to the host, and is no success
    of the walk: if the page fails after it, the count of failures in a row goes up. Walks of one run on the same site
    share one request; after a restart in the middle of a walk it is made once more.
    """

    def __init__(self, source: Source, reader: Reader) -> None:
        self._source = source
        self._reader = reader
        self._files: dict[str, bytes] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    def fair_host(self, query: Query) -> str | None:
        return self._source.fair_host(query)

    def price(self, query: Query, cursor: Cursor | None, memory: Cursor) -> Price | None:
        return self._source.price(query, cursor, memory)

    async def page(self, query: Query, cursor: Cursor | None, memory: Cursor, budget: Budget) -> Page:
        place = _place(cursor)
        site = _site(query.argument)
        if site not in self._files:
            async with self._asking.setdefault(site, asyncio.Lock()):
                if site in self._files:
                    return Page(preliminary=True)
                self._files[site] = await self._asked(query)
            return Page(preliminary=True, requests=1)
        await self._refuse_forbidden(query, place)
        page = await self._source.page(query, place, memory, budget)
        page = await self._without_forbidden(query, page)
        return page if page.cursor is None else replace(page, cursor=_cursor(page.cursor))

    async def _asked(self, query: Query) -> bytes:
        """The file; empty, which allows everything, if the site has none (RFC 9309, section 2.3.1)."""
        address = f"{_site(query.argument)}/robots.txt"
        try:
            answer = await self._reader.read(address, max_bytes=MAX_BYTES, deadline_s=DEADLINE_S)
        except FailureError as error:
            if error.failure.remedy is Remedy.GIVE_UP and error.failure.kind not in _UNREADABLE:
                return b""
            message = f"{quoted(address)} has to be read first, and that failed: {error.failure.message}"
            raise FailureError(replace(error.failure, message=message)) from error
        return answer.body

    async def _refuse_forbidden(self, query: Query, place: Cursor | None) -> None:
        stated = place.get("url") if place is not None else None
        url = stated if isinstance(stated, str) else query.argument
        if await self._forbidden(query, (url,)):
            message = (
                f"robots.txt of {quoted(_site(url))} does not allow {AGENT} to read {quoted(url)}. Ask the site's "
                f"owner; with their permission, set {SETTING} = false"
            )
            raise FailureError(Failure(FailureKind.FORBIDDEN_ADDRESS, message))

    async def _without_forbidden(self, query: Query, page: Page) -> Page:
        forbidden = await self._forbidden(query, tuple(candidate.url for candidate in page.candidates))
        if not forbidden:
            return page
        passed_over = PassedOver(
            "addresses that robots.txt does not let us fetch", len(forbidden), quoted(forbidden[0])
        )
        return replace(
            page,
            candidates=tuple(candidate for candidate in page.candidates if candidate.url not in forbidden),
            passed_over=(*page.passed_over, passed_over),
        )

    async def _forbidden(self, query: Query, urls: tuple[str, ...]) -> tuple[str, ...]:
        """The ``urls`` on the query's site that its robots.txt forbids."""
        site = _site(query.argument)
        own = tuple(url for url in urls if _site(url) == site)
        file = self._files[site]
        return await in_confinement(forbidden_by, Asked(own), file) if own and file else ()


@dataclass(frozen=True)
class Asked:
    """The addresses that are checked against robots.txt."""

    urls: tuple[str, ...]


def forbidden_by(asked: Asked, file: bytes) -> tuple[str, ...]:
    """The addresses that a robots.txt with these bytes forbids."""
    from protego import Protego

    may: Callable[[str, str], bool] = Protego.parse(file.decode("utf-8", "replace")).can_fetch
    return tuple(url for url in asked.urls if not may(url, AGENT))


_UNREADABLE = frozenset({FailureKind.FORBIDDEN_ADDRESS, FailureKind.TOO_LONG})
"""Permanent failures that do not mean that there is no robots.txt."""


def _site(url: str) -> str:
    """Scheme, host and port: the scope of one robots.txt."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _cursor(place: Cursor | None) -> Cursor:
    return {"robots": True, "at": place}


def _place(cursor: Cursor | None) -> Cursor | None:
    """The cursor of the wrapped source; a cursor of a release without robots.txt is that cursor itself."""
    if cursor is None or cursor.get("robots") is not True:
        return cursor
    place = cursor.get("at")
    return place if isinstance(place, dict) else None
