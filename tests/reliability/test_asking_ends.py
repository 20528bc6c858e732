"""No source is asked without end or without a pause, whatever fails: every failure waits, and every budget ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from crawling import QUICK, Ended, clip, events_named, feed_site, sources, stories_of, voicesieve

from demo import pages
from demo.answers import AtFirst, Content, Refusal
from demo.server import Answer, Exchange, LoopbackServer, serving
from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.reads.queries import all_queries
from voicesieve.catalog.records import QueryRow
from voicesieve.catalog.writes import discovery
from voicesieve.cli.wiring import opened_run
from voicesieve.crawl.discover import Unread
from voicesieve.crawl.driver import Driver, Plan, RunResult
from voicesieve.crawl.ending import Ending
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.candidates import Budget, Cursor, Page, Query
from voicesieve.domain.failures import REMEDIES, Failure, FailureError, FailureKind, Remedy
from voicesieve.settings import load_settings
from voicesieve.sources.documents import DocumentLimits
from voicesieve.sources.registry import parse_query
from voicesieve.sources.rss import FeedSource

BUDGET = 5
"""retry.max_item_failures by default."""

HASTY = {"first_delay_s": 0.0, "max_delay_s": 0.0, "pause_s": 0.0, "defer_s": 0.0}
"""The shortest waits that settings allow: then only the budget can end a run that has time."""

PATIENT_S = 3_600.0

SETTINGS = {**QUICK, "VOICESIEVE_RETRY__MAX_ITEM_FAILURES": str(BUDGET), "VOICESIEVE_RETRY__FIRST_DELAY_S": "0.0"}
"""Without waits, so that only budgets end what would go on."""


ASKED = (None, 0.0)
"""What a server may ask for by Retry-After: nothing, or no patience at all."""


def failing(kind: FailureKind, retry_after_s: float | None) -> Callable[[], Exception]:
    return lambda: FailureError(Failure(kind, "it went wrong", retry_after_s=retry_after_s))


RAW: dict[str, Callable[[], Exception]] = {
    "MemoryError": MemoryError,
    "RecursionError": lambda: RecursionError("maximum recursion depth exceeded"),
    "AssertionError": lambda: AssertionError("unknown status keyword 'foo' in marked section"),
    "KeyError": lambda: KeyError("next"),
    "ValueError": lambda: ValueError("Newline or carriage return detected in headers"),
    "UnicodeError": lambda: UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"),
    "TimeoutError": TimeoutError,
    "ExceptionGroup": lambda: ExceptionGroup("several", [ValueError("a"), KeyError("b")]),
}
FAILURES = {
    **{f"{kind}-{asked}": failing(kind, asked) for kind in FailureKind for asked in ASKED},
    **RAW,
}
STOPPING = [f"{kind}-{asked}" for kind in FailureKind for asked in ASKED if REMEDIES[kind] is Remedy.STOP_RUN]
PAUSING = [f"{kind}-{asked}" for kind in FailureKind for asked in ASKED if REMEDIES[kind] is Remedy.PAUSE_SOURCE]
ALONE = [[name] for name in (*STOPPING, *PAUSING)]
"""These end a run or pause a host, so each has a run of its own; all others fail side by side in one."""
TOGETHER = [name for name in FAILURES if [name] not in ALONE]
WRONG_SETTINGS = "needs_operator-0.0"


class Raising(FeedSource):
    """Asks as a feed does, and fails at what it got by the name of the document."""

    async def page(self, query: Query, cursor: Cursor | None, memory: Cursor, budget: Budget) -> Page:
        await super().page(query, cursor, memory, budget)
        raise FAILURES[query.argument.rpartition("/")[2]]()


@dataclass(frozen=True)
class Ran:
    """How a run ended, and what the catalog says of its queries then, by the name of their failure."""

    result: RunResult
    rows: dict[str, QueryRow]
    ended_at: float

    def unread(self, name: str) -> Unread:
        return self.result.unread[str(self.rows[name].query)]


def crawl(data: Path, server: LoopbackServer, names: Sequence[str], *, wait_s: float, **retry: float) -> Ran:
    """One real run over a query for each failure, with the real client, catalog and driver."""
    folder = DataFolder(data)
    folder.prepare()
    settings = load_settings(
        command_line={"fetching": {"allow_private_addresses": True}, "pace": {"requests_per_hour": 0}, "retry": retry}
    )
    catalog = open_catalog(data, create=True)

    async def run() -> Ran:
        async with opened_run("test", folder, catalog, settings) as context:
            queries = {name: parse_query(f"rss:{server.base_url}/{name}") for name in names}
            rows = [
                await context.run.committer.run(discovery.register_query, query, context.run.clock())
                for query in queries.values()
            ]
            result = await Driver(
                context,
                Plan(rows, {"rss": Raising(context.tools.sources.reader, DocumentLimits())}, wait_s=wait_s),
                Ending(),
            ).run()
            after = {row.query: row for row in await context.run.committer.run(all_queries)}
            return Ran(result, {name: after[query] for name, query in queries.items()}, context.run.clock())

    try:
        return asyncio.run(asyncio.wait_for(run(), 60))
    finally:
        catalog.close()


@pytest.fixture
def feeds() -> Iterator[LoopbackServer]:
    feed = Content(b"<rss version='2.0'><channel/></rss>", "application/rss+xml")
    with serving(lambda _: {f"/{name}": feed for name in FAILURES}) as server:
        yield server


@pytest.mark.parametrize("names", [TOGETHER, *ALONE], ids=["together", *chain(*ALONE)])
def test_no_query_makes_more_requests_than_its_budget_in_a_run(
    tmp_path: Path, feeds: LoopbackServer, names: Sequence[str]
) -> None:
    ran = crawl(tmp_path / "data", feeds, names, wait_s=PATIENT_S, **HASTY)
    assert (ran.result.fault is not None) == (names[0] in STOPPING)
    for name in names:
        asked = len(feeds.requests.of(f"/{name}"))
        assert 1 <= asked <= BUDGET, name
        if name not in STOPPING:
            assert ran.rows[name].failures == asked, name
            assert ran.unread(name).given_up, name
            assert "given up for this run" in ran.unread(name).next


@pytest.mark.parametrize("names", [TOGETHER, *ALONE], ids=["together", *chain(*ALONE)])
def test_every_failure_waits_and_the_next_run_waits_with_it(
    tmp_path: Path, feeds: LoopbackServer, names: Sequence[str]
) -> None:
    ran = crawl(tmp_path / "data", feeds, names, wait_s=0.0)
    for name in names:
        assert len(feeds.requests.of(f"/{name}")) == 1, name
        assert ran.rows[name].due_at > ran.ended_at or name in (WRONG_SETTINGS, *STOPPING), name
    if names[0] not in STOPPING:
        crawl(tmp_path / "data", feeds, names, wait_s=0.0)
        assert [name for name in names if len(feeds.requests.of(f"/{name}")) > 1] == (
            [WRONG_SETTINGS] if WRONG_SETTINGS in names else []
        )


# ---------------------------------------------------------------- through the whole program


def crawled(data: Path, *queries: str, settings: dict[str, str] | None = None, options: tuple[str, ...] = ()) -> Ended:
    command = ("crawl", *sources(*queries), "--data", data, "--no-fetch", *options)
    return voicesieve(*command, code=None, settings=SETTINGS | (settings or {}))


def test_a_dead_feed_is_requested_once_in_a_run_and_after_its_budget_waits_for_the_longest_delay(
    tmp_path: Path,
) -> None:
    """The run in which its budget ended asked without end and without a pause, and so did every later one."""
    data, settings = tmp_path / "data", {"VOICESIEVE_RETRY__MAX_ITEM_FAILURES": "2"}
    with feed_site({}, feed=Refusal(500)) as site:
        first, second, third = (crawled(data, site.feed, settings=settings) for _ in range(3))
        assert (first.code, second.code, third.code) == (1, 1, 0)
        assert len(site.server.requests) == 2
        assert "No source could be read (1 asked), so this run found nothing new." in first.err
        assert "given up for this run after 2 failures in a row, tried again in 6.0 h" in second.err
        assert "is asked again in" in third.err
        assert f"after 2 failures; `voicesieve retry '{site.feed}'` makes it due now" in third.err
        assert "last failure server_error (2 in a row, read again from" in third.out
        assert "1 sources are due again" in voicesieve("retry", site.feed, "--data", data).err
        crawled(data, site.feed, settings=settings)
        assert len(site.server.requests) == 3


def test_a_dead_feed_holds_up_no_run_that_waits(tmp_path: Path) -> None:
    with (
        feed_site({}, feed=Refusal(503)) as dead,
        feed_site({"/silence.opus": clip("silence")}, host="localhost") as living,
    ):
        ended = crawled(tmp_path / "data", dead.feed, living.feed, options=("--wait", "3600"))
        assert len(dead.server.requests) == BUDGET
        assert len(living.server.requests) == 1
    assert ended.code == 1
    assert len(events_named(tmp_path / "data", "source_failed")) == BUDGET


MARKED = {
    "/unknown.html": b"<!doctype html><html><body><![foo[ <audio src='/a.mp3'></audio>",
    "/plug-in.html": b"<html><body><![dsgvo_service_control]><a href='/a.mp3'>a</a></body></html>",
    "/empty.html": b"<html><body><![><p>",
}


def test_a_page_that_the_parser_cannot_read_is_requested_once(tmp_path: Path) -> None:
    """9,531 requests in ten minutes: the parser raised what nobody expected, and that was retried at once."""
    data = tmp_path / "data"
    with serving(lambda _: {path: Content(body, "text/html") for path, body in MARKED.items()}) as server:
        crawled(data, *(f"page:{server.base_url}{path}" for path in MARKED), options=("--wait", "3600"))
        assert sorted(request.path for request in server.requests if request.path in MARKED) == sorted(MARKED)
    assert {event["kind"] for event in events_named(data, "source_failed")} <= {"unsupported"}


def test_a_refusal_with_a_wait_of_zero_still_pauses_the_host(tmp_path: Path) -> None:
    """A video that was refused with "Retry-After: 0" was due at once, again and again, and each other video of its host
    that could be fetched in between made it look as if the host had recovered."""
    good = {f"/{number}.opus": clip("silence") for number in range(8)}
    with feed_site({"/busy.opus": Refusal(429, retry_after_s=0), **good}) as site:
        one_by_one = {"VOICESIEVE_CRAWL__ORDER": "fifo", "VOICESIEVE_FETCHING__MAX_CONCURRENT_DOWNLOADS": "1"}
        command = ("crawl", *sources(site.feed), "--data", tmp_path / "data", "--wait", "600", "--quiet")
        voicesieve(*command, settings=SETTINGS | one_by_one)
        assert 1 <= len(site.server.requests.of("/busy.opus")) <= BUDGET


def test_a_feed_whose_next_page_is_gone_starts_over_and_shows_what_is_new(tmp_path: Path) -> None:
    """The page that was gone was all that was ever asked for again."""
    data = tmp_path / "data"
    listed = AtFirst(1, entries("first", next_path="/gone.xml"), entries("second"))
    with serving(lambda base: {"/feed.xml": listed}) as server:
        crawled(data, f"rss:{server.base_url}/feed.xml")
        assert [request.path for request in server.requests] == ["/feed.xml", "/gone.xml"]
        voicesieve("retry", "--all", "--data", data)
        crawled(data, f"rss:{server.base_url}/feed.xml")
        assert [request.path for request in server.requests][2:] == ["/feed.xml"]
    assert len(stories_of(data)) == 2


def entries(*names: str, next_path: str = "") -> Answer:
    """A feed with an episode for each name, and a link to its next document."""

    def answer(exchange: Exchange) -> None:
        base = f"http://127.0.0.1:{exchange.server.server_port}"
        episodes = [pages.Episode(name, name, f"{base}/{name}.opus", "audio/ogg", 1) for name in names]
        body = pages.feed("A feed", f"{base}/", "vi", episodes)
        link = f'<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="next" href="{base}{next_path}"/>'.encode()
        body = body.replace(b"<channel>", b"<channel>" + link) if next_path else body
        Content(body, "application/rss+xml")(exchange)

    return answer


class Endless(dict[str, Answer]):
    """Every document names another one. ``fresh``: each shows an episode of its own, too."""

    def __init__(self, *, fresh: bool) -> None:
        super().__init__()
        self._fresh = fresh

    def get(self, path: str, default: Any = None) -> Any:
        number = int(path.strip("/") or 0)
        return entries(f"e{number}" if self._fresh else "same", next_path=f"/{number + 1}")


def test_a_feed_whose_pages_never_end_is_left(tmp_path: Path) -> None:
    settings = {"VOICESIEVE_DISCOVERY__MAX_DOCUMENTS": "30"}
    with serving(lambda _: Endless(fresh=False)) as same, serving(lambda _: Endless(fresh=True)) as ever_new:
        ended = crawled(tmp_path / "data", f"rss:{same.base_url}/0", f"rss:{ever_new.base_url}/0", settings=settings)
        assert (len(same.requests), len(ever_new.requests)) == (21, 30)
    assert "20 requests in a row showed nothing new" in ended.err
    assert "discovery.max_documents is 30" in ended.err


class Cleaned(RecordingStore):
    """A store whose files another program removes as soon as they are there."""

    def adopt(self, source: Path, sha256: str, suffix: str) -> str:
        path = super().adopt(source, sha256, suffix)
        self.path(path).unlink()
        return path


def test_a_file_that_is_removed_again_and_again_is_not_fetched_without_end(tmp_path: Path) -> None:
    settings = load_settings(
        command_line={"fetching": {"allow_private_addresses": True}, "pace": {"requests_per_hour": 0}}
    )
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    catalog = open_catalog(folder.root, create=True)

    async def run(query: Query) -> RunResult:
        async with opened_run("test", folder, catalog, settings) as opened:
            context = replace(opened, tools=replace(opened.tools, store=Cleaned(folder.recordings)))
            row = await context.run.committer.run(discovery.register_query, query, context.run.clock())
            plan = Plan([row], {"rss": FeedSource(context.tools.sources.reader, DocumentLimits())})
            return await Driver(context, plan, Ending()).run()

    try:
        with feed_site({"/silence.opus": clip("silence")}) as site:
            result = asyncio.run(asyncio.wait_for(run(parse_query(site.feed)), 60))
            assert len(site.server.requests.of("/silence.opus")) == 2
    finally:
        catalog.close()
    assert result.fault is not None
    assert result.fault.kind is FailureKind.MACHINE_FAULT
    assert "vanished twice" in result.fault.message


def test_the_servers_of_these_tests_fail_at_endless_requests() -> None:
    """Or no test of the whole suite would notice."""
    routes = {"/a": Content(b"a", "text/plain")}
    with pytest.raises(AssertionError, match="/a was asked for 1,001 times"), serving(lambda _: routes) as server:
        for _ in range(1_001):
            server.requests.add("GET", "/a", {})
