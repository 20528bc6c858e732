"""Files that no recording names: those in quarantine, and those that are newer than a catalog that was put back.

Each is listed with its hash and with the hashes under which a takedown would name it, so that it falls with one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from voicesieve.catalog import schema
from voicesieve.catalog.writes.takedown import channel_hashes, tombstone_hash

stray, video, tombstone = schema.stray, schema.video, schema.tombstone

NEWER = "newer"
"""Reason of a file that lay among the recordings when an older catalog, which does not name it, was put back."""

BATCH = 500


@dataclass(frozen=True)
class Stray:
    """One file. ``path`` and ``origin``, where it lay, are relative to the data folder; ``since`` is an epoch second.

    ``subjects`` are hashes as tombstones have them: of its content, its name, its videos and their channels.
    """

    path: str
    sha256: str
    origin: str
    reason: str
    bytes: int
    subjects: tuple[str, ...]
    since: float


def enter(connection: Connection, entries: Iterable[Stray]) -> None:
    """List files. One that is listed already keeps its time and gets the subjects of both."""
    for entry in entries:
        stored = connection.execute(select(stray.c.subjects).where(stray.c.path == entry.path)).scalar()
        if stored is None:
            connection.execute(stray.insert().values({**vars(entry), "subjects": sorted(set(entry.subjects))}))
            continue
        both = sorted({*stored, *entry.subjects})
        connection.execute(update(stray).where(stray.c.path == entry.path).values(subjects=both))


def subjects_of(connection: Connection, sha256: str) -> set[str]:
    """The hashes under which a takedown would name a recording: its own, its videos' and their channels'."""
    rows = connection.execute(select(video.c.id, video.c.channel).where(video.c.recording == sha256)).all()
    return {sha256, *(digest for row in rows for digest in subjects(row.id, row.channel))}


def subjects(video_id: str, channel: str) -> set[str]:
    """The hashes under which a takedown would name a video."""
    return {tombstone_hash(video_id), *channel_hashes(channel)}


def listed(connection: Connection) -> list[Stray]:
    """All of them, in order of their paths."""
    rows = connection.execute(select(stray).order_by(stray.c.path)).all()
    return [Stray(**{**row._mapping, "subjects": tuple(row.subjects)}) for row in rows]


def withdrawn(connection: Connection, entries: Sequence[Stray]) -> list[Stray]:
    """Those that a takedown has named."""
    hashes = sorted({digest for entry in entries for digest in entry.subjects})
    tombstones: set[str] = set()
    for start in range(0, len(hashes), BATCH):
        asked = tombstone.c.hash.in_(hashes[start : start + BATCH])
        tombstones.update(connection.execute(select(tombstone.c.hash).where(asked)).scalars())
    return [entry for entry in entries if tombstones.intersection(entry.subjects)]


def forget(connection: Connection, path: str) -> None:
    """The file is gone, or has a row of its own again."""
    connection.execute(delete(stray).where(stray.c.path == path))
