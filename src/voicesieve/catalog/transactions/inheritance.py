"""What an older catalog takes over when it is put back: takedowns, and the logs that nobody may shorten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, func, select

from voicesieve.catalog import schema
from voicesieve.catalog.changes import insert_missing
from voicesieve.catalog.transactions.takedown import channel_hash, tombstone_hash, withdraw_video
from voicesieve.domain.states import VideoState

INHERITED = (schema.tombstone.name, schema.removal.name, schema.audit.name)
"""Tables whose rows outlive the catalog that they stand in."""

Rows = Sequence[Mapping[str, Any]]


def inherit(connection: Connection, left: Mapping[str, Rows], now: float) -> int:
    """Take over the rows that the later catalog ``left``, by table. Returns how many videos fell by its tombstones."""
    insert_missing(connection, schema.tombstone, left.get(schema.tombstone.name, ()))
    fallen = _withdrawn_since(connection, {str(stone["hash"]) for stone in left.get(schema.tombstone.name, ())})
    _append(connection, schema.audit, left.get(schema.audit.name, ()))
    # Of a video that falls here the removal is written below, as for every takedown.
    removals = [row for row in left.get(schema.removal.name, ()) if row["video"] not in fallen]
    _append(connection, schema.removal, removals)
    return sum(
        withdraw_video(connection, id_, "withdrawn before this older catalog was put back", now) for id_ in fallen
    )


def _withdrawn_since(connection: Connection, hashes: set[str]) -> list[str]:
    video = schema.video
    rows = connection.execute(
        select(video.c.id, video.c.channel, video.c.recording, video.c.address, video.c.key).where(
            video.c.state != VideoState.WITHDRAWN
        )
    )
    aliases = connection.execute(select(schema.alias.c.video, schema.alias.c.name))
    named = {alias.video for alias in aliases if tombstone_hash(alias.name) in hashes}
    return [
        row.id
        for row in rows
        if tombstone_hash(row.id) in hashes
        or row.key in named
        or (row.address and tombstone_hash(row.address) in hashes)
        or (row.channel and channel_hash(row.channel) in hashes)
        or row.recording in hashes
    ]


def _append(connection: Connection, table: Table, rows: Rows) -> None:
    """An older catalog holds the first lines of the log; what it lacks are those of higher number."""
    last = connection.execute(select(func.max(table.c.id))).scalar() or 0
    insert_missing(connection, table, [row for row in rows if row["id"] > last])
