"""Crawls that are told to stop, and commands given while a crawl works."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from crawling import (
    PATIENCE_S,
    QUICK,
    FeedSite,
    Gate,
    Running,
    attempts,
    clip,
    events_named,
    feed_site,
    files_below,
    nothing_left_over,
    one_paragraph,
    running,
    stories_of,
    until,
    voicesieve,
)

from demo.answers import AtFirst, Refusal
from demo.server import Answer
from voicesieve.crawl.driver import GRACE_S
from voicesieve.crawl.pulse import STANDSTILL_S

PATIENT = {**QUICK, "VOICESIEVE_FETCHING__STALL_S": "120", "VOICESIEVE_DISCOVERY__REFRESH_S": "0"}
"""A download that stands still is left alone for longer than any of these tests lasts; a feed is due in every run."""


@dataclass(frozen=True)
class Busy:
    """A crawl that has decided one video and hangs in the download of another."""

    site: FeedSite
    gate: Gate
    data: Path
    crawl: Running

    @property
    def command(self) -> tuple[str | Path, ...]:
        return ("crawl", "--source", self.site.feed, "--wait", "60", "--data", self.data)

    @property
    def held(self) -> str:
        return self.site.url("/held.opus")


def episodes(gate: Gate) -> Mapping[str, Answer]:
    return {
        "/story.opus": clip("child-vi-story"),
        "/held.opus": gate,
        "/zoo.opus": clip("child-en-zoo"),
        "/removed.opus": Refusal(404),
    }


@contextmanager
def busy_crawl(folder: Path) -> Iterator[Busy]:
    gate, data = Gate(clip("child-vi-counting")), folder / "data"
    with feed_site(episodes(gate)) as site:
        command = ("crawl", "--source", site.feed, "--wait", "60", "--data", data)
        with running(*command, output=folder / "crawl", settings=PATIENT) as crawl:
            until(gate.reached.is_set, "the download has begun")
            until(lambda: len(events_named(data, "video_decided")) == 2, "the other videos are decided")
            until(lambda: events_named(data, "attempt_failed"), "the missing one has failed")
            yield Busy(site, gate, data, crawl)


def test_after_a_standstill_of_the_process_no_video_is_counted_as_failed(tmp_path: Path) -> None:
    """Stopped by a debugger, a scheduler or a laptop's lid, it finds every limit of time broken when it goes on."""
    gate, data = Gate(clip("child-vi-counting")), tmp_path / "data"
    settings = {**QUICK, "VOICESIEVE_FETCHING__STALL_S": str(STANDSTILL_S + 1)}
    with feed_site({"/held.opus": AtFirst(1, gate, clip("child-vi-counting"))}) as site:
        command = ("crawl", "--source", site.feed, "--data", data)
        with running(*command, output=tmp_path / "crawl", settings=settings) as crawl:
            until(gate.reached.is_set, "the download has begun")
            for process in crawl.processes():
                os.kill(process, signal.SIGSTOP)
            time.sleep(STANDSTILL_S + 3)
            for process in crawl.processes():
                os.kill(process, signal.SIGCONT)
            assert crawl.wait().code == 0
    (story,) = stories_of(data).values()
    fetches = attempts(story, "fetch")
    assert [fetch["outcome"] for fetch in fetches] == ["interrupted", "ok"]
    assert "stood still" in fetches[0]["next"]
    assert events_named(data, "attempt_failed") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_asked_to_stop_finishes_what_is_in_hand_and_reports_it(tmp_path: Path, number: signal.Signals) -> None:
    with busy_crawl(tmp_path) as busy:
        busy.crawl.signal(number)
        until(lambda: "stopping: finishing the work in progress" in busy.crawl.err(), "it says what happens")
        busy.gate.open.set()
        assert busy.crawl.wait().code == 130
        held = stories_of(busy.data)[busy.held]
        assert held["state"] == "fetched", "the download in hand was finished"
        goes_on_to_its_end(busy)


def test_what_does_not_finish_in_time_is_given_back(tmp_path: Path) -> None:
    with busy_crawl(tmp_path) as busy:
        started = time.monotonic()
        busy.crawl.signal(signal.SIGINT)
        assert busy.crawl.wait().code == 130
        assert time.monotonic() - started < GRACE_S + PATIENCE_S / 3
        held = stories_of(busy.data)[busy.held]
        assert held["state"] == "queued"
        assert [attempt["outcome"] for attempt in held["attempts"]] == ["interrupted"]
        busy.gate.open.set()
        goes_on_to_the_same_corpus(busy, tmp_path)


