"""Direct HTTP: a media file fetched in ranges, resumed where it was cut, never larger or slower than allowed."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import aiohttp

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import Fetched, FetchRequest
from voicesieve.fetching.client import HttpClient, broken_transfer, content_refusal, status_failure
from voicesieve.fetching.scratch import MEDIA_NAME, create_media, write_all
from voicesieve.fetching.stall import StallClock
from voicesieve.fetching.text import clean

RANGE_BYTES = 10 * 2**20
"""Largest range asked for at once: what YouTube's own players and yt-dlp use (yt-dlp `http_chunk_size`)."""
MAX_FRUITLESS_RESUMES = 3
"""Resumes in a row that may bring nothing new before the server counts as unable to finish."""
RESUME_PAUSE_S = 0.5
"""Pause before a resume, times the fruitless ones so far: leaves a restarting server a breath, no more."""

_ADDRESS_EXPIRED = frozenset({401, 403, 404, 410})
_NOT_MEDIA_TYPES = re.compile(
    r"text/html|application/xhtml\+xml|text/css|text/javascript|application/javascript|application/pdf|image/.*"
    r"|application/(.*\+)?json|application/(.*\+)?xml|text/xml"
    r"|audio/(x-)?mpegurl|application/(x-|vnd\.apple\.)mpegurl|audio/x-scpls|application/pls\+xml"
)
_NOT_MEDIA_STARTS = (b"<!doctype", b"<html", b"<?xml", b"#extm3u", b"[playlist]", b"ffconcat")
_CONTENT_RANGE = re.compile(r"bytes\s+(?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18}|\*)", re.IGNORECASE)

_Answer = TypeVar("_Answer")


class HttpFetcher:
    """Fetches any http(s) URL that answers with media itself.

    Addresses and redirects are limited as ``client`` was told to; sizes and times by each request.
    """

    method = "http"

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch into ``request.scratch / "media"``. Raises `FailureError`."""
        deadline_s = request.limits.deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                with create_media(request.scratch) as file:
                    return await _Transfer(self._client, request, file).run()
        except TimeoutError as error:
            message = f"not finished within the deadline of {deadline_s:g} s"
            raise FailureError(Failure.from_exception(FailureKind.TIMEOUT, error, message)) from error


class _InterruptedError(Exception):
    """The transfer ended before its time; it may be worth resuming."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True)
class _Span:
    """Where an answer's body belongs: ``start`` and ``end`` (exclusive, ``None`` = until the body ends)."""

    start: int
    end: int | None
    total: int | None


