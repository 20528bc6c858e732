"""One run, from what a dead one left behind to what it leaves itself: recover, plan, drive, conclude, purge.

What a crash costs: at any line at most the videos in hand. Whatever was committed stands, and `_recover` of the next
run gives back what was leased, removes what was half written, and deletes what was promised to be deleted.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass

from voicesieve.catalog.reads import status
from voicesieve.catalog.reads.queries import all_queries, open_queries
from voicesieve.catalog.records import QueryRow
from voicesieve.catalog.writes import discovery, leases, timekeeping
from voicesieve.crawl.backups import backed_up
from voicesieve.crawl.context import RunContext
from voicesieve.crawl.driver import Driver, Plan, RunResult
from voicesieve.crawl.ending import Ending
from voicesieve.datafolder.deletions import finish_deletions
from voicesieve.datafolder.retention import Retained, forget_expired, retain
from voicesieve.domain.candidates import Query
from voicesieve.domain.failures import FailureError
from voicesieve.sources.registry import as_known, kind_named, platform_of_query

METRICS_EVERY_S = 15.0
"""Prometheus scrapes every 15 s in many set-ups; more often would show nothing more."""


@dataclass(frozen=True)
class Request:
    """What a run is to do, such as ``Request((Query("folder", "/clips"),), limit=100)``.

    ``queries`` are walked, and besides them the channels that the crawl has added itself; without any, all open queries
    are resumed. ``wait_s`` is how many seconds ahead scheduled work is waited for, ``limit`` bounds the videos taken
    up. ``analyse_only`` makes no request, ``no_fetch`` discovers and analyses.
    """

    queries: tuple[Query, ...] = ()
    wait_s: float = 0.0
    limit: int | None = None
    analyse_only: bool = False
    no_fetch: bool = False


async def run(
    context: RunContext,
    request: Request,
    while_working: Callable[[Ending], AbstractContextManager[object]] = lambda ending: nullcontext(),
) -> RunResult:
    """Carry out ``request``, up to decisions in the catalog. Only for the holder of the data folder's lock::

        result = await run(context, Request((Query("folder", "/clips"),)))
        if result.fault is None and not result.interrupted: ...

    ``while_working`` is entered while there is work that can be asked to end, with the `Ending` to ask. A fault of this
    machine or of the catalog that ends the work is part of the result; one before or after is raised as `FailureError`.
    """
    ending = Ending()
    _recover(context)
    plan = await _plan(context, request)
    async with _metrics_written(context), backed_up(context.run, context.tools, context.rules.backups):
        with while_working(ending):
            result = await Driver(context, plan, ending).run()
    _conclude(context, result)
    if result.fault is None:
        _retain(context)
    if context.tools.folder.log.parent.is_dir():  # else the run has said that its folder is gone
        context.tools.metrics.write(context.tools.folder.metrics)
    return result


def _recover(context: RunContext) -> None:
    """Clean up after a dead run: its leases, half-written scratch, promised deletions."""
    run, tools = context.run, context.tools
    with tools.catalog.write() as connection:
        timekeeping.set_right(connection, run.clock())
        taken_back = leases.recover(connection, run.clock(), only_driver=context.rules.only_driver)
        leases.start_run(connection, run.id, run.clock())
    swept = [*tools.folder.sweep_scratch(), *tools.folder.sweep_unfinished()]
    deleted = finish_deletions(tools.catalog, tools.store)
    if forgotten := forget_expired(tools.catalog, run.clock()):
        run.events.emit("lent_forgotten", videos=forgotten, next="`voicesieve refresh` renews them in time")
    if warning := tools.folder.open_to_others():
        run.events.emit("folder_open", message=warning)
    run.events.emit("run_started", leases_taken_back=taken_back, scratch_swept=len(swept), deleted=deleted)


async def _plan(context: RunContext, request: Request) -> Plan:
    """What the run is to do: the queries that are due and may be asked, each with its source."""
    rows = [] if request.analyse_only else await _open_queries(context, request)
    due = [row for row in rows if _may_be_asked(context, row)]
    return Plan(
        queries=due,
        sources={name: kind_named(name).source(context.tools.sources) for name in {row.query.source for row in due}},
        fetch=not (request.analyse_only or request.no_fetch),
        limit=request.limit,
        wait_s=request.wait_s,
    )


async def _open_queries(context: RunContext, request: Request) -> list[QueryRow]:
    """The queries that are asked for, then open ones: those of expanded channels, or all if none is asked for."""
    committer, now = context.run.committer, context.run.clock()
    stored = [row.query for row in await committer.run(all_queries)]
    asked = dict.fromkeys(as_known(query, stored) for query in request.queries)
    rows = [await committer.run(discovery.register_query, query, now) for query in asked]
    ids = {row.id for row in rows}
    unread = await committer.run(open_queries)
    return rows + [row for row in unread if row.id not in ids and (not ids or row.expands is not None)]


def _may_be_asked(context: RunContext, row: QueryRow) -> bool:
    """Whether a query is due and its platform may be asked; if not, say why."""
    run, platform = context.run, platform_of_query(row.query)
    if row.exhausted:
        setting = kind_named(row.query.source).refresh_setting
        again = f"it is asked again in {row.due_at - run.clock():.0f} s ({setting})"
        run.events.emit("query_not_due", message=f"{row.query} was read to its end; {again}")
        return False
    if platform in context.rules.closed_platforms:
        message = f"{row.query} is not asked: {platform} is disabled until you state your legal basis (rights)"
        run.events.emit("query_not_due", message=message)
        return False
    return True


@asynccontextmanager
async def _metrics_written(context: RunContext) -> AsyncIterator[None]:
    """Keep the metrics file fresh while the block lasts."""
    writing = asyncio.create_task(_keep_writing_metrics(context))
    try:
        yield
    finally:
        writing.cancel()
        await asyncio.wait({writing})


async def _keep_writing_metrics(context: RunContext) -> None:
    with suppress(FailureError):  # the run meets it too, and says so
        while True:
            await asyncio.sleep(METRICS_EVERY_S)
            _report_waits(context)
            context.tools.metrics.write(context.tools.folder.metrics)


def _report_waits(context: RunContext) -> None:
    with context.tools.catalog.read() as connection:
        waits = status.catalog_counts(connection)["catalog"]
    context.run.events.emit("catalog_waits", **waits)


def _conclude(context: RunContext, result: RunResult) -> None:
    run, tools = context.run, context.tools
    if result.fault is not None:
        fault = result.fault
        run.events.emit(
            "run_fault",
            kind=fault.kind.value,
            message=fault.message,
            exception_type=fault.exception_type,
            chain=list(fault.chain),
            next="start the same command again when the cause is removed",
        )
        return
    ending = "interrupted" if result.interrupted else "done"
    with tools.catalog.write() as connection:
        leases.end_run(connection, run.id, run.clock(), ending)
    _report_waits(context)
    run.events.emit("run_ended", ending=ending)


def _retain(context: RunContext) -> None:
    """Every run ends with purging what is not to be kept any longer, unless the catalog cannot be written."""
    run, tools = context.run, context.tools
    done = retain(tools.catalog, tools.store, context.rules.retention, run.clock(), actor=run.actor)
    if done != Retained():
        run.events.emit("retention", **dataclasses.asdict(done))
