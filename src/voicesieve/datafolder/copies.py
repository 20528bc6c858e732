"""A copy of the catalog, made while others work in the folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voicesieve.catalog import backups
from voicesieve.catalog.backups import Backup
from voicesieve.catalog.turnstile import Turnstile
from voicesieve.datafolder.folder import DataFolder


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
    turnstile = Turnstile.of(folder.root)
    return backups.backup_catalog(
        folder.root / backups.CATALOG_FILE,
        rules.folder,
        keep=rules.keep,
        now=now,
        turn=turnstile.hold,
        stopped=stopped,
        progressed=progressed,
    )
