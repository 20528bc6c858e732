"""One copy of the catalog, because a person asks for it; counted like those that runs make."""

from __future__ import annotations

from collections.abc import Callable

from voicesieve.catalog.backups import Backup, BackupError
from voicesieve.catalog.counters import count_backup
from voicesieve.catalog.store import Catalog
from voicesieve.datafolder.copies import BackupRules, back_up
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.failures import FailureError


def backup(
    folder: DataFolder, catalog: Catalog, rules: BackupRules, now: float, progressed: Callable[[int, int], None]
) -> Backup:
    """Copy the catalog now. ``progressed(done, total)`` counts pages. Raises `BackupError` or `FailureError`."""
    try:
        made = back_up(folder, rules, now, progressed=progressed)
    except (BackupError, FailureError):
        with catalog.write() as connection:
            count_backup(connection, None)
        raise
    with catalog.write() as connection:
        count_backup(connection, made.made_at)
    return made
