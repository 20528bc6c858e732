"""What feeds and web pages share: one document is read, parsed, and returned page by page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from voicesieve.domain.addresses import web_address
from voicesieve.domain.candidates import Budget, Candidate, Cursor, Page, PassedOver, Query, SourceProblem
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.quotas import Price
from voicesieve.domain.text import clean_text, quoted
from voicesieve.sources.confined import in_confinement
from voicesieve.sources.entries import Entries, feed_key
from voicesieve.sources.identity import host_of, normalise_url
from voicesieve.sources.paging import Finding, Findings
from voicesieve.sources.protocol import Answer, Reader

DEADLINE_S = 120.0
"""Enough for 32 MB at 270 kB/s."""
MAX_FINDINGS = 50_000
"""Most entries of one document that are read. The feeds of daily news programmes have some 20,000."""
READING = 2
"""Revision of the parsing. After a change, documents that did not change are read again for what was overlooked."""

_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([^\s\"';,]{1,40})", re.IGNORECASE)
_DIGEST_HEX_DIGITS = 16
_CONDITIONS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}


@dataclass(frozen=True)
class Limit:
    """The most bytes of a document, and the setting that says so."""

    max_bytes: int
    setting: str


@dataclass(frozen=True)
class DocumentLimits:
    """The longest feed and the longest page that are read, in bytes, and the longest chain of a feed's documents.

    250 documents are 2,500 entries in feeds of ten, and an hour of one host at the usual pace.
    """

    max_feed_bytes: int = 64_000_000
    max_page_bytes: int = 2_000_000
    max_documents: int = 250

    @property
    def feed(self) -> Limit:
        return Limit(self.max_feed_bytes, "discovery.max_feed_bytes")

    @property
    def page(self) -> Limit:
        return Limit(self.max_page_bytes, "discovery.max_page_bytes")


@dataclass(frozen=True)
class Origin:
    """The final address of a document after redirects, and its ``Content-Type`` (empty if none was stated)."""

    url: str
    content_type: str = ""

    @property
    def mime_type(self) -> str:
        """In lower case; empty when none is stated."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        # The standard library's parser fails on some hostile headers, and implements RFC 2231, which no server uses.
        stated = _CHARSET.search(self.content_type)
        return stated[1] if stated else None


@dataclass(frozen=True)
class Document:
    """The content of one document, in its own order, and the address that it names as the next document of a chain.

    ``moved_url`` is the new address that it states for itself. ``known_as`` are the ids that it states for itself, by
    which it is recognised at another address.
    """

    findings: tuple[Candidate | SourceProblem | PassedOver, ...]
    next_url: str | None = None
    moved_url: str | None = None
    known_as: tuple[str, ...] = ()


ReadDocument = Callable[[Origin, bytes], Document]
"""Parses a document, in a process of its own (`in_confinement`). Raises FailureError, with a reason that is shown after
the address, if it is not this kind of document."""


@dataclass(frozen=True)
class _Position:
    """The position of a walk: how many findings of the document at ``url`` were returned, and that document's digest.

    ``visited`` are digests of the addresses before this one; ``validators`` belong to the first document.
    ``has_moved``: the document before this one says that the feed has moved to this address.
    """

    url: str
    skip: int = 0
    digest: str | None = None
    visited: tuple[str, ...] = ()
    validators: Cursor = field(default_factory=dict)
    has_moved: bool = False

    @property
    def is_start(self) -> bool:
        return self.digest is None and not self.visited

    def cursor(self) -> Cursor:
        return {
            "url": self.url,
            "skip": self.skip,
            "digest": self.digest,
            "visited": list(self.visited),
            "validators": dict(self.validators),
        }


@dataclass(frozen=True)
class _Opened:
    url: str
    digest: str
    document: Document
    final_url: str
    validators: Cursor


