"""Descriptions that a source only lends: refreshed in time, or forgotten when their time is up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select

from voicesieve.catalog.schema import language_evidence, video
from voicesieve.catalog.writes.changes import change
from voicesieve.catalog.writes.discovery import DESCRIPTION
from voicesieve.domain.candidates import Candidate
from voicesieve.domain.languages import EvidenceKind
from voicesieve.domain.states import VideoState

METADATA = "metadata."
BATCH = 500

_RENEWABLE = video.c.lent_until.is_not(None) & (video.c.state != VideoState.WITHDRAWN)
"""Catalogs of earlier versions hold withdrawn videos with a lent description; those are only forgotten."""


@dataclass(frozen=True)
class Lent:
    """A video whose description is lent until ``until`` (epoch seconds)."""

    key: int
    id: str
    until: float


def lent(connection: Connection, by: float, after: float, limit: int) -> list[Lent]:
    """Videos whose description must be refreshed or forgotten by ``by``, those behind ``after``, soonest first."""
    rows = connection.execute(
        select(video.c.key, video.c.id, video.c.lent_until)
        .where(_RENEWABLE, video.c.lent_until <= by, video.c.lent_until > after)
        .order_by(video.c.lent_until, video.c.key)
        .limit(limit)
    )
    return [Lent(row.key, row.id, row.lent_until) for row in rows]


def lent_counts(connection: Connection, by: float) -> tuple[int, int]:
    """How many videos have a lent description, and how many of them one that ends by ``by``."""
    total = select(func.count()).select_from(video).where(_RENEWABLE)
    all_: int = connection.execute(total).scalar_one()
    due: int = connection.execute(total.where(video.c.lent_until <= by)).scalar_one()
    return all_, due


def refresh(
    connection: Connection, keys: Sequence[int], described: dict[str, Candidate], now: float
) -> tuple[int, int]:
    """Renew what is lent of these videos by what the source says today. Those that it no longer knows are forgotten.

    Returns how many were renewed and how many forgotten.
    """
    rows = connection.execute(select(video).where(video.c.key.in_(keys), _RENEWABLE)).all()
    renewed = 0
    for row in rows:
        candidate = described.get(row.id)
        if candidate is None or candidate.keep_s is None:
            _forget(connection, row, now)
            continue
        columns = {name: getattr(candidate, DESCRIPTION[name]) for name in row.lent if name in DESCRIPTION}
        own = {name: value for name, value in row.metadata.items() if METADATA + name not in row.lent}
        fresh = {**own, **candidate.metadata}
        still = sorted({*columns, *(METADATA + name for name in candidate.metadata)})
        _store(connection, row, now, columns, fresh, still, now + candidate.keep_s)
        renewed += 1
    return renewed, len(rows) - renewed


def forget_expired(connection: Connection, now: float) -> int:
    """Forget every lent description whose time is up. Returns the number of videos; call again while it is `BATCH`."""
    rows = connection.execute(
        select(video).where(video.c.lent_until.is_not(None), video.c.lent_until <= now).limit(BATCH)
    ).all()
    for row in rows:
        _forget(connection, row, now)
    return len(rows)


def _forget(connection: Connection, row: Row[Any], now: float) -> None:
    """Take out what is lent. What was learnt when the video was taken is our own, and takes its place."""
    learnt = {name: row.facts.get(fact) for name, fact in (("title", "title"), ("channel", "channel"))}
    learnt |= {"licence": row.facts.get("licence"), "duration_s": row.facts.get("duration_s")}
    columns = {name: learnt.get(name) for name in row.lent if name in DESCRIPTION}
    metadata = {name: value for name, value in row.metadata.items() if METADATA + name not in row.lent}
    if "declared_language" in row.lent:
        table = language_evidence
        connection.execute(delete(table).where(table.c.video == row.key, table.c.source == EvidenceKind.DECLARED_AUDIO))
    _store(connection, row, now, columns, metadata, None, None)


def _store(
    connection: Connection,
    row: Row[Any],
    now: float,
    columns: dict[str, Any],
    metadata: dict[str, Any],
    names: list[str] | None,
    until: float | None,
) -> None:
    for never_empty in ("title", "channel"):
        if never_empty in columns:
            columns[never_empty] = columns[never_empty] or ""
    change(connection, row, now, **columns, metadata=metadata, lent=names, lent_until=until)
