"""Keeping the promises of takedowns: the catalog forgets first, then the files go.

A crash in between is made good by the next run, which deletes what is still promised.
"""

from __future__ import annotations

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.reads import stored
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import takedown
from voicesieve.datafolder.strays import let_go


def finish_deletions(catalog: Catalog, store: RecordingStore) -> int:
    """Delete every file that a takedown has promised to delete, and what it names among strays. Returns how many.

    A promise that cannot be kept stays; `undeletable` names them.
    """
    with catalog.read() as connection:
        paths = [path for path in stored.pending_deletions(connection) if not store.refusal(path)]
    for path in paths:
        with catalog.read() as connection:
            still_used = bool(stored.referenced_paths(connection, [path]))
        if not still_used:
            store.remove(path)
        with catalog.write() as connection:
            takedown.deletion_done(connection, path)
    return len(paths) + let_go(catalog, store)


def undeletable(catalog: Catalog, store: RecordingStore) -> list[str]:
    """Promised deletions of what is no file of ours, each with the reason: nothing there is touched."""
    with catalog.read() as connection:
        paths = stored.pending_deletions(connection)
    return [f"{path}: {why}" for path in paths if (why := store.refusal(path))]
