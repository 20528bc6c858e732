"""HTTP status codes as typed failures."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from voicesieve.domain.failures import Failure, FailureKind

MAX_RETRY_AFTER_S = 86_400.0
"""A day, the longest period after which public quotas renew; a longer wait is more likely a mistake of the server."""

_KINDS = {
    202: FailureKind.SERVER_ERROR,
    401: FailureKind.PRIVATE,
    403: FailureKind.PRIVATE,
    404: FailureKind.GONE,
    408: FailureKind.TIMEOUT,
    410: FailureKind.GONE,
    423: FailureKind.SERVER_ERROR,
    425: FailureKind.SERVER_ERROR,
    429: FailureKind.RATE_LIMITED,
    451: FailureKind.GEO_BLOCKED,
}
_REDIRECTS = frozenset({301, 302, 303, 305, 306, 307, 308})
_OWN_MEANINGS = {
    202: "the server is still preparing what was asked for",
    300: "the server offers several versions and prefers none",
    406: "the server has it only in a form that we cannot read",
}
_MEANINGS = {
    FailureKind.PRIVATE: "the server does not let us in",
    FailureKind.GONE: "there is nothing at this address any more",
    FailureKind.TIMEOUT: "the server gave up waiting",
    FailureKind.RATE_LIMITED: "the server asks us to slow down",
    FailureKind.GEO_BLOCKED: "withheld for legal reasons here",
    FailureKind.SERVER_ERROR: "the server is in trouble",
    FailureKind.UNSUPPORTED: "the server does not accept our request",
}


def status_failure(status: int, headers: Mapping[str, str]) -> Failure:
    """Type an HTTP status that is not a success (meanings from RFC 9110 and RFC 7725)."""
    kind = FailureKind.SERVER_ERROR if status >= 500 else _KINDS.get(status, FailureKind.UNSUPPORTED)
    if status in _REDIRECTS:
        meaning = "the server redirects without saying where"
    else:
        meaning = _OWN_MEANINGS.get(status, _MEANINGS[kind])
    return Failure(kind, f"HTTP {status}: {meaning}", retry_after_s=_retry_after_s(headers))


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as asked by ``Retry-After`` (seconds or an HTTP date), 0..`MAX_RETRY_AFTER_S`."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    if value is None:
        return None
    wait = _seconds(value.strip())
    return None if wait is None else min(max(wait, 0.0), MAX_RETRY_AFTER_S)


def _seconds(value: str) -> float | None:
    try:
        wait = float(value)
    except ValueError:
        pass
    else:
        return wait if math.isfinite(wait) else None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    # Of HTTP's three date forms one names no zone, and means Greenwich like the others (RFC 9110, section 5.6.7).
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - time.time()
