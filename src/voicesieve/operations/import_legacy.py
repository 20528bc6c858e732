"""Taking over an earlier crawler's folder: each record ends in one of four ways, in one transaction for each batch.

The old folder is only read. Files are copied into scratch, examined there by a worker, stored durably and then named by
the one transaction of their batch, so that a crash costs one batch and the same command resumes after it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import audits, importing
from voicesieve.catalog.writes.importing import Held, Known
from voicesieve.crawl import work
from voicesieve.crawl.discover import host_of
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.audits import AuditEntry, Deed
from voicesieve.domain.failures import Failure, FailureError, FailureKind, Remedy
from voicesieve.domain.fetching import FetchedRecording
from voicesieve.domain.states import VideoState
from voicesieve.engines.protocol import Engine
from voicesieve.files import PRIVATE_FOLDER, create_private, typed_disk_errors
from voicesieve.legacy.addresses import API
from voicesieve.legacy.plan import Ending, Item, Plan, legacy_of
from voicesieve.sources.identity import FILE
from voicesieve.sources.youtube.api.videos import KEEP_S

BATCH = 128
"""Records in one transaction: what a crash costs, and few enough that other writers wait only for a moment."""

AS_IT_IS = frozenset({FailureKind.TOO_SHORT, FailureKind.TOO_LONG})
"""Failures that fetching the audio again would repeat; after any other failure it is worth another fetch."""

_EMPTY = Known(frozenset(), frozenset(), frozenset())


@dataclass(frozen=True)
class ImportRules:
    """Limits for the audio, in seconds, and the operator's own legal basis for holding it."""

    min_duration_s: float
    max_duration_s: float
    deadline_s: float
    rights_basis: str
    rights_statement: str


@dataclass(frozen=True)
class Destination:
    """Where an import goes. ``catalog`` is ``None`` for a dry run where there is none yet."""

    folder: DataFolder
    catalog: Catalog | None
    engine: Engine
    rules: ImportRules
    dry_run: bool = False

    @property
    def store(self) -> RecordingStore:
        return RecordingStore(self.folder.recordings)


async def import_plan(
    plan: Plan, destination: Destination, actor: str, progressed: Callable[[int], None] = lambda done: None
) -> list[Item]:
    """Take over what the plan has left open. Returns all items, ended. ``progressed(done)`` counts items.

    Raises `FailureError` for what stops everything (full disk, catalog); batches before it are safe.
    """
    ended: list[Item] = []
    run = f"import-{secrets.token_hex(4)}"
    with _scratch(destination, run) as scratch:
        committing: asyncio.Task[list[Item]] | None = None
        try:
            for start in range(0, len(plan.items), BATCH):
                batch = await _prepare_batch(plan, plan.items[start : start + BATCH], destination, scratch)
                # One batch is committed while the next is examined; no video stands in two of them.
                ended += await committing if committing else []
                progressed(len(ended))
                committing = asyncio.create_task(asyncio.to_thread(_commit_batch, batch, destination, run))
            ended += await committing if committing else []
            progressed(len(ended))
        finally:
            if committing is not None:
                await asyncio.wait([committing])
    if destination.catalog is not None and not destination.dry_run:
        details = {ending.value: sum(item.ending is ending for item in ended) for ending in Ending}
        with destination.catalog.write() as connection:
            audits.record(connection, AuditEntry(time.time(), actor, Deed.IMPORT, str(plan.root), details=details))
    return ended


@contextmanager
def _scratch(destination: Destination, run: str) -> Iterator[Path]:
    folder = destination.folder.scratch / run
    if destination.dry_run:
        yield folder
        return
    folder.mkdir(PRIVATE_FOLDER)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # what stays is swept by the next run


@dataclass(frozen=True)
class _Batch:
    """Items of which those in ``held``, by their index, are ready to be entered."""

    items: list[Item]
    held: dict[int, Held]


async def _prepare_batch(plan: Plan, items: Sequence[Item], to: Destination, scratch: Path) -> _Batch:
    before = await asyncio.to_thread(_lookup, to, items)
    settled = [_by_catalog(item, before) for item in items]
    unsettled = [index for index, item in enumerate(settled) if item.ending is None]
    places = asyncio.Semaphore(2 * to.engine.workers)
    prepared = await asyncio.gather(
        *(_prepare(plan, settled[index], to, scratch / secrets.token_hex(8), places) for index in unsettled)
    )
    held = {}
    for index, (item, mine) in zip(unsettled, prepared, strict=True):
        settled[index] = _already_known(item, before)
        if settled[index].ending is None and mine is not None:
            held[index] = mine
    return _Batch(settled, held)


def _commit_batch(batch: _Batch, to: Destination, run: str) -> list[Item]:
    states = _commit(to, list(batch.held.values()), run)
    for index, held in batch.held.items():
        batch.items[index] = _by_state(batch.items[index], held, states[held.candidate.id])
    return batch.items


