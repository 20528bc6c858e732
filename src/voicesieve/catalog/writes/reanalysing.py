"""Making decided videos due for another analysis. Verdict and decision stay until the new verdict commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, exists, select, update

from voicesieve.catalog import schema
from voicesieve.catalog.rows import COUNTED
from voicesieve.catalog.writes.changes import change_many
from voicesieve.domain.states import DECIDED, Stage
from voicesieve.domain.verdicts import Model

video, recording, verdict = schema.video, schema.recording, schema.verdict


@dataclass(frozen=True)
class Wanted:
    """Some decided videos: those to ``queue``, and how many are left out because their audio was purged."""

    last: int
    queue: Sequence[Any]
    purged: int


def wanted(connection: Connection, model: Model, after: int, limit: int, *, every: bool) -> Wanted | None:
    """The next decided videos that ``model`` has not scored, or with ``every`` all of them; ``None`` after the last.

    Those that wait for an analysis already are left out.
    """
    columns = [video.c[name] for name in ("key", "id", *COUNTED)]
    keys = select(video.c.key).where(video.c.state.in_(DECIDED), video.c.key > after).order_by(video.c.key).limit(limit)
    candidates = list(connection.execute(keys).scalars())
    if not candidates:
        return None
    has_scores = exists().where(_of(model), verdict.c.recording == video.c.recording, verdict.c.stale_since.is_(None))
    query = (
        select(*columns, recording.c.audio_purged_at)
        .join(recording, recording.c.sha256 == video.c.recording)
        .where(video.c.key.between(candidates[0], candidates[-1]), video.c.state.in_(DECIDED), video.c.stage.is_(None))
        .order_by(video.c.key)
    )
    rows = connection.execute(query if every else query.where(~has_scores)).all()
    queue = [row for row in rows if row.audio_purged_at is None]
    return Wanted(candidates[-1], queue, len(rows) - len(queue))


def queue(connection: Connection, rows: Sequence[Any], model: Model, now: float, *, every: bool) -> None:
    """Make them due. With ``every`` the scores that ``model`` gave are not used again."""
    if every:
        recordings = select(video.c.recording).where(video.c.key.in_([row.key for row in rows]))
        stale = update(verdict).where(_of(model), verdict.c.recording.in_(recordings))
        connection.execute(stale.values(stale_since=now))
    change_many(connection, [(row._asdict(), {"stage": Stage.ANALYSE, "due_at": now}) for row in rows], now)


def _of(model: Model) -> Any:
    return (verdict.c.model == model.name) & (verdict.c.revision == model.revision)
