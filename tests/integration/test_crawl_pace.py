"""Politeness: one pace per host over all runs, and a host that refuses is left alone while others go on."""

from __future__ import annotations

import threading
from pathlib import Path

from crawling import (
    PATIENCE_S,
    QUICK,
    Arrivals,
    attempts,
    clip,
    events_named,
    feed_site,
    sources,
    status,
    stories_of,
    voicesieve,
)

from demo import pages
from demo.answers import AtFirst, Content, Refusal
from demo.server import Answer, Exchange

INTERVAL_S = 1.0
BURST = 2
PACED = {**QUICK, "VOICESIEVE_PACE__REQUESTS_PER_HOUR": str(3600 / INTERVAL_S), "VOICESIEVE_PACE__BURST": str(BURST)}
JITTER_S = 0.5
"""A request leaves later than its slot on a loaded machine, so two may arrive a little closer than they were meant."""


def timed(names: range, times: list[float], answer: Answer | None = None) -> dict[str, Answer]:
    return {f"/{number}.opus": Arrivals(answer or clip("silence"), times) for number in names}


def test_two_runs_together_keep_the_pace_of_a_host(tmp_path: Path) -> None:
    times: list[float] = []
    with feed_site(timed(range(6), times)) as site:
        command = ("crawl", *sources(site.feed), "--data", tmp_path / "data", "--quiet")
        voicesieve(*command, "--limit", "3", settings=PACED)
        voicesieve("crawl", "--data", tmp_path / "data", "--quiet", settings=PACED)
    assert len(times) == 6
    # Whatever stretch is looked at, it holds no more requests than the pace and one burst allow.
    for count in range(BURST + 1, len(times) + 1):
        shortest = min(last - first for first, last in zip(times, times[count - 1 :], strict=False))
        assert shortest > (count - BURST) * INTERVAL_S - JITTER_S, count


def test_a_paced_host_holds_up_no_other(tmp_path: Path) -> None:
    slow: list[float] = []
    fast: list[float] = []
    with (
        feed_site(timed(range(6), slow)) as paced,
        feed_site(timed(range(2), fast), host="localhost") as other,
    ):
        queries = sources(paced.feed, other.feed)
        voicesieve("crawl", *queries, "--data", tmp_path / "data", "--quiet", settings=PACED)
    assert (len(slow), len(fast)) == (6, 2)
    assert max(fast) < sorted(slow)[3]


def test_a_host_that_refuses_is_paused_and_no_video_is_counted_as_failed(tmp_path: Path) -> None:
    refused: list[float] = []
    data = tmp_path / "data"
    busy = AtFirst(1, Refusal(429, retry_after_s=2), clip("child-en-zoo"))
    with (
        feed_site({"/first.opus": Arrivals(busy, refused)}) as refusing,
        feed_site({"/story.opus": clip("child-vi-story")}, host="localhost") as other,
    ):
        queries = sources(refusing.feed, other.feed)
        voicesieve("crawl", *queries, "--data", data, "--quiet", "--wait", "60", settings=QUICK)
        stories = stories_of(data)
    assert {story["state"] for story in stories.values()} == {"accepted"}
    assert refused[1] - refused[0] > 2 - 0.1
    blamed = stories[refusing.url("/first.opus")]
    assert [attempt["kind"] for attempt in attempts(blamed, "fetch")] == ["rate_limited", None]
    (failed,) = events_named(data, "attempt_failed")
    assert (failed["state"], failed["kind"]) == ("queued", "rate_limited")
    assert "not blamed" in failed["next"]
    (paused,) = events_named(data, "host_paused")
    assert paused["host"] == "127.0.0.1"
    decided = {event["url"]: event["timestamp"] for event in events_named(data, "video_decided")}
    assert decided[other.url("/story.opus").replace("127.0.0.1", "localhost")] < decided[refusing.url("/first.opus")]


