"""From a data folder to its settings and its open catalog."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.backups import CATALOG_FILE
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.store import Catalog
from voicesieve.datafolder.copies import BackupRules
from voicesieve.datafolder.folder import DataFolder
from voicesieve.operations.withdraw import enforce
from voicesieve.settings import Settings, load_settings


def settings_for(
    data: Path, config: Path | None = None, command_line: Mapping[str, Mapping[str, object]] | None = None
) -> Settings:
    """The settings of a data folder: ``config`` if given, else the folder's own file if there is one."""
    own = DataFolder(data).settings
    return load_settings(config or (own if own.exists() else None), command_line)


def backup_rules_of(folder: DataFolder, settings: Settings) -> BackupRules:
    backup = settings.backup
    return BackupRules(Path(backup.folder) if backup.folder else folder.backups, backup.keep, backup.every_s)


def actor() -> str:
    """Who is acting, for the audit log: ``user@host``. The user comes from the kernel, not from the environment."""
    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container may run as a number without a name
        user = str(uid)
    return f"{user}@{socket.gethostname()}"


def open_catalog_of(
    folder: DataFolder, settings: Settings, *, create: bool = False, warn: Callable[[str], object]
) -> Catalog:
    """The catalog of a data folder; the caller closes it.

    Tables of an earlier version are updated, after a copy is made. ``warn`` is given a sentence if that copy fails.
    Raises `CatalogError` or `FailureError` where it cannot be opened.
    """
    if create:
        folder.prepare()
    elif (folder.root / CATALOG_FILE).exists():
        folder.claim()
    copies = backup_rules_of(folder, settings)
    url = settings.catalog.url.get_secret_value()
    catalog = open_catalog(folder.root, url, create=create, backups=copies.folder, keep_backups=copies.keep)
    try:
        if catalog.update_without_backup:
            warn(f"The catalog was updated, but could not be copied before: {catalog.update_without_backup}")
        if catalog.was_updated:
            enforce(catalog, RecordingStore(folder.recordings), actor())
    except BaseException:
        catalog.close()
        raise
    return catalog
