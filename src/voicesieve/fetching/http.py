"""Direct HTTP: a media file in one request, resumed where it was cut off, never larger or slower than allowed."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import aiohttp

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import Fetched, FetchRequest
from voicesieve.domain.text import clean_text
from voicesieve.fetching.client import HttpClient, HttpResponse, broken_transfer
from voicesieve.fetching.scratch import MEDIA_NAME, create_media, write_all
from voicesieve.fetching.sniffing import HEAD_BYTES, refusal
from voicesieve.fetching.stall import StallClock
from voicesieve.fetching.unpacking import Unpacker

MAX_FRUITLESS_RESUMES = 3
"""Resumes in a row without new bytes after which the server counts as unable to finish."""
MAX_ASKED = 8
"""Most requests for one file, resumes included (a chain of redirects counts once)..."""
BYTES_PER_FURTHER_ASK = 2 * 2**20
"""... and one more for every 2 MiB received, so that a server which cuts off every answer still delivers the whole
file."""
MAX_OVERHEAD = 2.0
"""Most bytes transferred for a file, as a multiple of its size: enough for one new start."""
SMALL_FILE_BYTES = 2**20
"""Bytes allowed beyond that: a small file may start again more often, and some sizes are not known."""
RANGE_BYTES = 10 * 2**20
"""Bytes that a resume requests if the size of the whole file is not known."""
RESUME_PAUSE_S = 0.5
"""Pause before a resume, times the number of fruitless ones so far: a short pause for a restarting server."""

_ADDRESS_EXPIRED = frozenset({401, 403, 404, 410})
_RANGE_REFUSED = frozenset({400, 405, 406, 412, 416, 417, 501})
"""Answers of servers that do not understand a range, or a header that goes with it."""
_COMPLETE = frozenset({200, 203})
"""203: changed by a proxy on the way; there is no other version to get."""
_CONTENT_RANGE = re.compile(r"bytes\s+(?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18}|\*)", re.IGNORECASE)

_Answer = TypeVar("_Answer")


class HttpFetcher:
    """Fetches any http(s) URL that answers with media itself.

    Addresses and redirects are limited as ``client`` is configured; sizes and times by each request.
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
            message = f"not finished within the {deadline_s:g} s of fetching.deadline_s"
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


@dataclass(frozen=True)
class _Version:
    """What shows that two answers are of the same file. Weak ETags do not identify bytes and are left out."""

    etag: str | None
    last_modified: str | None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> _Version:
        etag = headers.get("ETag", "")
        return cls(etag if etag.startswith('"') else None, headers.get("Last-Modified"))

    @property
    def condition(self) -> str | None:
        """What If-Range may carry (RFC 9110, section 13.1.5)."""
        return self.etag or self.last_modified

    def differs(self, other: _Version) -> bool:
        if self.etag and other.etag:
            return self.etag != other.etag
        return _differ(self.last_modified, other.last_modified)


