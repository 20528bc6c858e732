"""Takedown: the catalog forgets first, then the files go; a crash in between is made good by the next run."""

from __future__ import annotations

import time

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog import views
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.transactions import takedown

CHANNEL = "channel:"
"""Prefix that tells a channel's name from a video's id."""


def withdraw(catalog: Catalog, store: RecordingStore, wanted: str, reason: str) -> int:
    """Withdraw a video by its id, or ``channel:NAME``, for good. Returns how many videos fell.

    A video whose audio is the same as that of a withdrawn one falls with it. Raises `UnknownVideoError`.
    """
    now = time.time()
    with catalog.write() as connection:
        if wanted.startswith(CHANNEL):
            count = takedown.withdraw_channel(connection, wanted.removeprefix(CHANNEL), reason, now)
        else:
            video = views.find_video(connection, wanted)
            count = takedown.withdraw_video(connection, video.id, reason, now)
    finish_deletions(catalog, store)
    return count


def finish_deletions(catalog: Catalog, store: RecordingStore) -> int:
    """Delete every file that a takedown has promised to delete. Returns how many promises were kept."""
    with catalog.read() as connection:
        paths = views.pending_deletions(connection)
    for path in paths:
        with catalog.read() as connection:
            still_used = bool(views.referenced_paths(connection, [path]))
        if not still_used:
            store.remove(path)
        with catalog.write() as connection:
            takedown.deletion_done(connection, path)
    return len(paths)
