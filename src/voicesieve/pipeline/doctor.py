"""Comparing every row with its file, and mending what can be mended."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from voicesieve.audio.store import RecordingStore, sha256_of
from voicesieve.catalog import views
from voicesieve.catalog.backups import CATALOG_FILE, BackupError, backups_in
from voicesieve.catalog.backups import examine as examine_backup
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.transactions import results
from voicesieve.catalog.views import StoredFile
from voicesieve.files import WORKING_SPACE
from voicesieve.pipeline.folder import DataFolder

BATCH = 200


@dataclass
class Report:
    """What is wrong. Paths are relative to the recordings, scratch or data folder."""

    catalog_damage: list[str] = field(default_factory=list)
    rows_without_file: list[str] = field(default_factory=list)
    files_without_row: list[str] = field(default_factory=list)
    bad_hash: list[str] = field(default_factory=list)
    stale_scratch: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    bad_backups: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What is not wrong yet: little space, no copy of the catalog, one that was set aside."""
    checked: int = 0
    fixed: bool = False

    @property
    def ok(self) -> bool:
        if self.catalog_damage:
            return False
        found = (
            self.rows_without_file
            or self.files_without_row
            or self.bad_hash
            or self.stale_scratch
            or self.unfinished
            or self.bad_backups
        )
        return self.fixed or not found


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
    files = list(store.files())
    for batch in _batches(files):
        with catalog.read() as connection:
            known = views.referenced_paths(connection, batch)
        report.files_without_row += [path for path in batch if path not in known]
    with catalog.read() as connection:
        rows = list(views.stored_files(connection))
    with ThreadPoolExecutor() as hashing:
        for row, digest in zip(rows, hashing.map(lambda row: _digest(store, row), rows), strict=True):
            if digest is None:
                report.rows_without_file.append(row.path)
            elif digest != row.sha256:
                report.bad_hash.append(row.path)
            report.checked += 1
            progressed(report.checked)
    if folder.scratch.is_dir():
        report.stale_scratch = sorted(path.name for path in folder.scratch.iterdir())
    report.unfinished = sorted(str(path.relative_to(folder.root)) for path in folder.unfinished())
    report.bad_backups = [str(path) for path in damaged(backups or folder.backups)]
    report.remarks = list(_remarks(folder, backups or folder.backups, report))
    return report


def _remarks(folder: DataFolder, backups: Path, report: Report) -> Iterator[str]:
    free = shutil.disk_usage(folder.root).free
    if free < WORKING_SPACE:
        yield f"{free / 1e6:.1f} MB are free in {folder.root}; a run needs {WORKING_SPACE / 1e6:.0f} MB or more"
    if report.checked and (folder.root / CATALOG_FILE).exists() and not backups_in(backups):
        yield f"there is no copy of the catalog in {backups} yet; `voicesieve backup` makes one"
    for aside in sorted(folder.root.glob("set-aside-*")):
        yield f"{aside} holds a catalog that a copy has replaced; delete it when you do not need it any more"


def damaged(folder: Path) -> Iterator[Path]:
    """Copies of the catalog that could not be put back."""
    for backup in backups_in(folder):
        try:
            examine_backup(backup.path)
        except BackupError:
            yield backup.path


def mend(folder: DataFolder, catalog: Catalog, store: RecordingStore, report: Report, now: float) -> None:
    """Delete what no row names, and queue for fetching what lost its file. Only for the holder of the lock.

    Never by the word of a damaged catalog, whose rows may be missing while their files are good.
    """
    if report.catalog_damage:
        return
    for path in report.files_without_row:
        store.remove(path)
    lost = {*report.rows_without_file, *report.bad_hash}
    with catalog.read() as connection:
        rows = [row for row in views.stored_files(connection) if row.path in lost]
    for row in rows:
        with catalog.write() as connection:
            results.fetch_again(connection, row.sha256, now)
        store.remove(row.path)
    for name in report.stale_scratch:
        _remove(folder.scratch / name)
    folder.sweep_unfinished()
    for path in report.bad_backups:
        Path(path).unlink(missing_ok=True)
    report.fixed = True


def _digest(store: RecordingStore, row: StoredFile) -> str | None:
    try:
        return sha256_of(store.path(row.path))
    except FileNotFoundError:
        return None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _batches(paths: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(paths), BATCH):
        yield paths[start : start + BATCH]
