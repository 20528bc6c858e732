"""Walking one query page by page: each page's videos and the query's cursor are committed together.

What a crash costs: the request in hand, and nothing of the pages before it. The price of a request is booked before it
is made, so a crash in between costs the price of a page that was not read; after the commit of a page no request is
repeated.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from sqlalchemy import Connection

from voicesieve.catalog.records import PageResult, QueryRow
from voicesieve.catalog.writes import discovery, naming, requests, results
from voicesieve.catalog.writes.requests import Turn
from voicesieve.crawl.context import Run, Tools
from voicesieve.crawl.expanding import bounded
from voicesieve.crawl.failing import RunFaultError, typed
from voicesieve.crawl.moved import moved_files
from voicesieve.crawl.ordering import Frontier
from voicesieve.crawl.rules import Rules
from voicesieve.domain.candidates import Budget, Page, SourceProblem
from voicesieve.domain.failures import Failure, Remedy
from voicesieve.domain.quotas import QuotaSpentError
from voicesieve.domain.times import iso
from voicesieve.policy.retries import NextRequest, RetryRules, next_request
from voicesieve.policy.revision import revision_of
from voicesieve.policy.screening import ScreeningRules, screen
from voicesieve.sources.protocol import Source

CONCURRENT_REQUESTS = 4
"""Discovery requests under way at the same time, so that one slow feed does not hold up the others."""

SCREENING_BATCH = 1_000

AT_ONCE = 0.0
"""An epoch second that has passed by any clock."""

MAX_FRUITLESS_REQUESTS = 20
"""Empty pages in a row before a walk ends: a list of deleted videos has some, an endless list has nothing else."""

LONGEST_NAP_S = 1.0
"""A monotonic timer stands still while a laptop sleeps; the wall clock, by which days end, does not."""


@dataclass(frozen=True)
class Unread:
    """A query that this run could not read to its end: the last failure, and what follows."""

    failure: Failure
    given_up: bool
    next: str


@dataclass(frozen=True)
class Discovering:
    """The discovery of one run.

    A request that failed, or that pace, circuit or quota forbid, is made later if its time is at most ``wait_s`` away.
    ``worth`` returns as soon as the next page of a query is worth its cost, and false if this run has no use for it any
    more. ``progressed`` is set after each page. ``places`` bounds the requests in progress, not those that wait;
    ``reported`` are the obstacles that were reported already, each once for all queries that it holds up.
    """

    run: Run
    tools: Tools
    rules: Rules
    frontier: Frontier
    wait_s: float
    worth: Callable[[QueryRow], Awaitable[bool]]
    progressed: asyncio.Event
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENT_REQUESTS))
    reported: set[str] = field(default_factory=set)

    async def walk(self, source: Source, row: QueryRow) -> Unread | None:
        """Read page after page from ``source`` until the query is exhausted, starting at its cursor.

        Returns the failure that ended the walk, if one did.
        """
        run = self.run
        cursor, failures, due_at = row.cursor, row.failures, row.due_at
        novelty = _Novelty()
        while True:
            now = run.clock()
            if due_at - now > self.wait_s:
                self._report_not_due(row, due_at - now, failures)
                return None
            await _sleep_until(run, due_at)
            if not await self.worth(row):
                return None
            try:
                turn = await run.committer.run(
                    requests.reserve,
                    source.fair_host(row.query),
                    source.price(row.query, cursor, row.memory),
                    run.clock(),
                    paces=self.rules.pace,
                    limits=self.rules.quotas,
                    chance=run.chance(),
                    patience_s=self.wait_s,
                )
                if turn.obstacle:
                    due_at = await self._put_off(row, turn)
                    continue
                await _sleep_until(run, turn.at)
                async with self.places:
                    budget = Budget(max_candidates=self.rules.page_size)
                    page = await source.page(row.query, cursor, row.memory, budget)
                page = novelty.ended(page)
                page = await run.committer.run(bounded, row, page, self.rules.frontier.max_videos_per_channel)
                await self._commit(source, row, page)
            except QuotaSpentError as error:
                reset = await run.committer.run(requests.close_bucket, error.bucket, run.clock())
                due_at = await self._put_off(row, Turn(reset, error.failure.message, error.bucket))
                continue
            except RunFaultError:
                raise
            except Exception as error:
                failures += 1
                failure, now = typed(error, self.tools.folder.root, of="source"), run.clock()
                step = await self._fail(source, row, cursor, failure, failures, now)
                if failure.remedy is Remedy.STOP_RUN:
                    raise RunFaultError(failure) from error
                if step.given_up or step.at - now > self.wait_s:
                    return Unread(failure, step.given_up, step.sentence)
                due_at = step.at
                continue
            self.progressed.set()
            if page.preliminary:
                due_at = AT_ONCE
                continue
            if page.cursor is None:
                return None
            cursor, failures, due_at = page.cursor, 0, AT_ONCE

    async def _commit(self, source: Source, row: QueryRow, page: Page) -> None:
        run, host = self.run, source.fair_host(row.query)
        # Reading the local disk makes no request, so local sources are read again by every run.
        refresh_s = 0.0 if host is None else self.rules.refresh_of(row.query.source)
        seen = await run.committer.run(naming.files_seen, page.candidates)
        moved = await asyncio.to_thread(moved_files, seen, page.candidates, self.tools.store)
        added = await run.committer.run(_store_page, row.id, page, host, run.clock(), refresh_s, moved)
        query = str(row.query)
        run.events.emit(
            "page_committed",
            query=query,
            found=added.total,
            new=added.new,
            moved=added.moved,
            requests=page.requests,
            passed_over=[dataclasses.asdict(thing) for thing in page.passed_over],
        )
        for problem in page.problems:
            run.events.emit("source_problem", query=query, where=problem.where, message=problem.message)
        await screen_discovered(run, self.frontier, self.rules.screening)

    async def _put_off(self, row: QueryRow, turn: Turn) -> float:
        """Record what holds up the query, and report it once for all that it holds up. Returns when to ask again."""
        kind = "quota_spent" if turn.spent else "host_paused"
        await self.run.committer.run(discovery.put_off, row.id, kind, turn.obstacle)
        if (obstacle := f"{turn.spent or turn.obstacle} {turn.at:.0f}") not in self.reported:
            self.reported.add(obstacle)
            self.run.events.emit(
                "source_sleeps",
                query=str(row.query),
                reason=turn.obstacle,
                until=iso(turn.at),
                bucket=turn.spent,
                kind=kind,
            )
        return turn.at

    async def _fail(
        self,
        source: Source,
        row: QueryRow,
        cursor: Mapping[str, object] | None,
        failure: Failure,
        failures: int,
        now: float,
    ) -> NextRequest:
        """Commit when the same request is due again, and report both."""
        run, host = self.run, source.fair_host(row.query)
        step = await run.committer.run(
            _store_failure,
            row,
            failure,
            failures,
            host,
            self.rules.retry,
            now,
            midway=cursor is not None,
            jitter=run.chance(),
        )
        run.events.emit(
            "source_failed",
            query=str(row.query),
            stage="discover",
            kind=failure.kind.value,
            message=failure.message,
            exception_type=failure.exception_type,
            chain=list(failure.chain),
            given_up=step.given_up,
            next=step.sentence,
        )
        if host is not None and step.pause_host_until is not None:
            until = iso(step.pause_host_until)
            run.events.emit("host_paused", host=host, until=until, reason=failure.message)
        return step

    def _report_not_due(self, row: QueryRow, left_s: float, failures: int) -> None:
        after = f", after {failures} failures" if failures else ""
        at_once = f"; `voicesieve retry '{row.query}'` makes it due now" if failures else ""
        message = f"{row.query} is asked again in {left_s:.0f} s{after}{at_once}"
        self.run.events.emit("query_not_due", message=message)


class _Novelty:
    """Ends a walk that brings nothing new any more, however many further pages the source names."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._fruitless = 0

    def ended(self, page: Page) -> Page:
        """``page``, without its cursor where too many requests in a row showed only what the walk had shown before."""
        if not page.requests:
            return page
        fresh = {candidate.id for candidate in page.candidates} - self._seen
        self._seen |= fresh
        self._fruitless = 0 if fresh else self._fruitless + page.requests
        if page.cursor is None or self._fruitless < MAX_FRUITLESS_REQUESTS:
            return page
        message = f"the walk ends here: {self._fruitless} requests in a row showed nothing new"
        return replace(page, cursor=None, problems=(*page.problems, SourceProblem("next page", message)))


