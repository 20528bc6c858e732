"""Which files the store of recordings should hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from voicesieve.catalog import schema

BATCH = 500
"""Rows held at a time while walking a whole table; memory stays flat at any size."""


@dataclass(frozen=True)
class StoredFile:
    """What the catalog says of one file of the store; ``path`` is relative to the recordings folder."""

    sha256: str
    path: str
    bytes: int


def recording_count(connection: Connection) -> int:
    """How many files the store should hold."""
    has_audio = schema.recording.c.audio_purged_at.is_(None)
    return connection.execute(select(func.count()).select_from(schema.recording).where(has_audio)).scalar_one()


def stored_files(connection: Connection) -> Iterator[StoredFile]:
    """All recordings whose audio is kept, in order of their hash, a batch at a time."""
    table = schema.recording
    last = ""
    while True:
        rows = connection.execute(
            select(table.c.sha256, table.c.path, table.c.bytes)
            .where(table.c.sha256 > last, table.c.audio_purged_at.is_(None))
            .order_by(table.c.sha256)
            .limit(BATCH)
        ).all()
        if not rows:
            return
        yield from (StoredFile(row.sha256, row.path, row.bytes) for row in rows)
        last = rows[-1].sha256


def referenced_paths(connection: Connection, paths: Sequence[str]) -> set[str]:
    """Those of ``paths`` that a recording names and whose audio was not purged."""
    table = schema.recording
    named = table.c.path.in_(paths) & table.c.audio_purged_at.is_(None)
    return set(connection.execute(select(table.c.path).where(named)).scalars())


def pending_deletions(connection: Connection) -> list[str]:
    """Files that a takedown has promised to remove."""
    return list(connection.execute(select(schema.deletion.c.path).order_by(schema.deletion.c.path)).scalars())
