"""``voicesieve crawl``: one run from discovery to decisions."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from voicesieve.api.opening import settings_for
from voicesieve.catalog.reads import due
from voicesieve.catalog.store import Catalog
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, note, print_json
from voicesieve.cli.progress import Progress
from voicesieve.cli.report import print_status
from voicesieve.cli.rights import refuse_without_basis
from voicesieve.cli.wiring import opened_catalog, opened_run, quotas_of, secrets_of, worker_count
from voicesieve.crawl.driver import RunResult
from voicesieve.crawl.ending import Ending
from voicesieve.crawl.run import Request, run
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.candidates import Query
from voicesieve.domain.errors import EXIT_FAULT, EXIT_INTERRUPTED, EXIT_OK, EXIT_OPERATOR
from voicesieve.domain.failures import FailureError
from voicesieve.domain.passwords import without_password
from voicesieve.domain.times import iso
from voicesieve.engines.loop import STOP_SIGNALS, may_answer, run_loop
from voicesieve.machine import folder_failure, refuse_tight_limits
from voicesieve.observability.events import Events
from voicesieve.observability.logs import LogSink
from voicesieve.operations.status import status_facts
from voicesieve.settings import Settings
from voicesieve.sources.phrases import FILE, PhrasesError, read_queries
from voicesieve.sources.registry import NAMES, parse_query


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
        typer.Option(help=f"KIND:ARGUMENT, repeatable. Kinds: {', '.join(NAMES)}; see docs/guide.md."),
    ] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    wait: Annotated[float, typer.Option(min=0, help="Also wait for work scheduled within this many seconds.")] = 0.0,
    limit: Annotated[int | None, typer.Option(min=1, help="Process at most this many videos.")] = None,
    analyse_only: Annotated[bool, typer.Option("--analyse-only", help="Only analyse what has been fetched.")] = False,
    no_fetch: Annotated[bool, typer.Option("--no-fetch", help="Discover and screen, but fetch nothing.")] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Show events; -vv shows all.")] = 0,
) -> None:
    """Without --source, resumes what is in the catalog, and searches for the phrases of queries.toml if that exists.

    Press Ctrl-C once to finish the work in progress, twice to stop at once. You can resume after either: run the same
    command again.
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
    run_id = f"{time.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(3)}"
    quotas = quotas_of(settings)
    progress = Progress(quiet=options.quiet or options.as_json, status=lambda: status_facts(catalog, quotas))
    request = Request(
        tuple(queries),
        wait_s=options.wait_s,
        limit=options.limit,
        analyse_only=options.analyse_only,
        no_fetch=options.no_fetch,
    )
    with closing(_log_sink(options, settings, folder, run_id)) as log:
        async with opened_run(run_id, folder, catalog, settings, [log, progress]) as context:
            with progress:
                result = await run(context, request, lambda ending: _stopped_by_signals(ending, context.run.events))
    return _report(options, settings, catalog, folder, result)


@contextmanager
def _stopped_by_signals(ending: Ending, events: Events) -> Iterator[None]:
    """While the block lasts, each signal that stops a command asks the run to end."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        again = ending.requested.is_set()
        message = "stopping now" if again else "stopping: finishing the work in progress (again: stop now)"
        events.emit("run_stopping", message=message)
        ending.ask()

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS if may_answer(number)}
    for number in before:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number, answer in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, answer)


def _log_sink(options: CrawlOptions, settings: Settings, folder: DataFolder, run_id: str) -> LogSink:
    levels = {0: None, 1: logging.INFO}
    try:
        return LogSink(
            folder.log,
            run=run_id,
            file_bytes=settings.logging.file_bytes,
            file_count=settings.logging.file_count,
            console_level=None if options.quiet else levels.get(options.verbose, logging.DEBUG),
            secrets=secrets_of(settings),
        )
    except OSError as error:
        raise FailureError(folder_failure(error, folder.root)) from error


def _report(
    options: CrawlOptions,
    settings: Settings,
    catalog: Catalog,
    folder: DataFolder,
    result: RunResult,
) -> int:
    if result.fault is not None:
        note(f"Stopped: {result.fault.message}")
        return EXIT_FAULT
    status = status_facts(catalog, quotas_of(settings))
    with catalog.read() as connection:
        scheduled = due.scheduled(connection)
        next_at = due.next_due_at(connection)
    status["scheduled"] = {"videos": scheduled, "next": iso(next_at)}
    status["interrupted"] = result.interrupted
    status["source_failures"] = {
        query: f"{unread.failure.message}; {unread.next}" for query, unread in result.unread.items()
    }
    nothing_read = 0 < result.asked <= len(result.unread)
    if options.as_json:
        print_json(status)
    elif not options.quiet:
        print_status(status)
        _print_ending(folder, status, next_at)
        if nothing_read:
            note(f"No source could be read ({result.asked} asked), so this run found nothing new.")
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
    note(f"Catalog, recordings and logs are in {folder.root}. `voicesieve why ID` explains any video.")
