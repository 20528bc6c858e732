"""Lists of videos and of accepted segments, a page at a time in order of the videos' keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from voicesieve.catalog import schema
from voicesieve.catalog.reads.verdicts import NEWEST_FIRST
from voicesieve.domain.states import VideoState

PAGE = 500

LISTED = (
    *("key", "id", "source", "state", "reasons", "url", "title", "channel", "licence", "duration_s", "published_at"),
    *("language", "rights_basis", "recording", "failure_kind", "discovered_at", "changed_at"),
)
"""Columns of a video that lists show."""


def videos(connection: Connection, after: int, state: str | None, source: str | None) -> Sequence[Row[Any]]:
    """The next videos with keys above ``after``, each with its recording's ``path`` and ``audio_purged_at``."""
    video, recording = schema.video, schema.recording
    columns = (*(video.c[name] for name in LISTED), recording.c.path, recording.c.audio_purged_at)
    wanted = select(*columns).outerjoin(recording, recording.c.sha256 == video.c.recording).where(video.c.key > after)
    if state is not None:
        wanted = wanted.where(video.c.state == state)
    if source is not None:
        wanted = wanted.where(video.c.source == source)
    return connection.execute(wanted.order_by(video.c.key).limit(PAGE)).all()


def accepted_segments(connection: Connection, after: int) -> Sequence[Row[Any]]:
    """The next accepted videos with keys above ``after``, each with the ``segments`` of its newest verdict."""
    video, recording, verdict = schema.video, schema.recording, schema.verdict
    newest = (
        select(verdict.c.segments)
        .where(verdict.c.recording == video.c.recording)
        .order_by(*NEWEST_FIRST)
        .limit(1)
        .scalar_subquery()
    )
    described = (video.c[name] for name in ("key", "id", "recording", "language"))
    columns = (*described, recording.c.path, recording.c.audio_purged_at, newest.label("segments"))
    return connection.execute(
        select(*columns)
        .join(recording, recording.c.sha256 == video.c.recording)
        .where(video.c.key > after, video.c.state == VideoState.ACCEPTED)
        .order_by(video.c.key)
        .limit(PAGE)
    ).all()
