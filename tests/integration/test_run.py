"""A run is one call, from recovery to retention: no command line is needed for it."""

from __future__ import annotations

import asyncio
import secrets
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.reads import status
from voicesieve.catalog.records import Pace
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import discovery, leases
from voicesieve.cli.wiring import opened_run
from voicesieve.crawl.driver import RunResult
from voicesieve.crawl.ending import Ending
from voicesieve.crawl.run import Request, run
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.candidates import Query
from voicesieve.observability.events import Event
from voicesieve.settings import load_settings


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    folder = tmp_path / "audio"
    folder.mkdir()
    with wave.open(str(folder / "silence.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000 * 2))
    return folder


@contextmanager
def catalog_of(folder: DataFolder) -> Iterator[Catalog]:
    folder.prepare()
    catalog = open_catalog(folder.root, create=True)
    try:
        yield catalog
    finally:
        catalog.close()


def crawled(
    folder: DataFolder, catalog: Catalog, request: Request, events: list[Event], *, stop: bool = False
) -> RunResult:
    @contextmanager
    def stopped_at_once(ending: Ending) -> Iterator[None]:
        if stop:
            ending.ask()
        yield

    async def start() -> RunResult:
        settings = load_settings(command_line={"analysis": {"workers": 1}})
        async with opened_run(secrets.token_hex(4), folder, catalog, settings, [events.append]) as context:
            return await run(context, request, stopped_at_once)

    return asyncio.run(start())


def states(catalog: Catalog) -> dict[str, int]:
    with catalog.read() as connection:
        return {state: count for state, count in status.catalog_counts(connection)["videos"].items() if count}


def test_a_run_needs_no_command_line(tmp_path: Path, audio: Path) -> None:
    folder, events = DataFolder(tmp_path / "data"), list[Event]()
    with catalog_of(folder) as catalog:
        result = crawled(folder, catalog, Request((Query("folder", str(audio)),)), events)
        assert states(catalog) == {"rejected": 1}
    assert (result.asked, result.interrupted, result.fault, result.unread) == (1, False, None, {})
    names = [event.name for event in events]
    assert names[0] == "run_started"
    assert names[-1] == "run_ended"
    assert 'voicesieve_videos_decided_total{outcome="rejected"} 1.0' in folder.metrics.read_text()


def test_a_run_that_is_asked_to_stop_at_once_takes_up_nothing(tmp_path: Path, audio: Path) -> None:
    folder, events = DataFolder(tmp_path / "data"), list[Event]()
    with catalog_of(folder) as catalog:
        result = crawled(folder, catalog, Request((Query("folder", str(audio)),)), events, stop=True)
        assert states(catalog) == {}
        resumed = crawled(folder, catalog, Request(), events)
        assert states(catalog) == {"rejected": 1}
    assert result.interrupted
    assert not resumed.interrupted


def test_a_run_gives_back_what_a_dead_one_had_leased(tmp_path: Path, audio: Path) -> None:
    folder, events = DataFolder(tmp_path / "data"), list[Event]()
    with catalog_of(folder) as catalog:
        crawled(folder, catalog, Request((Query("folder", str(audio)),), no_fetch=True), events)
        with catalog.write() as connection:
            claims = leases.claim_fetches(
                connection, 1, 1e12, lease_s=1e9, pace=Pace(0.0, 1), new_token=lambda: "0123456789abcdef"
            )
        assert len(claims) == 1
        events.clear()
        crawled(folder, catalog, Request(), events)
        assert states(catalog) == {"rejected": 1}
    assert events[0].fields["leases_taken_back"] == 1


def test_a_query_of_a_platform_without_a_stated_basis_is_reported_and_not_asked(tmp_path: Path) -> None:
    folder, events = DataFolder(tmp_path / "data"), list[Event]()
    with catalog_of(folder) as catalog:
        with catalog.write() as connection:
            discovery.register_query(connection, Query("youtube", "search:trẻ em"), 0.0)
        result = crawled(folder, catalog, Request(), events)
    assert result.asked == 0
    (message,) = [event.fields["message"] for event in events if event.name == "query_not_due"]
    assert "disabled until you state your legal basis" in message
    assert not [event for event in events if event.name == "http_request"]


def test_analysing_only_asks_no_source(tmp_path: Path, audio: Path) -> None:
    folder, events = DataFolder(tmp_path / "data"), list[Event]()
    with catalog_of(folder) as catalog:
        result = crawled(folder, catalog, Request((Query("folder", str(audio)),), analyse_only=True), events)
        assert states(catalog) == {}
    assert result.asked == 0
