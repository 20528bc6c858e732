"""Deleting the files of takedowns, after the catalog has forgotten them.

After a crash in between, the next run deletes what is still promised.
"""

from __future__ import annotations

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.reads import stored
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import takedown
from voicesieve.datafolder.strays import let_go


def finish_deletions(catalog: Catalog, store: RecordingStore) -> int:
    """Delete every file whose deletion a takedown has promised, and strays that it names. Returns the number.

    A promise that cannot be kept stays; `undeletable` reports it.
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
    """Promised deletions whose path is no file of ours, each with the reason: such files are not touched."""
    with catalog.read() as connection:
        paths = stored.pending_deletions(connection)
    return [f"{path}: {why}" for path in paths if (why := store.refusal(path))]