def test_a_run_asked_twice_stops_at_once(tmp_path: Path) -> None:
    with busy_crawl(tmp_path) as busy:
        busy.crawl.signal(signal.SIGINT)
        until(lambda: "again: stop now" in busy.crawl.err(), "the first signal is answered")
        started = time.monotonic()
        busy.crawl.signal(signal.SIGINT)
        assert busy.crawl.wait().code == 130
        assert time.monotonic() - started < GRACE_S * 0.8
        until(lambda: busy.crawl.processes() == [], "the servants of the process pool have gone with it")
        busy.gate.open.set()
        goes_on_to_its_end(busy)


def goes_on_to_the_same_corpus(busy: Busy, folder: Path) -> None:
    """The same command again ends as a run does that nobody stopped."""
    goes_on_to_its_end(busy)
    undisturbed = folder / "undisturbed"
    voicesieve("crawl", "--source", busy.site.feed, "--quiet", "--data", undisturbed, settings=PATIENT)
    corpora = []
    for data in (busy.data, undisturbed):
        voicesieve("export", "jsonl", folder / f"corpus of {data.name}", "--data", data)
        corpora.append(files_below(folder / f"corpus of {data.name}"))
    assert corpora[0] == corpora[1]


def goes_on_to_its_end(busy: Busy) -> None:
    assert list((busy.data / "scratch").iterdir()) == []
    voicesieve(*busy.command, "--quiet", settings=PATIENT)
    states = [story["state"] for story in stories_of(busy.data).values()]
    assert sorted(states) == ["accepted", "accepted", "accepted", "given_up"]
    nothing_left_over(busy.data)


def test_a_signal_while_it_starts_ends_it_too(tmp_path: Path) -> None:
    with feed_site({"/zoo.opus": clip("child-en-zoo")}) as site:
        command = ("crawl", "--source", site.feed, "--data", tmp_path / "data")
        for number in (signal.SIGINT, signal.SIGTERM):
            with running(*command, output=tmp_path / "crawl", settings=QUICK) as crawl:
                until((tmp_path / "data" / "run.lock").exists, "the folder is taken")
                crawl.signal(number)
                assert crawl.wait().code in (130, -number)
                (tmp_path / "data" / "run.lock").unlink()
        voicesieve(*command, "--quiet", settings=QUICK)
        nothing_left_over(tmp_path / "data")


def test_commands_given_during_a_run(tmp_path: Path) -> None:
    with busy_crawl(tmp_path) as busy:
        data, held, zoo = busy.data, busy.held, busy.site.url("/zoo.opus")

        second = voicesieve(*busy.command, code=1, settings=PATIENT)
        one_paragraph(second, "Another run is working in", str(data), f"process {busy.crawl.process.pid}", "--data")
        doctor = voicesieve("doctor", "--data", data, code=1)
        one_paragraph(doctor, "Another run is working in", str(data))

        assert voicesieve("status", "--json", "--data", data).json["videos"]["accepted"] == 2
        story = voicesieve("why", held, "--json", "--data", data).json
        assert (story["state"], story["attempts"][0]["outcome"]) == ("queued", "running")

        retried = voicesieve("retry", "--kind", "gone", "--data", data)
        assert "1 videos are due again" in retried.err
        until(lambda: len(events_named(data, "attempt_failed")) == 2, "the run takes up what is due again")

        stored = stories_of(data)[zoo]["recording"]["path"]
        voicesieve("withdraw", zoo, "--yes", "--data", data)
        assert not (data / "recordings" / stored).exists()

        voicesieve("withdraw", held, "--yes", "--reason", "asked by the family", "--data", data)
        busy.gate.open.set()
        assert busy.crawl.wait().code == 0

        assert voicesieve("status", "--json", "--data", data).json["videos"]["withdrawn"] == 2
        files = [path for path in (data / "recordings").rglob("*") if path.is_file()]
        assert len(files) == 1, "only the story is left: nothing of the video withdrawn during its download was stored"
        assert events_named(data, "stale_result_dropped")
        nothing_left_over(data)

        asked = len(busy.site.server.requests)
        voicesieve(*busy.command, "--quiet", settings=PATIENT)
        assert len(busy.site.server.requests) == asked + 1, "the feed was read again, and what is withdrawn stays out"
