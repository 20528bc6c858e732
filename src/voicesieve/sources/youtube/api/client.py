"""Calls the Data API: each call is one GET with the key in a header. The key is in no message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.quotas import GENERAL_UNITS, SEARCH_CALLS, Price
from voicesieve.sources.protocol import Reader
from voicesieve.sources.youtube.api.errors import refusal
from voicesieve.sources.youtube.settings import ApiAccess

MAX_ANSWER_BYTES = 10_000_000
"""50 videos with descriptions of 5,000 characters and 500 characters of tags stay below 2 MB."""
DEADLINE_S = 60.0

SEARCH, VIDEOS, CHANNELS, PLAYLIST_ITEMS = "search", "videos", "channels", "playlistItems"
PAGE_SIZE = 50
"""The API's maximum of results on a page and of IDs in a request."""


@dataclass(frozen=True)
class Request:
    """One call: the method's resource and its parameters."""

    resource: str
    parameters: Mapping[str, str]

    @property
    def price(self) -> Price:
        return Price(SEARCH_CALLS if self.resource == SEARCH else GENERAL_UNITS)


@dataclass(frozen=True)
class Listing:
    """The parts that the answers of all list methods share. ``unchanged``: the ETag that was sent is still valid."""

    items: tuple[Mapping[str, Any], ...]
    next_token: str | None
    etag: str | None = None
    unchanged: bool = False


async def call(reader: Reader, access: ApiAccess, request: Request, etag: str | None = None) -> Listing:
    """Send ``request``. Raises `FailureError`; `QuotaSpentError` if today's quota of its bucket is spent."""
    url = f"{access.endpoint.rstrip('/')}/{request.resource}?{urlencode(sorted(request.parameters.items()))}"
    headers = {"X-Goog-Api-Key": access.key, "Accept": "application/json"}
    if etag is not None:
        headers["If-None-Match"] = etag
    answer = await reader.read(url, max_bytes=MAX_ANSWER_BYTES, deadline_s=DEADLINE_S, headers=headers, any_status=True)
    if answer.status == 304 and etag is not None:
        return Listing((), None, etag, unchanged=True)
    # A server may repeat what it was sent. Its answers are stored, logged and shown; the key must not be.
    body = answer.body.replace(access.key.encode(), b"[secret]")
    if answer.status != 200:
        raise refusal(answer.status, answer.headers, body, request.price.bucket)
    return _listing(body)


def _listing(body: bytes) -> Listing:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        message = "the answer of the Data API is not JSON"
        raise FailureError(Failure.from_exception(FailureKind.SERVER_ERROR, error, message)) from error
    if not isinstance(parsed, dict) or not isinstance(parsed.get("items", []), list):
        raise FailureError(Failure(FailureKind.SERVER_ERROR, "the answer of the Data API is not a list"))
    token, etag = parsed.get("nextPageToken"), parsed.get("etag")
    return Listing(
        tuple(item for item in parsed.get("items", []) if isinstance(item, dict)),
        token if isinstance(token, str) and 0 < len(token) < 2_000 else None,
        etag if isinstance(etag, str) and etag.isprintable() and len(etag) < 200 else None,
    )
