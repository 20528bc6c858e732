"""Withdrawing videos, channels and audio for good, and the tombstones that keep them out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from voicesieve.catalog import schema
from voicesieve.catalog.changes import change, insert_missing
from voicesieve.catalog.records import UnknownVideoError
from voicesieve.domain.states import VideoState

video = schema.video


def tombstone_hash(identity: str) -> str:
    """What a tombstone keeps of an id: enough to recognise it, too little to publish it."""
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()


def channel_hash(channel: str) -> str:
    return tombstone_hash(f"channel {channel}")


def withdraw_video(connection: Connection, video_id: str, reason: str, now: float) -> int:
    """Remove a video, its audio and all that was derived from it. Returns how many videos fell with it."""
    row = connection.execute(select(video).where(video.c.id == video_id)).one_or_none()
    if row is None:
        raise UnknownVideoError(video_id)
    return _withdraw_rows(connection, [row], "video", reason, now)


def withdraw_channel(connection: Connection, channel: str, reason: str, now: float) -> int:
    """Remove every video of a channel, and keep out what it publishes later."""
    add_tombstones(connection, [channel_hash(channel)], "channel", reason, now)
    rows = list(connection.execute(select(video).where(video.c.channel == channel)).all())
    return _withdraw_rows(connection, rows, "channel", reason, now)


def withdraw_recording(connection: Connection, sha256: str, reason: str, now: float) -> int:
    """Remove a recording with every video that carries it, and keep that audio out wherever it comes from."""
    rows = list(connection.execute(select(video).where(video.c.recording == sha256)).all())
    fallen = _withdraw_rows(connection, rows, "recording", reason, now)
    _withdraw_audio(connection, sha256, reason, now)
    return fallen


def keep_out(connection: Connection, video_id: str, reason: str, now: float) -> None:
    """Leave a tombstone for a video that the catalog does not know."""
    add_tombstones(connection, [tombstone_hash(video_id)], "video", reason, now)


def _withdraw_rows(connection: Connection, rows: list[Row[Any]], asked: str, reason: str, now: float) -> int:
    recordings = {row.recording for row in rows if row.recording}
    sharing = connection.execute(select(video).where(video.c.recording.in_(recordings))).all()
    affected = {row.key: row for row in [*rows, *sharing] if row.state != VideoState.WITHDRAWN}
    for row in affected.values():
        add_tombstones(connection, names_withdrawn(connection, row), "video", reason, now)
        removed = {"video": row.id, "recording": row.recording, "asked": asked, "removed_at": now}
        connection.execute(schema.removal.insert().values(removed))
        bury(connection, row, now)
    for sha256 in sorted(recordings):
        _withdraw_audio(connection, sha256, reason, now)
    return len(affected)


def names_withdrawn(connection: Connection, row: Row[Any]) -> set[str]:
    """The tombstones of a video: its id, the address where it lies now, and all else by which it is recognised."""
    aliases = connection.execute(select(schema.alias.c.name).where(schema.alias.c.video == row.key)).scalars()
    return {tombstone_hash(name) for name in (row.id, row.address, *aliases) if name}


def _withdraw_audio(connection: Connection, sha256: str, reason: str, now: float) -> None:
    add_tombstones(connection, [sha256], "audio", reason, now)
    path = connection.execute(
        select(schema.recording.c.path).where(schema.recording.c.sha256 == sha256)
    ).scalar_one_or_none()
    if path is not None:
        delete_later(connection, path, now)
        forget_recording(connection, sha256)


def bury(connection: Connection, row: Row[Any], now: float) -> None:
    """Keep of a video its id and that it was withdrawn, and nothing else."""
    for table in (schema.decision, schema.language_evidence, schema.attempt):
        connection.execute(delete(table).where(table.c.video == row.key))
    blank: dict[str, Any] = dict.fromkeys(("title", "channel", "url"), "")
    blank |= dict.fromkeys(
        ("duration_s", "published_at", "declared_language", "licence", "recording", "language"), None
    )
    blank |= dict.fromkeys(("rights_basis", "rights_statement", "decided_by", "arm", "first_query", "choice"), None)
    blank |= dict.fromkeys(("language_probability", "language_state", "language_unavailable"), None)
    blank |= dict.fromkeys(("merit", "child_s"), 0.0)
    blank |= dict.fromkeys(("stage", "due_at", "failure_kind", "lease_token", "lease_until", "address"), None)
    withdrawn = [{"rule": "withdrawn", "message": "taken down; later crawls keep it out"}]
    change(connection, row, now, state=VideoState.WITHDRAWN, reasons=withdrawn, metadata={}, facts={}, **blank)


def add_tombstones(connection: Connection, digests: Iterable[str], subject: str, reason: str, now: float) -> None:
    rows = [{"hash": digest, "subject": subject, "reason": reason, "made_at": now} for digest in sorted(digests)]
    insert_missing(connection, schema.tombstone, rows)


def is_withdrawn(connection: Connection, digest: str) -> bool:
    found = connection.execute(select(schema.tombstone.c.hash).where(schema.tombstone.c.hash == digest)).scalar()
    return found is not None


def forget_recording(connection: Connection, sha256: str) -> None:
    connection.execute(delete(schema.verdict).where(schema.verdict.c.recording == sha256))
    connection.execute(delete(schema.recording).where(schema.recording.c.sha256 == sha256))


def delete_later(connection: Connection, path: str, now: float) -> None:
    insert_missing(connection, schema.deletion, [{"path": path, "asked_at": now}])


def delete_unless_named(connection: Connection, path: str, now: float) -> None:
    """A file was stored for a video that is no longer ours to store: promise its deletion, unless a row names it."""
    names = (schema.recording.c.path == path) & schema.recording.c.audio_purged_at.is_(None)
    named = connection.execute(select(schema.recording.c.sha256).where(names)).scalar()
    if named is None:
        delete_later(connection, path, now)


def deletion_done(connection: Connection, path: str) -> None:
    """The file is gone from disk; nothing needs to remember it any longer."""
    connection.execute(delete(schema.deletion).where(schema.deletion.c.path == path))
