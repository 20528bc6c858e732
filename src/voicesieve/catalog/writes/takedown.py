"""Withdrawing videos, channels and audio for good, and the tombstones that keep them out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, select

from voicesieve.catalog import schema
from voicesieve.catalog.records import UnknownVideoError
from voicesieve.catalog.rows import chunks, insert_missing
from voicesieve.catalog.writes.changes import change
from voicesieve.domain.names import name_key, spellings
from voicesieve.domain.states import VideoState

video = schema.video


def tombstone_hash(identity: str) -> str:
    """What a tombstone keeps of an id: enough to recognise it, too little to publish it."""
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()


def channel_hash(channel: str) -> str:
    """What a tombstone keeps of a channel: the same for all spellings that look alike."""
    return tombstone_hash(f"channel {name_key(channel)}")


def channel_hashes(channel: str) -> frozenset[str]:
    """All hashes that keep a channel out: the one above, and those of tombstones from before names had one form."""
    if not channel:
        return frozenset()
    return frozenset({channel_hash(channel), *(tombstone_hash(f"channel {form}") for form in spellings(channel))})


@dataclass(frozen=True)
class Fallen:
    """What falls with a takedown: ids of videos, hashes of recordings, and the paths of their files."""

    ids: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


def withdraw_video(connection: Connection, video_id: str, reason: str, now: float) -> int:
    """Remove a video, its audio and all that was derived from it. Returns how many videos fell with it."""
    if connection.execute(select(video.c.key).where(video.c.id == video_id)).scalar() is None:
        raise UnknownVideoError(video_id)
    return withdraw(connection, fallen_with_video(connection, video_id), "video", reason, now)


def withdraw(connection: Connection, fallen: Fallen, asked: str, reason: str, now: float) -> int:
    """Remove what falls with a takedown of the kind ``asked``, and keep all of it out. Returns how many videos fell."""
    count = 0
    for some in chunks(fallen.ids):
        rows = list(connection.execute(select(video).where(video.c.id.in_(some)).order_by(video.c.key)).all())
        count += _withdraw_rows(connection, rows, asked, reason, now)
    for sha256 in fallen.recordings:
        _withdraw_audio(connection, sha256, reason, now)
    return count


def fallen_with_video(connection: Connection, video_id: str) -> Fallen:
    return _fallen(connection, video.c.id == video_id)


def fallen_with_channel(connection: Connection, channel: str) -> Fallen:
    return _fallen(connection, video.c.channel.in_(channels_named(connection, channel)))


def fallen_with_recording(connection: Connection, sha256: str) -> Fallen:
    return _fallen(connection, video.c.recording == sha256, sha256)


def fallen_of(connection: Connection, ids: Sequence[str]) -> Fallen:
    """What falls with the videos ``ids``."""
    parts = [_fallen(connection, video.c.id.in_(some)) for some in chunks(ids)]
    return Fallen(
        tuple(dict.fromkeys(id_ for part in parts for id_ in part.ids)),
        tuple(dict.fromkeys(sha256 for part in parts for sha256 in part.recordings)),
        tuple(dict.fromkeys(path for part in parts for path in part.paths)),
    )


def _fallen(connection: Connection, which: ColumnElement[bool], *audio: str) -> Fallen:
    """The videos of ``which`` and all that carry the same audio, with that audio."""
    present = video.c.state != VideoState.WITHDRAWN
    rows = connection.execute(select(video.c.id, video.c.recording).where(which, present).order_by(video.c.key)).all()
    ids = [row.id for row in rows]
    stored: list[tuple[str, str]] = []
    for some in chunks(sorted({row.recording for row in rows if row.recording} | {*audio})):
        sharing = select(video.c.id).where(video.c.recording.in_(some), present).order_by(video.c.key)
        ids += connection.execute(sharing).scalars()
        table = schema.recording.c
        named = select(table.sha256, table.path).where(table.sha256.in_(some))
        stored += [(row.sha256, row.path) for row in connection.execute(named)]
    return Fallen(tuple(dict.fromkeys(ids)), tuple(sha256 for sha256, _ in stored), tuple(path for _, path in stored))


def standing(connection: Connection, fallen: Fallen, stone: str) -> list[str]:
    """What of a takedown does not hold, read anew, in words; empty if all of it does. ``stone`` is its own hash."""
    differences = [] if is_withdrawn(connection, stone) else ["its tombstone is not in the catalog"]
    for some in chunks(fallen.ids):
        rows = select(video.c.id).where(video.c.id.in_(some), video.c.state == VideoState.WITHDRAWN)
        gone = set(connection.execute(rows.where(video.c.recording.is_(None))).scalars())
        gone &= _with_stones(connection, some)
        differences += [f"{id_} is not withdrawn" for id_ in some if id_ not in gone]
    for some in chunks(fallen.recordings):
        rows = select(schema.recording.c.sha256).where(schema.recording.c.sha256.in_(some))
        differences += [f"recording {sha256} is still in the catalog" for sha256 in connection.execute(rows).scalars()]
        stones = select(schema.tombstone.c.hash).where(schema.tombstone.c.hash.in_(some))
        left = set(some) - set(connection.execute(stones).scalars())
        differences += [f"recording {sha256} has no tombstone" for sha256 in sorted(left)]
    return differences


def _with_stones(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Those of ``ids`` that have a tombstone."""
    hashes = {tombstone_hash(id_): id_ for id_ in ids}
    stones = select(schema.tombstone.c.hash).where(schema.tombstone.c.hash.in_(hashes))
    return {hashes[stone] for stone in connection.execute(stones).scalars()}


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
    blank |= {"lent": None, "lent_until": None}
    withdrawn = [{"rule": "withdrawn", "message": "taken down; later crawls keep it out"}]
    change(connection, row, now, state=VideoState.WITHDRAWN, reasons=withdrawn, metadata={}, facts={}, **blank)


