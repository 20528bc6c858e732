"""Two videos that turn out to be one file, which was moved."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from voicesieve.catalog import schema
from voicesieve.catalog.writes.changes import change, remove
from voicesieve.domain.candidates import NameKind
from voicesieve.domain.states import VideoState

video, alias, finding = schema.video, schema.alias, schema.finding


def others_with(connection: Connection, sha256: str, key: int) -> list[str]:
    """The addresses of other videos with this audio that are local files."""
    others = (video.c.recording == sha256) & (video.c.key != key) & video.c.url.startswith("file:")
    return list(connection.execute(select(video.c.url).where(others)).scalars())


def moved_video(connection: Connection, row: Row[Any], sha256: str, gone: frozenset[str]) -> Row[Any] | None:
    """The video whose file with this audio lay at one of the addresses ``gone`` and lies where ``row`` does now."""
    same = (video.c.recording == sha256) & (video.c.source == row.source) & video.c.url.in_(gone)
    other = same & (video.c.key != row.key) & (video.c.state != VideoState.WITHDRAWN)
    return connection.execute(select(video).where(other).order_by(video.c.key).limit(1)).one_or_none()


def merge(connection: Connection, row: Row[Any], into: Row[Any], now: float) -> None:
    """Let ``into`` lie where ``row`` was found, with what is known of both; ``row`` is a video no longer."""
    seen = select(finding.c.query).where(finding.c.video == into.key)
    connection.execute(delete(finding).where(finding.c.video == row.key, finding.c.query.in_(seen)))
    old_file = (alias.c.video == into.key) & (alias.c.kind == NameKind.FILE)
    connection.execute(delete(alias).where(old_file))
    attempt = schema.attempt
    done = (attempt.c.video == row.key) & (attempt.c.outcome == "ok")
    connection.execute(update(attempt).where(done).values(next="the same file as before, which was moved here"))
    for table in (finding, alias, schema.attempt):
        connection.execute(update(table).where(table.c.video == row.key).values(video=into.key))
    for table in (schema.decision, schema.language_evidence):
        connection.execute(delete(table).where(table.c.video == row.key))
    if row.first_query is not None:
        query = schema.query
        connection.execute(update(query).where(query.c.id == row.first_query).values(new=query.c.new - 1))
    remove(connection, row)
    change(connection, into, now, url=row.url, host=row.host, address=row.address or row.id)
