"""Opening the catalog of a data folder: found or made, and copied before its tables are brought up to date."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sqlalchemy import exc as sql_errors

from voicesieve.catalog import versions
from voicesieve.catalog.backups import CATALOG_FILE, RESTORING, BackupError, backup_catalog, finish_putting_back
from voicesieve.catalog.counters import count_backup
from voicesieve.catalog.postgres import open_postgres
from voicesieve.catalog.refusals import CatalogError, explained
from voicesieve.catalog.sqlite import refuse_foreign, refuse_network_file_system, sqlite_engine
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.turnstile import Turnstile, TurnstileTimeoutError
from voicesieve.domain.failures import FailureError
from voicesieve.files import create_private

BACKUPS = "backups"


def open_catalog(
    folder: Path, url: str = "", *, create: bool, backups: Path | None = None, keep_backups: int = 7
) -> Catalog:
    """Open the catalog of a data folder, bringing its tables up to date.

    ``url`` names a PostgreSQL database; empty means SQLite in ``folder``. Before an update the catalog is copied
    into ``backups`` (its own folder if ``None``). A copy that fails does not stop the update, which is one
    transaction; `Catalog.update_without_backup` says why it failed. Raises `CatalogError` when there is no catalog and
    ``create`` is false, and when it is newer than this program, damaged, read-only or on a network drive.
    """
    if url:
        return open_postgres(url, create=create)
    file = folder / CATALOG_FILE
    if not create and not file.exists() and not (folder / RESTORING).exists():
        raise CatalogError(f"There is no catalog in {folder}. Start one with `voicesieve crawl --data {folder} ...`.")
    refuse_network_file_system(folder)
    turnstile = Turnstile.of(folder)
    writer = sqlite_engine(file, writing=True)
    update = _Update(file, backups or folder / BACKUPS, keep_backups)
    try:
        with turnstile.hold():
            finish_putting_back(folder)
            if not file.exists():
                os.close(create_private(file))  # SQLite gives its other files the mode of this one
            try:
                refuse_foreign(writer)
                versions.bring_up_to_date(writer, update.back_up)
            except BaseException:
                writer.dispose()
                raise
    except (
        OSError,
        sql_errors.DBAPIError,
        versions.NewerCatalogError,
        versions.ForeignRevisionError,
        TurnstileTimeoutError,
    ) as error:
        raise explained(file, error) from error
    catalog = Catalog(writer, sqlite_engine(file, writing=False), turnstile, file)
    if update.made_at is not None or update.problem is not None:
        with catalog.write() as connection:
            count_backup(connection, update.made_at)
        catalog.update_without_backup = update.problem
        catalog.was_updated = True
    return catalog


class _Update:
    """The copy that is made before the tables are changed, and how that went."""

    def __init__(self, file: Path, folder: Path, keep: int) -> None:
        self._file, self._folder, self._keep = file, folder, keep
        self.made_at: float | None = None
        self.problem: str | None = None

    def back_up(self) -> None:
        try:
            copy = backup_catalog(self._file, self._folder, keep=self._keep, now=time.time(), before=versions.HEAD)
        except (BackupError, FailureError) as error:
            self.problem = str(error)
        else:
            self.made_at = copy.made_at
