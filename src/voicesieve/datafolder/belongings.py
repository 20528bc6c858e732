"""What in a data folder is ours, by its name and its form. Everything else belongs to others, and is kept."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from voicesieve.audio.store import is_ours as is_recording
from voicesieve.catalog.backups import CATALOG_FILE, RESTORING, is_copy, is_unfinished_copy
from voicesieve.catalog.turnstile import TURNSTILE
from voicesieve.datafolder.names import (
    BACKUPS,
    CALIBRATIONS,
    LOCK,
    LOG,
    LOGS,
    MARK,
    METRICS,
    QUARANTINE,
    QUERIES,
    RECORDINGS,
    RESTORING_FOLDER,
    SCRATCH,
    SETTINGS,
)
from voicesieve.files import becoming, unfinished_in

_OF_THE_SYSTEM = frozenset({"lost+found", ".DS_Store"})
"""What file systems and desktops put into any folder."""

_METHODS = frozenset({"http", "local", "yt-dlp"})
"""Folders in the scratch of an attempt, one a fetching method."""

_TOKEN = re.compile(r"[0-9a-f]{16}")
_IMPORT = re.compile(r"import-[0-9a-f]{8}")
_ASIDE = re.compile(r"set-aside-\d{8}T\d{6}(\.\d{3})?Z")
_CATALOG = re.compile(rf"({re.escape(CATALOG_FILE)}|{re.escape(RESTORING)})(-wal|-shm|-journal)?")
_LOG = re.compile(rf"{re.escape(LOG)}(\.\d+)?")
_CALIBRATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.json")
_QUARANTINED = re.compile(r"[0-9a-f]{64}(\.[0-9a-z]+)?")
_SHORTENED_CALIBRATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")

_UNFINISHED: dict[str, Callable[[str], bool]] = {
    ".": becoming(SETTINGS, QUERIES, MARK, RESTORING, RESTORING_FOLDER),
    LOGS: becoming(METRICS),
    BACKUPS: is_unfinished_copy,
    CALIBRATIONS: lambda name: _SHORTENED_CALIBRATION.fullmatch(name) is not None,
}
"""What is written under a temporary name, by folder."""


def unfinished_places(root: Path) -> Iterator[tuple[Path, Callable[[str], bool]]]:
    """The folders in which files are written under temporary names, and which of those names are ours."""
    for name, is_ours in _UNFINISHED.items():
        yield root / name if name != "." else root, is_ours


def is_scratch(path: Path) -> bool:
    """Whether an entry of the scratch folder is of an attempt or an import, by its name and by what lies in it."""
    if path.is_symlink() or not path.is_dir():
        return False
    if _TOKEN.fullmatch(path.name):
        return all(child.name in _METHODS and child.is_dir() and not child.is_symlink() for child in path.iterdir())
    return bool(_IMPORT.fullmatch(path.name)) and all(_TOKEN.fullmatch(child.name) for child in path.iterdir())


def strangers(root: Path) -> Iterator[str]:
    """What below ``root`` we did not make, as paths relative to it; of a foreign folder only its own name.

    Folders that are links are not searched: linking them is the operator's own decision.
    """
    for path in sorted(root.iterdir()):
        inside = _FOLDERS.get(path.name)
        if path.name in _OF_THE_SYSTEM or (inside is not None and path.is_symlink()):
            continue
        if inside is not None and path.is_dir():
            yield from inside(path)
        elif _ASIDE.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            yield from _others(path, lambda child: _CATALOG.fullmatch(child.name) is not None)
        elif not _is_file_of_root(path):
            yield path.name


def _is_file_of_root(path: Path) -> bool:
    if path in unfinished_in(path.parent, _UNFINISHED["."]):
        return True
    if path.name in (SETTINGS, QUERIES):
        return path.is_file()
    if path.is_symlink() or not path.is_file():
        return False
    if path.name == LOCK:
        return is_our_lock(path.read_bytes()[:1000])
    if path.name == CATALOG_FILE:
        return path.stat().st_size == 0 or holds_catalog(path.parent)
    return path.name in (MARK, TURNSTILE) or _CATALOG.fullmatch(path.name) is not None


def is_our_lock(content: bytes) -> bool:
    """Whether a lock file was written by us: it names a process, or is empty (full disk, power loss)."""
    written = content.strip(b"\0")
    return not written or written.startswith(b'{"pid"')


def is_quarantined(name: str) -> bool:
    """Whether a file of the quarantine folder has a name that we give there."""
    return _QUARANTINED.fullmatch(name) is not None


def is_folder_of_root(name: str) -> bool:
    """Whether a folder right below a data folder has a name of ours."""
    return name in _FOLDERS or _ASIDE.fullmatch(name) is not None


def _others(folder: Path, is_ours: Callable[[Path], bool]) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if path.name not in (*_OF_THE_SYSTEM, MARK) and (path.is_symlink() or not is_ours(path)):
            yield f"{folder.name}/{path.name}"


def _other_recordings(folder: Path) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_dir() or not re.fullmatch("[0-9a-f]{2}", path.name):
            yield from _others_named(path)
            continue
        yield from (
            f"{folder.name}/{path.name}/{file.name}"
            for file in sorted(path.iterdir())
            if not is_recording(f"{path.name}/{file.name}")
        )


def _others_named(path: Path) -> Iterator[str]:
    if path.name not in (*_OF_THE_SYSTEM, MARK):
        yield f"{path.parent.name}/{path.name}"


_FOLDERS: dict[str, Callable[[Path], Iterator[str]]] = {
    RECORDINGS: _other_recordings,
    SCRATCH: lambda folder: _others(folder, is_scratch),
    LOGS: lambda folder: _others(
        folder, lambda path: path.name == METRICS or bool(_LOG.fullmatch(path.name)) or _is_unfinished(path)
    ),
    BACKUPS: lambda folder: _others(folder, lambda path: is_copy(path.name) or _is_unfinished(path)),
    CALIBRATIONS: lambda folder: _others(
        folder, lambda path: bool(_CALIBRATION.fullmatch(path.name)) or _is_unfinished(path)
    ),
    QUARANTINE: lambda folder: _others(folder, lambda path: _QUARANTINED.fullmatch(path.name) is not None),
    RESTORING_FOLDER: lambda folder: _others(folder, lambda path: _CATALOG.fullmatch(path.name) is not None),
}
"""Our folders, each with what lists the files in it that are not ours."""


def _is_unfinished(path: Path) -> bool:
    return path in unfinished_in(path.parent, _UNFINISHED[path.parent.name])


def holds_catalog(root: Path) -> bool:
    """Whether a catalog of ours lies in ``root``, even a damaged one. Databases of other programs do not count."""
    if (root / RESTORING).is_file():
        return True
    file = root / CATALOG_FILE
    if not file.is_file():
        return False
    if (root / TURNSTILE).exists():
        return True
    uri = f"file:{quote(str(file.absolute()))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    except sqlite3.DatabaseError:
        return False
    return {"alembic_version", "video", "recording"} <= names
