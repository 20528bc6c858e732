"""Walking one query page by page: each page's videos and the query's cursor are committed together."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sqlalchemy import Connection

from voicesieve.catalog.records import PageResult, QueryRow
from voicesieve.catalog.writes import discovery, naming, requests, results
from voicesieve.catalog.writes.requests import Turn
from voicesieve.crawl.context import RunContext
from voicesieve.crawl.expanding import bounded
from voicesieve.crawl.failing import RunFaultError, typed
from voicesieve.crawl.moved import moved_files
from voicesieve.domain.candidates import Budget, Page, SourceProblem
from voicesieve.domain.failures import Failure, Remedy
from voicesieve.domain.quotas import QuotaSpentError
from voicesieve.domain.times import iso
from voicesieve.policy.retries import NextRequest, next_request
from voicesieve.policy.revision import revision_of
from voicesieve.policy.screening import screen
from voicesieve.sources.protocol import Source

SCREENING_BATCH = 1_000

AT_ONCE = 0.0
"""An epoch second that has passed by any clock."""

MAX_FRUITLESS_REQUESTS = 20
"""Empty pages in a row that a walk puts up with: a list of deleted videos has some, a list without end has nothing
else."""

LONGEST_NAP_S = 1.0
"""A monotonic timer stands still while a laptop sleeps; the wall clock, by which days end, does not."""


def host_of(url: str) -> str:
    """The host whose pace a fetch counts against; empty for local files."""
    return (urlsplit(url).hostname or "").lower()


@dataclass(frozen=True)
class Unread:
    """A query that this run could not read to its end: the last failure, and what follows."""

    failure: Failure
    given_up: bool
    next: str


async def walk_query(
    context: RunContext,
    source: Source,
    row: QueryRow,
    *,
    wait_s: float,
    progressed: Callable[[], None],
    places: asyncio.Semaphore,
    worth: Callable[[QueryRow], Awaitable[bool]],
) -> Unread | None:
    """Ask ``source`` for page after page until the query is exhausted, from where its cursor stands.

    A request that failed, or that pace, circuit or quota forbid, is made when its time comes, if that is at most
    ``wait_s`` away and the query's budget of failures is not spent; ``places`` bounds the requests under way, not those
    that wait. ``worth`` returns when the next page is worth its cost, and false when this run has no use for it any
    more. Returns the failure that ended the walk, if one did.
    """
    cursor, failures, due_at = row.cursor, row.failures, row.due_at
    novelty = _Novelty()
    while True:
        now = context.clock()
        if due_at - now > wait_s:
            _tell_not_due(context, row, due_at - now, failures)
            return None
        await sleep_until(context, due_at)
        if not await worth(row):
            return None
        try:
            turn = await _reserve(context, source, row, cursor, wait_s)
            if turn.obstacle:
                due_at = await _put_off(context, row, turn)
                continue
            await sleep_until(context, turn.at)
            async with places:
                budget = Budget(max_candidates=context.rules.page_size)
                page = await source.page(row.query, cursor, row.memory, budget)
            page = novelty.ended(page)
            page = await context.committer.run(bounded, row, page, context.frontier.rules.max_videos_per_channel)
            await _commit(context, source, row, page)
        except QuotaSpentError as error:
            reset = await context.committer.run(requests.close_bucket, error.bucket, context.clock())
            due_at = await _put_off(context, row, Turn(reset, error.failure.message, error.bucket))
            continue
        except RunFaultError:
            raise
        except Exception as error:
            failures += 1
            failure, now = typed(error, context, of="source"), context.clock()
            step = await _record_failure(context, source, row, cursor, failure, failures, now)
            if failure.remedy is Remedy.STOP_RUN:
                raise RunFaultError(failure) from error
            if step.given_up or step.at - now > wait_s:
                return Unread(failure, step.given_up, step.sentence)
            due_at = step.at
            continue
        progressed()
        if page.preliminary:
            due_at = AT_ONCE
            continue
        if page.cursor is None:
            return None
        cursor, failures, due_at = page.cursor, 0, AT_ONCE


def _tell_not_due(context: RunContext, row: QueryRow, left_s: float, failures: int) -> None:
    after = f", after {failures} failures" if failures else ""
    at_once = f"; `voicesieve retry '{row.query}'` makes it due now" if failures else ""
    message = f"{row.query} is asked again in {left_s:.0f} s{after}{at_once}"
    context.events.emit("query_not_due", message=message)


class _Novelty:
    """Ends a walk that brings nothing new any more, however many further pages the other side names."""

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


async def sleep_until(context: RunContext, at: float) -> None:
    """Sleep, and look at the clock often enough to notice that it was set or that the machine slept, too."""
    before = context.clock()
    while (left := at - before) > 0:
        await asyncio.sleep(min(left, LONGEST_NAP_S))
        now = context.clock()
        at -= before - now if now < before else 0.0  # set back: what is left to wait stays the same
        before = now


async def _reserve(
    context: RunContext, source: Source, row: QueryRow, cursor: Mapping[str, object] | None, patience_s: float
) -> Turn:
    rules = context.rules
    turn: Turn = await context.committer.run(
        requests.reserve,
        source.fair_host(row.query),
        source.price(row.query, cursor, row.memory),
        context.clock(),
        paces=rules.pace,
        limits=rules.quotas,
        chance=context.random.random(),
        patience_s=patience_s,
    )
    return turn


async def _put_off(context: RunContext, row: QueryRow, turn: Turn) -> float:
    """Note when the query may be asked again, tell it once for all queries that it holds up, and return that time."""
    kind = "quota_spent" if turn.spent else "host_paused"
    await context.committer.run(discovery.put_off, row.id, kind, turn.obstacle)
    if (told := f"{turn.spent or turn.obstacle} {turn.at:.0f}") not in context.told:
        context.told.add(told)
        until = iso(turn.at)
        context.events.emit(
            "source_sleeps", query=str(row.query), reason=turn.obstacle, until=until, bucket=turn.spent, kind=kind
        )
    return turn.at


async def screen_discovered(context: RunContext) -> None:
    """Judge every discovered video by the screening rules, in batches."""
    rules = context.rules.screening
    while await context.committer.run(
        discovery.screen_batch,
        lambda candidate: screen(candidate, rules),
        revision_of(rules),
        context.clock(),
        SCREENING_BATCH,
        merit=context.frontier.merit,
    ):
        pass


async def _commit(context: RunContext, source: Source, row: QueryRow, page: Page) -> None:
    host = source.fair_host(row.query)
    # A look at one's own disk bothers nobody, so local sources are read again by every run.
    refresh_s = 0.0 if host is None else context.rules.refresh_of(row.query.source)
    seen = await context.committer.run(naming.files_seen, page.candidates)
    moved = await asyncio.to_thread(moved_files, seen, page.candidates, context.store)
    added = await context.committer.run(_store_page, row.id, page, host, context.clock(), refresh_s, moved)
    query = str(row.query)
    context.events.emit(
        "page_committed",
        query=query,
        found=added.found,
        new=added.new,
        moved=added.moved,
        requests=page.requests,
        passed_over=[dataclasses.asdict(thing) for thing in page.passed_over],
    )
    for problem in page.problems:
        context.events.emit("source_problem", query=query, where=problem.where, message=problem.message)
    await screen_discovered(context)


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


async def _record_failure(
    context: RunContext,
    source: Source,
    row: QueryRow,
    cursor: Mapping[str, object] | None,
    failure: Failure,
    failures: int,
    now: float,
) -> NextRequest:
    """Commit when the same request is due again, and report it."""
    host = source.fair_host(row.query)
    step: NextRequest = await context.committer.run(_fail, context, row, cursor, failure, failures, host, now)
    context.events.emit(
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
        context.events.emit("host_paused", host=host, until=until, reason=failure.message)
    return step


def _fail(
    connection: Connection,
    context: RunContext,
    row: QueryRow,
    cursor: Mapping[str, object] | None,
    failure: Failure,
    failures: int,
    host: str | None,
    now: float,
) -> NextRequest:
    """What follows a failed request: for the query, and, where the source refuses us, for its whole host."""
    refuses = failure.remedy is Remedy.PAUSE_SOURCE and host is not None
    step = next_request(
        failure,
        failures=failures,
        host_refusals=requests.count_refusal(connection, host, now) if refuses and host is not None else failures,
        local=host is None,
        midway=cursor is not None,
        now=now,
        jitter=context.random.random(),
        rules=context.rules.retry,
    )
    if failure.remedy is not Remedy.STOP_RUN:
        discovery.query_failed(connection, row.id, failure, step.at, now, start_over=step.start_over)
    if host is not None and step.pause_host_until is not None:
        requests.leave_alone(connection, host, step.pause_host_until, failure.message, now)
    return step
