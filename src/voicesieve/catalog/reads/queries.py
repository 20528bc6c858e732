"""Queries with their progress."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from voicesieve.catalog import schema
from voicesieve.catalog.records import QueryRow
from voicesieve.domain.candidates import Query
from voicesieve.domain.times import iso


def all_queries(connection: Connection) -> list[QueryRow]:
    """Every query, in the order they were first asked."""
    rows = connection.execute(select(schema.query).order_by(schema.query.c.id))
    return [QueryRow.of(row) for row in rows]


def open_queries(connection: Connection) -> list[QueryRow]:
    """Queries whose walk is not finished, in the order they were first asked."""
    table = schema.query
    rows = connection.execute(select(table).where(table.c.exhausted.is_(False)).order_by(table.c.id))
    return [QueryRow.of(row) for row in rows]


def find_query(connection: Connection, wanted: Query) -> dict[str, Any] | None:
    """What the catalog says of a query, with ``passed_over``; ``None`` for one that was never asked."""
    table = schema.query
    this = (table.c.source == wanted.source) & (table.c.argument == wanted.argument)
    row = connection.execute(select(table).where(this)).one_or_none()
    return None if row is None else query_facts(row)


def query_facts(row: Row[Any]) -> dict[str, Any]:
    """What `status` and `why` show of a row of the table of queries."""
    names = ("pages", "requests", "found", "new", "fetched", "accepted", "problems", "failures")
    facts = {name: getattr(row, name) for name in names}
    return {
        "query": f"{row.source}:{row.argument}",
        "exhausted": row.exhausted,
        "due": iso(row.due_at),
        **facts,
        "child_s": round(max(0.0, row.child_s), 3),
        "expands": row.expands is not None,
        "last_failure": row.last_failure,
        "passed_over": row.passed_over or [],
    }
