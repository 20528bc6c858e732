"""Error bodies of the Data API as typed failures.

The reasons are from Google's error reference and from real answers. A spent daily quota comes as 403 ``quotaExceeded``,
as 403 ``dailyLimitExceeded``, and since 2026 as a 429 that only its text distinguishes from a request to slow down.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.quotas import QuotaSpentError
from voicesieve.domain.text import clean_text

PER_MINUTE_PAUSE_S = 60.0
"""Google's short limits are per minute."""

_MAX_MESSAGE_CHARS = 400
_TAGS = re.compile(r"<[^>]{0,500}>")
_SPENT = frozenset({"quotaExceeded", "dailyLimitExceeded", "dailyLimitExceededUnreg"})
_HURRIED = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"})
_UNCONFIGURED = frozenset(
    {
        "accessNotConfigured",
        "API_KEY_INVALID",
        "API_KEY_SERVICE_BLOCKED",
        "authError",
        "forbidden",
        "insufficientPermissions",
        "ipRefererBlocked",
        "keyExpired",
        "keyInvalid",
        "required",
        "SERVICE_DISABLED",
    }
)
_MISSING = frozenset({"playlistNotFound", "channelNotFound", "videoNotFound", "notFound"})
_CLOSED = frozenset({"playlistItemsNotAccessible", "channelClosed", "channelSuspended", "channelForbidden"})
_PER_DAY = re.compile(r"per day|PerDay", re.IGNORECASE)

_ADVICE = (
    "Check youtube_api.key, that the YouTube Data API v3 is enabled in its Google Cloud project, and the key's "
    "restrictions"
)


class StalePageTokenError(FailureError):
    """The API no longer accepts the page token: the listing has to start again."""

    def __reduce__(self) -> tuple[type[StalePageTokenError], tuple[Failure]]:
        return (StalePageTokenError, (self.failure,))


def refusal(status: int, headers: Mapping[str, str], body: bytes, bucket: str) -> FailureError:
    """The error to raise for a status of 400 or above; the request counted against ``bucket``."""
    error = _error_of(body)
    reasons = _reasons(error)
    said = _message(error, status)
    if reasons & _SPENT or (reasons & _HURRIED and _PER_DAY.search(_limit_text(error))):
        message = f"the Data API says that today's quota of {bucket} is spent: {said}"
        return QuotaSpentError(Failure(FailureKind.RATE_LIMITED, message), bucket)
    if "invalidPageToken" in reasons:
        return StalePageTokenError(Failure(FailureKind.SERVER_ERROR, f"the Data API rejects the page token: {said}"))
    if reasons & _UNCONFIGURED or status == 401:
        return FailureError(
            Failure(FailureKind.NEEDS_OPERATOR, f"the Data API refuses the key: {said}. {_ADVICE}", retry_after_s=0.0)
        )
    if reasons & _HURRIED or status == 429:
        wait = _seconds(headers.get("retry-after", "")) or PER_MINUTE_PAUSE_S
        return FailureError(
            Failure(FailureKind.RATE_LIMITED, f"the Data API asks us to slow down: {said}", retry_after_s=wait)
        )
    if reasons & _CLOSED:
        return FailureError(Failure(FailureKind.PRIVATE, f"it is not public: {said}"))
    if reasons & _MISSING or status == 404:
        return FailureError(Failure(FailureKind.GONE, f"there is no such channel or playlist: {said}"))
    if status >= 500:
        return FailureError(Failure(FailureKind.SERVER_ERROR, f"the Data API failed: {said}"))
    return FailureError(Failure(FailureKind.UNSUPPORTED, f"the Data API does not accept the request: {said}"))


def _error_of(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    error = parsed.get("error") if isinstance(parsed, dict) else None
    return error if isinstance(error, dict) else {}


def _reasons(error: Mapping[str, Any]) -> set[str]:
    reasons = {str(error.get("status") or "")}
    for key in ("errors", "details"):
        for entry in _objects(error.get(key)):
            reasons.add(str(entry.get("reason") or ""))
    return reasons


def _limit_text(error: Mapping[str, Any]) -> str:
    """All texts that name the limit: the message, and the quota in the details."""
    texts = [str(error.get("message") or "")]
    for detail in _objects(error.get("details")):
        metadata = detail.get("metadata")
        if isinstance(metadata, dict):
            texts += [str(metadata.get(key) or "") for key in ("quota_limit", "quota_unit", "quota_metric")]
    texts += [str(entry.get("message") or "") for entry in _objects(error.get("errors"))]
    return " ".join(texts)


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _message(error: Mapping[str, Any], status: int) -> str:
    text = clean_text(_TAGS.sub("", str(error.get("message") or "")[:10_000]), _MAX_MESSAGE_CHARS)
    return f"HTTP {status}" + (f", {text.rstrip('.')}" if text else "")


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
