"""Reading what was removed and what was done: what `audit` shows, and the list of removals of an export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from voicesieve.catalog import schema
from voicesieve.domain.audits import AuditEntry, Deed

BATCH = 500


def audit_entries(connection: Connection, *, deed: Deed | None = None, since: float = 0.0) -> Iterator[AuditEntry]:
    """The audit log from ``since`` (epoch seconds) on, oldest first."""
    for row in _walk(connection, schema.audit):
        if row.at >= since and (deed is None or row.action == deed):
            yield AuditEntry(row.at, row.actor, Deed(row.action), row.subject, row.reason, row.details)


def removals(connection: Connection, *, since: float = 0.0) -> Iterator[Row[Any]]:
    """Each video that a takedown removed, with the recording it carried, oldest first."""
    return (row for row in _walk(connection, schema.removal) if row.removed_at >= since)


def _walk(connection: Connection, table: Table) -> Iterator[Row[Any]]:
    last = 0
    while rows := connection.execute(select(table).where(table.c.id > last).order_by(table.c.id).limit(BATCH)).all():
        yield from rows
        last = rows[-1].id
