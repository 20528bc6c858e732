"""What the Data API returned is refreshed within 30 days or forgotten, as its terms demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from voicesieve.catalog.records import Paces
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import lending, requests
from voicesieve.datafolder.retention import forget_expired
from voicesieve.domain.failures import FailureError
from voicesieve.domain.quotas import QuotaSpentError
from voicesieve.sources.protocol import Reader
from voicesieve.sources.youtube.api.client import PAGE_SIZE
from voicesieve.sources.youtube.api.videos import KEEP_S, describe, details
from voicesieve.sources.youtube.settings import ApiAccess

FRESH_S = 1.0
"""Seconds. What was renewed so recently is not renewed again by the same command."""


@dataclass(frozen=True)
class Refreshed:
    """``renewed`` and ``forgotten`` count videos. ``left`` are due but not expired yet, and ``hindrance`` says why."""

    renewed: int
    forgotten: int
    left: int
    hindrance: str


async def refresh(
    catalog: Catalog,
    reader: Reader,
    access: ApiAccess | None,
    *,
    paces: Paces,
    limits: Mapping[str, int],
    within_s: float,
    clock: Callable[[], float],
    progressed: Callable[[int, int], None],
) -> Refreshed:
    """Renew what expires within ``within_s`` seconds, 50 videos a unit; forget what has expired and cannot be renewed.

    ``progressed(done, total)`` counts videos.
    """
    by = clock() + min(within_s, KEEP_S - FRESH_S)
    with catalog.read() as connection:
        _, total = lending.lent_counts(connection, by)
    renewed = forgotten = 0
    hindrance = "" if access is not None else "there is no key (youtube_api.key)"
    batches = -(-total // PAGE_SIZE)
    while access is not None and batches > 0:
        batches -= 1
        with catalog.read() as connection:
            batch = lending.lent(connection, by, 0.0, PAGE_SIZE)
        if not batch:
            break
        turn = _turn(catalog, access, paces, limits, clock())
        hindrance = turn.obstacle
        if hindrance:
            break
        await asyncio.sleep(max(0.0, turn.at - clock()))
        ids = [video.id.partition(":")[2] for video in batch]
        try:
            described = await describe(reader, access, ids)
        except QuotaSpentError as error:
            with catalog.write() as connection:
                requests.close_bucket(connection, error.bucket, clock())
            hindrance = error.failure.message
            break
        except FailureError as error:
            hindrance = error.failure.message
            break
        with catalog.write() as connection:
            done = lending.refresh(connection, [video.key for video in batch], described, clock())
        renewed, forgotten = renewed + done[0], forgotten + done[1]
        progressed(renewed + forgotten, total)
    forgotten += forget_expired(catalog, clock())
    with catalog.read() as connection:
        _, left = lending.lent_counts(connection, by)
    return Refreshed(renewed, forgotten, left, hindrance)


def _turn(catalog: Catalog, access: ApiAccess, paces: Paces, limits: Mapping[str, int], now: float) -> requests.Turn:
    with catalog.write() as connection:
        return requests.reserve(
            connection,
            access.host,
            details(["x"]).price,
            now,
            paces=paces,
            limits=limits,
            chance=0.0,
            patience_s=0.0,
        )
