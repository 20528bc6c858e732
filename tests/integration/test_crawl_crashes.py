"""Crawls that are killed at any moment and started again: nothing lost, nothing twice, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import wave
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crawling import (
    CLIPS,
    QUICK,
    FeedSite,
    Running,
    assert_same_files,
    attempts,
    clip,
    events_named,
    feed_site,
    nothing_left_over,
    running,
    sources,
    stories_of,
    until,
    url_list,
    voicesieve,
)

from demo.answers import AtFirst, Content, Refusal, ResetAt
from demo.faults import GARBAGE
from demo.server import Answer, Exchange
from demo.site import WATCH_ITEMS, Site, running_site
from voicesieve.audio.decode import decode_blocks
from voicesieve.audio.store import relative_path, sha256_of

MOMENTS = (
    "",
    "",
    "run_started",
    "page_committed",
    "attempt_started",
    "video_fetched",
    "video_decided",
    "attempt_started",
    "video_fetched",
    "video_decided",
)
"""The event after which, within a random time, a run is killed. The first two die while they start."""

START_UP_S = 0.8
"""Loading the program, opening the catalog and taking the folder need about this long on the slowest machine tried."""

AFTER_EVENT_S = 0.25


class Slowly:
    """A content in eight pieces over half a second, so that there is a time in which a download can be killed."""

    def __init__(self, content: Content) -> None:
        self._content = content

    def __call__(self, exchange: Exchange) -> None:
        part = self._content.part(exchange.asked)
        size = len(part.data) // 8 + 1
        if exchange.begin(part.status, part.headers):
            for start in range(0, len(part.data), size):
                exchange.send(part.data[start : start + size])
                if not exchange.wait(0.06):
                    return


def episodes() -> dict[str, Answer]:
    media: dict[str, Answer] = {f"/{name}.opus": Slowly(clip(name)) for name in CLIPS}
    return {
        **media,
        "/again.opus": Slowly(clip("child-vi-story")),
        "/busy.opus": AtFirst(1, Refusal(503), clip("child-vi-story")),
        "/reset.opus": ResetAt(clip("music"), 5_000),
        "/removed.opus": Refusal(404),
        "/broken.opus": Content(GARBAGE, "audio/ogg"),
    }


@pytest.fixture(scope="module")
def site() -> Iterator[FeedSite]:
    with feed_site(episodes()) as site:
        yield site


@pytest.fixture(scope="module")
def watched() -> Iterator[Site]:
    with running_site() as site:
        yield site


def queries(site: FeedSite, watched: Site, folder: Path) -> list[str]:
    """A feed, and pages of which yt-dlp finds the sound; no video is found by both."""
    pages = [f"{watched.url}/watch/{item.name}" for item in WATCH_ITEMS]
    return sources(site.feed, url_list(folder / "pages.txt", pages))


@pytest.fixture(scope="module")
def undisturbed(site: FeedSite, watched: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    crawl_to_the_end(queries(site, watched, folder), folder / "data")
    return export(folder / "data", folder / "corpus")


def crawl_to_the_end(wanted: list[str], data: Path) -> None:
    voicesieve("crawl", *wanted, "--wait", "60", "--quiet", "--data", data, settings=QUICK)


def export(data: Path, corpus: Path) -> Path:
    voicesieve("export", "jsonl", corpus, "--data", data)
    voicesieve("export", "urls", corpus / "urls.txt", "--data", data)
    return corpus


@pytest.mark.timeout(300)
def test_killed_at_random_moments_and_started_again_it_ends_with_the_same_corpus(
    site: FeedSite, watched: Site, undisturbed: Path, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"random.Random({seed}) chose the moments")
    chance = random.Random(seed)
    data = tmp_path / "data"
    wanted = queries(site, watched, tmp_path)
    kills = 0
    for number, moment in enumerate(MOMENTS):
        with running(
            "crawl", *wanted, "--wait", "60", "--data", data, output=tmp_path / f"run{number}", settings=QUICK
        ) as crawl:
            kills += killed_after(crawl, data, moment, chance)
            until(lambda crawl=crawl: crawl.processes() == [], "the workers of a killed run end too")
    assert kills >= 6
    crawl_to_the_end(wanted, data)
    assert_same_files(export(data, tmp_path / "corpus"), undisturbed)
    nothing_left_over(data)
    nothing_was_done_twice(stories_of(data))


def killed_after(crawl: Running, data: Path, moment: str, chance: random.Random) -> bool:
    """Kill the run a random time after its first event ``moment``; false if it ended by itself before."""
    seen = len(events_named(data, moment)) if moment else 0
    if moment:
        until(
            lambda: len(events_named(data, moment)) > seen or crawl.process.poll() is not None, f"{moment} or the end"
        )
    delay = chance.uniform(0, AFTER_EVENT_S if moment else START_UP_S)
    with contextlib.suppress(subprocess.TimeoutExpired):
        crawl.process.wait(delay)
    alive = crawl.process.poll() is None
    crawl.process.kill()
    crawl.process.wait()
    return alive


def nothing_was_done_twice(stories: Mapping[str, dict[str, Any]]) -> None:
    """Each video was fetched and analysed once with success; what else was tried failed or was interrupted."""
    analysed: dict[str, int] = {}
    for story in stories.values():
        for stage in ("fetch", "analyse"):
            successes = [attempt for attempt in attempts(story, stage) if attempt["outcome"] == "ok"]
            assert len(successes) <= 1, story
        assert all(attempt["outcome"] in ("ok", "failed", "interrupted") for attempt in story["attempts"])
        if story["recording"]:
            by_model = [a for a in attempts(story, "analyse") if a["outcome"] == "ok" and a["method"] == "network"]
            sha256 = story["recording"]["sha256"]
            analysed[sha256] = analysed.get(sha256, 0) + len(by_model)
    assert set(analysed.values()) == {1}, "equal audio is analysed once"


def long_recording(file: Path, minutes: int) -> None:
    """Speech that takes a worker some seconds."""
    source = file.with_suffix(".opus")
    source.write_bytes(CLIPS["child-vi-story"].body)
    sound = np.concatenate(list(decode_blocks(source)))
    source.unlink()
    repeated = np.tile(sound, minutes * 60 * 16_000 // len(sound) + 1)[: minutes * 60 * 16_000]
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes((np.clip(repeated, -1, 1) * 32_767).astype("<i2").tobytes())


def worker_processes(crawl: Running) -> list[int]:
    """Children of the fork server, which is a child of the program."""
    parents = {process: parent_of(process) for process in crawl.processes()}
    return [process for process, parent in parents.items() if parents.get(parent) == crawl.process.pid]


def parent_of(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def workers_with(crawl: Running, file: Path) -> list[int]:
    """Those that hold ``file`` open. An attempt is logged as started before a worker has it, or even exists."""
    return [worker for worker in worker_processes(crawl) if holds_open(worker, file)]


def holds_open(process: int, file: Path) -> bool:
    try:
        return any(link.resolve() == file for link in Path(f"/proc/{process}/fd").iterdir())
    except OSError:  # it has ended
        return False


def test_a_killed_worker_costs_a_retry(tmp_path: Path) -> None:
    audio, data = tmp_path / "audio", tmp_path / "data"
    audio.mkdir()
    long_recording(audio / "long.wav", minutes=8)
    recording = data / "recordings" / relative_path(sha256_of(audio / "long.wav"), ".wav")
    (audio / "short.opus").write_bytes(CLIPS["child-en-zoo"].body)
    command = ("crawl", "--source", f"folder:{audio}", "--wait", "60", "--data", data)
    with running(*command, output=tmp_path / "run", settings=QUICK) as crawl:
        until(lambda: workers_with(crawl, recording), "a worker is reading the long recording")
        for worker in workers_with(crawl, recording):
            os.kill(worker, signal.SIGKILL)
        assert crawl.wait().code == 0
    long = next(story for story in stories_of(data).values() if story["title"] == "long")
    assert [attempt["outcome"] for attempt in attempts(long, "analyse")] == ["failed", "ok"]
    assert attempts(long, "analyse")[0]["kind"] == "out_of_memory"
    assert {story["state"] for story in stories_of(data).values()} == {"accepted"}
    nothing_left_over(data)
