"""Hundreds of starts and stops in a row, by every signal, at any moment: always able to go on, nothing piles up."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import often
from crawling import CLIPS, QUICK, FeedSite, clip, feed_site, files_below, running, until, voicesieve
from injection import Victim, corpus_of, holds_its_promises, nothing_is_left, nothing_was_repeated, victim

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
CYCLES = often(25, 900)
CYCLES_WITH_WORKERS = often(4, 100)
DOCUMENTED = (0, 130, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT)
"""A signal that comes before the program has set up its own answer ends it as signals do."""

Figure = Callable[[str, str], None]
KEEPING = {"VOICESIEVE_DISCOVERY__REFRESH_S": "0", "VOICESIEVE_BACKUP__EVERY_S": "5", "VOICESIEVE_BACKUP__KEEP": "2"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with victim(tmp_path_factory.mktemp("victim"), KEEPING) as started:
        yield started


@pytest.fixture(scope="module")
def site() -> Iterator[FeedSite]:
    names = ("child-vi-story", "child-en-zoo", "adult-man-news", "child-vi-counting", "music")
    with feed_site({f"/{name}.opus": clip(name) for name in names}) as served:
        yield served


def summary_of(ends: Counter[int]) -> str:
    """How many runs ended how: by which signal, or with which exit code."""
    names = {code: signal.Signals(-code).name if code < 0 else f"exit {code}" for code in sorted(ends)}
    return ", ".join(f"{ends[code]} {name}" for code, name in names.items())


def signalled(process: int, chance: random.Random) -> None:
    """One signal, sometimes two, as an impatient person or a shutting-down machine sends them."""
    for number in chance.choices(SIGNALS, k=chance.choice((1, 1, 2))):
        try:
            os.kill(process, number)
        except ProcessLookupError:
            return
        time.sleep(chance.uniform(0, 0.02))


def test_rapid_starts_and_stops(
    program: Victim, site: FeedSite, tmp_path: Path, chance: random.Random, figure: Figure
) -> None:
    """A folder whose run came to its end is looked at as a whole, and the next start finds a fresh one."""
    command = ("crawl", "--source", site.feed, "--wait", "30", "--quiet", "--data")
    program.run(*command, tmp_path / "undisturbed")
    corpus = corpus_of(program, tmp_path / "undisturbed", tmp_path)
    data = tmp_path / "data"
    ends: Counter[int] = Counter()
    whole = 0

    def is_whole() -> None:
        assert corpus_of(program, data, tmp_path) == corpus
        nothing_is_left(program, data)
        nothing_was_repeated(data)
        assert len(list((data / "backups").glob("*"))) <= 2
        shutil.rmtree(data)

    for _ in range(CYCLES):
        process = program.start(*command, data)
        time.sleep(chance.expovariate(1 / 0.15))
        signalled(process, chance)
        ended = program.wait()
        assert ended.code in DOCUMENTED, ended.err
        assert "Traceback" not in ended.err or ended.code < 0, ended.err
        ends[ended.code] += 1
        holds_its_promises(data)
        assert len(list((data / "scratch").glob("*"))) <= 4, "no more than one run can leave behind"
        if ended.code == 0:
            is_whole()
            whole += 1
    program.run(*command, data)
    is_whole()
    summary = (
        f"{CYCLES} starts; {summary_of(ends)}; {whole + 1} times the whole corpus, the same each time, nothing left"
    )
    figure("Rapid starts and stops (SIGTERM, SIGINT, SIGKILL)", summary)


def test_starts_and_stops_of_the_whole_program(tmp_path: Path, chance: random.Random, figure: Figure) -> None:
    """With real workers: none outlives its program, however that ended."""
    audio, data = tmp_path / "audio", tmp_path / "data"
    audio.mkdir()
    for name in ("child-vi-story", "child-en-zoo", "music"):
        (audio / f"{name}.opus").write_bytes(CLIPS[name].body)
    command = ("crawl", "--source", f"folder:{audio}", "--wait", "30", "--data")
    voicesieve(*command, tmp_path / "undisturbed", settings=QUICK)
    corpus = exported(tmp_path / "undisturbed")
    ends: Counter[int] = Counter()
    for _ in range(CYCLES_WITH_WORKERS):
        with running(*command, data, output=tmp_path / "run", settings=QUICK) as crawl:
            time.sleep(chance.uniform(0, 4))
            signalled(crawl.process.pid, chance)
            code = crawl.process.wait(90)
            assert code in DOCUMENTED, crawl.err()
            until(lambda crawl=crawl: crawl.processes() == [], "no process is left")
        ends[code] += 1
        holds_its_promises(data)
        if code == 0:
            assert exported(data) == corpus
            shutil.rmtree(data)
    voicesieve(*command, data, settings=QUICK)
    assert exported(data) == corpus
    summary = f"{CYCLES_WITH_WORKERS} starts; {summary_of(ends)}; no process left behind"
    figure("The same with worker processes", summary)


def exported(data: Path) -> dict[str, bytes]:
    target = data.parent / f"corpus of {data.name}"
    voicesieve("export", "jsonl", target, "--replace", "--data", data, "--quiet")
    return files_below(target)
