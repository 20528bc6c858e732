"""Reading what is known of a video's language, and what it could still be known from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from voicesieve.catalog import schema
from voicesieve.domain.languages import UNDETERMINED, LanguageEvidence, LanguageState, SpokenLanguage
from voicesieve.domain.states import VideoState

table = schema.language_evidence


def stored_evidence(connection: Connection, key: int) -> tuple[LanguageEvidence, ...]:
    """A video's evidence, what counts most first."""
    rows = connection.execute(select(table).where(table.c.video == key).order_by(table.c.position))
    return tuple(map(piece_of, rows))


def recognised_parts(connection: Connection, keys: Sequence[int]) -> dict[int, tuple[LanguageEvidence, ...]]:
    """What speech recognition found in parts of each of the videos."""
    in_parts = table.c.video.in_(keys), table.c.start_s.is_not(None)
    pieces: dict[int, tuple[LanguageEvidence, ...]] = {}
    for row in connection.execute(select(table).where(*in_parts).order_by(table.c.video, table.c.position)):
        pieces[row.video] = (*pieces.get(row.video, ()), piece_of(row))
    return pieces


def piece_of(row: Row[Any]) -> LanguageEvidence:
    """A row of the table as the piece that it is."""
    return LanguageEvidence(
        code=row.code,
        source=row.source,
        probability=row.probability,
        revision=row.revision,
        start=row.start_s,
        end=row.end_s,
        weight=row.weight,
        distribution=tuple((code, probability) for code, probability in row.distribution or ()),
    )


def recognised_before(connection: Connection, sha256: str, source: str, revision: str) -> tuple[LanguageEvidence, ...]:
    """What a recogniser of this revision found in equal audio under another id, so that it is not transcribed twice."""
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
    """What sources and fetching say of a video: title, channel, declared_language, metadata, facts, and ``found_by``,
    the kind of source that described it (the one asked first)."""
    video, finding, query = schema.video, schema.finding, schema.query
    first = select(query.c.source).join(finding, finding.c.query == query.c.id).where(finding.c.video == key)
    found_by = first.order_by(query.c.id).limit(1).scalar_subquery().label("found_by")
    names = ("title", "channel", "declared_language", "metadata", "facts")
    columns: list[ColumnElement[Any]] = [*(video.c[name] for name in names), found_by]
    row: Row[Any] = connection.execute(select(*columns).where(video.c.key == key)).one()
    return row


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
        fusion=row.language_fusion or "",
    )
