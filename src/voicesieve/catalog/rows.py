"""Small help for writing rows on both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
