"""The verdicts on a recording."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from voicesieve.catalog import schema
from voicesieve.catalog.writes.changes import NEWEST_FIRST


def newest_verdict(connection: Connection, sha256: str | None) -> Row[Any] | None:
    table = schema.verdict
    return connection.execute(
        select(table).where(table.c.recording == sha256).order_by(*NEWEST_FIRST).limit(1)
    ).one_or_none()


def verdict_of_model(connection: Connection, sha256: str, model: str, revision: str) -> Row[Any] | None:
    """The stored verdict of exactly this model on a recording, so that equal audio is analysed once.

    ``None`` also where somebody asked for it to be made anew.
    """
    table = schema.verdict
    this = (table.c.recording == sha256) & (table.c.model == model) & (table.c.revision == revision)
    return connection.execute(select(table).where(this, table.c.stale_since.is_(None))).one_or_none()
