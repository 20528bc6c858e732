"""What exports read: every accepted recording with its newest verdict and all videos that carry it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from voicesieve.catalog import schema
from voicesieve.catalog.reads.evidence import recognised_parts
from voicesieve.catalog.reads.verdicts import NEWEST_FIRST
from voicesieve.domain.languages import LanguageEvidence
from voicesieve.domain.states import VideoState

BATCH = 200
"""Recordings held at a time. A verdict of an hour has some hundred kilobytes of window scores."""


@dataclass(frozen=True)
class Carrier:
    """An accepted video that carries a recording. ``place`` orders videos by the query that asked first and the
    place in its answer, which does not depend on which of two downloads ended first."""

    id: str
    source: str
    url: str
    title: str
    channel: str
    published_at: float | None
    declared_language: str | None
    licence: str | None
    language: str | None
    rights_basis: str | None
    rights_statement: str | None
    metadata: dict[str, Any]
    facts: dict[str, Any]
    changed_at: float
    place: tuple[int, int, int]
    recognised: tuple[LanguageEvidence, ...] = ()
    """What speech recognition found in parts of it."""


@dataclass(frozen=True)
class Exportable:
    """One accepted recording; ``carriers`` are in order of their place. Rows have the columns of their tables."""

    recording: Row[Any]
    verdict: Row[Any]
    carriers: tuple[Carrier, ...]


def count_exportable(connection: Connection) -> int:
    """How many recordings `exportable` will yield, apart from those without a verdict."""
    table = schema.recording
    return connection.execute(select(func.count()).select_from(table).where(table.c.accepted_videos > 0)).scalar_one()


def exportable(connection: Connection) -> Iterator[Exportable]:
    """All accepted recordings in order of their hash, a batch at a time, so that memory stays flat."""
    table = schema.recording
    last = ""
    while True:
        rows = connection.execute(
            select(table)
            .where(table.c.sha256 > last, table.c.accepted_videos > 0)
            .order_by(table.c.sha256)
            .limit(BATCH)
        ).all()
        if not rows:
            return
        hashes = [row.sha256 for row in rows]
        verdicts = _newest_verdicts(connection, hashes)
        carriers = _carriers(connection, hashes)
        for row in rows:
            if row.sha256 in verdicts and row.sha256 in carriers:
                yield Exportable(row, verdicts[row.sha256], tuple(carriers[row.sha256]))
        last = hashes[-1]


def exportable_hashes(connection: Connection) -> Iterator[str]:
    """The hashes of all accepted recordings, in order."""
    table = schema.recording
    last = ""
    while True:
        rows = connection.execute(
            select(table.c.sha256)
            .where(table.c.sha256 > last, table.c.accepted_videos > 0)
            .order_by(table.c.sha256)
            .limit(5_000)
        )
        hashes = list(rows.scalars())
        if not hashes:
            return
        yield from hashes
        last = hashes[-1]


def accepted_urls(connection: Connection) -> Iterator[str]:
    """URLs of accepted videos in order of their id."""
    video = schema.video
    last = ""
    while True:
        rows = connection.execute(
            select(video.c.id, video.c.url)
            .where(video.c.state == VideoState.ACCEPTED, video.c.id > last)
            .order_by(video.c.id)
            .limit(500)
        ).all()
        if not rows:
            return
        yield from (row.url for row in rows)
        last = rows[-1].id


def _newest_verdicts(connection: Connection, hashes: Sequence[str]) -> dict[str, Row[Any]]:
    table = schema.verdict
    rows = connection.execute(
        select(table).where(table.c.recording.in_(hashes)).order_by(table.c.recording, *NEWEST_FIRST)
    )
    newest: dict[str, Row[Any]] = {}
    for row in rows:
        newest.setdefault(row.recording, row)
    return newest


def _carriers(connection: Connection, hashes: Sequence[str]) -> dict[str, list[Carrier]]:
    video, finding = schema.video, schema.finding
    rows = connection.execute(
        select(video).where(video.c.recording.in_(hashes), video.c.state == VideoState.ACCEPTED)
    ).all()
    places: dict[int, tuple[int, int]] = {}
    pieces: dict[int, tuple[LanguageEvidence, ...]] = {}
    for start in range(0, len(rows), BATCH):
        keys = [row.key for row in rows[start : start + BATCH]]
        findings = connection.execute(select(finding).where(finding.c.video.in_(keys)).order_by(finding.c.query.desc()))
        places |= {row.video: (row.query, row.position) for row in findings}
        pieces |= recognised_parts(connection, keys)
    carriers_of: dict[str, list[Carrier]] = {}
    for row in rows:
        carriers_of.setdefault(row.recording, []).append(_carrier(row, places, pieces.get(row.key, ())))
    for carriers in carriers_of.values():
        carriers.sort(key=lambda carrier: carrier.place)
    return carriers_of


_NOT_FOUND_BY_A_QUERY = (2**62, 0)


def _carrier(row: Row[Any], places: dict[int, tuple[int, int]], pieces: tuple[LanguageEvidence, ...]) -> Carrier:
    names = ("id", "source", "url", "title", "channel", "published_at", "declared_language", "licence", "language")
    facts = {name: getattr(row, name) for name in (*names, "rights_basis", "rights_statement", "changed_at")}
    place = (*places.get(row.key, _NOT_FOUND_BY_A_QUERY), row.key)
    return Carrier(**facts, metadata=row.metadata or {}, facts=row.facts or {}, place=place, recognised=pieces)
