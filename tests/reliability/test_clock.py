"""Clocks jump, servers name moments in the past, and nothing is lost or asked for too often because of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crawling import CLIPS, Arrivals, attempts, clip, feed_site, stories_of, url_list, voicesieve
from in_process import LOOPBACK, crawled

from demo.answers import AtFirst, Refusal
from demo.server import Exchange
from voicesieve.crawl.context import RunContext
from voicesieve.domain.candidates import Query
from voicesieve.fetching.statuses import status_failure
from voicesieve.sources.folder import FolderSource
from voicesieve.sources.urls import UrlListSource

HOUR_S = 3_600.0
VIDEOS = 8


class JumpingClock:
    """The machine's clock, set by ``jump_s`` after it has been read ``after`` times."""

    def __init__(self, jump_s: float, after: int) -> None:
        self._jump_s = jump_s
        self._left = after

    def __call__(self) -> float:
        self._left -= 1
        return time.time() + (self._jump_s if self._left < 0 else 0.0)


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    folder = tmp_path / "audio"
    folder.mkdir()
    for number in range(VIDEOS):
        (folder / f"{number}.opus").write_bytes(CLIPS["child-en-zoo"].body + bytes([number]))
    return folder


def with_clock(clock: Callable[[], float]) -> Callable[[RunContext], RunContext]:
    return lambda context: replace(context, run=replace(context.run, clock=clock))


@pytest.mark.parametrize("jump_s", [-HOUR_S, HOUR_S, 24 * HOUR_S, -24 * HOUR_S])
@pytest.mark.parametrize("after", [20, 60])
def test_a_clock_that_is_set_during_a_run_loses_repeats_and_puts_off_nothing(
    tmp_path: Path, audio: Path, jump_s: float, after: int
) -> None:
    asked = [(Query("folder", str(audio)), FolderSource())]
    result = asyncio.run(crawled(tmp_path / "data", asked, changed=with_clock(JumpingClock(jump_s, after))))
    assert result.fault is None
    stories = stories_of(tmp_path / "data")
    assert [story["state"] for story in stories.values()] == ["accepted"] * VIDEOS
    for story in stories.values():
        assert [attempt["outcome"] for attempt in attempts(story, "analyse")].count("ok") == 1
        assert [attempt["outcome"] for attempt in attempts(story, "fetch")].count("ok") == 1


PACED: dict[str, dict[str, Any]] = {
    **LOOPBACK,
    "pace": {"requests_per_hour": 7_200, "burst": 1},
    "retry": {"pause_s": 0.5, "max_delay_s": 2.0},
}
"""Half a second between requests, and as long for a host that refuses us."""


@pytest.mark.parametrize("set_back_s", [HOUR_S, 24 * HOUR_S])
def test_paced_hosts_do_not_stall_after_the_clock_was_set_back(tmp_path: Path, set_back_s: float) -> None:
    """The host's next turn and its pause lay a day ahead, and nothing was fetched until then."""
    data = tmp_path / "data"
    episodes = {f"/{number}.opus": AtFirst(1, Refusal(429), clip("child-en-zoo")) for number in range(3)}
    with feed_site(episodes) as site:
        urls = url_list(tmp_path / "list.txt", [site.url(path) for path in episodes]).removeprefix("urls:")
        asked = [(Query("urls", urls), UrlListSource())]
        ahead = with_clock(lambda: time.time() + set_back_s)
        asyncio.run(crawled(data, asked, settings=PACED, changed=ahead))
        assert "accepted" not in {story["state"] for story in stories_of(data).values()}
        asyncio.run(crawled(data, asked, settings=PACED, wait_s=20.0))
    assert [story["state"] for story in stories_of(data).values()] == ["accepted"] * len(episodes)


@pytest.mark.parametrize("moment", ["Wed, 01 Jan 2020 00:00:00 GMT", "-5", "0", "soon", "99999999999999999999"])
def test_a_retry_after_in_the_past_or_of_no_meaning_leaves_our_own_pause(tmp_path: Path, moment: str) -> None:
    def busy(exchange: Exchange) -> None:
        exchange.begin(503, {"Retry-After": moment, "Content-Length": "0"})

    times: list[float] = []
    data = tmp_path / "data"
    settings = {"VOICESIEVE_RETRY__FIRST_DELAY_S": "1.5"}
    with feed_site({"/zoo.opus": Arrivals(AtFirst(1, busy, clip("child-en-zoo")), times)}) as site:
        command = ("crawl", "--source", site.feed, "--quiet", "--data", data)
        voicesieve(*command, "--wait", "30", settings=settings)
    (story,) = stories_of(data).values()
    if moment.startswith("9"):
        # Nobody waits for three thousand years: what is asked is bounded, and the video is due, not lost.
        assert (story["state"], len(times)) == ("failed", 1)
    else:
        assert story["state"] == "accepted"
        assert times[1] - times[0] > 0.7  # half of the delay is jitter


@pytest.mark.parametrize(
    ("header", "asked_s"),
    [("120", 120.0), ("Wed, 01 Jan 2020 00:00:00 GMT", 0.0), ("-5", 0.0), ("nan", None), ("inf", None), ("soon", None)],
)
def test_what_a_server_asks_for_is_read_as_seconds_from_now(header: str, asked_s: float | None) -> None:
    assert status_failure(503, {"Retry-After": header}).retry_after_s == asked_s
