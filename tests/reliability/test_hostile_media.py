"""Hostile media cost their own item, in bounded time and memory, and open nothing else."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import often
from crawling import CLIPS, environment, nothing_left_over, stories_of, voicesieve
from hostile_media import hostile_files, playlists

from demo.server import serving
from voicesieve.audio.decode import decode_blocks
from voicesieve.crawl import work
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.engines.local import LocalEngine

SEED = 20261125
FILES = often(150, 5_000)
DEADLINE_S = 60.0
MEMORY_MB = 1_024
LONGEST_S = 600.0

THE_FILES_FAULT = {
    *(FailureKind.UNDECODABLE, FailureKind.NO_AUDIO, FailureKind.TRUNCATED, FailureKind.TOO_SHORT),
    FailureKind.TOO_LONG,
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    path = tmp_path_factory.mktemp("sound") / "zoo.opus"
    path.write_bytes(CLIPS["child-en-zoo"].body)
    return np.concatenate(list(decode_blocks(path)))[: 6 * 16_000]


def test_damaged_files_end_in_a_result_or_are_typed_in_bounded_time_and_memory(
    tmp_path: Path, sound: np.ndarray, figure: Callable[[str, str], None]
) -> None:
    paths = []
    for name, body in hostile_files(sound, FILES, SEED):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(body)

    async def examine(engine: LocalEngine, path: Path) -> tuple[Path, Failure | None, float]:
        started = time.monotonic()
        failure = None
        try:
            examination = work.Examination(path, None, 1.0, LONGEST_S)
            await engine.run(work.examine, examination, deadline_s=DEADLINE_S)
            await engine.run(work.analyse, work.AnalysisOrder(path, "network", LONGEST_S), deadline_s=DEADLINE_S)
        except FailureError as error:
            failure = error.failure
        return path, failure, time.monotonic() - started

    async def everything() -> list[tuple[Path, Failure | None, float]]:
        engine = LocalEngine(2, memory_mb=MEMORY_MB, preload=("voicesieve.crawl.work",))
        try:
            return await asyncio.gather(*(examine(engine, path) for path in paths))
        finally:
            await engine.close()

    examined = asyncio.run(everything())
    outcomes = Counter("analysed" if failure is None else failure.kind.value for _, failure, _ in examined)
    figure(f"{FILES:,} damaged media files, seed {SEED}", ", ".join(f"{n:,} {kind}" for kind, n in outcomes.items()))
    ours = [(path.name, failure) for path, failure, _ in examined if failure and failure.kind not in THE_FILES_FAULT]
    assert ours == []
    assert outcomes["analysed"] > 0
    assert sum(outcomes.values()) == FILES


def test_a_damaged_frame_that_claims_forty_two_channels_kills_no_worker(tmp_path: Path, sound: np.ndarray) -> None:
    """Found by the long version: of planes that were not there, memory behind the frame was read."""
    *_, (name, body) = hostile_files(sound, 2_072, SEED)
    assert name == "02071 flipped bits.m4a"
    (tmp_path / name).write_bytes(body)

    async def analysed() -> None:
        engine = LocalEngine(1, memory_mb=MEMORY_MB, preload=("voicesieve.crawl.work",))
        try:
            order = work.AnalysisOrder(tmp_path / name, "network", LONGEST_S)
            await engine.run(work.analyse, order, deadline_s=DEADLINE_S)
        finally:
            await engine.close()

    with pytest.raises(FailureError) as caught:
        asyncio.run(analysed())
    assert caught.value.failure.kind in THE_FILES_FAULT


def test_a_list_under_the_name_of_a_recording_opens_no_file_and_makes_no_request(tmp_path: Path) -> None:
    """With strace, also what FFmpeg itself opens is seen."""
    media = tmp_path / "media"
    media.mkdir()
    secret = tmp_path / "secret.opus"
    secret.write_bytes(CLIPS["child-en-zoo"].body)
    data = tmp_path / "data"
    with serving(lambda base_url: {}) as server:
        lists = playlists(server.base_url, str(secret))
        for name, body in lists.items():
            (media / name).write_bytes(body)
        command = [sys.executable, "-m", "voicesieve", "crawl", "--source", f"folder:{media}", "--data", str(data)]
        trace = tmp_path / "trace"
        if shutil.which("strace"):
            command = ["strace", "-f", "-qq", "-e", "trace=openat,open,connect", "-o", str(trace), *command]
        subprocess.run(command, env=environment(), check=True, capture_output=True, timeout=170)
        assert len(server.requests) == 0
    stories = stories_of(data)
    assert len(stories) == len(lists)
    for url, story in stories.items():
        assert (story["state"], story["reasons"][0]["rule"]) == ("given_up", "undecodable"), url
    if trace.exists():
        assert str(secret) not in trace.read_text(errors="replace")
    nothing_left_over(data)


def test_a_killed_analysis_worker_costs_only_its_item(tmp_path: Path) -> None:
    """As the kernel does it when memory runs out: SIGKILL to the worker that holds the item."""
    media = tmp_path / "media"
    media.mkdir()
    for number in range(3):
        (media / f"{number}.opus").write_bytes(CLIPS["child-en-zoo"].body + bytes(number))

    async def victims() -> list[object]:
        engine = LocalEngine(2, memory_mb=MEMORY_MB, preload=("voicesieve.crawl.work",))
        try:
            works = [
                engine.run(work.analyse, work.AnalysisOrder(media / f"{number}.opus", "network", 60.0), deadline_s=60)
                for number in range(3)
            ]
            return await asyncio.gather(engine.run(_killed, None, deadline_s=60), *works, return_exceptions=True)
        finally:
            await engine.close()

    died, *others = asyncio.run(victims())
    assert isinstance(died, FailureError)
    assert died.failure.kind is FailureKind.OUT_OF_MEMORY
    assert all(isinstance(other, work.Analysed) for other in others)


def _killed(_: None) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_run_continues_past_damaged_files(tmp_path: Path, sound: np.ndarray) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for name, body in hostile_files(sound, 10, SEED + 1):
        (media / name).write_bytes(body)
    (media / "whole.opus").write_bytes(CLIPS["child-en-zoo"].body)
    voicesieve("crawl", "--source", f"folder:{media}", "--quiet", "--data", tmp_path / "data")
    stories = {story["title"]: story for story in stories_of(tmp_path / "data").values()}
    assert len(stories) == 11
    assert stories["whole"]["state"] == "accepted"
    assert all(story["state"] in ("accepted", "rejected", "unsure", "given_up", "failed") for story in stories.values())
    nothing_left_over(tmp_path / "data")
