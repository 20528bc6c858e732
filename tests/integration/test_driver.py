"""The driver's own decisions: when to take up work, and when a run has come to its end."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from voicesieve.catalog.committer import Committer
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.reads import due, status
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import discovery
from voicesieve.cli.wiring import opened_run
from voicesieve.crawl.driver import Driver, Plan, RunResult
from voicesieve.crawl.ending import Ending
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.candidates import Query
from voicesieve.settings import load_settings
from voicesieve.sources.folder import FolderSource

SAMPLE_RATE = 16_000


def write_tones(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        tone = np.sin(2 * np.pi * (200 + number) * np.arange(SAMPLE_RATE * 5 // 4) / SAMPLE_RATE)
        with wave.open(str(folder / f"{number:03}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes((tone * 8000).astype("<i2").tobytes())


class LateCommitter(Committer):
    """Answers the question for the next claim only after what was running has ended."""

    async def run(self, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        answer = await super().run(step, *args, **kwargs)
        if step is due.next_claim_at:
            await asyncio.sleep(0.3)
        return answer


async def crawl_folder(data: Path, audio: Path, committer: Callable[[Catalog], Committer], **plan: Any) -> RunResult:
    folder = DataFolder(data)
    folder.prepare()
    settings = load_settings(command_line={"analysis": {"workers": 2}})
    catalog = open_catalog(data, create=True)
    try:
        async with opened_run("test", folder, catalog, settings) as opened:
            own = committer(catalog)
            context = replace(opened, run=replace(opened.run, committer=own))
            row = await own.run(discovery.register_query, Query("folder", str(audio)), context.run.clock())
            sources = {"folder": FolderSource()}
            result = await Driver(context, Plan([row], sources, **plan), Ending()).run()
            own.close()
            return result
    finally:
        catalog.close()


def counts(data: Path) -> dict[str, int]:
    catalog = open_catalog(data, create=False)
    try:
        with catalog.read() as connection:
            return {state: count for state, count in status.catalog_counts(connection)["videos"].items() if count}
    finally:
        catalog.close()


@pytest.mark.parametrize("committer", [Committer, LateCommitter])
def test_a_run_does_not_end_while_fetched_recordings_wait_for_analysis(
    tmp_path: Path, committer: Callable[[Catalog], Committer]
) -> None:
    """Fetching holds back behind a backlog; the last analyses ended while the catalog was asked what is next."""
    write_tones(tmp_path / "audio", 40)
    result = asyncio.run(crawl_folder(tmp_path / "data", tmp_path / "audio", committer))
    assert result.fault is None
    assert counts(tmp_path / "data") == {"rejected": 40}


def test_a_limit_is_the_number_of_videos_taken_up(tmp_path: Path) -> None:
    write_tones(tmp_path / "audio", 12)
    asyncio.run(crawl_folder(tmp_path / "data", tmp_path / "audio", Committer, limit=5))
    assert counts(tmp_path / "data") == {"rejected": 5, "queued": 7}
