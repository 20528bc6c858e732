"""Reading what is known of a video's language, and what it could still be known from."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from voicesieve.catalog import schema
from voicesieve.domain.languages import UNDETERMINED, LanguageEvidence, LanguageState, SpokenLanguage
from voicesieve.domain.states import VideoState

table = schema.language_evidence


def stored_evidence(connection: Connection, key: int) -> tuple[LanguageEvidence, ...]:
    """A video's evidence, what counts most first."""
    rows = connection.execute(select(table).where(table.c.video == key).order_by(table.c.position))
    return tuple(
        LanguageEvidence(row.code, row.source, row.probability, row.revision, row.start_s, row.end_s, row.weight)
        for row in rows
    )


def heard_before(connection: Connection, sha256: str, source: str, revision: str) -> tuple[LanguageEvidence, ...]:
    """What a recogniser of this revision heard in equal audio under another id, so that nobody listens twice."""
    video = schema.video
    other = connection.execute(
        select(table.c.video)
        .join(video, video.c.key == table.c.video)
        .where(video.c.recording == sha256, table.c.source == source, table.c.revision == revision)
        .limit(1)
    ).scalar()
    if other is None:
        return ()
    return tuple(piece for piece in stored_evidence(connection, other) if piece.source == source)


def channel_languages(connection: Connection, channel: str, *, but_not: int, newest: int = 200) -> dict[str, int]:
    """How many of a channel's ``newest`` accepted videos are in which language; those without one do not count."""
    video = schema.video
    languages = connection.execute(
        select(video.c.language)
        .where(video.c.channel == channel, video.c.state == VideoState.ACCEPTED, video.c.key != but_not)
        .order_by(video.c.key.desc())
        .limit(newest)
    ).scalars()
    counts: dict[str, int] = {}
    for code in languages:
        if channel and code and code != UNDETERMINED:
            counts[code] = counts.get(code, 0) + 1
    return counts


def written_about(connection: Connection, key: int) -> Row[Any]:
    """What sources and fetching say of a video: source, title, channel, declared_language, metadata and facts."""
    video = schema.video
    names = ("source", "title", "channel", "declared_language", "metadata", "facts")
    return connection.execute(select(*(video.c[name] for name in names)).where(video.c.key == key)).one()


def stored_language(connection: Connection, row: Row[Any]) -> SpokenLanguage | None:
    """What was concluded of a video, given its row; ``None`` before its first decision."""
    if row.language is None:
        return None
    return SpokenLanguage(
        row.language,
        stored_evidence(connection, row.key),
        row.language_probability or 0.0,
        contradicted=row.language_state == LanguageState.CONTRADICTED,
        unavailable=tuple(sorted((row.language_unavailable or {}).items())),
    )
