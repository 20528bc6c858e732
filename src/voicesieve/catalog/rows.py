"""Rows in both databases: inserting them, naming many in a statement, and which columns of a video say what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Table
from sqlalchemy.dialects import postgresql, sqlite

from voicesieve.catalog.schema import video
from voicesieve.domain.candidates import Candidate


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose key is not there yet."""
    if not rows:
        return
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(insert(table).on_conflict_do_nothing(), list(rows))


_Value = TypeVar("_Value")

MOST_PARAMETERS = 5_000
"""In one statement; SQLite takes 32,766, PostgreSQL twice that."""


def chunks(values: Sequence[_Value]) -> Iterator[Sequence[_Value]]:
    """``values`` in portions that one statement can name."""
    for start in range(0, len(values), MOST_PARAMETERS):
        yield values[start : start + MOST_PARAMETERS]


COUNTED = (
    "state",
    "failure_kind",
    "language",
    "language_state",
    "language_unavailable",
    "stage",
    "due_at",
    "host",
    "recording",
    "arm",
    "first_query",
    "merit",
    "child_s",
)
"""Columns of a video that counts depend on."""

DESCRIBED = tuple(
    video.c[name]
    for name in (
        *("source", "id", "url", "title", "channel", "duration_s", "published_at", "declared_language", "licence"),
        "metadata",
    )
)
"""Columns that `candidate_of` needs."""


def candidate_of(row: Row[Any]) -> Candidate:
    """A video's row as the source described it."""
    return Candidate(
        source=row.source,
        native_id=row.id.removeprefix(f"{row.source}:"),
        url=row.url,
        title=row.title,
        channel=row.channel,
        duration_s=row.duration_s,
        published_at=row.published_at,
        language=row.declared_language,
        licence=row.licence,
        metadata=row.metadata,
    )
