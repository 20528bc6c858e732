"""A run inside the test's own process, so that a part of it can be another: a source, a fetcher, a clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.writes import discovery, timekeeping
from voicesieve.cli.wiring import opened_run
from voicesieve.crawl.context import RunContext
from voicesieve.crawl.driver import Driver, Plan, RunResult
from voicesieve.crawl.ending import Ending
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.candidates import Query
from voicesieve.observability.logs import LogSink
from voicesieve.settings import load_settings
from voicesieve.sources.protocol import Source

RUN = "in-process"
LOOPBACK: dict[str, dict[str, Any]] = {
    "analysis": {"workers": 2},
    "fetching": {"allow_private_addresses": True},
    "pace": {"requests_per_hour": 0},
}
"""No pace and no address guard: the servers are our own."""


async def crawled(
    data: Path,
    asked: Sequence[tuple[Query, Source]],
    *,
    settings: Mapping[str, Mapping[str, Any]] = LOOPBACK,
    changed: Callable[[RunContext], RunContext] = lambda context: context,
    wait_s: float = 0.0,
) -> RunResult:
    """One run over ``asked`` to its end; ``changed`` may put other parts into its context."""
    folder = DataFolder(data)
    folder.prepare()
    loaded = load_settings(command_line=settings)
    catalog = open_catalog(data, create=True)
    log = LogSink(folder.log, run=RUN, file_bytes=16 << 20, file_count=1, console_level=None)
    with closing(catalog), closing(log):
        async with opened_run(RUN, folder, catalog, loaded, [log]) as opened:
            context = changed(opened)
            await context.run.committer.run(timekeeping.set_right, context.run.clock())
            rows = [
                await context.run.committer.run(discovery.register_query, query, context.run.clock())
                for query, _ in asked
            ]
            sources = {query.source: source for query, source in asked}
            return await Driver(context, Plan(rows, sources, wait_s=wait_s), Ending()).run()
