"""An export from beginning to end: plan, cut on all cores, assemble, describe, publish.

A recording that cannot be used stops the export, unless it may be left out. What was cut until then is reused by the
next start.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from voicesieve.audio.identity import fingerprint_program
from voicesieve.audio.store import NotStoredError, RecordingStore
from voicesieve.catalog.reads import exportable
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import audits
from voicesieve.corpus.assembly import assemble
from voicesieve.corpus.card import write_card
from voicesieve.corpus.card_settings import CardSettings
from voicesieve.corpus.cut_orders import CutOrder, cut_order
from voicesieve.corpus.cutting import cut_recording
from voicesieve.corpus.errors import ExportError
from voicesieve.corpus.facts import CorpusFacts
from voicesieve.corpus.formats.protocol import Order
from voicesieve.corpus.formats.registry import FORMATS
from voicesieve.corpus.marker import MARKER, write_marker
from voicesieve.corpus.merging import merge_duplicates
from voicesieve.corpus.options import ExportOptions
from voicesieve.corpus.plan import PlanRow, plan_line, read_plan
from voicesieve.corpus.planning import plan_row
from voicesieve.corpus.publishing import publish
from voicesieve.corpus.replacing import refuse_other_options, refuse_stranger, refuse_to_replace
from voicesieve.corpus.staging import Staging, open_staging
from voicesieve.corpus.sums import SUMS, sum_lines
from voicesieve.corpus.updating import Earlier
from voicesieve.domain.audits import AuditEntry, Deed
from voicesieve.domain.failures import FailureError, Remedy
from voicesieve.engines.loop import run_loop
from voicesieve.engines.protocol import Engine
from voicesieve.files import new_file
from voicesieve.voices.scores import WindowScores
from voicesieve.voices.shares import shares

ADVICE = "`voicesieve doctor --fix` queues it to be fetched again; --keep-going leaves it out."
DEADLINE_S = 1800.0
"""Longest time to cut one recording."""


class Progressed(Protocol):
    """Called in each step with its name, the number done and the total."""

    def __call__(self, step: str, done: int, total: int) -> None: ...


@dataclass
class Exported:
    """The result. ``cut`` and ``reused`` count recordings that were cut now or before.

    ``skipped`` maps videos that could not be used to the reason.
    """

    facts: CorpusFacts
    cut: int = 0
    reused: int = 0
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ExportJob:
    """One export. ``engine`` is called only where sound is opened.

    If there is an export at ``target`` already, the job is refused, unless it brings that up to date (``update``) or
    replaces it (``replace``).
    """

    catalog: Catalog
    store: RecordingStore
    target: Path
    options: ExportOptions
    card: CardSettings
    engine: Callable[[], Engine]
    actor: str = ""
    update: bool = False
    replace: bool = False
    progressed: Progressed = lambda step, done, total: None


def export(job: ExportJob) -> Exported:
    """Write the corpus to the folder ``job.target``: complete, or not at all.

    Raises `ExportError` if the destination, a recording or the catalog cannot be used and if the corpus would be empty,
    FailureError for a full disk. An earlier export in the same place is unchanged then.
    """
    target = job.target.absolute()
    form = FORMATS[job.options.format]
    form.refuse()
    if job.update and target.is_dir():
        refuse_other_options(target, job.options)
    refuse_present = (lambda _: None) if job.update or job.replace else refuse_to_replace
    with open_staging(target, refuse_present) as staging:
        with job.catalog.read() as connection:
            total = _write_plan(
                exportable.exportable(connection), exportable.count_exportable(connection), staging, job
            )
        if job.update and target.is_dir():
            refuse_stranger(target, staging.plan)
        done = Exported(CorpusFacts())
        if job.options.opens_recordings:
            earlier = Earlier(target, form) if job.update and target.is_dir() else None
            run_loop(_cut_all(job, earlier, staging, total, done))
        merged = merge_duplicates(staging, job.options.duplicates)
        staging.tree.mkdir()
        order = Order(form, staging.tree, target, job.options)
        source_of = _source_of(job.store)
        assemble(staging, order, merged, source_of, done.facts, lambda n: job.progressed("writing", n, total))
        if not done.facts.items:
            shutil.rmtree(staging.root)
            raise ExportError(_nothing_to_export(target, total, done))
        write_card(order, done.facts, job.card)
        write_marker(staging.tree, job.card.name, job.options)
        _write_sums(staging)
        with job.catalog.read() as connection:
            _refuse_changed(staging, exportable.exportable_hashes(connection))
        _write_audit(job, target, done)
        publish(staging.tree, target)
        shutil.rmtree(staging.root)
    return done


def _nothing_to_export(target: Path, total: int, done: Exported) -> str:
    reasons = [f"{count} {reason}" for reason, count in sorted(done.facts.left_out.items())]
    if total == 0:
        why = "the catalog has no accepted recording"
    else:
        why = f"none of the {total} accepted recordings passed ({', '.join(reasons) or 'no child segment'})"
    left = f"The earlier corpus in {target} is unchanged." if (target / MARKER).is_file() else "Nothing was written."
    return f"Nothing to export: {why}. {left}"


def _write_plan(rows: Iterator[exportable.Exportable], total: int, staging: Staging, job: ExportJob) -> int:
    count = 0
    with new_file(staging.plan) as plan:
        for accepted in rows:
            windows = accepted.verdict.windows
            scores = WindowScores.from_bytes(windows) if windows else WindowScores.empty()
            plan.write(plan_line(plan_row(accepted, job.options.cut, partial(shares, scores))))
            count += 1
            job.progressed("reading the catalog", count, total)
    return count


def _source_of(store: RecordingStore) -> Callable[[PlanRow], Path]:
    return lambda row: store.path(row.stored)


def _write_audit(job: ExportJob, target: Path, done: Exported) -> None:
    """Before the corpus gets its name: an audit entry without a corpus is better than a corpus without an entry."""
    details = {"format": job.options.format, "revision": job.options.revision, **done.facts.as_json()}
    entry = AuditEntry(time.time(), job.actor, Deed.EXPORT, str(target), details=details)
    with job.catalog.write() as connection:
        audits.record(connection, entry)


async def _cut_all(job: ExportJob, earlier: Earlier | None, staging: Staging, total: int, done: Exported) -> None:
    """Cut what is missing. The first failure that may not be skipped ends all other work."""
    engine = job.engine()
    free = asyncio.Semaphore(engine.workers * 2)
    source_of, program = _source_of(job.store), fingerprint_program()
    seen = 0

    async def cut(order: CutOrder, row: PlanRow) -> None:
        nonlocal seen
        try:
            await engine.run(cut_recording, order, deadline_s=DEADLINE_S)
            done.cut += 1
        except (FailureError, OSError) as error:
            _skip_or_raise(job, row, error, done)
        finally:
            free.release()
            seen += 1
            job.progressed("cutting", seen, total)

    try:
        async with asyncio.TaskGroup() as tasks:
            for row in read_plan(staging.plan):
                if why := job.store.refusal(row.stored):
                    _skip_or_raise(job, row, NotStoredError(row.stored, why), done)
                    continue
                order = cut_order(row, job.options, staging.folder_of(row.id), source_of(row), program)
                if staging.holds(order) or (earlier and earlier.take_over(order)):
                    done.reused += 1
                    seen += 1
                    job.progressed("cutting", seen, total)
                    continue
                order.outcome.unlink(missing_ok=True)
                await free.acquire()
                tasks.create_task(cut(order, row))
    except ExceptionGroup as group:  # not `except*`: Python 3.11.2 wraps what is raised there in a group again
        raise _first(group) from None
    finally:
        await engine.close()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _skip_or_raise(job: ExportJob, row: PlanRow, error: FailureError | OSError, done: Exported) -> None:
    path = job.store.root / row.stored
    if isinstance(error, FailureError):
        if error.failure.remedy is Remedy.STOP_RUN:
            raise error
        reason = error.failure.message
    elif error.filename is None or Path(os.fsdecode(error.filename)) != path:
        raise error
    else:
        reason = "missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
    if not job.options.keep_going:
        raise ExportError(f"The audio of {row.video} cannot be used ({path}): {reason}. {ADVICE}") from error
    done.skipped[row.video] = reason


def _write_sums(staging: Staging) -> None:
    growing = staging.root / SUMS
    with new_file(growing) as sums:
        sums.writelines(sum_lines(staging.tree))
    growing.rename(staging.tree / SUMS)


def _refuse_changed(staging: Staging, current: Iterator[str]) -> None:
    """Recordings that were withdrawn or rejected while the export ran must not be published."""
    accepted = next(current, None)
    for row in read_plan(staging.plan):
        while accepted is not None and accepted < row.sha256:
            accepted = next(current, None)
        if accepted != row.sha256:
            raise ExportError(
                f"{row.video} was withdrawn or decided again while the export ran. "
                "Start it again: what is already cut is reused."
            )