class _Transfer:
    """One transfer: what has been written, and what is known of the whole file.

    The whole file is requested, and parts only to resume. Where a part belongs to another file than the one that was
    begun, or is refused, the whole file is requested once more, and never in parts again.
    """

    def __init__(self, client: HttpClient, request: FetchRequest, file: io.FileIO) -> None:
        self._visit = client.visit(request.video)
        self._request = request
        self._limits = request.limits
        self._file = file
        self._url = request.url
        self._asked = 0
        self._head = b""
        self._written = 0
        self._furthest = 0
        self._received = 0
        self._total: int | None = None
        self._size = 0
        self._version = _Version(None, None)
        self._finished = False
        self._whole_only = False
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
                if fruitless >= MAX_FRUITLESS_RESUMES or not self._may_ask_again():
                    raise FailureError(interrupted.failure) from interrupted
                await self._unless_stalled(asyncio.sleep(RESUME_PAUSE_S * fruitless))
            else:
                if not self._finished and not self._may_ask_again():
                    message = f"the server sent the file in too many parts ({self._asked} so far)"
                    raise FailureError(Failure(FailureKind.SERVER_ERROR, message))
        if self._written == 0:
            raise FailureError(Failure(FailureKind.TRUNCATED, "the server sent an empty file"))
        return Fetched(self._request.scratch / MEDIA_NAME, self._written, facts=self._facts)

    def _may_ask_again(self) -> bool:
        """Whether one more request is within the limits for one file."""
        if self._furthest == 0 or self._asked >= MAX_ASKED + self._furthest // BYTES_PER_FURTHER_ASK:
            return False
        size = max(self._size, self._furthest)
        return self._received + size - self._written <= MAX_OVERHEAD * size + SMALL_FILE_BYTES

    async def _get_more(self) -> None:
        """One request and its body."""
        response = await self._ask()
        try:
            if self._written and response.status in _RANGE_REFUSED:
                self._not_in_parts(response)
                return
            if response.status not in _COMPLETE and response.status != 206:
                self._refused(response)
            unpacker = Unpacker(response.codings())
            span = self._span(response, packed=unpacker.packed)
            self._accept(response, span, packed=unpacker.packed)
            await self._receive(response, span, unpacker)
        finally:
            response.close()

    async def _ask(self) -> HttpResponse:
        headers = {}
        if self._written:
            headers["Range"] = f"bytes={self._written}-{(self._total or self._written + RANGE_BYTES) - 1}"
            if self._version.condition:
                headers["If-Range"] = self._version.condition
        self._asked += 1
        try:
            return await self._unless_stalled(self._visit.get(self._url, headers, follow_refresh=True))
        except FailureError as error:
            if error.failure.kind is FailureKind.NETWORK:
                raise _InterruptedError(error.failure) from error
            raise

    def _not_in_parts(self, response: HttpResponse) -> None:
        """The range is refused: because the file is complete, or because ranges are not served."""
        _, _, size = _content_range(response.headers)
        if response.status == 416 and size == self._written:
            self._finished = True  # whatever length was stated before
        elif response.status == 416 and self._total is None and size is None:
            self._finished = True
        else:
            self._from_the_start()
            raise _InterruptedError(response.failure())

    def _refused(self, response: HttpResponse) -> None:
        failure = response.failure()
        if self._furthest and self._url != self._request.url and response.status in _ADDRESS_EXPIRED:
            # The address that a redirect gave has expired; the original one gives a new address.
            self._url = self._request.url
            raise _InterruptedError(failure)
        raise FailureError(failure)

    def _span(self, response: HttpResponse, *, packed: bool) -> _Span:
        if response.status in _COMPLETE:
            length = None if packed else response.content_length
            return _Span(0, length, length)
        first, last, total = _content_range(response.headers)
        in_order = first == self._written and first <= last < (total or last + 1)
        whole = in_order and first == 0 and total == last + 1
        if not in_order or (packed and not whole):
            failure = Failure(FailureKind.SERVER_ERROR, "the server answered with another part of the file than asked")
            self._unless_from_the_start(failure)
        if self._written and (_differ(self._total, total) or self._version.differs(_Version.of(response.headers))):
            self._unless_from_the_start(Failure(FailureKind.TRUNCATED, "the file changed while it was being fetched"))
        return _Span(first, None if packed else last + 1, None if packed else total)

    def _unless_from_the_start(self, failure: Failure) -> None:
        """Start again from the first byte, unless that was done already."""
        if self._written == 0 or self._whole_only:
            raise FailureError(failure)
        self._from_the_start()
        raise _InterruptedError(failure)

    def _from_the_start(self) -> None:
        self._whole_only = True
        self._restart()

    def _restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._written = 0
        self._total = None

    def _accept(self, response: HttpResponse, span: _Span, *, packed: bool) -> None:
        """Check the headers before a byte of the body is read; remember what a resume needs."""
        if span.total is not None and span.total > self._limits.max_bytes:
            raise FailureError(self._too_long(span.total))
        if span.start == 0 and self._written:
            self._restart()
        self._total = span.total
        self._size = max(self._size, span.total or response.content_length or 0)
        self._url = str(response.address)
        self._version = _Version.of(response.headers)
        self._facts = _facts(response)
        if packed or response.headers.get("Accept-Ranges", "").strip().lower() == "none":
            self._whole_only = True

    async def _receive(self, response: HttpResponse, span: _Span, unpacker: Unpacker) -> None:
        self._head = b""
        try:
            while span.end is None or self._written + len(self._head) < span.end:
                data = await self._unless_stalled(response.some())
                if not data:
                    break
                self._received += len(data)
                self._clock.saw(self._received, asyncio.get_running_loop().time())
                for piece in unpacker.pieces(data):
                    self._take(piece, span, response)
                    if unpacker.packed:
                        await asyncio.sleep(0)  # a bomb takes seconds to unpack; other tasks must not wait for it
            self._take(unpacker.rest(), span, response, is_last=True)
        except (aiohttp.ClientError, OSError) as error:
            self._take(b"", span, response, is_last=True)
            self._cut_off(broken_transfer(self._url, error), error)
        except FailureError as error:
            if error.failure.kind is not FailureKind.TRUNCATED:
                raise
            self._cut_off(error.failure, error)
        if span.end is not None and self._written < span.end:
            message = f"the body ended at {self._written:,} of {span.end:,} bytes"
            self._cut_off(Failure(FailureKind.TRUNCATED, message))
        self._finished = response.status in _COMPLETE or self._written == self._total or unpacker.packed

    def _cut_off(self, failure: Failure, error: Exception | None = None) -> NoReturn:
        if self._whole_only:
            self._restart()
        raise _InterruptedError(failure) from error

    def _take(self, piece: bytes, span: _Span, response: HttpResponse, *, is_last: bool = False) -> None:
        """Write the next bytes; the first ones only when there are enough of them to recognise the format."""
        if self._written == 0:
            self._head += piece
            if not self._head or (len(self._head) < HEAD_BYTES and not is_last):
                return
            failure = refusal(self._head, response.headers.get("Content-Type", ""))
            if failure is not None:
                raise FailureError(failure)
            piece, self._head = self._head, b""
        self._write(piece if span.end is None else piece[: span.end - self._written])

    def _write(self, chunk: bytes) -> None:
        if self._written + len(chunk) > self._limits.max_bytes:
            raise FailureError(self._too_long(None))
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
                f"stalled: fewer than {self._limits.stall_bytes:,} bytes (fetching.stall_bytes) came in "
                f"{self._limits.stall_s:g} s (fetching.stall_s), after {self._received:,} bytes"
            )
            raise FailureError(Failure.from_exception(FailureKind.TIMEOUT, error, message)) from error

    def _too_long(self, declared: int | None) -> Failure:
        size = f"{declared:,} bytes" if declared is not None else "more bytes than are allowed"
        message = f"the file has {size}; fetching.max_bytes allows {self._limits.max_bytes:,}"
        return Failure(FailureKind.TOO_LONG, message)


def _content_range(headers: Mapping[str, str]) -> tuple[int, int, int | None]:
    """First and last byte (-1 if not stated) and size of the whole (RFC 9110, section 14.4)."""
    stated = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if stated is None:
        return -1, -1, None
    total = None if stated[3] == "*" else int(stated[3])
    return int(stated[1] or -1), int(stated[2] or -1), total


def _differ(before: object, now: object) -> bool:
    return before is not None and now is not None and before != now


def _facts(response: HttpResponse) -> dict[str, object]:
    stated = {
        # Without its query, where signatures and the caller's own address tend to be.
        "final_url": str(response.address).partition("?")[0],
        "etag": response.headers.get("ETag"),
        "last_modified": response.headers.get("Last-Modified"),
        "content_type": response.headers.get("Content-Type"),
    }
    return {name: clean_text(value, 1_000) for name, value in stated.items() if value}
