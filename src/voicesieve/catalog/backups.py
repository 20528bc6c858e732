"""Copies of the catalog: made while it is in use, proved by opening them, rotated, and put back.

A copy is one snapshot: readers and writers go on while it is made. Putting one back is written down first (a verified
file under a fixed name) and done second, so that a crash in between is finished by whoever opens the catalog next.
"""

from __future__ import annotations

import calendar
import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from voicesieve.catalog import soundness, versions
from voicesieve.domain.errors import InnerError, VoicesieveError
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.files import (
    atomic_path,
    make_folder,
    move_durably,
    refuse_little_space,
    space_needed,
    sweep_unfinished,
    sync_folder,
    typed_disk_errors,
)

PAGES = 1_024
"""Pages (4 kB) between two looks at the stop signal; a step of this size takes a few milliseconds."""

CACHE_KIB = 8_192
"""Memory of the copying connection, whatever the size of the catalog."""

_NAME = re.compile(r"catalog-(\d{8}T\d{6}\.\d{3})Z(?:-before-([0-9A-Za-z_]+))?\.sqlite3")
_SHORTENED = re.compile(r"catalog-\d{8}T\d{6}\.\d{3}Z.*")
_STAMP = "%Y%m%dT%H%M%S"

CATALOG_FILE = "catalog.sqlite3"
RESTORING = "catalog.restoring.sqlite3"
"""A verified copy that is to take the catalog's place; while it exists, putting back is not finished."""


class BackupError(VoicesieveError):
    """No copy could be made, or this file is none. The message says why; the catalog itself is unchanged."""


class StoppedError(InnerError):
    """The copy was asked to stop."""


@dataclass(frozen=True)
class Backup:
    """One copy. ``made_at`` is an epoch second, ``before`` the revision of the update that it was made for."""

    path: Path
    made_at: float
    before: str | None
    bytes: int


@dataclass(frozen=True)
class Facts:
    """What a copy holds."""

    revision: str
    videos: int
    accepted: int


def backup_catalog(
    file: Path,
    folder: Path,
    *,
    keep: int,
    now: float,
    before: str | None = None,
    turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    stopped: Callable[[], bool] = lambda: False,
    progressed: Callable[[int, int], None] = lambda done, total: None,
) -> Backup:
    """Copy the SQLite catalog ``file`` into ``folder``, prove the copy, and keep the newest ``keep`` of its sort.

    ``turn`` is held while our connection is opened and closed (see `catalog.turnstile`), not while it copies.
    ``progressed(done, total)`` counts pages. Raises `BackupError`, `StoppedError`, or `FailureError` ``disk_full``;
    older copies are untouched then.
    """
    stamp = f"{time.strftime(_STAMP, time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"
    target = folder / f"catalog-{stamp}{f'-before-{before}' if before else ''}.sqlite3"
    try:
        make_folder(folder, private=True)
        sweep_unfinished(folder, is_unfinished_copy)
        refuse_little_space(folder, file.stat().st_size)
        with atomic_path(target) as temporary:
            _copy(file, temporary, turn, stopped, progressed)
            examine(temporary)
    except sqlite3.Error as error:
        raise _explained(target, error, file.stat().st_size) from error
    except OSError as error:
        raise BackupError(f"{folder} cannot be written: {error.strerror or error}") from error
    _rotate(folder, keep, file.parent, target, is_update=before is not None)
    return Backup(target, now, before, target.stat().st_size)


