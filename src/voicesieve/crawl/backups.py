"""Copies of the catalog while a run works. A copy that fails is reported and counted, and does not stop the run.

A crash leaves an unfinished copy, which the next run sweeps; the catalog is only read.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from voicesieve.catalog import backups
from voicesieve.catalog.backups import Backup, StoppedError
from voicesieve.catalog.counters import count_backup
from voicesieve.catalog.reads import status
from voicesieve.crawl.context import Run, Tools
from voicesieve.datafolder.copies import BackupRules, back_up
from voicesieve.domain.failures import Failure, FailureError, FailureKind

FINISH_S = 10.0
"""How long the end of a run waits for a copy that is being made. Measured: 100,000 videos, 54 MB, 0.3 s of one core."""

LOOK_EVERY_S = 60.0
"""Time between two checks whether a copy is due; copies are made hours apart."""


@asynccontextmanager
async def backed_up(run: Run, tools: Tools, rules: BackupRules | None) -> AsyncIterator[None]:
    """While the block lasts, copy the catalog whenever the newest copy is ``every_s`` old.

    A copy that fails is reported and counted, and raises nothing. A copy in hand may finish for `FINISH_S`.
    """
    if rules is None or rules.every_s == 0:
        yield
        return
    ended = asyncio.Event()
    copying = asyncio.create_task(_keep_backing_up(run, tools, rules, ended))
    try:
        yield
        ended.set()
        await asyncio.wait({copying}, timeout=FINISH_S)
    finally:
        ended.set()
        copying.cancel()
        await asyncio.wait({copying})


async def _keep_backing_up(run: Run, tools: Tools, rules: BackupRules, ended: asyncio.Event) -> None:
    while not ended.is_set():
        try:
            if await asyncio.to_thread(_is_due, run, tools, rules):
                await _copy(run, tools, rules)
        except Exception as error:  # noqa: BLE001 - reported and counted, whatever it is; the run continues
            await _count_failure(run, rules, error)
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), LOOK_EVERY_S)


def _is_due(run: Run, tools: Tools, rules: BackupRules) -> bool:
    now = run.clock()
    regular = (backup for backup in backups.backups_in(rules.folder) if backup.before is None)
    newest = next(regular, None)
    if newest is not None and now - rules.every_s < newest.made_at <= now:
        return False
    with tools.catalog.read() as connection:
        return status.holds_videos(connection)


async def _copy(run: Run, tools: Tools, rules: BackupRules) -> None:
    """One copy on a thread; the end of the run stops it between two steps."""
    stop = threading.Event()
    started = run.clock()
    working = asyncio.create_task(
        asyncio.to_thread(back_up, tools.folder, rules, started, stopped=stop.is_set), name="backup"
    )
    try:
        await asyncio.wait({working})
    finally:
        # A thread cannot be cancelled: ask it to stop, and wait until it has.
        stop.set()
        await asyncio.wait({working})
        error = working.exception()
        if error is None:
            await _count(run, working.result())
        elif not isinstance(error, StoppedError):
            await _count_failure(run, rules, error)


async def _count(run: Run, made: Backup) -> None:
    await run.committer.run(count_backup, made.made_at)
    took_s = run.clock() - made.made_at
    run.events.emit("backup_made", path=str(made.path), bytes=made.bytes, took_s=took_s)


async def _count_failure(run: Run, rules: BackupRules, error: BaseException) -> None:
    _report(run, rules, error)
    try:
        await run.committer.run(count_backup, None)
    except FailureError as refused:
        # Most likely the copy failed for the same reason; the run fails for it too and says what to do.
        _report(run, rules, refused)


def _report(run: Run, rules: BackupRules, error: BaseException) -> None:
    failure = (
        error.failure if isinstance(error, FailureError) else Failure.from_exception(FailureKind.INTERNAL_ERROR, error)
    )
    run.events.emit(
        "backup_failed",
        folder=str(rules.folder),
        kind=failure.kind.value,
        message=failure.message,
        exception_type=failure.exception_type,
        chain=list(failure.chain),
        next="the run continues; the next copy is tried in a minute, or by `voicesieve backup`",
    )