def _lookup(to: Destination, items: Sequence[Item]) -> Known:
    if to.catalog is None:
        return _EMPTY
    with to.catalog.read() as connection:
        return importing.lookup(connection, [i.candidate for i in items if i.candidate and i.ending is None])


def _by_catalog(item: Item, before: Known) -> Item:
    """Settle what the catalog can settle before any audio is read."""
    if item.ending is not None or item.candidate is None:
        return item
    if item.candidate.id in before.withdrawn:
        return item.ended(Ending.REFUSED, "withdrawn", "it was withdrawn for good")
    if item.candidate.id in before.decided_or_held:
        return item.ended(Ending.DUPLICATE, "in_catalog", "the catalog has it already")
    return _already_known(item, before) if item.audio is None else item


def _already_known(item: Item, before: Known) -> Item:
    """An item without audio adds nothing to a video that the catalog has."""
    if item.ending is None and item.audio is None and item.candidate and item.candidate.id in before.present:
        return item.ended(Ending.DUPLICATE, "in_catalog", "the catalog has it already")
    return item


async def _prepare(
    plan: Plan, item: Item, to: Destination, scratch: Path, places: asyncio.Semaphore
) -> tuple[Item, Held | None]:
    """The item with its audio stored, or without audio if that cannot be used."""
    assert item.candidate is not None
    if item.audio is None:
        return item, _held(item)
    try:
        async with places:
            recording = await _examined(plan.root / item.audio, to, scratch)
            path = None if to.dry_run else await asyncio.to_thread(_adopt, to.store, recording)
    except FailureError as error:
        if error.failure.remedy is Remedy.STOP_RUN:
            raise
        return _without_audio(item, error.failure)
    return item, replace(_held(item), recording=recording, path=path)


def _held(item: Item) -> Held:
    """The item as the catalog takes it, without its audio."""
    assert item.candidate is not None
    described_at = legacy_of(item.candidate).get(API)
    return Held(item.candidate, lent_until=described_at + KEEP_S if isinstance(described_at, float) else None)


async def _examined(source: Path, to: Destination, scratch: Path) -> FetchedRecording:
    file = source if to.dry_run else await asyncio.to_thread(_copy, source, scratch)
    order = work.Examination(file, None, to.rules.min_duration_s, to.rules.max_duration_s)
    examined = await to.engine.run(work.examine, order, deadline_s=to.rules.deadline_s)
    return FetchedRecording(file, examined.sha256, examined.bytes, examined.media)


def _copy(source: Path, target: Path) -> Path:
    with typed_disk_errors(target):
        try:
            os.close(create_private(target))
            shutil.copyfile(source, target)
        except OSError as error:
            if error.filename2 is None and error.filename == str(source):
                message = f"the file cannot be read ({error.strerror})"
                raise FailureError(Failure.from_exception(FailureKind.UNDECODABLE, error, message)) from error
            raise
    return target


def _adopt(store: RecordingStore, recording: FetchedRecording) -> str:
    return store.adopt(recording.path, recording.sha256, recording.media.suffix)


def _without_audio(item: Item, failure: Failure) -> tuple[Item, Held | None]:
    """Audio that cannot be used: refused if another fetch would bring the same, else left to be fetched again."""
    assert item.candidate is not None
    if failure.kind in AS_IT_IS or item.candidate.source == FILE:
        return item.ended(Ending.REFUSED, failure.kind.value, failure.message), None
    bare = replace(item, audio=None, reason=failure.kind.value, note=failure.message)
    return bare, _held(bare)


def _commit(to: Destination, held: Sequence[Held], run: str) -> dict[str, VideoState]:
    """One transaction for the batch; a dry run only predicts its result."""
    if to.dry_run:
        barred: set[str] = set()
        if to.catalog is not None:
            with to.catalog.read() as connection:
                audio = {item.recording.sha256 for item in held if item.recording}
                barred = importing.withdrawn_among(connection, audio)
        return {item.candidate.id: _would_be(item, barred) for item in held}
    assert to.catalog is not None
    with to.catalog.write() as connection:
        return importing.take_over(
            connection,
            held,
            host_of,
            run,
            time.time(),
            rights_basis=to.rules.rights_basis,
            rights_statement=to.rules.rights_statement,
        )


def _would_be(item: Held, barred: set[str]) -> VideoState:
    if item.recording is None:
        return VideoState.DISCOVERED
    return VideoState.WITHDRAWN if item.recording.sha256 in barred else VideoState.FETCHED


def _by_state(item: Item, held: Held, state: VideoState) -> Item:
    if state is VideoState.WITHDRAWN:
        return item.ended(Ending.REFUSED, "withdrawn", "its audio was withdrawn for good")
    if held.recording is not None and state is VideoState.FETCHED:
        return item.ended(Ending.IMPORTED)
    if state is VideoState.DISCOVERED:
        return item.ended(Ending.WITHOUT_AUDIO, item.reason or "no_file", item.note)
    return item.ended(Ending.DUPLICATE, "in_catalog", "the catalog has it already")
