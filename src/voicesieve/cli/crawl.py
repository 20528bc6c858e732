"""``voicesieve crawl``: one run from discovery to decisions."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import secrets
import signal
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from voicesieve.catalog.reads import due
from voicesieve.catalog.reads.queries import all_queries, open_queries
from voicesieve.catalog.records import QueryRow
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import discovery, leases, timekeeping
from voicesieve.cli.output import (
    DEFAULT_DATA,
    EXIT_FAULT,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_OPERATOR,
    AsJson,
    Config,
    Data,
    OperatorError,
    note,
    print_json,
)
from voicesieve.cli.progress import Progress
from voicesieve.cli.report import print_status
from voicesieve.cli.rights import closed_platforms, refuse_without_basis
from voicesieve.cli.wiring import (
    actor,
    backup_rules_of,
    opened_catalog,
    opened_run,
    secrets_of,
    settings_for,
    source_tools_of,
    status_facts,
    worker_count,
)
from voicesieve.crawl.backups import backed_up
from voicesieve.crawl.context import RunContext
from voicesieve.crawl.driver import Driver, Ending, Plan, RunResult
from voicesieve.datafolder.copies import BackupRules
from voicesieve.datafolder.deletions import finish_deletions
from voicesieve.datafolder.folder import DataFolder
from voicesieve.datafolder.retention import Retained, forget_expired, retain
from voicesieve.domain.candidates import Query
from voicesieve.domain.failures import FailureError
from voicesieve.domain.passwords import without_password
from voicesieve.domain.times import iso
from voicesieve.engines.loop import STOP_SIGNALS, is_heard, run_loop
from voicesieve.machine import folder_failure, refuse_tight_limits
from voicesieve.observability.events import Events
from voicesieve.observability.logs import LogSink
from voicesieve.observability.metrics import Metrics
from voicesieve.settings import Settings
from voicesieve.sources.phrases import FILE, PhrasesError, read_queries
from voicesieve.sources.registry import NAMES, as_known, kind_named, parse_query, platform_of_query

METRICS_EVERY_S = 15.0
"""Prometheus scrapes every 15 s in many set-ups; more often would show nothing more."""


@dataclass(frozen=True)
class CrawlOptions:
    """The command line of a crawl."""

    data: Path
    config: Path | None
    sources: tuple[str, ...]
    wait_s: float
    limit: int | None
    analyse_only: bool
    no_fetch: bool
    as_json: bool
    quiet: bool
    verbose: int


def crawl(
    source: Annotated[
        list[str] | None,
        typer.Option(help=f"KIND:ARGUMENT, repeatable: {', '.join(NAMES)}; see the guide."),
    ] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    wait: Annotated[float, typer.Option(min=0, help="Also wait for work scheduled within this many seconds.")] = 0.0,
    limit: Annotated[int | None, typer.Option(min=1, help="Take up at most this many videos.")] = None,
    analyse_only: Annotated[bool, typer.Option("--analyse-only", help="Analyse what is fetched already.")] = False,
    no_fetch: Annotated[bool, typer.Option("--no-fetch", help="Discover and screen, but fetch nothing.")] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Show events; twice for all.")] = 0,
) -> None:
    """Without --source, go on with what is in the catalog.

    Ctrl-C once finishes what is in hand, twice stops now; the same command goes on where it stopped.
    """
    options = CrawlOptions(
        data, config, tuple(source or ()), wait, limit, analyse_only, no_fetch, as_json, quiet, verbose
    )
    raise typer.Exit(_run(options))


def _run(options: CrawlOptions) -> int:
    """Run and return the exit code."""
    settings = settings_for(options.data, options.config)
    queries = [parsed_source(text) for text in options.sources] or _phrases(options)
    refuse_without_basis(settings, queries, options.data)
    refuse_tight_limits(workers=worker_count(settings), downloads=settings.fetching.max_concurrent_downloads)
    folder = DataFolder(options.data)
    folder.prepare()
    if warning := folder.open_to_others():
        note(f"Warning: {warning}")
    with folder.exclusive(), opened_catalog(options.data, settings, create=True) as catalog:
        return run_loop(_crawl(options, settings, queries, folder, catalog))


def parsed_source(text: str) -> Query:
    """The query behind ``--source``. Raises `OperatorError` with what to write instead."""
    try:
        return parse_query(text)
    except ValueError as error:
        raise OperatorError(f"--source {without_password(text)}: {error}") from error


def _phrases(options: CrawlOptions) -> list[Query]:
    """The queries of the data folder's file of phrases, if it has one."""
    file = options.data / FILE
    if options.analyse_only or not file.exists():
        return []
    try:
        return read_queries(file)
    except PhrasesError as error:
        raise OperatorError(str(error)) from error


