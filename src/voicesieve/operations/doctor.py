"""Comparing every row with its file, and fixing what can be fixed without deleting anything useful."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from voicesieve.audio.store import RecordingStore, is_ours, named_hash, sha256_of
from voicesieve.catalog.backups import CATALOG_FILE, BackupError, backups_in
from voicesieve.catalog.backups import examine as examine_backup
from voicesieve.catalog.reads import stored
from voicesieve.catalog.reads.stored import StoredFile
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import results, strays, takedown
from voicesieve.catalog.writes.strays import NEWER
from voicesieve.datafolder import belongings, permissions
from voicesieve.datafolder.deletions import finish_deletions
from voicesieve.datafolder.folder import DataFolder
from voicesieve.datafolder.names import MARK, QUARANTINE, RECORDINGS
from voicesieve.datafolder.strays import let_go, list_quarantine, quarantine, quarantine_of
from voicesieve.files import WORKING_SPACE

BATCH = 200

FINDINGS = (
    "rows_without_file",
    "bad_hash",
    "outside",
    "files_without_row",
    "withdrawn_files",
    "stale_scratch",
    "unfinished",
    "bad_backups",
    "open_to_others",
)
"""Fields of a `Report` that `fix` deals with."""

REMARKS = ("newer_than_copy", "not_ours")
"""Fields of a `Report` that `fix` leaves as they are."""


@dataclass
class Report:
    """What is wrong. Paths are relative to the recordings, scratch or data folder; ``bytes`` is by field."""

    catalog_damage: list[str] = field(default_factory=list)
    rows_without_file: list[str] = field(default_factory=list)
    files_without_row: list[str] = field(default_factory=list)
    bad_hash: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    """Rows and promised deletions whose path is no file of ours, each with the reason; such files are not touched."""
    withdrawn_files: list[str] = field(default_factory=list)
    """Recordings that no row names but a takedown does."""
    stale_scratch: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    bad_backups: list[str] = field(default_factory=list)
    open_to_others: list[str] = field(default_factory=list)
    newer_than_copy: list[str] = field(default_factory=list)
    """Recordings that no row names because an older copy of the catalog was restored."""
    not_ours: list[str] = field(default_factory=list)
    """What lies in our folders under names that we do not give; only reported."""
    remarks: list[str] = field(default_factory=list)
    """What is not wrong yet: little space, no copy of the catalog, or a catalog that was set aside."""
    quarantined: int = 0
    quarantined_bytes: int = 0
    bytes: dict[str, int] = field(default_factory=dict)
    checked: int = 0
    fixed: bool = False

    @property
    def ok(self) -> bool:
        if self.catalog_damage:
            return False
        return self.fixed or not any(getattr(self, name) for name in FINDINGS)


def examine(
    folder: DataFolder,
    catalog: Catalog,
    store: RecordingStore,
    *,
    backups: Path | None = None,
    progressed: Callable[[int], None] = lambda n: None,
) -> Report:
    """Hash every stored file and compare both directions. Changes nothing.

    Only meaningful while no run works in the folder: a file is stored a moment before its row is.
    """
    report = Report(catalog_damage=catalog.damage())
    _look_at_rows(catalog, store, report, progressed)
    _look_at_files(catalog, store, report)
    report.stale_scratch = [path.name for path in folder.stale_scratch()]
    report.unfinished = sorted(str(path.relative_to(folder.root)) for path in folder.unfinished())
    report.bad_backups = [str(path) for path in damaged(backups or folder.backups)]
    report.open_to_others = [str(path.relative_to(folder.root)) for path in permissions.open_paths(folder.root)]
    _look_at_quarantine(store, report)
    report.remarks = list(_remarks(folder, backups or folder.backups, report))
    _measure(folder, store, report)
    return report


def _look_at_rows(catalog: Catalog, store: RecordingStore, report: Report, progressed: Callable[[int], None]) -> None:
    with catalog.read() as connection:
        rows = list(stored.stored_files(connection))
        promised = stored.pending_deletions(connection)
    report.outside = [f"{path}: {why}" for path in promised if (why := store.refusal(path))]
    with ThreadPoolExecutor() as hashing:
        for row, digest in zip(rows, hashing.map(lambda row: _digest(store, row), rows), strict=True):
            if why := store.refusal(row.path):
                report.outside.append(f"{row.path}: {why}")
            elif digest is None:
                report.rows_without_file.append(row.path)
            elif digest != row.sha256:
                report.bad_hash.append(row.path)
            report.checked += 1
            progressed(report.checked)


def _look_at_files(catalog: Catalog, store: RecordingStore, report: Report) -> None:
    """Files that no row names: withdrawn, newer than the catalog, left by a crash, or not ours."""
    files = list(store.files())
    report.not_ours = [f"{RECORDINGS}/{path}" for path in files if not is_ours(path) and path != MARK]
    with catalog.read() as connection:
        newer = {stray.path.partition("/")[2] for stray in strays.listed(connection) if stray.reason == NEWER}
    for batch in _batches([path for path in files if is_ours(path)]):
        with catalog.read() as connection:
            unnamed = sorted(set(batch) - stored.referenced_paths(connection, batch))
            withdrawn = {path for path in unnamed if takedown.is_withdrawn(connection, named_hash(path))}
        for path in unnamed:
            if store.refusal(path):
                report.not_ours.append(f"{RECORDINGS}/{path}")
            elif path in withdrawn:
                report.withdrawn_files.append(path)
            elif path in newer:
                report.newer_than_copy.append(path)
            else:
                report.files_without_row.append(path)


def _look_at_quarantine(store: RecordingStore, report: Report) -> None:
    folder = quarantine_of(store)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if belongings.is_quarantined(path.name):
            report.quarantined += 1
            report.quarantined_bytes += path.lstat().st_size
        elif path.name != MARK:
            report.not_ours.append(f"{QUARANTINE}/{path.name}")


def _remarks(folder: DataFolder, backups: Path, report: Report) -> Iterator[str]:
    free = shutil.disk_usage(folder.root).free
    if free < WORKING_SPACE:
        yield f"{free / 1e6:.1f} MB are free in {folder.root}; a run needs {WORKING_SPACE / 1e6:.0f} MB or more"
    if report.checked and (folder.root / CATALOG_FILE).exists() and not backups_in(backups):
        yield f"there is no copy of the catalog in {backups} yet; `voicesieve backup` makes one"
    for aside in sorted(folder.root.glob("set-aside-*")):
        yield f"{aside} holds a catalog that a copy has replaced; delete it when you do not need it any more"
    for place in permissions.places(folder.root):
        if place.is_symlink() and permissions.is_open_to_others(place):
            yield f"{place} is a link to {place.resolve()}, which other users of this machine can enter: chmod 700 it"


def _measure(folder: DataFolder, store: RecordingStore, report: Report) -> None:
    roots = {"stale_scratch": folder.scratch, "unfinished": folder.root, "not_ours": folder.root}
    for name in ("bad_hash", "files_without_row", "withdrawn_files", "newer_than_copy"):
        roots[name] = store.root
    for name in (*FINDINGS, *REMARKS):
        if name in roots or name == "bad_backups":
            root = roots.get(name, Path())
            report.bytes[name] = sum(_size(root / path) for path in getattr(report, name))


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(child.lstat().st_size for child in path.rglob("*") if not child.is_dir())


def damaged(folder: Path) -> Iterator[Path]:
    """Copies of the catalog that could not be restored."""
    for backup in backups_in(folder):
        try:
            examine_backup(backup.path)
        except BackupError:
            yield backup.path


def fix(folder: DataFolder, catalog: Catalog, store: RecordingStore, report: Report, now: float) -> None:
    """Move what no row names into quarantine, and queue for fetching what lost its file.

    Only for the holder of the lock. Changes nothing while the catalog is damaged, since its rows may be missing while
    their files are good. What is not under a name of ours is not touched.
    """
    if report.catalog_damage:
        return
    refused = [path for path in report.open_to_others if not permissions.tighten(folder.root / path)]
    report.open_to_others = [path for path in report.open_to_others if path not in refused]
    report.remarks += [f"others can still read {folder.root / path}: the system keeps its mode" for path in refused]
    list_quarantine(catalog, store, now)
    for path in report.files_without_row:
        quarantine(catalog, store, store.path(path), f"{RECORDINGS}/{path}", "unnamed", now)
    _fetch_again(catalog, store, report, now)
    for path in report.withdrawn_files:
        store.remove(path)
    folder.sweep_scratch()
    folder.sweep_unfinished()
    for path in report.bad_backups:
        quarantine(catalog, store, Path(path), path, "bad_backup", now)
    finish_deletions(catalog, store)
    let_go(catalog, store)
    _look_again(store, report)
    report.fixed = True


def _fetch_again(catalog: Catalog, store: RecordingStore, report: Report, now: float) -> None:
    with catalog.read() as connection:
        rows = list(stored.stored_files(connection))
        promised = stored.pending_deletions(connection)
    lost, bad = set(report.rows_without_file), set(report.bad_hash)
    for row in rows:
        queue = partial(_forgotten, sha256=row.sha256, now=now)
        if row.path in bad:
            quarantine(catalog, store, store.path(row.path), f"{RECORDINGS}/{row.path}", "bad_hash", now, queue)
        elif row.path in lost or store.refusal(row.path):
            with catalog.write() as connection:
                queue(connection)
    for path in promised:
        if not is_ours(path):
            with catalog.write() as connection:
                takedown.deletion_done(connection, path)


def _forgotten(connection: Connection, sha256: str, now: float) -> set[str]:
    """Queue the videos of a recording for fetching. Returns the hashes under which takedowns would name it."""
    subjects = strays.subjects_of(connection, sha256)
    results.fetch_again(connection, sha256, now)
    return subjects


def _look_again(store: RecordingStore, report: Report) -> None:
    report.quarantined, report.quarantined_bytes = 0, 0
    report.not_ours = [name for name in report.not_ours if not name.startswith(f"{QUARANTINE}/")]
    _look_at_quarantine(store, report)


def _digest(store: RecordingStore, row: StoredFile) -> str | None:
    return sha256_of(store.path(row.path)) if store.holds(row.path) else None


def _batches(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(paths), BATCH):
        yield paths[start : start + BATCH]
