"""A day's quota: planned, shown, never exceeded, slept on and gone on from; and what the API lends, given back."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from crawling import CLIPS, nothing_left_over, sources, status, stories_of, voicesieve
from sqlalchemy import update
from test_youtube_crawl import BASIS, PHRASE, fakes

from tests.servers.youtube_api import KEY, Api, youtube_api
from tests.servers.youtube_world import DAY_S, video, world_of
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.schema import video as videos
from voicesieve.catalog.writes import discovery
from voicesieve.cli.wiring import opened_run
from voicesieve.crawl.driver import Driver, Plan
from voicesieve.crawl.ending import Ending
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.quotas import SEARCH_CALLS, next_reset
from voicesieve.observability.events import Event
from voicesieve.settings import load_settings
from voicesieve.sources.registry import kind_named, parse_query


class Clock:
    """A wall clock that stands at ``now``, until the test sets it."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def settings_of(api: Api, **more: object) -> Any:
    youtube_api_settings = {"endpoint": api.url, "key": KEY, "requests_per_hour": 0, **more}
    return load_settings(
        None,
        {
            "youtube_api": youtube_api_settings,
            "fetching": {"allow_private_addresses": True},
            "rights": {"basis": "research_exception", "statement": "a test"},
        },
    )


async def run(
    data: Path, settings: Any, queries: list[str], clock: Clock, meanwhile: Callable[[list[Event]], bool]
) -> list[Event]:
    """A run that only discovers. ``meanwhile`` is called again and again, and sets the clock once it is content."""
    seen: list[Event] = []
    folder = DataFolder(data)
    folder.prepare()
    catalog = open_catalog(data, create=True)
    try:
        async with opened_run("run", folder, catalog, settings, [seen.append]) as opened:
            context = dataclasses.replace(opened, run=dataclasses.replace(opened.run, clock=clock))
            parsed = [parse_query(text) for text in queries]
            rows = [await context.run.committer.run(discovery.register_query, query, clock()) for query in parsed]
            kinds = {
                name: kind_named(name).source(context.tools.sources) for name in {query.source for query in parsed}
            }
            plan = Plan(queries=rows, sources=kinds, fetch=False, wait_s=2 * DAY_S)
            driving = asyncio.create_task(Driver(context, plan, Ending()).run())
            end = time.monotonic() + 60
            while not meanwhile(seen) and time.monotonic() < end and not driving.done():
                await asyncio.sleep(0.05)
            result = await asyncio.wait_for(driving, 60)
            assert (result.fault, result.unread) == (None, {})
    finally:
        catalog.close()
    return seen