async def _crawl(
    options: CrawlOptions, settings: Settings, queries: Sequence[Query], folder: DataFolder, catalog: Catalog
) -> int:
    run = f"{time.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(3)}"
    metrics = Metrics()
    progress = Progress(quiet=options.quiet or options.as_json, status=lambda: status_facts(catalog, settings))
    with closing(_log_sink(options, settings, folder, run)) as log:
        events = Events([log, metrics, progress])
        async with opened_run(run, folder, catalog, settings, events) as context:
            _recover(context, only_driver=not settings.catalog.url.get_secret_value())
            with progress:
                plan = await _plan(options, settings, queries, context)
                writing = asyncio.create_task(_write_metrics(metrics, folder, catalog, settings, events))
                async with backed_up(context, _backup_rules(folder, settings)):
                    result = await _drive(context, plan)
                writing.cancel()
                await asyncio.wait({writing})
            _conclude(context, settings, result)
            _retain(context, settings, result)
            if folder.log.parent.is_dir():  # else the run has said that its folder is gone
                metrics.write(folder.metrics)
    return _report(options, settings, catalog, folder, result, asked=len(plan.queries))


def _backup_rules(folder: DataFolder, settings: Settings) -> BackupRules | None:
    """None for PostgreSQL, which has tools of its own."""
    return None if settings.catalog.url.get_secret_value() else backup_rules_of(folder, settings)


async def _write_metrics(
    metrics: Metrics, folder: DataFolder, catalog: Catalog, settings: Settings, events: Events
) -> None:
    """Keep the metrics file fresh while the run lasts."""
    with suppress(FailureError):  # the run meets it too, and says so
        while True:
            await asyncio.sleep(METRICS_EVERY_S)
            events.emit("catalog_waits", **status_facts(catalog, settings)["catalog"])
            metrics.write(folder.metrics)


def _log_sink(options: CrawlOptions, settings: Settings, folder: DataFolder, run: str) -> LogSink:
    levels = {0: None, 1: logging.INFO}
    try:
        return LogSink(
            folder.log,
            run=run,
            file_bytes=settings.logging.file_bytes,
            file_count=settings.logging.file_count,
            console_level=None if options.quiet else levels.get(options.verbose, logging.DEBUG),
            secrets=secrets_of(settings),
        )
    except OSError as error:
        raise FailureError(folder_failure(error, folder.root)) from error


def _recover(context: RunContext, *, only_driver: bool) -> None:
    """Make good what a dead run left: leases, half-written scratch, promised deletions."""
    with context.catalog.write() as connection:
        timekeeping.set_right(connection, context.clock())
        taken_back = leases.recover(connection, context.clock(), only_driver=only_driver)
        leases.start_run(connection, context.run, context.clock())
    swept = [*context.folder.sweep_scratch(), *context.folder.sweep_unfinished()]
    deleted = finish_deletions(context.catalog, context.store)
    if forgotten := forget_expired(context.catalog, context.clock()):
        context.events.emit("lent_forgotten", videos=forgotten, next="`voicesieve refresh` renews them in time")
    if warning := context.folder.open_to_others():
        context.events.emit("folder_open", message=warning)
    context.events.emit("run_started", leases_taken_back=taken_back, scratch_swept=len(swept), deleted=deleted)


