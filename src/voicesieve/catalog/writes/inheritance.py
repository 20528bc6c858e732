"""What an older catalog takes over when it is put back: takedowns, logs that must not be shortened, the quarantine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, func, select

from voicesieve.catalog import schema
from voicesieve.catalog.rows import insert_missing
from voicesieve.catalog.writes.takedown import overlooked, withdraw_video

INHERITED = (schema.tombstone.name, schema.removal.name, schema.audit.name, schema.stray.name)
"""Tables whose rows outlive the catalog that they stand in."""

Rows = Sequence[Mapping[str, Any]]


def inherit(connection: Connection, left: Mapping[str, Rows], now: float) -> int:
    """Take over the rows that the later catalog ``left``, by table. Returns how many videos fell by its tombstones."""
    insert_missing(connection, schema.tombstone, left.get(schema.tombstone.name, ()))
    insert_missing(connection, schema.stray, left.get(schema.stray.name, ()))
    fallen = overlooked(connection)
    _append(connection, schema.audit, left.get(schema.audit.name, ()))
    # Of a video that falls here the removal is written below, as for every takedown.
    removals = [row for row in left.get(schema.removal.name, ()) if row["video"] not in fallen]
    _append(connection, schema.removal, removals)
    return sum(
        withdraw_video(connection, id_, "withdrawn before this older catalog was put back", now) for id_ in fallen
    )


def _append(connection: Connection, table: Table, rows: Rows) -> None:
    """An older catalog holds the first lines of the log; what it lacks are those of higher number."""
    last = connection.execute(select(func.max(table.c.id))).scalar() or 0
    insert_missing(connection, table, [row for row in rows if row["id"] > last])