def _copy(
    file: Path,
    temporary: Path,
    turn: Callable[[], AbstractContextManager[None]],
    stopped: Callable[[], bool],
    progressed: Callable[[int, int], None],
) -> None:
    with turn():
        source = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        source.execute("PRAGMA query_only=ON")
        source.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        # One snapshot for all steps; without it every write by another process would start the copy again.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()

        def look(_status: int, remaining: int, total: int) -> None:
            progressed(total - remaining, total)
            if stopped():
                raise StoppedError

        with closing(sqlite3.connect(temporary, isolation_level=None)) as target:
            # No other process knows this file, and it is fsynced before it gets its name.
            target.execute("PRAGMA journal_mode=OFF")
            target.execute("PRAGMA synchronous=OFF")
            source.backup(target, pages=PAGES, progress=look)
            # The header of a copy says WAL; a single file that needs no companions is what one can carry away.
            target.execute("PRAGMA journal_mode=DELETE")
    finally:
        with turn():
            source.close()


def examine(file: Path) -> Facts:
    """Prove that ``file`` is a whole catalog. Raises `BackupError` if it is not."""
    if not file.is_file():
        raise BackupError(f"{file} does not exist.")
    try:
        # Immutable: looking at a copy must not create files beside it.
        uri = f"file:{quote(os.fsencode(file.absolute()))}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            for pragma in soundness.DISTRUST:
                connection.execute(pragma)
            answer = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if answer != "ok":
                raise BackupError(f"{file} is damaged: {' '.join(str(answer).split())[:200]}")
            if connection.execute("PRAGMA foreign_key_check").fetchone():
                raise BackupError(f"{file} is damaged: a row names another that is not there")
            if foreign := soundness.foreign(connection.execute(soundness.DECLARATIONS)):
                raise BackupError(
                    f"{file} holds {', '.join(foreign)}: nothing that voicesieve has made, and takedowns written to it "
                    "may not hold. It is not put back."
                )
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
            if not versions.is_revision(revision):
                raise BackupError(f"{file} is not a catalog of voicesieve: its revision is {str(revision)[:40]!r}.")
            counts = dict(connection.execute("SELECT name, value FROM counter WHERE name LIKE 'state:%'"))
    except (sqlite3.Error, TypeError) as error:
        raise BackupError(f"{file} is damaged or is not a catalog of voicesieve ({error}).") from error
    return Facts(str(revision), int(sum(counts.values())), int(counts.get("state:accepted", 0)))


def first_run(file: Path) -> str | None:
    """The id of the first run in a copy, which all copies of one catalog share; ``None`` if the copy has no run."""
    uri = f"file:{quote(str(file.absolute()))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            row = connection.execute("SELECT id FROM run ORDER BY started_at, id LIMIT 1").fetchone()
    except sqlite3.Error:
        return None  # damaged: it is not known whose it is, and stays
    return None if row is None else str(row[0])


def is_copy(name: str) -> bool:
    """Whether a file has the name of a copy of the catalog."""
    return _NAME.fullmatch(name) is not None


def is_unfinished_copy(name: str) -> bool:
    """Whether a temporary file, whose name begins with ``name``, is to become a copy."""
    return _SHORTENED.fullmatch(name) is not None


def backups_in(folder: Path) -> list[Backup]:
    """The copies in ``folder``, the newest first; files with other names do not belong to voicesieve."""
    return sorted(_listed(folder), key=lambda backup: backup.path.name, reverse=True)


def _listed(folder: Path) -> Iterator[Backup]:
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := _NAME.fullmatch(path.name):
            whole, _, milliseconds = match[1].partition(".")
            made_at = _epoch(whole) + int(milliseconds) / 1000
            yield Backup(path, made_at, match[2], path.stat().st_size)


def _epoch(stamp: str) -> float:
    return float(calendar.timegm(time.strptime(stamp, _STAMP)))


def _rotate(folder: Path, keep: int, data: Path, newest: Path, *, is_update: bool) -> None:
    """Delete the oldest copies of this catalog beyond ``keep``.

    Copies from before an update are the only way back to the older version, so they are counted apart. A folder outside
    of the data folder may hold copies of other catalogs too, which are told apart by their first run.
    """
    same_sort = [backup for backup in backups_in(folder) if (backup.before is not None) == is_update]
    if not folder.resolve().is_relative_to(data.resolve()):
        first = first_run(newest)
        same_sort = [backup for backup in same_sort if first is not None and first_run(backup.path) == first]
    for old in same_sort[keep:]:
        old.path.unlink(missing_ok=True)
    if same_sort[keep:]:
        sync_folder(folder)


