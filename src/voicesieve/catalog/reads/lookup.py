"""What a name stands for that a person typed, and what they may have meant instead."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, false, func, select

from voicesieve.catalog import schema
from voicesieve.catalog.columns import storable
from voicesieve.catalog.records import UnknownVideoError


def find_video(connection: Connection, wanted: str, id_: str = "") -> Row[Any]:
    """A video by its id, its URL, or another id by which it is recognised.

    ``id_`` is the id that the address ``wanted`` stands for, however it is spelt. Raises `UnknownVideoError`.
    """
    names = (storable(wanted), storable(id_))
    by_alias = select(schema.alias.c.video).where(schema.alias.c.name.in_(names)).limit(1).scalar_subquery()
    table = schema.video
    addressed = (table.c.url == wanted) | table.c.address.in_(names)
    for this in (table.c.id.in_(names), addressed, table.c.key == by_alias):
        row = connection.execute(select(table).where(this).limit(1)).one_or_none()
        if row is not None:
            return row
    raise UnknownVideoError(wanted)


def near_recordings(connection: Connection, wanted: str, most: int = 5) -> list[str]:
    """Recordings whose SHA-256 begins or ends as ``wanted`` does: one wrong digit leaves one half right."""
    if not 8 <= len(wanted) <= 64:
        return []
    sha256, half = schema.recording.c.sha256, len(wanted) // 2
    near = sha256.startswith(wanted[:half], autoescape=True)
    if len(wanted) == 64:
        near |= sha256.endswith(wanted[half:], autoescape=True)
    return list(connection.execute(select(sha256).where(near).order_by(sha256).limit(most)).scalars())


def near_videos(connection: Connection, wanted: str, most: int = 5) -> list[str]:
    """Ids of videos whose id or address is ``wanted`` but for case, or begins or ends as it does."""
    wanted = wanted.strip()[:2_000]
    if len(wanted) < 8:
        return []
    half = len(wanted) // 2
    # An id has its kind in front, which all ids of that kind share.
    begin = max(half, len(wanted.partition(":")[0]) + 5)
    video = schema.video
    near: ColumnElement[bool] = false()
    for column in (video.c.id, video.c.url):
        alike = column.startswith(wanted[:begin], autoescape=True) | column.endswith(wanted[half:], autoescape=True)
        near = near | (func.lower(column) == wanted.lower()) | (alike & (func.length(column) <= len(wanted) + 2))
    return list(connection.execute(select(video.c.id).where(near).order_by(video.c.key).limit(most)).scalars())


def withdrawn_recordings_named(connection: Connection, start: str) -> list[str]:
    """Up to two withdrawn recordings whose SHA-256 begins with ``start``."""
    if not 8 <= len(start) <= 64 or not set(start) <= set("0123456789abcdef"):
        return []
    stone = schema.tombstone.c
    matches = select(stone.hash).where(stone.subject == "audio", stone.hash.startswith(start)).limit(2)
    return list(connection.execute(matches).scalars())


def recordings_named(connection: Connection, start: str) -> list[str]:
    """Up to two recordings whose SHA-256 begins with ``start``; none for what is no such beginning."""
    if not 8 <= len(start) <= 64 or not set(start) <= set("0123456789abcdef"):
        return []
    sha256 = schema.recording.c.sha256
    matches = select(sha256).where(sha256 >= start, sha256 <= start.ljust(64, "f")).order_by(sha256).limit(2)
    return list(connection.execute(matches).scalars())
