"""The ways in which a web server fails a download, each under a path of its own."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus

from demo.answers import (
    AtFirst,
    Content,
    Endless,
    Gzipped,
    Redirect,
    Refusal,
    ResetAt,
    Stall,
    Trickle,
    Truncated,
    WrongLength,
)
from demo.server import Answer

GARBAGE = bytes(range(256)) * 40
"""10 kB that no demuxer knows."""

NOT_MEDIA = b"<!doctype html><html><body><p>Please accept our terms first.</p></body></html>"

BYTES_PER_SECOND = 4
"""Under any limit that somebody would set for a stalled transfer, so that a 50 kB file takes over three hours."""


class Fault(StrEnum):
    """A way to fail; the value is the last part of its path."""

    BROKEN = "broken"
    """The bytes are no media."""
    BUSY_TWICE = "busy-twice"
    """503 with ``Retry-After: 1`` twice, then the file."""
    MISSING = "missing"
    SERVER_ERROR = "server-error"
    """500, always."""
    RATE_LIMITED = "rate-limited"
    """429 with ``Retry-After: 1``, always."""
    REDIRECT_LOOP = "redirect-loop"
    TRICKLE = "trickle"
    STALL = "stall"
    RESET = "reset"
    """Reset half-way; works when resumed with a range."""
    TRUNCATED = "truncated"
    """Closed half-way, whatever range is asked for."""
    WRONG_LENGTH = "wrong-length"
    """The declared length is half of what is sent."""
    NO_RANGES = "no-ranges"
    """200 and the whole file for every range."""
    ENDLESS = "endless"
    WRONG_TYPE = "wrong-type"
    """A web page under the type of the file."""
    GZIPPED = "gzipped"


def failing(fault: Fault, content: Content) -> Answer:
    """An answer that fails to deliver ``content`` in this way."""
    half = len(content.read()) // 2
    match fault:
        case Fault.BROKEN:
            return Content(GARBAGE, content.type)
        case Fault.BUSY_TWICE:
            return AtFirst(2, Refusal(HTTPStatus.SERVICE_UNAVAILABLE, retry_after_s=1), content)
        case Fault.MISSING:
            return Refusal(HTTPStatus.NOT_FOUND)
        case Fault.SERVER_ERROR:
            return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
        case Fault.RATE_LIMITED:
            return Refusal(HTTPStatus.TOO_MANY_REQUESTS, retry_after_s=1)
        case Fault.REDIRECT_LOOP:
            return Redirect("?again")
        case Fault.TRICKLE:
            return Trickle(content, BYTES_PER_SECOND)
        case Fault.STALL:
            return Stall(content, half)
        case Fault.RESET:
            return ResetAt(content, half)
        case Fault.TRUNCATED:
            return Truncated(content, half)
        case Fault.WRONG_LENGTH:
            return WrongLength(content, str(half))
        case Fault.NO_RANGES:
            return Content(content.body, content.type, ranges=False)
        case Fault.ENDLESS:
            return Endless(content)
        case Fault.WRONG_TYPE:
            return Content(NOT_MEDIA, content.type)
        case Fault.GZIPPED:
            return Gzipped(content)


def fault_path(fault: Fault) -> str:
    return f"/fault/{fault}"


def fault_routes(content: Content) -> dict[str, Answer]:
    """Every way to fail to deliver ``content``, each under its `fault_path`."""
    return {fault_path(fault): failing(fault, content) for fault in Fault}
