"""Takedown: the catalog forgets first, then the files go; a crash in between is made good by the next run."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog import history, views
from voicesieve.catalog.records import UnknownVideoError
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.transactions import audits, takedown
from voicesieve.domain.audits import AuditEntry, Deed
from voicesieve.sources.identity import candidate_identity, video_named

CHANNEL = "channel:"
"""Prefix that tells a channel's name from a video's id."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"(youtube:[A-Za-z0-9_-]{11}|(url|file):[0-9a-f]{32})")


class Kind(StrEnum):
    """What can be taken down."""

    VIDEO = "video"
    CHANNEL = "channel"
    RECORDING = "recording"


@dataclass(frozen=True)
class Takedown:
    """``name`` is a video's id or URL, a channel's name, or a recording's SHA-256 (its first 16 digits will do).

    ``unseen`` also keeps out a video or recording that the catalog does not know.
    """

    kind: Kind
    name: str
    reason: str = ""
    actor: str = ""
    unseen: bool = False


def withdraw(catalog: Catalog, store: RecordingStore, order: Takedown) -> int:
    """Withdraw for good and write it down. Returns how many videos fell.

    A video whose audio is the same as that of a withdrawn one falls with it. Raises `UnknownVideoError`.
    """
    now = time.time()
    with catalog.write() as connection:
        subject, fallen = _withdraw(connection, order, now)
        details = {"kind": order.kind.value, "videos": fallen}
        entry = AuditEntry(now, order.actor, Deed.WITHDRAW, subject, order.reason, details)
        audits.record(connection, entry)
    finish_deletions(catalog, store)
    return fallen


def _withdraw(connection: Connection, order: Takedown, now: float) -> tuple[str, int]:
    """What the log may say of the subject, and how many videos fell."""
    name, reason = order.name, order.reason
    if order.kind is Kind.CHANNEL:
        fallen = takedown.withdraw_channel(connection, name, reason, now)
        return f"channel {takedown.channel_hash(name)}", fallen
    if order.kind is Kind.RECORDING:
        sha256 = _recording(connection, order)
        return f"recording {sha256}", takedown.withdraw_recording(connection, sha256, reason, now)
    try:
        video = views.find_video(connection, name, video_named(name)).id
    except UnknownVideoError:
        video = _unseen_id(name) if order.unseen else ""
        if not video:
            raise
        takedown.keep_out(connection, video, reason, now)
        return f"video {takedown.tombstone_hash(video)}", 0
    return f"video {video}", takedown.withdraw_video(connection, video, reason, now)


def _recording(connection: Connection, order: Takedown) -> str:
    found = history.recordings_named(connection, order.name.lower())
    if len(found) == 1:
        return found[0]
    if order.unseen and not found and _SHA256.fullmatch(order.name.lower()):
        return order.name.lower()
    raise UnknownRecordingError(order.name, len(found))


def _unseen_id(name: str) -> str:
    """The id that a video of this id or address would get, empty if it can be neither."""
    if _ID.fullmatch(name):
        return name
    try:
        identity = candidate_identity(name)
    except ValueError:
        return ""
    return f"{identity.source}:{identity.native_id}"


class UnknownRecordingError(UnknownVideoError):
    """No recording, or more than one, has that name."""

    def __init__(self, wanted: str, found: int) -> None:
        why = f"{found} recordings begin with it; give more digits" if found else "none has that SHA-256"
        Exception.__init__(
            self,
            f"No recording {wanted!r} can be told: {why}. It takes the first 8 or more digits of a SHA-256, such as "
            "the `id` of an export's recordings.",
        )


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