class DocumentSource:
    """Base of the sources that read one document per request.

    A document with more candidates than a page may hold is kept until its last page, so that it costs one request.
    After a restart it is read once more, from its first finding if it changed in the meantime. ``memory`` holds the
    ETag and Last-Modified of the first document: while the server answers 304 to them, a walk returns one empty page.
    """

    def __init__(self, reader: Reader, read: ReadDocument, limit: Limit, max_documents: int = 1) -> None:
        self._reader = reader
        self._read = read
        self._limit = limit
        self._max_documents = max_documents
        self._opened: dict[str, _Opened] = {}
        self._entries: dict[str, Entries] = {}

    def fair_host(self, query: Query) -> str | None:
        return host_of(query.argument)

    def price(self, query: Query, cursor: Cursor | None, memory: Cursor) -> Price | None:
        return None

    async def page(self, query: Query, cursor: Cursor | None, memory: Cursor, budget: Budget) -> Page:
        position = _position(cursor, query)
        if position.is_start:
            self._entries.pop(query.argument, None)
        opened = self._opened.pop(query.argument, None)
        requests = 0
        if opened is None or (opened.url, opened.digest) != (position.url, position.digest):
            answer = await self._ask(position, memory)
            requests = 1
            if answer.status == 304:
                return Page(memory=memory, requests=requests, unchanged=True)
            opened = await self._open(query, position, answer)
        if position.digest != opened.digest:
            position = replace(position, skip=0, digest=opened.digest)
        if not position.visited:
            position = replace(position, validators=opened.validators)
        taken = _findings(opened.document, position.skip).take(budget)
        if taken.resume is not None:
            self._opened[query.argument] = opened
            following: _Position | None = replace(position, skip=position.skip + _count(taken.resume))
            problems = taken.problems
        else:
            following, objection = _next_document(query, position, opened, self._max_documents)
            problems = taken.problems + objection
            if following is not None and following.has_moved:
                self._entries.pop(query.argument, None)  # the same entries again, each at another address
        return Page(
            candidates=taken.candidates,
            cursor=following.cursor() if following is not None else None,
            memory=memory if following is not None else position.validators,
            problems=problems,
            requests=requests,
            passed_over=taken.passed_over,
            feed=_feed(query, position, opened),
        )

    async def _ask(self, position: _Position, memory: Cursor) -> Answer:
        conditions = _conditions(memory) if position.is_start else {}
        try:
            answer = await self._reader.read(
                position.url, max_bytes=self._limit.max_bytes, deadline_s=DEADLINE_S, headers=conditions
            )
        except FailureError as error:
            if error.failure.kind is not FailureKind.TOO_LONG:
                raise
            message = f"{error.failure.message}; {self._limit.setting} sets the limit"
            raise FailureError(replace(error.failure, message=message)) from error
        if answer.status == 304 and not conditions:
            message = f"{host_of(position.url)} answers “not modified” to a request without a condition"
            raise FailureError(Failure(FailureKind.SERVER_ERROR, message))
        return answer

    async def _open(self, query: Query, position: _Position, answer: Answer) -> _Opened:
        if not answer.body.strip():
            message = f"{quoted(position.url)} is empty: check the address in a browser"
            raise FailureError(Failure(FailureKind.UNSUPPORTED, message))
        origin = Origin(answer.url, clean_text(answer.headers.get("content-type", "")))
        try:
            document = await in_confinement(self._read, origin, answer.body)
        except FailureError as error:
            message = f"{quoted(answer.url)} cannot be used: {error.failure.message}"
            raise FailureError(replace(error.failure, message=message)) from error
        entries = self._entries.setdefault(query.argument, Entries())
        document = replace(document, findings=entries.unambiguous(document.findings))
        return _Opened(position.url, _digest(answer.body), document, answer.url, _validators(answer))


def web_argument(argument: str) -> str:
    """The address of a document, checked for use in a request. Raises ValueError if it is not one."""
    try:
        return str(web_address(argument))
    except ValueError as error:
        raise ValueError(f"{quoted(argument)} cannot be used: {error}") from error


def first_request(argument: str) -> dict[str, int]:
    """The estimate for feeds and pages, by host: one request, as the number of further documents is not known."""
    return {host_of(argument): 1}