async def _plan(options: CrawlOptions, settings: Settings, queries: Sequence[Query], context: RunContext) -> Plan:
    now = context.clock()
    rows: list[QueryRow] = []
    if not options.analyse_only:
        known = [row.query for row in await context.committer.run(all_queries)]
        asked = dict.fromkeys(as_known(query, known) for query in queries)
        rows = [await context.committer.run(discovery.register_query, query, now) for query in asked]
        named = {row.id for row in rows}
        unread = await context.committer.run(open_queries)
        rows += [row for row in unread if row.id not in named and (not named or row.expands is not None)]
    for row in rows:
        if row.exhausted:
            again = f"it is asked again in {row.due_at - now:.0f} s ({kind_named(row.query.source).refresh_setting})"
            context.events.emit("query_not_due", message=f"{row.query} was read to its end; {again}")
    rows = [row for row in rows if not row.exhausted]
    closed = closed_platforms(settings)
    for row in rows:
        if (platform := platform_of_query(row.query)) in closed:
            message = f"{row.query} is not asked: {platform} is disabled until you state your legal basis (rights)"
            context.events.emit("query_not_due", message=message)
    rows = [row for row in rows if platform_of_query(row.query) not in closed]
    tools = source_tools_of(context, settings)
    sources = {name: kind_named(name).open(tools) for name in {row.query.source for row in rows}}
    return Plan(
        queries=rows,
        sources=sources,
        fetch=not (options.analyse_only or options.no_fetch),
        analyse=True,
        limit=options.limit,
        wait_s=options.wait_s,
    )


async def _drive(context: RunContext, plan: Plan) -> RunResult:
    ending = Ending(context.stopping)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        again = ending.requested.is_set()
        message = "stopping now" if again else "stopping: finishing what is in hand (again: stop now)"
        context.events.emit("run_stopping", message=message)
        ending.ask()

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS if is_heard(number)}
    for number in before:
        loop.add_signal_handler(number, stop)
    try:
        return await Driver(context, plan, ending).run()
    finally:
        for number, answer in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, answer)


def _conclude(context: RunContext, settings: Settings, result: RunResult) -> None:
    if result.fault is not None:
        fault = result.fault
        context.events.emit(
            "run_fault",
            kind=fault.kind.value,
            message=fault.message,
            exception_type=fault.exception_type,
            chain=list(fault.chain),
            next="start the same command again when the cause is removed",
        )
        return
    ending = "interrupted" if result.interrupted else "done"
    with context.catalog.write() as connection:
        leases.end_run(connection, context.run, context.clock(), ending)
    finish_deletions(context.catalog, context.store)
    context.events.emit("catalog_waits", **status_facts(context.catalog, settings)["catalog"])
    context.events.emit("run_ended", ending=ending)


def _retain(context: RunContext, settings: Settings, result: RunResult) -> None:
    """Every run ends with purging what is not to be kept any longer, unless the catalog cannot be written."""
    if result.fault is None:
        days = settings.retention.model_dump()
        done = retain(context.catalog, context.store, context.clock(), **days, actor=actor())
        if done != Retained():
            context.events.emit("retention", **dataclasses.asdict(done))


def _report(
    options: CrawlOptions,
    settings: Settings,
    catalog: Catalog,
    folder: DataFolder,
    result: RunResult,
    *,
    asked: int,
) -> int:
    if result.fault is not None:
        note(f"Stopped: {result.fault.message}")
        return EXIT_FAULT
    status = status_facts(catalog, settings)
    with catalog.read() as connection:
        scheduled = due.scheduled(connection)
        next_at = due.next_due_at(connection)
    status["scheduled"] = {"videos": scheduled, "next": iso(next_at)}
    status["interrupted"] = result.interrupted
    status["source_failures"] = {
        query: f"{unread.failure.message}; {unread.next}" for query, unread in result.unread.items()
    }
    nothing_read = 0 < asked <= len(result.unread)
    if options.as_json:
        print_json(status)
    elif not options.quiet:
        print_status(status)
        _print_ending(folder, status, next_at)
        if nothing_read:
            note(f"No source could be read ({asked} asked), so this run found nothing new.")
    if result.interrupted:
        return EXIT_INTERRUPTED
    given_up = any(unread.given_up for unread in result.unread.values())
    return EXIT_OPERATOR if given_up or nothing_read else EXIT_OK


def _print_ending(folder: DataFolder, status: dict[str, Any], next_at: float | None) -> None:
    if status["scheduled"]["videos"] and next_at is not None:
        wait = max(0.0, next_at - time.time())
        note(
            f"{status['scheduled']['videos']} videos are scheduled for later, the first in {wait:.0f} s: "
            "run the same command again then, or use --wait."
        )
    for query, message in status["source_failures"].items():
        note(f"{query} could not be read: {message}")
    note(f"Catalog, recordings and logs lie in {folder.root}. `voicesieve why ID` explains any video.")