def _explained(target: Path, error: sqlite3.Error, size: int) -> Exception:
    text = " ".join(str(error).split())
    if "full" in text or "disk I/O" in text:
        room = space_needed(target, size)
        message = f"the copy of the catalog cannot be written below {target.parent}: {text}. {room}"
        return FailureError(Failure.from_exception(FailureKind.DISK_FULL, error, message))
    return BackupError(f"The catalog could not be copied: {text}.")


def rows_of(file: Path, tables: Sequence[str]) -> dict[str, list[dict[str, Any]]] | None:
    """All rows of some small tables, ``None`` if the catalog is too damaged to be asked.

    Only for the holder of the turnstile. A table that an older catalog does not have yet is left out.
    """
    if not file.exists():
        return {}
    try:
        with closing(sqlite3.connect(file)) as connection:
            for pragma in soundness.DISTRUST:
                connection.execute(pragma)
            connection.row_factory = sqlite3.Row
            existing = {
                row["name"] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            }
            wanted = [table for table in tables if table in existing]
            return {table: [_plain(row) for row in connection.execute(f"SELECT * FROM {table}")] for table in wanted}  # noqa: S608 - names of our own tables
    except sqlite3.DatabaseError:
        return None  # which may be why a copy is put back; the caller says what it means for takedowns


def videos_by_path(file: Path) -> dict[str, set[tuple[str, str]]]:
    """The id and channel of each video that carries a stored file, by the file's path; empty if the catalog is damaged.

    Only for the holder of the turnstile.
    """
    videos: dict[str, set[tuple[str, str]]] = {}
    if not file.exists():
        return videos
    query = "SELECT recording.path, video.id, video.channel FROM recording JOIN video ON video.recording = sha256"
    try:
        with closing(sqlite3.connect(file)) as connection:
            for path, video, channel in connection.execute(query):
                videos.setdefault(path, set()).add((video, channel))
    except sqlite3.DatabaseError:
        return {}  # what it would have shown is lost; the files are listed under their own hashes
    return videos


def _plain(row: sqlite3.Row) -> dict[str, Any]:
    """JSON columns as values, as the tables of `catalog.schema` take them. A line of the log that is none stays one."""
    return {key: _json(row[key]) if key in ("details", "subjects") else row[key] for key in row.keys()}  # noqa: SIM118 - a Row


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return {"unreadable": str(text)}


def put_back(data: Path, ready: Path) -> Path | None:
    """Let the whole catalog ``ready`` take the catalog's place in ``data``; returns where the earlier one lies now.

    Only for the holder of the folder's lock and of its turnstile.
    """
    move_durably(ready, data / RESTORING)
    return finish_putting_back(data)


def finish_putting_back(data: Path) -> Path | None:
    """Do, or after a crash go on with, what `put_back` wrote down. ``None`` if there was nothing to set aside."""
    coming = data / RESTORING
    if not coming.exists():
        return None
    written_at = coming.stat().st_mtime
    aside = data / f"set-aside-{time.strftime(_STAMP, time.gmtime(written_at))}.{int(written_at % 1 * 1000):03d}Z"
    with typed_disk_errors(aside):
        # The log must leave with its file: SQLite would apply it to the copy. The file goes first, because a log
        # without its file is ignored, and a file without its log may be half a checkpoint.
        for suffix in ("", "-wal", "-shm"):
            old = data / f"{CATALOG_FILE}{suffix}"
            if old.exists():
                make_folder(aside, private=True)
                old.rename(aside / old.name)
                sync_folder(aside)
                sync_folder(data)
        coming.rename(data / CATALOG_FILE)
        sync_folder(data)
    return aside if aside.is_dir() else None