class _Transfer:
    """One file on its way: what has been written, and what is known of the whole."""

    def __init__(self, client: HttpClient, request: FetchRequest, file: io.FileIO) -> None:
        self._client = client
        self._request = request
        self._limits = request.limits
        self._file = file
        self._url = request.url
        self._written = 0
        self._furthest = 0
        self._received = 0
        self._total: int | None = None
        self._validator: str | None = None
        self._etag: str | None = None
        self._finished = False
        self._ranges_refused = False
        self._facts: dict[str, object] = {}
        self._clock = StallClock(
            stall_s=self._limits.stall_s,
            stall_bytes=self._limits.stall_bytes,
            now=asyncio.get_running_loop().time(),
        )

    async def run(self) -> Fetched:
        fruitless = 0
        while not self._finished:
            furthest = self._furthest
            try:
                await self._get_more()
            except _InterruptedError as interrupted:
                fruitless = 0 if self._furthest > furthest else fruitless + 1
                if self._furthest == 0 or fruitless >= MAX_FRUITLESS_RESUMES:
                    raise FailureError(interrupted.failure) from interrupted
                await self._unless_stalled(asyncio.sleep(RESUME_PAUSE_S * fruitless))
            else:
                fruitless = 0 if self._furthest > furthest else fruitless
        if self._written == 0:
            raise FailureError(Failure(FailureKind.TRUNCATED, "the server sent an empty file"))
        return Fetched(self._request.scratch / MEDIA_NAME, self._written, facts=self._facts)

    async def _get_more(self) -> None:
        """One request and its body."""
        response = await self._ask()
        try:
            if response.status == 416:
                self._beyond_the_end(response.headers)
                return
            if response.status not in (200, 206):
                self._refused(response)
            span = self._span(response)
            self._accept(response, span)
            await self._receive(response, span)
        finally:
            response.close()

    async def _ask(self) -> aiohttp.ClientResponse:
        headers = {}
        if not self._ranges_refused:
            end = self._written + RANGE_BYTES - 1
            headers["Range"] = f"bytes={self._written}-{end}"
            if self._written and self._validator:
                headers["If-Range"] = self._validator
        try:
            return await self._unless_stalled(self._client.get(self._url, headers))
        except FailureError as error:
            if error.failure.kind is FailureKind.NETWORK:
                raise _InterruptedError(error.failure) from error
            raise

    def _beyond_the_end(self, headers: Mapping[str, str]) -> None:
        """416: nothing is left of the file, or the server has no ranges for us."""
        _, _, size = _content_range(headers)
        if self._written and self._total is None and size in (None, self._written):
            self._finished = True
        elif size == 0:
            raise FailureError(Failure(FailureKind.TRUNCATED, "the server sent an empty file"))
        elif not self._ranges_refused:
            self._ranges_refused = True
            self._restart()
        else:
            raise FailureError(status_failure(416, headers))

    def _refused(self, response: aiohttp.ClientResponse) -> None:
        failure = status_failure(response.status, response.headers)
        if self._furthest and self._url != self._request.url and response.status in _ADDRESS_EXPIRED:
            # The address that a redirect gave us has run out; the one we were asked for gives another.
            self._url = self._request.url
            raise _InterruptedError(failure)
        raise FailureError(failure)

    def _span(self, response: aiohttp.ClientResponse) -> _Span:
        if response.status == 200:
            return _Span(0, response.content_length, response.content_length)
        first, last, total = _content_range(response.headers)
        if first != self._written or not first <= last < (total or last + 1):
            message = "the server answered with another part of the file than the one asked for"
            raise FailureError(Failure(FailureKind.SERVER_ERROR, message))
        end = min(last + 1, self._written + RANGE_BYTES)
        if self._changed(response, total):
            self._restart()
            message = "the file changed while it was being fetched"
            raise _InterruptedError(Failure(FailureKind.TRUNCATED, message))
        return _Span(self._written, end, total)

    def _changed(self, response: aiohttp.ClientResponse, total: int | None) -> bool:
        if self._written == 0:
            return False
        etag = response.headers.get("ETag")
        return _differ(self._total, total) or _differ(self._etag, etag)

    def _restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._written = 0
        self._total = None
        self._validator = self._etag = None

    def _accept(self, response: aiohttp.ClientResponse, span: _Span) -> None:
        """Check the headers before a byte of the body is read; remember what a resume needs."""
        refusal = content_refusal(response.headers) or _type_refusal(response.headers)
        if refusal is not None:
            raise FailureError(refusal)
        if span.total is not None and span.total > self._limits.max_bytes:
            raise FailureError(self._too_long(span.total))
        if span.start == 0 and self._written:
            self._restart()
        self._total = span.total
        self._url = str(response.url)
        self._etag = response.headers.get("ETag")
        self._validator = _validator(response.headers)
        self._facts = _facts(response)

    async def _receive(self, response: aiohttp.ClientResponse, span: _Span) -> None:
        try:
            while span.end is None or self._written < span.end:
                chunk = await self._unless_stalled(response.content.readany())
                if not chunk:
                    break
                self._write(chunk if span.end is None else chunk[: span.end - self._written])
        except (aiohttp.ClientError, OSError) as error:
            raise _InterruptedError(broken_transfer(self._url, error)) from error
        if span.end is not None and self._written < span.end:
            message = f"the body ended at {self._written:,} of {span.end:,} bytes"
            raise _InterruptedError(Failure(FailureKind.TRUNCATED, message))
        self._finished = response.status == 200 or self._written == self._total

    def _write(self, chunk: bytes) -> None:
        self._received += len(chunk)
        self._clock.saw(self._received, asyncio.get_running_loop().time())
        if self._written + len(chunk) > self._limits.max_bytes:
            raise FailureError(self._too_long(None))
        if self._written == 0 and chunk.lstrip()[:10].lower().startswith(_NOT_MEDIA_STARTS):
            raise FailureError(Failure(FailureKind.UNSUPPORTED, "the address holds a page or a playlist, not media"))
        # Written from the event loop: the page cache takes a chunk in microseconds, a thread would cost more.
        write_all(self._file, chunk, whole_bytes=self._total)
        self._written += len(chunk)
        self._furthest = max(self._furthest, self._written)

    async def _unless_stalled(self, step: Awaitable[_Answer]) -> _Answer:
        try:
            async with asyncio.timeout_at(self._clock.due):
                return await step
        except TimeoutError as error:
            message = (
                f"stalled: fewer than {self._limits.stall_bytes:,} bytes came in {self._limits.stall_s:g} s "
                f"({self._received:,} bytes before)"
            )
            raise FailureError(Failure.from_exception(FailureKind.TIMEOUT, error, message)) from error

    def _too_long(self, declared: int | None) -> Failure:
        size = f"{declared:,}" if declared is not None else "too many"
        return Failure(FailureKind.TOO_LONG, f"the file has {size} bytes; {self._limits.max_bytes:,} are allowed")


def _content_range(headers: Mapping[str, str]) -> tuple[int, int, int | None]:
    """First and last byte (-1 if not stated) and size of the whole (RFC 9110, section 14.4)."""
    stated = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if stated is None:
        return -1, -1, None
    total = None if stated[3] == "*" else int(stated[3])
    return int(stated[1] or -1), int(stated[2] or -1), total


def _differ(before: object, now: object) -> bool:
    return before is not None and now is not None and before != now


def _type_refusal(headers: Mapping[str, str]) -> Failure | None:
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not _NOT_MEDIA_TYPES.fullmatch(kind):
        return None
    what = "a web page" if "html" in kind else f"{clean(kind, 100)!r}"
    return Failure(FailureKind.UNSUPPORTED, f"the address holds {what}, not media")


def _validator(headers: Mapping[str, str]) -> str | None:
    """What If-Range may carry: a strong ETag, or else the date of the last change (RFC 9110, section 13.1.5)."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified")


def _facts(response: aiohttp.ClientResponse) -> dict[str, object]:
    stated = {
        # Without its query, where signatures and the caller's own address tend to be.
        "final_url": str(response.url.with_query(None)),
        "etag": response.headers.get("ETag"),
        "last_modified": response.headers.get("Last-Modified"),
        "content_type": response.headers.get("Content-Type"),
    }
    return {name: clean(value, 1_000) for name, value in stated.items() if value}
