"""Quarantine, and what happens to files that no recording names: no file is deleted only because it is unknown.

A file is listed first and then moved, so that a crash in between costs nothing but the move; see
`catalog.writes.strays`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import Connection

from voicesieve.audio.store import RecordingStore, is_ours, named_hash, sha256_of
from voicesieve.catalog.reads import stored
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import strays
from voicesieve.catalog.writes.strays import NEWER, Stray
from voicesieve.datafolder.belongings import is_quarantined
from voicesieve.datafolder.names import QUARANTINE, RECORDINGS
from voicesieve.datafolder.permissions import tighten
from voicesieve.files import make_folder, move_durably, sync_folder


def quarantine_of(store: RecordingStore) -> Path:
    """The folder beside the recordings into which `quarantine` moves."""
    return store.root.with_name(QUARANTINE)


def quarantine(
    catalog: Catalog,
    store: RecordingStore,
    file: Path,
    origin: str,
    reason: str,
    now: float,
    together_with: Callable[[Connection], set[str]] = lambda connection: set(),
) -> Stray:
    """Move ``file`` into quarantine, listed by its hash.

    ``together_with`` is done in the same transaction and returns further subjects; see `Stray`. Raises `OSError`, or
    `FailureError` ``disk_full``.
    """
    sha256, size = sha256_of(file), file.stat().st_size
    name = f"{sha256}{file.suffix}" if is_quarantined(f"{sha256}{file.suffix}") else sha256
    named = {named_hash(origin.partition("/")[2])} if is_ours(origin.partition("/")[2]) else set()
    with catalog.write() as connection:
        subjects = {sha256, *named, *together_with(connection)}
        entry = Stray(f"{QUARANTINE}/{name}", sha256, origin, reason, size, tuple(sorted(subjects)), now)
        strays.enter(connection, [entry])
    target = quarantine_of(store) / name
    make_folder(target.parent, private=True)
    move_durably(file, target)
    tighten(target)
    sync_folder(file.parent)
    return entry


def let_go(catalog: Catalog, store: RecordingStore, *, before: float | None = None) -> int:
    """Delete strays that a takedown names, and those in quarantine since ``before``. Returns the number of
    deleted files. A file that a recording names by now is no stray any more.
    """
    with catalog.read() as connection:
        entries = strays.listed(connection)
        if not entries:
            return 0
        due = {entry.path for entry in strays.withdrawn(connection, entries)}
        named = stored.referenced_paths(connection, [_relative(entry) for entry in entries if entry.reason == NEWER])
    gone = 0
    for entry in entries:
        is_named = entry.reason == NEWER and _relative(entry) in named
        is_over = entry.reason != NEWER and before is not None and entry.since <= before
        if entry.reason == NEWER and store.refusal(_relative(entry)):
            continue  # a link, or a name that is not ours: the doctor names it
        if is_named or is_over or entry.path in due:
            gone += not is_named and _removed(store, entry)
            with catalog.write() as connection:
                strays.forget(connection, entry.path)
    return gone


def _removed(store: RecordingStore, entry: Stray) -> bool:
    """Delete a stray's file. A file under a name that is not ours is not touched, whatever the catalog says."""
    if entry.reason == NEWER:
        store.remove(_relative(entry))
        return True
    folder, _, name = entry.path.partition("/")
    if folder != QUARANTINE or not is_quarantined(name):
        return False
    path = quarantine_of(store) / name
    was_there = path.exists()
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        sync_folder(path.parent)
    return was_there


def _relative(entry: Stray) -> str:
    """The path of a newer recording relative to the store."""
    return entry.path.partition("/")[2]


def note_newer(catalog: Catalog, store: RecordingStore, videos: Mapping[str, set[tuple[str, str]]], now: float) -> int:
    """List recordings that a catalog, which is about to be restored, does not name. Returns the number.

    ``videos`` are ids and channels by path, as far as the catalog that it replaces has them; takedowns name them.
    """
    paths = [path for path in store.files() if is_ours(path)]
    newer = 0
    for start in range(0, len(paths), strays.BATCH):
        batch = paths[start : start + strays.BATCH]
        with catalog.write() as connection:
            named = stored.referenced_paths(connection, batch)
            entries = [_newer(store, path, videos.get(path, set()), now) for path in batch if path not in named]
            strays.enter(connection, entries)
        newer += len(entries)
    return newer


def _newer(store: RecordingStore, path: str, videos: set[tuple[str, str]], now: float) -> Stray:
    sha256, origin = named_hash(path), f"{RECORDINGS}/{path}"
    subjects = {digest for video in videos for digest in strays.subjects(*video)}
    size = (store.root / path).lstat().st_size
    return Stray(origin, sha256, origin, NEWER, size, tuple(sorted({sha256, *subjects})), now)


def list_quarantine(catalog: Catalog, store: RecordingStore, now: float) -> None:
    """List what lies in quarantine unlisted, as after the loss of a catalog, and drop entries whose file is missing."""
    folder = quarantine_of(store)
    files = sorted(path for path in folder.iterdir() if is_quarantined(path.name)) if folder.is_dir() else []
    with catalog.read() as connection:
        entries = strays.listed(connection)
    listed = {entry.path for entry in entries}
    for path in files:
        relative = f"{QUARANTINE}/{path.name}"
        if relative not in listed and not path.is_symlink():
            sha256 = sha256_of(path)
            entry = Stray(relative, sha256, relative, "unlisted", path.stat().st_size, (sha256,), now)
            with catalog.write() as connection:
                strays.enter(connection, [entry])
    for entry in entries:
        if entry.reason != NEWER and not (folder / entry.path.partition("/")[2]).exists():
            with catalog.write() as connection:
                strays.forget(connection, entry.path)
