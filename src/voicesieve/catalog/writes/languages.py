"""Evidence of the spoken language, stored piece by piece with the verdict that it belongs to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select

from voicesieve.catalog import schema
from voicesieve.catalog.writes.changes import change, load
from voicesieve.domain.languages import SpokenLanguage
from voicesieve.domain.states import DECIDED, Stage

table = schema.language_evidence


def save_language(connection: Connection, key: int, language: SpokenLanguage) -> dict[str, Any]:
    """Replace a video's evidence by that of ``language``. Returns the columns of its row that say the outcome."""
    connection.execute(delete(table).where(table.c.video == key))
    rows = [
        {
            "video": key,
            "position": position,
            **{name: getattr(piece, name) for name in ("source", "code", "probability", "weight", "revision")},
            "start_s": piece.start,
            "end_s": piece.end,
            "distribution": list(piece.distribution) or None,
        }
        for position, piece in enumerate(language.evidence)
    ]
    if rows:
        connection.execute(table.insert(), rows)
    return {
        "language": language.code,
        "language_probability": language.probability,
        "language_state": language.state.value,
        "language_unavailable": dict(language.unavailable) or None,
        "language_fusion": language.fusion or None,
    }


def listen_again(connection: Connection, now: float) -> int:
    """Make due for analysis again what a language detector could not recognise. Returns how many.

    The stored scores are used again; only the missing evidence is made. Until then the old decision stands.
    """
    video = schema.video
    wanted = select(video.c.key).where(
        video.c.state.in_(DECIDED), video.c.language_unavailable.is_not(None), video.c.stage.is_(None)
    )
    keys = connection.execute(wanted.order_by(video.c.key)).scalars().all()
    for key in keys:
        change(connection, load(connection, key), now, stage=Stage.ANALYSE, due_at=now)
    return len(keys)