def test_without_waiting_a_run_ends_and_reports_which_host_is_paused(tmp_path: Path) -> None:
    with feed_site({"/first.opus": Refusal(429, retry_after_s=300), "/second.opus": clip("silence")}) as site:
        one_at_a_time = {**QUICK, "VOICESIEVE_FETCHING__MAX_CONCURRENT_DOWNLOADS": "1"}
        ended = voicesieve("crawl", *sources(site.feed), "--data", tmp_path / "data", settings=one_at_a_time)
        assert len(site.server.requests.of("/second.opus")) == 0
        asked = len(site.server.requests)
        voicesieve("crawl", "--data", tmp_path / "data", "--quiet", settings=one_at_a_time)
        assert len(site.server.requests) == asked, "a second run keeps the promise of the first"
    assert "127.0.0.1 is paused until" in ended.out
    (host,) = status(tmp_path / "data")["paused_hosts"]
    assert (host["host"], host["waiting"]) == ("127.0.0.1", 2)
    assert status(tmp_path / "data")["failures"] == {}


def test_refusals_to_requests_sent_together_count_as_one(tmp_path: Path) -> None:
    """A host that says "in one second" to four requests at once is asked again after one second, not after eight."""
    times: list[float] = []
    busy = {f"/{n}.opus": Arrivals(AtFirst(1, Refusal(429, retry_after_s=1), clip("silence")), times) for n in range(4)}
    with feed_site(busy) as site:
        voicesieve("crawl", *sources(site.feed), "--data", tmp_path / "data", "--quiet", "--wait", "60", settings=QUICK)
    assert len(times) == 8
    assert sorted(times)[4] - sorted(times)[3] < 4


def test_pages_that_need_a_second_method_hold_up_no_other_host(tmp_path: Path) -> None:
    """Their second request waits for its slot; the places for downloads are for those that can download."""
    page = Content(b"<!doctype html><html><body>nothing to hear</body></html>", "text/html")
    slow: list[float] = []
    fast: list[float] = []
    started = threading.Event()

    def page_asked(exchange: Exchange) -> None:
        if len(slow) >= 3:
            started.set()
        page(exchange)

    def late_feed(exchange: Exchange) -> None:
        started.wait(PATIENCE_S)
        Content(listing, "application/rss+xml")(exchange)

    paced = {**PACED, "VOICESIEVE_PACE__REQUESTS_PER_HOUR": "720", "VOICESIEVE_PACE__BURST": "5"}
    with (
        feed_site(timed(range(4), slow, page_asked)) as pages_site,
        feed_site(timed(range(1), fast), host="localhost", feed=late_feed) as other,
    ):
        url = other.url("/0.opus").replace("127.0.0.1", "localhost")
        listing = pages.feed("A feed", url, "vi", [pages.Episode("0", "0", url, "audio/ogg", 1)])
        queries = sources(pages_site.feed, other.feed)
        voicesieve("crawl", *queries, "--data", tmp_path / "data", "--quiet", settings=paced)
    assert len(fast) == 1
    assert fast[0] < sorted(slow)[4], "the first second request is 5 s after the burst"


def test_a_host_that_refuses_between_two_methods_of_a_video_does_not_keep_the_run(tmp_path: Path) -> None:
    """The run slept until the host might be asked again, an hour by default."""
    page = Content(b"<!doctype html><html><body>nothing to hear</body></html>", "text/html")
    asked = threading.Event()

    def slow_page(exchange: Exchange) -> None:
        asked.wait(PATIENCE_S)
        page(exchange)

    def refusing(exchange: Exchange) -> None:
        Refusal(429, retry_after_s=1_000)(exchange)
        asked.set()

    with feed_site({"/page.opus": slow_page, "/busy.opus": refusing}) as site:
        voicesieve("crawl", *sources(site.feed), "--data", tmp_path / "data", "--quiet", settings=QUICK)
        stories = stories_of(tmp_path / "data")
    assert {story["state"] for story in stories.values()} == {"queued"}
    assert list((tmp_path / "data" / "scratch").iterdir()) == []