def _next_document(
    query: Query, position: _Position, opened: _Opened, max_documents: int
) -> tuple[_Position | None, tuple[SourceProblem, ...]]:
    visited = (*position.visited, _address_digest(position.url))
    document, where = opened.document, f"document {len(visited)}"
    move = _move(document, opened.final_url, visited)
    if move is not None and not position.visited:
        # The validators of the old address say nothing about the new one, so they are not kept.
        message = f"the feed says that it has moved, and is read there: replace it by {quoted(f'rss:{move}')}"
        return _Position(move, visited=visited, has_moved=True), (SourceProblem(where, message),)
    if move is not None:
        return None, (SourceProblem(where, f"the feed says that it has moved again, to {quoted(move)}"),)
    if document.next_url is None:
        return None, ()
    try:
        url = str(web_address(document.next_url))
    except ValueError as error:
        objection: str | None = str(error)
    else:
        objection = _objection(url, visited, (host_of(query.argument), host_of(opened.final_url)), max_documents)
    if objection is not None:
        message = f"its next link is not followed: {objection}: {quoted(document.next_url)}"
        return None, (SourceProblem(where, message),)
    return _Position(url, visited=visited, validators=position.validators), ()


def _move(document: Document, url: str, visited: tuple[str, ...]) -> str | None:
    """The address that a feed has moved to. Most feeds that state one state the address at which they are."""
    try:
        move = url if document.moved_url is None else str(web_address(document.moved_url))
    except ValueError:
        return None
    return None if normalise_url(move) == normalise_url(url) or _address_digest(move) in visited else move


def _feed(query: Query, position: _Position, opened: _Opened) -> tuple[str, ...]:
    """What the feed of a query is recognised by: its address, its own ids, and its address after redirects."""
    names = [query.argument, *opened.document.known_as]
    if (move := _move(opened.document, opened.final_url, position.visited)) is not None:
        names.append(move)
    if not position.visited and "?" not in opened.final_url:  # an address with a token is never the same again
        names.append(opened.final_url)
    return tuple(dict.fromkeys(feed_key(name) for name in names))


def _objection(url: str, visited: tuple[str, ...], own_hosts: tuple[str, ...], max_documents: int) -> str | None:
    if _address_digest(url) in visited:
        return "it leads in a circle"
    if host_of(url) not in own_hosts:
        # The pace belongs to the host of the query; another host would get requests without a pace.
        return "it leads to another host; add that feed as a source of its own"
    if len(visited) >= max_documents:
        return f"it would be document {len(visited) + 1} of the chain, and discovery.max_documents is {max_documents}"
    return None


def _findings(document: Document, skip: int) -> Findings:
    return Findings(Finding(what, {"count": count}) for count, what in enumerate(document.findings[skip:], start=1))


def _count(resume: Cursor) -> int:
    count = resume["count"]
    assert isinstance(count, int)
    return count


def _position(cursor: Cursor | None, query: Query) -> _Position:
    """The position in ``cursor``; the start if this revision cannot read it."""
    if cursor is None:
        return _Position(query.argument)
    url, skip, digest = cursor.get("url"), cursor.get("skip"), cursor.get("digest")
    visited, validators = cursor.get("visited"), cursor.get("validators")
    if not (isinstance(url, str) and isinstance(skip, int) and isinstance(digest, str | None)):
        return _Position(query.argument)
    if not (isinstance(visited, list) and isinstance(validators, Mapping)):
        return _Position(query.argument)
    return _Position(url, skip, digest, tuple(visited), validators)


def _conditions(memory: Cursor) -> dict[str, str]:
    if memory.get("reading") != READING:
        return {}
    return {ask: value for name, ask in _CONDITIONS.items() if isinstance(value := memory.get(name), str)}


def _validators(answer: Answer) -> dict[str, object]:
    """The headers for the next conditional request. One that cleaning would change could not be sent back unchanged."""
    stated = {name: answer.headers.get(name, "") for name in _CONDITIONS}
    usable = {name: value for name, value in stated.items() if value and clean_text(value) == value}
    return {**usable, "reading": READING} if usable else {}


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:_DIGEST_HEX_DIGITS]


def _address_digest(url: str) -> str:
    return _digest(normalise_url(url).encode("utf-8"))
