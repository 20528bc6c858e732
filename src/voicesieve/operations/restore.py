"""Putting a copy of the catalog back: takedowns and the audit log of the catalog that it replaces stay in force."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog import backups, soundness
from voicesieve.catalog.backups import BackupError
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.turnstile import Turnstile
from voicesieve.catalog.writes import audits, inheritance
from voicesieve.datafolder.folder import DataFolder
from voicesieve.datafolder.names import RESTORING_FOLDER
from voicesieve.datafolder.strays import list_quarantine, note_newer
from voicesieve.domain.audits import AuditEntry, Deed
from voicesieve.files import create_private, unfinished_folder


@dataclass(frozen=True)
class Restored:
    """What was restored. ``withdrawn`` videos are those that the replaced catalog had withdrawn since; ``None`` if it
    cannot be read. ``newer`` recordings are not in the copy; they stay.
    """

    aside: Path | None
    videos: int
    accepted: int
    withdrawn: int | None
    newer: int


def restore(folder: DataFolder, copy: Path, actor: str, now: float) -> Restored:
    """Put a copy in the catalog's place. Takedowns and audit log of the catalog that it replaces stay in force.

    The copy is checked and updated and gets the later takedowns before it takes the place, in one step. Only for the
    holder of the folder's lock. Raises `BackupError`, `CatalogError` or `FailureError`; then nothing was changed.
    """
    facts = backups.examine(copy)
    turnstile = Turnstile.of(folder.root)
    with turnstile.hold(), unfinished_folder(folder.root / RESTORING_FOLDER) as staging:
        os.close(create_private(staging / backups.CATALOG_FILE))
        shutil.copyfile(copy, staging / backups.CATALOG_FILE)
        left = backups.rows_of(folder.root / backups.CATALOG_FILE, inheritance.INHERITED)
        videos = backups.videos_by_path(folder.root / backups.CATALOG_FILE)
        catalog = open_catalog(staging, create=False)
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


def _refuse_unsound(copy: Path, catalog: Catalog) -> None:
    """Raise `BackupError` for a copy whose tables or rows are not as this program builds and writes them.

    Intact pages do not show who wrote them, and what is put back decides what later takedowns reach.
    """
    with catalog.read() as connection:
        faults = soundness.differences(connection) or soundness.broken_rows(connection)
    if faults:
        raise BackupError(f"{copy} is not a catalog as voicesieve makes one: {'; '.join(faults)}. It is not put back.")
