"""The fetching methods and which of them fit a URL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from voicesieve.domain.fetching import Fetched, FetchRequest
from voicesieve.domain.platforms import is_youtube

DEFAULT_METHODS = ("http", "yt-dlp")
"""Direct HTTP first: it costs one request where yt-dlp costs several and a process of its own."""


class Fetcher(Protocol):
    """One way to bring a video's audio into a scratch folder."""

    method: str

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch within the request's limits.

        Raises `FailureError`, and nothing else but `asyncio.CancelledError`. In every case no process, socket or
        file is left open; what lies in the scratch folder after a failure is the caller's to remove.
        """
        ...


def methods_for(url: str, configured: Sequence[str] = DEFAULT_METHODS) -> tuple[str, ...]:
    """The methods to try on ``url``, in order; ``configured`` is the order for ordinary web addresses."""
    if url[:5].lower() == "file:":
        return ("local",)
    if is_youtube(url):
        return ("yt-dlp",)
    return tuple(configured)