def add_tombstones(connection: Connection, digests: Iterable[str], subject: str, reason: str, now: float) -> None:
    rows = [{"hash": digest, "subject": subject, "reason": reason, "made_at": now} for digest in sorted(digests)]
    insert_missing(connection, schema.tombstone, rows)


def is_withdrawn(connection: Connection, *digests: str) -> bool:
    """Whether one of the hashes has a tombstone."""
    return withdrawn_at(connection, *digests) is not None


def withdrawn_at(connection: Connection, *digests: str) -> float | None:
    """When the first takedown of one of the hashes was ordered (epoch seconds)."""
    stone = schema.tombstone.c
    return connection.execute(select(func.min(stone.made_at)).where(stone.hash.in_(digests))).scalar()


def channels(connection: Connection) -> list[str]:
    """The names of all channels in the catalog."""
    named = select(video.c.channel).where(video.c.channel != "").distinct().order_by(video.c.channel)
    return list(connection.execute(named).scalars())


def channels_named(connection: Connection, name: str) -> list[str]:
    """The spellings of a channel's name that the catalog holds. An older catalog may hold several."""
    return [channel for channel in channels(connection) if name_key(channel) == name_key(name)]


def overlooked(connection: Connection) -> list[str]:
    """Ids of the videos that are in the catalog though a tombstone holds one of their names, their channel or audio.

    There are some where a takedown came from another catalog, or named a channel in another spelling.
    """
    stones = set(connection.execute(select(schema.tombstone.c.hash)).scalars())
    if not stones:
        return []
    fallen = {channel for channel in channels(connection) if channel_hashes(channel) & stones}
    aliases = connection.execute(select(schema.alias.c.video, schema.alias.c.name))
    named = {alias.video for alias in aliases if tombstone_hash(alias.name) in stones}
    facts = select(video.c.key, video.c.id, video.c.address, video.c.channel, video.c.recording)
    return [
        row.id
        for row in connection.execute(facts.where(video.c.state != VideoState.WITHDRAWN))
        if tombstone_hash(row.id) in stones
        or row.key in named
        or (row.address and tombstone_hash(row.address) in stones)
        or row.channel in fallen
        or row.recording in stones
    ]


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