async def screen_discovered(run: Run, frontier: Frontier, rules: ScreeningRules) -> None:
    """Judge every discovered video by the screening rules, in batches."""
    while await run.committer.run(
        discovery.screen_batch,
        lambda candidate: screen(candidate, rules),
        revision_of(rules),
        run.clock(),
        SCREENING_BATCH,
        merit=frontier.merit,
    ):
        pass


def host_of(url: str) -> str:
    """The host whose pace a fetch counts against; empty for local files."""
    return (urlsplit(url).hostname or "").lower()


def _store_page(
    connection: Connection,
    query: int,
    page: Page,
    host: str | None,
    now: float,
    refresh_s: float,
    moved: Collection[str],
) -> PageResult:
    if host is not None and page.requests:
        results.host_recovered(connection, host)
    return discovery.commit_page(connection, query, page, host_of, now, refresh_s=refresh_s, moved=moved)


def _store_failure(
    connection: Connection,
    row: QueryRow,
    failure: Failure,
    failures: int,
    host: str | None,
    rules: RetryRules,
    now: float,
    *,
    midway: bool,
    jitter: float,
) -> NextRequest:
    """What follows a failed request: for the query and, if the source refuses us, for its whole host."""
    refuses = failure.remedy is Remedy.PAUSE_SOURCE and host is not None
    step = next_request(
        failure,
        failures=failures,
        host_refusals=requests.count_refusal(connection, host, now) if refuses and host is not None else failures,
        local=host is None,
        midway=midway,
        now=now,
        jitter=jitter,
        rules=rules,
    )
    if failure.remedy is not Remedy.STOP_RUN:
        discovery.query_failed(connection, row.id, failure, step.at, now, start_over=step.start_over)
    if host is not None and step.pause_host_until is not None:
        requests.pause_host(connection, host, step.pause_host_until, failure.message, now)
    return step


async def _sleep_until(run: Run, at: float) -> None:
    """Sleep, and read the clock often enough to notice that it was set or that the machine slept."""
    before = run.clock()
    while (left := at - before) > 0:
        await asyncio.sleep(min(left, LONGEST_NAP_S))
        now = run.clock()
        at -= before - now if now < before else 0.0  # set back: what is left to wait stays the same
        before = now
