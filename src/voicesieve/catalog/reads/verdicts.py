"""The verdicts on a recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from voicesieve.catalog import schema
from voicesieve.catalog.rows import chunks

NEWEST_FIRST = (schema.verdict.c.analysed_at.desc(), schema.verdict.c.model, schema.verdict.c.revision)
"""Order of a recording's verdicts; the last two only settle a tie, so that everybody picks the same."""


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


def child_seconds_of(connection: Connection, recordings: Sequence[str]) -> dict[str, float]:
    """Child seconds of the newest verdict on each recording that has one."""
    table = schema.verdict
    newest: dict[str, float] = {}
    for some in chunks(recordings):
        rows = connection.execute(
            select(table.c.recording, table.c.child_s)
            .where(table.c.recording.in_(some))
            .order_by(table.c.recording, *NEWEST_FIRST)
        )
        for row in rows:
            newest.setdefault(row.recording, row.child_s)
    return newest
