"""A day of runs on a virtual clock, and some seconds of the soak that `make soak` runs for a day."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from conftest import LONG, often
from crawling import CLIPS, nothing_left_over, stories_of
from in_process import LOOPBACK, crawled
from soak import soak

from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.writes import requests
from voicesieve.domain.candidates import Query
from voicesieve.domain.quotas import SEARCH_CALLS, Price
from voicesieve.sources.folder import FolderSource

HOUR_S = 3_600.0
NOON_UTC = 1_793_448_000.0
"""2026-10-31 12:00: a day in which Pacific time has a midnight, and whose next day has 25 hours."""
CALLS_A_DAY = 10


class VirtualClock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        self.now += 0.001  # time stands still for nobody
        return self.now


def test_a_day_of_runs(tmp_path: Path) -> None:
    """Recordings arrive before each run; the quota of a metered service is spent and, at Pacific midnight, renewed."""
    hours = range(0, 24, 1 if LONG else 4)
    clock = VirtualClock(NOON_UTC)
    audio, data = tmp_path / "audio", tmp_path / "data"
    audio.mkdir()
    granted: list[int] = []
    for hour in hours:
        clock.now = NOON_UTC + hour * HOUR_S
        for number in range(2):
            name = f"{hour:02}-{number}.opus"
            (audio / name).write_bytes(CLIPS["child-en-zoo"].body + bytes([hour, number]))
        result = asyncio.run(
            crawled(
                data,
                [(Query("folder", str(audio)), FolderSource())],
                settings={**LOOPBACK, "analysis": {"workers": 1}},
                changed=lambda context: replace(context, run=replace(context.run, clock=clock)),
            )
        )
        assert result.fault is None
        granted.append(_calls_granted(data, clock))
    states = [story["state"] for story in stories_of(data).values()]
    assert states == ["accepted"] * 2 * len(hours)
    # Spent by the first run; Pacific midnight is 07:00 UTC, hour 19 of this day.
    renewed = next(place for place, hour in enumerate(hours) if hour >= 19)
    assert {place: calls for place, calls in enumerate(granted) if calls} == {0: CALLS_A_DAY, renewed: CALLS_A_DAY}
    nothing_left_over(data)


def _calls_granted(data: Path, clock: VirtualClock) -> int:
    """How many calls the day's quota still grants, taken one by one until it says no."""
    price, limits = Price(SEARCH_CALLS), {SEARCH_CALLS: CALLS_A_DAY}
    catalog = open_catalog(data, create=False)
    try:
        for taken in range(CALLS_A_DAY + 1):
            with catalog.write() as connection:
                turn = requests.reserve(
                    connection, None, price, clock(), paces=None, limits=limits, chance=0.0, patience_s=0.0
                )
            if turn.spent:
                return taken
    finally:
        catalog.close()
    raise AssertionError("more calls were granted than a day has")


def test_seconds_of_the_soak(tmp_path: Path, chance: random.Random, figure: Callable[[str, str], None]) -> None:
    seconds = often(15, 1_800)
    figure(f"soak of {seconds} s", soak(tmp_path, seconds, chance))
