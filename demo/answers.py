"""What a path can answer: content as a good server gives it, and every way to fail at that."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from demo.server import Answer, Exchange, Request

BLOCK = 65_536


@dataclass(frozen=True)
class Part:
    """What a request gets of a content: ``data`` begins at byte ``start`` of the whole."""

    status: int
    headers: dict[str, str]
    data: bytes = b""
    start: int = 0


@dataclass(frozen=True)
class Content:
    """A body, or a file read anew for each request, with entity tag, ranges and conditions (RFC 9110, 13 and 14).

    Without ``ranges`` the whole is sent whatever range is asked for.
    """

    body: bytes | Path
    type: str
    ranges: bool = True

    def __call__(self, exchange: Exchange) -> None:
        part = self.part(exchange.asked)
        if exchange.begin(part.status, part.headers):
            exchange.send(part.data)

    def read(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else self.body.read_bytes()

    def part(self, request: Request) -> Part:
        body = self.read()
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"Content-Type": self.type, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Part(HTTPStatus.NOT_MODIFIED, headers)
        if self.ranges:
            headers["Accept-Ranges"] = "bytes"
            if request.range and request.headers.get("if-range", tag) == tag:
                return _ranged(body, request.range, headers)
        return Part(HTTPStatus.OK, headers | {"Content-Length": str(len(body))}, body)


@dataclass(frozen=True)
class Refusal:
    """A status without content, with ``Retry-After`` in seconds where one is given."""

    status: int
    retry_after_s: int | None = None

    def __call__(self, exchange: Exchange) -> None:
        headers = {"Content-Length": "0"}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        exchange.begin(self.status, headers)


@dataclass(frozen=True)
class Redirect:
    """302 to ``location``, which may be relative."""

    location: str

    def __call__(self, exchange: Exchange) -> None:
        exchange.begin(HTTPStatus.FOUND, {"Location": self.location, "Content-Length": "0"})


@dataclass(frozen=True)
class AtFirst:
    """``bad`` for the first ``times`` requests, ``good`` from then on."""

    times: int
    bad: Answer
    good: Answer

    def __call__(self, exchange: Exchange) -> None:
        answer = self.bad if exchange.asked.nth <= self.times else self.good
        answer(exchange)


@dataclass(frozen=True)
class ResetAt:
    """The connection is reset at byte ``at`` of the whole; a request that starts there or later gets the rest."""

    content: Content
    at: int

    def __call__(self, exchange: Exchange) -> None:
        part = self.content.part(exchange.asked)
        if exchange.begin(part.status, part.headers):
            exchange.send(part.data[: max(0, self.at - part.start)])
            if part.start < self.at < part.start + len(part.data):
                exchange.reset()
            else:
                exchange.send(part.data[max(0, self.at - part.start) :])


@dataclass(frozen=True)
class Stall:
    """Nothing comes after byte ``at`` of the whole, and the connection stays open."""

    content: Content
    at: int

    def __call__(self, exchange: Exchange) -> None:
        part = self.content.part(exchange.asked)
        if exchange.begin(part.status, part.headers):
            exchange.send(part.data[: max(0, self.at - part.start)])
            exchange.hold()


@dataclass(frozen=True)
class Truncated:
    """The connection is closed in good order at byte ``at`` of the whole, though the headers promise all of it."""

    content: Content
    at: int

    def __call__(self, exchange: Exchange) -> None:
        part = self.content.part(exchange.asked)
        exchange.close_connection = True
        if exchange.begin(part.status, part.headers):
            exchange.send(part.data[: max(0, self.at - part.start)])


@dataclass(frozen=True)
class Trickle:
    """The content at ``bytes_per_second``: too slow to wait for, yet never silent."""

    content: Content
    bytes_per_second: int

    def __call__(self, exchange: Exchange) -> None:
        part = self.content.part(exchange.asked)
        if exchange.begin(part.status, part.headers):
            for byte in range(len(part.data)):
                exchange.send(part.data[byte : byte + 1])
                if not exchange.wait(1 / self.bytes_per_second):
                    return


@dataclass(frozen=True)
class WrongLength:
    """The whole body under a ``Content-Length`` that is not its length."""

    content: Content
    declared: str

    def __call__(self, exchange: Exchange) -> None:
        exchange.close_connection = True
        if exchange.begin(HTTPStatus.OK, {"Content-Type": self.content.type, "Content-Length": self.declared}):
            exchange.send(self.content.read())


@dataclass(frozen=True)
class Endless:
    """The content again and again, without a length and without an end."""

    content: Content

    def __call__(self, exchange: Exchange) -> None:
        if exchange.begin(HTTPStatus.OK, {"Content-Type": self.content.type, "Transfer-Encoding": "chunked"}):
            body = self.content.read()
            block = (body * (1 + BLOCK // len(body)))[:BLOCK]
            while exchange.wait(0):
                exchange.send(b"%x\r\n%b\r\n" % (len(block), block))


@dataclass(frozen=True)
class Gzipped:
    """The content under ``Content-Encoding: gzip``, whether the client offered to read that or not."""

    content: Content

    def __call__(self, exchange: Exchange) -> None:
        body = gzip.compress(self.content.read(), mtime=0)
        headers = {"Content-Type": self.content.type, "Content-Encoding": "gzip", "Content-Length": str(len(body))}
        if exchange.begin(HTTPStatus.OK, headers):
            exchange.send(body)


_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")


def _ranged(body: bytes, wanted: str, headers: dict[str, str]) -> Part:
    """The one range ``wanted``; the whole for several ranges or none that is well formed, as RFC 9110, 14.2 allows."""
    size = len(body)
    whole = Part(HTTPStatus.OK, headers | {"Content-Length": str(size)}, body)
    match = _RANGE.fullmatch(wanted.replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return whole
    first, last = match.groups()
    if first:
        start, end = int(first), min(int(last) if last else size, size - 1)
        if last and int(last) < start:
            return whole
    else:
        start, end = max(0, size - int(last)), size - 1
    if start >= size:
        refused = {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
        return Part(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers | refused)
    sent = body[start : end + 1]
    described = {"Content-Range": f"bytes {start}-{end}/{size}", "Content-Length": str(len(sent))}
    return Part(HTTPStatus.PARTIAL_CONTENT, headers | described, sent, start)