@pytest.mark.parametrize("day", ["2026-03-08T20:00", "2026-11-01T20:00", "2026-07-01T20:00"])
@pytest.mark.parametrize("says", ["our ledger", "the other side"])
def test_a_spent_bucket_is_reported_and_the_source_resumes_at_midnight(tmp_path: Path, day: str, says: str) -> None:
    """On an ordinary day and on both days on which daylight saving time changes; other sources go on meanwhile."""
    clock = Clock(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
    reset = next_reset(clock.now)
    own = tmp_path / "own"
    with youtube_api(world_of(*(video(number, PHRASE) for number in range(170)))) as api:
        limit = 2 if says == "our ledger" else 100
        api.limits["search"] = 2

        def meanwhile(seen: list[Event]) -> bool:
            asleep = [event for event in seen if event.name == "source_sleeps"]
            if not asleep:
                return False
            if not own.exists():  # work that comes in while the source sleeps
                own.mkdir()
                (own / "mine.opus").write_bytes(CLIPS["silence"].body)
                return False
            asked = len(api.of("search"))
            clock.now = reset - 1.5
            time.sleep(0.2)
            assert len(api.of("search")) == asked, "asked before midnight"
            api.used.clear()
            clock.now = reset
            return True

        queries = [f"youtube-api:{PHRASE}"]
        settings = settings_of(api, search_calls_per_day=limit)
        seen = asyncio.run(run(tmp_path / "data", settings, queries, clock, meanwhile))
        calls = api.of("search")
    assert len(calls) == (4 if says == "our ledger" else 5)
    (slept,) = [event.fields for event in seen if event.name == "source_sleeps"]
    assert (slept["bucket"], datetime.fromisoformat(slept["until"]).timestamp()) == (SEARCH_CALLS, reset)
    discovered = sum(event.fields["new"] for event in seen if event.name == "page_committed")
    assert discovered == 170


def test_two_searches_that_share_a_spent_bucket_are_reported_once_and_another_source_continues(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.opus").write_bytes(CLIPS["child-vi-story"].body)
    data = tmp_path / "data"
    with fakes(world_of(*(video(number, PHRASE, "khác") for number in range(120)))) as both:
        settings = both.settings | {"VOICESIEVE_YOUTUBE_API__SEARCH_CALLS_PER_DAY": "2"}
        queries = sources(f"youtube-api:{PHRASE}", "youtube-api:khác", f"folder:{own}")
        ended = voicesieve("crawl", *queries, "--data", data, "--no-fetch", settings=settings)
        assert len(both.api.of("search")) == 2
        assert ended.err.count("sleeps") == 1
        assert "2 of 2 used today, 0 left" in ended.out
        asked = len(both.api.asked)
        voicesieve("crawl", "--data", data, "--no-fetch", settings=settings)
        assert len(both.api.asked) == asked, "a spent day is never asked again"
        shown_status = status(data)
        assert shown_status["videos"]["queued"] == 51
        waiting = [query for query in shown_status["queries"] if not query["exhausted"]]
        assert {query["last_failure"]["kind"] for query in waiting} == {"quota_spent"}
        # More from Google: the settings say so, and the next run resumes where it stopped.
        more = settings | {"VOICESIEVE_YOUTUBE_API__SEARCH_CALLS_PER_DAY": "100"}
        voicesieve("crawl", "--data", data, "--no-fetch", settings=more)
        assert len(both.api.of("search")) == 6
    assert status(data)["videos"]["queued"] == 121


def test_the_plan_shows_the_cost_of_a_run_and_makes_no_requests(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with fakes(world_of(*(video(number, PHRASE) for number in range(120)))) as both:
        queries = sources(f"youtube-api:{PHRASE} [max=100]", f"youtube:{PHRASE}", "youtube-api:channel:@kenh1")
        plan = voicesieve("plan", *queries, "--data", data, "--json", settings=both.settings).json
        assert [query["most"] for query in plan["queries"]] == [
            {"youtube-api search calls": 2, "youtube-api units": 2},
            {"www.youtube.com": 25},
            {"youtube-api units": 21},
        ]
        assert [quota["left"] for quota in plan["quotas"]] == [100, 10_000]
        assert both.discovery() == []
        assert not data.exists()
        voicesieve("crawl", *sources(f"youtube-api:{PHRASE}"), "--data", data, "--no-fetch", settings=both.settings)
        text = voicesieve("plan", "--data", data, settings=both.settings).out
        assert "3 of 100 used today, 97 left" in text
        assert "120 videos wait to be fetched from www.youtube.com" in text
        short = both.settings | {"VOICESIEVE_YOUTUBE_API__SEARCH_CALLS_PER_DAY": "4"}
        shown_status = voicesieve("plan", *sources("youtube-api:khác"), "--data", data, settings=short).out
        assert "may need 20 youtube-api search calls; what exceeds today's quota waits for the reset" in shown_status
        off = {name: value for name, value in both.settings.items() if name not in BASIS}
        assert "disabled: rights.basis is not set" in voicesieve("plan", *queries, "--data", data, settings=off).out


def age(data: Path, days: float) -> None:
    """Let the catalog's lent descriptions be ``days`` older."""
    catalog = open_catalog(data, create=False)
    try:
        with catalog.write() as connection:
            connection.execute(update(videos).values(lent_until=videos.c.lent_until - days * DAY_S))
    finally:
        catalog.close()


@pytest.fixture
def lent(tmp_path: Path) -> Any:
    """A catalog of three videos that only the Data API has described."""
    world = world_of(*(video(number, PHRASE) for number in range(3)))
    with fakes(world) as both:
        data = tmp_path / "data"
        voicesieve("crawl", *sources(f"youtube-api:{PHRASE}"), "--data", data, "--no-fetch", settings=both.settings)
        yield both, world, data


def test_facts_lent_by_the_api_are_renewed_in_time(lent: Any) -> None:
    both, world, data = lent
    nothing = voicesieve("refresh", "--data", data, "--json", settings=both.settings).json
    assert (nothing["renewed"], nothing["forgotten"], nothing["left"]) == (0, 0, 0)
    age(data, 25)
    ids = list(world.videos)
    world.change(world.videos[ids[0]], title="Tên mới", tags=())
    del world.videos[ids[1]]
    done = voicesieve("refresh", "--data", data, "--json", settings=both.settings).json
    assert (done["renewed"], done["forgotten"], done["left"]) == (2, 1, 0)
    assert len(both.api.of("videos")) == 2, "three videos are one batch, and one unit"
    titles = {url.rpartition("=")[2]: story["title"] for url, story in stories_of(data).items()}
    assert titles == {ids[0]: "Tên mới", ids[1]: "", ids[2]: "Bé kể chuyện 2"}
    again = voicesieve("refresh", "--data", data, "--json", settings=both.settings).json
    assert (again["renewed"], again["forgotten"]) == (0, 0)


def test_a_time_longer_than_facts_may_be_kept_renews_them_once(lent: Any) -> None:
    """What was just renewed ended again "within 60 days", and was renewed again, until the day's quota was spent."""
    both, _, data = lent
    done = voicesieve("refresh", "--within", "60", "--data", data, "--json", settings=both.settings).json
    assert (done["renewed"], done["left"]) == (3, 0)
    assert len(both.api.of("videos")) == 2, "one for the crawl, one for the command"


def test_facts_that_cannot_be_renewed_are_deleted_when_they_expire(lent: Any) -> None:
    both, _, data = lent
    age(data, 25)
    without = both.settings | {"VOICESIEVE_YOUTUBE_API__KEY": ""}
    ended = voicesieve("refresh", "--data", data, code=1, settings=without)
    assert "3 more expire within 7 days and were not renewed: there is no key" in ended.err
    age(data, 6)
    done = voicesieve("refresh", "--data", data, "--json", settings=without).json
    assert (done["forgotten"], done["left"]) == (3, 0)
    assert {(story["title"], story["channel"], story["licence"]) for story in stories_of(data).values()} == {
        ("", "", None)
    }


def test_a_crawl_deletes_expired_facts_and_keeps_those_of_the_page(tmp_path: Path) -> None:
    data = tmp_path / "data"
    mine = video(1, PHRASE)
    with fakes(world_of(mine)) as both:
        voicesieve("crawl", *sources(f"youtube-api:{PHRASE}"), "--data", data, settings=both.settings)
        age(data, 31)
        voicesieve("crawl", "--data", data, settings=both.settings)
    (story,) = stories_of(data).values()
    assert (story["state"], story["title"], story["channel"]) == ("accepted", mine.title, mine.channel.title)
    assert story["licence"] == "Creative Commons Attribution license (reuse allowed)"
    nothing_left_over(data)
    shutil.rmtree(data)
