"""Every kind of failure tells its whole story in the log: the earlier crawler logged a bare message, if anything."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crawling import CLIPS
from in_process import RUN, crawled

from voicesieve.crawl.context import RunContext
from voicesieve.crawl.driver import RunResult
from voicesieve.domain.candidates import Query
from voicesieve.domain.failures import REMEDIES, Failure, FailureError, FailureKind, Remedy
from voicesieve.domain.fetching import Fetched, FetchRequest
from voicesieve.sources.folder import FolderSource

TITLE = "Tiếng bé ở sở thú"
ROOT_CAUSE = "the root of it"


class Failing:
    """A fetcher that fails in one way, with two exceptions behind the failure."""

    method = "local"

    def __init__(self, kind: FailureKind) -> None:
        self._kind = kind

    async def fetch(self, request: FetchRequest) -> Fetched:
        try:
            try:
                raise ConnectionResetError(ROOT_CAUSE)
            except ConnectionResetError as root:
                raise OSError("what it led to") from root
        except OSError as error:
            failure = Failure.from_exception(self._kind, error, "what a person is told", retry_after_s=3_600)
            raise FailureError(failure) from error


class StoppedEngine:
    """An engine on which every analysis fails in one way; examination works."""

    workers = 1

    def __init__(self, engine: Any, kind: FailureKind) -> None:
        self._engine = engine
        self._kind = kind

    async def run(self, function: Any, item: Any, *, deadline_s: float, alone: bool = False) -> Any:
        if function.__name__ != "analyse":
            return await self._engine.run(function, item, deadline_s=deadline_s, alone=alone)
        try:
            raise ValueError(ROOT_CAUSE)
        except ValueError as error:
            raise FailureError(Failure.from_exception(self._kind, error, "what a person is told")) from error

    async def close(self) -> None:
        await self._engine.close()


def run(data: Path, audio: Path, *, fetching: FailureKind | None, analysing: FailureKind | None) -> RunResult:
    def changed(context: RunContext) -> RunContext:
        tools = context.tools
        if fetching is not None:
            tools = replace(tools, fetchers={**tools.fetchers, "local": Failing(fetching)})
        if analysing is not None:
            tools = replace(tools, engine=StoppedEngine(tools.engine, analysing))
        return replace(context, tools=tools)

    return asyncio.run(crawled(data, [(Query("folder", str(audio)), FolderSource())], changed=changed))


def failed(data: Path) -> list[dict[str, Any]]:
    lines = map(json.loads, (data / "logs" / "voicesieve.jsonl").read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line["event"] == "attempt_failed"]


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    folder = tmp_path / "audio"
    folder.mkdir()
    (folder / f"{TITLE}.opus").write_bytes(CLIPS["child-en-zoo"].body)
    return folder


def check_story(event: dict[str, Any], kind: FailureKind, stage: str) -> None:
    assert event["run"] == RUN
    assert event["timestamp"]
    assert event["level"] == "warning"
    assert event["video"].startswith("file:")
    assert event["title"] == TITLE
    assert event["url"].startswith("file:///")
    assert event["stage"] == stage
    assert event["kind"] == kind
    assert event["message"] == "what a person is told"
    assert event["next"]
    assert event["state"] in ("queued", "fetched", "failed", "given_up")
    assert event["exception_type"] in ("OSError", "ValueError")
    assert ROOT_CAUSE in event["chain"][-1]
    last = event["attempts"][-1]
    assert (last["outcome"], last["kind"], last["stage"]) == ("failed", kind, stage)
    assert last["method"]
    assert last["duration_s"] >= 0
    if stage == "fetch":
        assert event["scratch"].endswith("/local")


@pytest.mark.parametrize("kind", FailureKind)
def test_a_failed_fetch_of_any_kind_is_logged_with_its_whole_story(
    tmp_path: Path, audio: Path, kind: FailureKind
) -> None:
    result = run(tmp_path / "data", audio, fetching=kind, analysing=None)
    events = failed(tmp_path / "data")
    # What is our own fault is tried once more, alone, in the same run.
    assert len(events) == (2 if REMEDIES[kind] is Remedy.RETRY_ALONE else 1)
    for event in events:
        check_story(event, kind, "fetch")
    assert [len(event["attempts"]) for event in events] == list(range(1, len(events) + 1))
    assert (result.fault is not None) == (REMEDIES[kind] is Remedy.STOP_RUN)
    assert list((tmp_path / "data" / "scratch").iterdir()) == []


ANALYSING = (
    *(FailureKind.UNDECODABLE, FailureKind.ANALYSER_CRASHED, FailureKind.OUT_OF_MEMORY, FailureKind.INTERNAL_ERROR),
    *(FailureKind.DISK_FULL, FailureKind.CATALOG_UNAVAILABLE),
)


@pytest.mark.parametrize("kind", ANALYSING)
def test_a_failed_analysis_of_any_kind_is_logged_with_its_whole_story(
    tmp_path: Path, audio: Path, kind: FailureKind
) -> None:
    run(tmp_path / "data", audio, fetching=None, analysing=kind)
    events = failed(tmp_path / "data")
    assert events
    for event in events:
        check_story(event, kind, "analyse")
