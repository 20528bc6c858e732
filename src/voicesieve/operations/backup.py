"""Copies of the catalog while a run works, and putting one back. A copy that fails is told and counted, no more."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog import backups, soundness, store
from voicesieve.catalog.backups import Backup, BackupError, StoppedError
from voicesieve.catalog.reads import views
from voicesieve.catalog.turnstile import Turnstile
from voicesieve.catalog.writes import audits, inheritance
from voicesieve.crawl.context import RunContext
from voicesieve.datafolder.belongings import RESTORING_FOLDER
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.audits import AuditEntry, Deed
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.files import create_private, unfinished_folder
from voicesieve.operations.strays import list_quarantine, note_newer

FINISH_S = 10.0
"""How long the end of a run waits for a copy in hand. Measured: 100,000 videos, 54 MB, 0.3 s of one core."""

LOOK_EVERY_S = 60.0
"""Time between two looks whether a copy is due; copies are made hours apart."""


@dataclass(frozen=True)
class BackupRules:
    """``every_s`` 0 means only when asked; ``keep`` counts copies of each sort."""

    folder: Path
    keep: int
    every_s: float


def back_up(
    folder: DataFolder,
    rules: BackupRules,
    now: float,
    *,
    stopped: Callable[[], bool] = lambda: False,
    progressed: Callable[[int, int], None] = lambda done, total: None,
) -> Backup:
    """Copy the catalog now, beside whatever else works in the folder.

    Raises `BackupError`, `FailureError`, or `StoppedError` once ``stopped`` says so.
    """
    turnstile = Turnstile(folder.root / store.TURNSTILE, timeout_s=store.BUSY_TIMEOUT_S)
    return backups.backup_catalog(
        folder.root / backups.CATALOG_FILE,
        rules.folder,
        keep=rules.keep,
        now=now,
        turn=turnstile.hold,
        stopped=stopped,
        progressed=progressed,
    )


@asynccontextmanager
async def backed_up(context: RunContext, rules: BackupRules | None) -> AsyncIterator[None]:
    """While the block lasts, copy the catalog whenever the newest copy is ``every_s`` old.

    A copy that fails is told and counted, and raises nothing. A copy in hand may finish for `FINISH_S`.
    """
    if rules is None or rules.every_s == 0:
        yield
        return
    ended = asyncio.Event()
    copying = asyncio.create_task(_keep_backing_up(context, rules, ended))
    try:
        yield
        ended.set()
        await asyncio.wait({copying}, timeout=FINISH_S)
    finally:
        ended.set()
        copying.cancel()
        await asyncio.wait({copying})


async def _keep_backing_up(context: RunContext, rules: BackupRules, ended: asyncio.Event) -> None:
    while not ended.is_set():
        try:
            if await asyncio.to_thread(_is_due, context, rules):
                await _one(context, rules)
        except Exception as error:  # noqa: BLE001 - told and counted, whatever it is; a run goes on without a copy
            await _count_failure(context, rules, error)
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), LOOK_EVERY_S)


def _is_due(context: RunContext, rules: BackupRules) -> bool:
    now = context.clock()
    regular = (backup for backup in backups.backups_in(rules.folder) if backup.before is None)
    newest = next(regular, None)
    if newest is not None and now - rules.every_s < newest.made_at <= now:
        return False
    with context.catalog.read() as connection:
        return views.holds_videos(connection)


async def _one(context: RunContext, rules: BackupRules) -> None:
    """One copy on a thread; the end of the run stops it between two steps."""
    stop = threading.Event()
    started = context.clock()
    working = asyncio.create_task(
        asyncio.to_thread(back_up, context.folder, rules, started, stopped=stop.is_set), name="backup"
    )
    try:
        await asyncio.wait({working})
    finally:
        # A thread cannot be cancelled: tell it to stop, and leave only when it has.
        stop.set()
        await asyncio.wait({working})
        error = working.exception()
        if error is None:
            await _count(context, working.result())
        elif not isinstance(error, StoppedError):
            await _count_failure(context, rules, error)


async def _count(context: RunContext, made: Backup) -> None:
    await context.committer.run(store.count_backup, made.made_at)
    took_s = context.clock() - made.made_at
    context.events.emit("backup_made", path=str(made.path), bytes=made.bytes, took_s=took_s)


async def _count_failure(context: RunContext, rules: BackupRules, error: BaseException) -> None:
    _tell(context, rules, error)
    try:
        await context.committer.run(store.count_backup, None)
    except FailureError as refused:
        # The copy failed for the same reason, most likely; the run meets it too and says what to do.
        _tell(context, rules, refused)


def _tell(context: RunContext, rules: BackupRules, error: BaseException) -> None:
    failure = (
        error.failure if isinstance(error, FailureError) else Failure.from_exception(FailureKind.INTERNAL_ERROR, error)
    )
    context.events.emit(
        "backup_failed",
        folder=str(rules.folder),
        kind=failure.kind.value,
        message=failure.message,
        exception_type=failure.exception_type,
        chain=list(failure.chain),
        next="the run goes on; the next copy is tried in a minute, or by `voicesieve backup`",
    )


@dataclass(frozen=True)
class Restored:
    """What came back. ``withdrawn`` videos fell by tombstones of the catalog before; ``None``: it is unreadable.

    ``newer`` recordings are not in it, and stay.
    """

    aside: Path | None
    videos: int
    accepted: int
    withdrawn: int | None
    newer: int


def restore(folder: DataFolder, copy: Path, actor: str, now: float) -> Restored:
    """Put a copy in the catalog's place. Takedowns and audit log of the catalog that it replaces stay.

    The copy is proved, updated and told of the takedowns before it takes the place, in one step. Only for the holder
    of the folder's lock. Raises `BackupError`, `CatalogError` or `FailureError`; then nothing was changed.
    """
    facts = backups.examine(copy)
    turnstile = Turnstile(folder.root / store.TURNSTILE, timeout_s=store.BUSY_TIMEOUT_S)
    with turnstile.hold(), unfinished_folder(folder.root / RESTORING_FOLDER) as staging:
        os.close(create_private(staging / backups.CATALOG_FILE))
        shutil.copyfile(copy, staging / backups.CATALOG_FILE)
        left = backups.rows_of(folder.root / backups.CATALOG_FILE, inheritance.INHERITED)
        videos = backups.videos_by_path(folder.root / backups.CATALOG_FILE)
        catalog = store.open_catalog(staging, create=False)
        withdrawn = None
        try:
            _refuse_unsound(copy, catalog)
            with catalog.write() as connection:
                if left is not None:
                    withdrawn = inheritance.inherit(connection, left, now)
                details = {"videos": facts.videos, "withdrawn": withdrawn}
                audits.record(connection, AuditEntry(now, actor, Deed.RESTORE, copy.name, details=details))
            recordings = RecordingStore(folder.recordings)
            newer = note_newer(catalog, recordings, videos, now)
            list_quarantine(catalog, recordings, now)
        finally:
            catalog.close()
        aside = backups.put_back(folder.root, staging / backups.CATALOG_FILE)
        shutil.rmtree(staging)
    return Restored(aside, facts.videos, facts.accepted, withdrawn, newer)


def _refuse_unsound(copy: Path, catalog: store.Catalog) -> None:
    """Raise `BackupError` for a copy whose tables or rows are not as this program builds and writes them.

    Whole pages say nothing of who wrote them, and what is put back decides what later takedowns reach.
    """
    with catalog.read() as connection:
        own = soundness.dbapi(connection)
        found = soundness.differences(own) or soundness.broken_rows(own)
    if found:
        raise BackupError(f"{copy} is not a catalog as voicesieve makes one: {'; '.join(found)}. It is not put back.")
