"""Recordings behind web addresses, fetched one after another into a scratch folder, without a catalog.

The same fetchers, limits and address guard as a crawl, and the same ground needed for platforms such as YouTube. The
pace for each host is kept within this command.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from voicesieve import __version__
from voicesieve.cli.wiring import fetch_limits_of
from voicesieve.domain.failures import METHOD_SPECIFIC, FailureError
from voicesieve.domain.fetching import FetchRequest
from voicesieve.fetching.client import HttpClient
from voicesieve.fetching.http import HttpFetcher
from voicesieve.fetching.methods import Fetcher, is_youtube, methods_for
from voicesieve.fetching.ytdlp import YtDlpFetcher
from voicesieve.settings import Settings

NEEDS_BASIS = "needs a ground of yours: set rights.basis and rights.statement"


async def fetch_all(
    addresses: Sequence[str], scratch: Path, settings: Settings
) -> AsyncIterator[tuple[str, Path | str]]:
    """Each address with its file below ``scratch``, or why there is none."""
    contact = f" (+{settings.fetching.contact})" if settings.fetching.contact else ""
    client = HttpClient(
        allow_private_addresses=settings.fetching.allow_private_addresses,
        max_redirects=settings.fetching.max_redirects,
        user_agent=f"voicesieve/{__version__}{contact}",
    )
    pace = _Pace(settings.pace.requests_per_hour, settings.pace.burst)
    has_basis = bool(settings.rights.basis and settings.rights.statement)
    async with client:
        fetchers: dict[str, Fetcher] = {f.method: f for f in (HttpFetcher(client), YtDlpFetcher())}
        for number, address in enumerate(addresses):
            if is_youtube(address) and not has_basis:
                yield address, NEEDS_BASIS
            else:
                yield address, await _fetch(address, scratch / str(number), settings, fetchers, pace)


async def _fetch(
    address: str, scratch: Path, settings: Settings, fetchers: Mapping[str, Fetcher], pace: _Pace
) -> Path | str:
    message = ""
    for method in methods_for(address, settings.fetching.methods):
        folder = scratch / method
        folder.mkdir(parents=True)
        await pace.wait(address)
        try:
            request = FetchRequest(address, address, folder, fetch_limits_of(settings))
            return (await fetchers[method].fetch(request)).path
        except FailureError as error:
            message = message or str(error)
            if error.failure.kind not in METHOD_SPECIFIC:
                return str(error)
    return message


class _Pace:
    """So many requests an hour to each host, after a first few at once."""

    def __init__(self, per_hour: float, burst: int) -> None:
        self._gap_s = 3600 / per_hour if per_hour else 0.0
        self._ahead_s = self._gap_s * (burst - 1)
        self._due: dict[str, float] = defaultdict(float)

    async def wait(self, address: str) -> None:
        host = urlsplit(address).hostname or ""
        now = time.monotonic()
        start = max(self._due[host], now)
        self._due[host] = start + self._gap_s
        await asyncio.sleep(max(0.0, start - self._ahead_s - now))
