"""Walking one query page by page: each page's videos and the query's cursor are committed together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from voicesieve.catalog.records import QueryRow
from voicesieve.catalog.transactions import discovery, leases
from voicesieve.domain.candidates import Budget, Page
from voicesieve.domain.failures import Failure, Remedy
from voicesieve.domain.states import VideoState
from voicesieve.pipeline.context import RunContext
from voicesieve.pipeline.failing import RunFaultError, typed
from voicesieve.policy.retries import next_step
from voicesieve.policy.revision import revision_of
from voicesieve.policy.screening import screen
from voicesieve.sources.protocol import Source

SCREENING_BATCH = 1_000


def host_of(url: str) -> str:
    """The host whose pace a fetch counts against; empty for local files."""
    return (urlsplit(url).hostname or "").lower()


async def walk_query(
    context: RunContext, source: Source, row: QueryRow, *, wait_s: float, progressed: Callable[[], None]
) -> Failure | None:
    """Ask ``source`` for page after page until the query is exhausted, from where its cursor stands.

    A failed request is repeated when its time comes, if that is at most ``wait_s`` away. Returns the failure
    that ended the walk, if one did.
    """
    cursor, failures, due_at = row.cursor, row.failures, row.due_at
    while True:
        now = context.clock()
        if due_at - now > wait_s:
            message = f"{row.query} is asked again in {due_at - now:.0f} s, after {failures} failures"
            context.events.emit("query_not_due", message=message)
            return None
        await asyncio.sleep(max(0.0, due_at - now))
        await _wait_for_slot(context, source.fair_host(row.query))
        try:
            page = await source.page(row.query, cursor, row.memory, Budget(max_candidates=context.rules.page_size))
        except Exception as error:
            failures += 1
            failure = typed(error, context)
            due_at = await _record_failure(context, row, failure, failures)
            if failure.remedy is Remedy.STOP_RUN:
                raise RunFaultError(failure) from error
            if failure.remedy is Remedy.GIVE_UP or due_at - context.clock() > wait_s:
                return failure
            continue
        await _commit(context, source, row, page)
        progressed()
        if page.cursor is None:
            return None
        cursor, failures, due_at = page.cursor, 0, context.clock()


async def screen_discovered(context: RunContext) -> None:
    """Judge every discovered video by the screening rules, in batches."""
    rules = context.rules.screening
    while await context.committer.run(
        discovery.screen_batch,
        lambda candidate: screen(candidate, rules),
        revision_of(rules),
        context.clock(),
        SCREENING_BATCH,
    ):
        pass


async def _commit(context: RunContext, source: Source, row: QueryRow, page: Page) -> None:
    # A look at one's own disk bothers nobody, so local sources are read again by every run.
    refresh_s = 0.0 if source.fair_host(row.query) is None else context.rules.refresh_s
    added = await context.committer.run(
        discovery.commit_page, row.id, page, host_of, context.clock(), refresh_s=refresh_s
    )
    query = str(row.query)
    context.events.emit("page_committed", query=query, found=added.found, new=added.new, requests=page.requests)
    for problem in page.problems:
        context.events.emit("source_problem", query=query, where=problem.where, message=problem.message)
    await screen_discovered(context)


async def _record_failure(context: RunContext, row: QueryRow, failure: Failure, failures: int) -> float:
    """Commit when the same request is due again, and tell it. Returns that epoch second."""
    now = context.clock()
    step = next_step(
        failure,
        waiting_state=VideoState.QUEUED,
        item_failures=failures,
        machine_failures=failures,
        host_refusals=failures,
        now=now,
        jitter=context.random.random(),
        rules=context.rules.retry,
    )
    # What only the operator can mend is asked again as soon as they start another run.
    due_at = now if step.at is None else step.at
    if failure.remedy is not Remedy.STOP_RUN:
        await context.committer.run(discovery.query_failed, row.id, failure, due_at)
    context.events.emit(
        "source_failed",
        query=str(row.query),
        stage="discover",
        kind=failure.kind.value,
        message=failure.message,
        exception_type=failure.exception_type,
        chain=list(failure.chain),
        next="asked again by the next run" if step.at is None else f"asked again in {due_at - now:.0f} s",
    )
    return due_at


async def _wait_for_slot(context: RunContext, host: str | None) -> None:
    if host is None:
        return
    start = await context.committer.run(leases.take_slot, host, context.clock(), context.rules.pace)
    await asyncio.sleep(max(0.0, start - context.clock()))
