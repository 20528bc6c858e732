"""Purging audio that is no longer needed. Scores stay, so that other thresholds can still be applied to them."""

from __future__ import annotations

from sqlalchemy import Connection, exists, select, update

from voicesieve.catalog import schema
from voicesieve.catalog.writes.takedown import delete_later
from voicesieve.domain.states import VideoState

video, recording, decision = schema.video, schema.recording, schema.decision
BATCH = 500


def purge_rejected(connection: Connection, rejected_before: float, now: float, after: str = "") -> list[str]:
    """Promise the deletion of audio that was rejected before a time by every video that carries it.

    Takes up to `BATCH` recordings whose hash follows ``after``, and returns their hashes. What waits for another
    analysis is kept.
    """
    carried = video.c.recording == recording.c.sha256
    still_wanted = carried & ((video.c.state != VideoState.REJECTED) | video.c.stage.is_not(None))
    lately = carried & (decision.c.video == video.c.key) & (decision.c.decided_at >= rejected_before)
    rows = connection.execute(
        select(recording.c.sha256, recording.c.path)
        .where(
            recording.c.sha256 > after,
            recording.c.audio_purged_at.is_(None),
            recording.c.accepted_videos == 0,
            recording.c.stored_at < rejected_before,
            exists().where(carried),
            ~exists().where(still_wanted),
            ~exists().where(lately),
        )
        .order_by(recording.c.sha256)
        .limit(BATCH)
    ).all()
    purged = [row.sha256 for row in rows]
    connection.execute(update(recording).where(recording.c.sha256.in_(purged)).values(audio_purged_at=now))
    for row in rows:
        delete_later(connection, row.path, now)
    return purged
