"""Recordings behind web addresses, fetched one after another into a scratch folder, for commands without a crawl.

The same fetchers, limits, address guard and basis as a crawl, and the same pace: each request takes its host's slot in
the catalog of the data folder, so that these commands, crawls beside them and the next of them share it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import requests, results
from voicesieve.catalog.writes.requests import Turn
from voicesieve.cli.rights import closed_platforms, missing_basis
from voicesieve.cli.wiring import client_of, fetch_limits_of, opened_catalog, paces_of, user_agent_of
from voicesieve.domain.failures import METHOD_SPECIFIC, Failure, FailureError, Remedy
from voicesieve.domain.fetching import FetchRequest
from voicesieve.domain.platforms import platform_of
from voicesieve.domain.states import VideoState
from voicesieve.fetching.http import HttpFetcher
from voicesieve.fetching.methods import Fetcher, methods_for
from voicesieve.fetching.ytdlp.fetcher import YtDlpFetcher
from voicesieve.policy.retries import RetryRules, next_step
from voicesieve.settings import Settings
from voicesieve.sources.identity import candidate_identity, host_of

CHANCE = SystemRandom()


async def fetch_all(
    addresses: Sequence[str], scratch: Path, settings: Settings, data: Path
) -> AsyncIterator[tuple[str, Path | str]]:
    """Each address with its file below ``scratch``, or why there is none."""
    with opened_catalog(data, settings, create=True) as catalog:
        async with client_of(settings) as client:
            ytdlp = YtDlpFetcher(user_agent=user_agent_of(settings))
            fetchers: dict[str, Fetcher] = {f.method: f for f in (HttpFetcher(client), ytdlp)}
            door = _Door(catalog, settings, fetchers)
            for number, address in enumerate(addresses):
                yield address, await _fetch(door, address, scratch / str(number))


@dataclass(frozen=True)
class _Door:
    """What every request needs."""

    catalog: Catalog
    settings: Settings
    fetchers: dict[str, Fetcher]

    def turn(self, host: str) -> Turn:
        """The slot that the next request to ``host`` takes."""
        with self.catalog.write() as connection:
            return requests.reserve(
                connection,
                host,
                None,
                time.time(),
                paces=paces_of(self.settings),
                limits={},
                chance=CHANCE.random(),
                patience_s=0.0,
            )

    def note_refusal(self, host: str, failure: Failure) -> None:
        """Pause a host that refuses our requests, for every command, as a crawl does."""
        now = time.time()
        with self.catalog.write() as connection:
            step = next_step(
                failure,
                waiting_state=VideoState.QUEUED,
                item_failures=1,
                machine_failures=1,
                host_refusals=requests.count_refusal(connection, host, now),
                now=now,
                jitter=CHANCE.random(),
                rules=RetryRules(**self.settings.retry.model_dump()),
            )
            if step.pause_host_until is not None:
                requests.pause_host(connection, host, step.pause_host_until, failure.message, now)


async def _fetch(door: _Door, address: str, scratch: Path) -> Path | str:
    try:
        url = candidate_identity(address).url
    except ValueError as error:
        return str(error)
    if (platform := platform_of(url)) in closed_platforms(door.settings):
        return f"{platform} is disabled until you state your legal basis: {missing_basis(door.settings.rights)}"
    host, message = host_of(url), ""
    for method in methods_for(url, door.settings.fetching.methods):
        turn = door.turn(host)
        if turn.obstacle:
            return message or turn.obstacle
        await asyncio.sleep(max(0.0, turn.at - time.time()))
        folder = scratch / method
        folder.mkdir(parents=True)
        try:
            request = FetchRequest(url, url, folder, fetch_limits_of(door.settings))
            fetched = await door.fetchers[method].fetch(request)
        except FailureError as error:
            if error.failure.remedy is Remedy.PAUSE_SOURCE:
                door.note_refusal(host, error.failure)
            message = message or str(error)
            if error.failure.kind not in METHOD_SPECIFIC:
                return str(error)
        else:
            with door.catalog.write() as connection:
                results.host_recovered(connection, host)
            return fetched.path
    return message
