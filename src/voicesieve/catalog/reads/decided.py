"""Reading decided videos with what decided them, many at a time and without their window scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Row, Text, select, type_coerce

from voicesieve.catalog import schema
from voicesieve.catalog.reads.evidence import piece_of
from voicesieve.catalog.reads.verdicts import NEWEST_FIRST
from voicesieve.catalog.rows import COUNTED
from voicesieve.domain.languages import LanguageEvidence
from voicesieve.domain.states import DECIDED
from voicesieve.domain.verdicts import Label, Segment

video, recording, verdict = schema.video, schema.recording, schema.verdict

PERSON = "person"
"""``video.decided_by`` where a person decided; such a decision is never made anew by a policy."""

NUMBERS = ("label", "operating_point", "duration_s", "speech_s", "child_s", "child_share", "child_runs", "score")
"""What a verdict says in one value each. They lie before the scores in a row, so reading them reads no scores."""


def decided_keys(connection: Connection, after: int, limit: int) -> list[int]:
    """The keys of the next decided videos above ``after``."""
    wanted = select(video.c.key).where(video.c.state.in_(DECIDED), video.c.key > after)
    return list(connection.execute(wanted.order_by(video.c.key).limit(limit)).scalars())


def decided_batch(connection: Connection, first: int, last: int) -> list[Row[Any]]:
    """Decided videos with keys from ``first`` to ``last``, each with the numbers of its recording's newest verdict.

    ``reasons_json`` is the text as stored. A video of a recording without a verdict is left out.
    """
    names = ("key", "id", "changed_at", "decided_by", "language_probability", "language_fusion", *COUNTED)
    rows = connection.execute(
        select(
            *(video.c[name] for name in names),
            type_coerce(video.c.reasons, Text).label("reasons_json"),
            recording.c.accepted_videos,
            recording.c.audio_purged_at,
            verdict.c.model,
            verdict.c.revision,
            verdict.c.pooling,
            verdict.c.point,
            *(verdict.c[name].label(f"v_{name}") for name in NUMBERS),
        )
        .join(recording, recording.c.sha256 == video.c.recording)
        .join(verdict, verdict.c.recording == video.c.recording)
        .where(video.c.key.between(first, last), video.c.state.in_(DECIDED))
        .order_by(video.c.key)
    ).all()
    return _newest_only(connection, rows)


def counted_child_s(connection: Connection) -> float:
    """Seconds of child speech in all accepted recordings, as counted along the way."""
    counter = schema.counter.c
    return float(connection.execute(select(counter.value).where(counter.name == "child_s")).scalar() or 0.0)


def _newest_only(connection: Connection, rows: Sequence[Any]) -> list[Row[Any]]:
    """Few recordings have verdicts of several models; only for those is it asked which is the newest."""
    newest_rows: list[Row[Any]] = []
    start = 0
    while start < len(rows):
        end = start + 1
        while end < len(rows) and rows[end].key == rows[start].key:
            end += 1
        if end - start == 1:
            newest_rows.append(rows[start])
        else:
            newest = connection.execute(
                select(verdict.c.model, verdict.c.revision)
                .where(verdict.c.recording == rows[start].recording)
                .order_by(*NEWEST_FIRST)
                .limit(1)
            ).one()
            newest_rows += [row for row in rows[start:end] if (row.model, row.revision) == tuple(newest)]
        start = end
    return newest_rows


def segments_of(connection: Connection, rows: Sequence[Row[Any]]) -> dict[int, list[Segment]]:
    """The segments of the verdicts in rows of `decided_batch`, by the video's key."""
    return {
        key: [Segment(s["start"], s["end"], Label(s["label"]), s["score"]) for s in stored]
        for key, stored in _of_verdicts(connection, rows, verdict.c.segments)
    }


def windows_of(connection: Connection, rows: Sequence[Row[Any]]) -> dict[int, bytes]:
    """The window scores of the verdicts in rows of `decided_batch`, by the video's key."""
    return dict(_of_verdicts(connection, rows, verdict.c.windows))


def _of_verdicts(connection: Connection, rows: Sequence[Row[Any]], column: Column[Any]) -> Iterator[tuple[int, Any]]:
    if not rows:
        return
    wanted = {row.key: (row.model, row.revision) for row in rows}
    values = connection.execute(
        select(video.c.key, verdict.c.model, verdict.c.revision, column)
        .join(verdict, verdict.c.recording == video.c.recording)
        .where(video.c.key.between(rows[0].key, rows[-1].key))
    )
    for key, model, revision, value in values:
        if wanted.get(key) == (model, revision):
            yield key, value


def evidence_of(connection: Connection, keys: Sequence[int]) -> dict[int, tuple[LanguageEvidence, ...]]:
    """The language evidence of each of some videos that lie in one range of keys."""
    table = schema.language_evidence
    pieces: dict[int, tuple[LanguageEvidence, ...]] = dict.fromkeys(keys, ())
    if not keys:
        return pieces
    for row in connection.execute(
        select(table).where(table.c.video.between(min(keys), max(keys))).order_by(table.c.video, table.c.position)
    ):
        if row.video in pieces:
            pieces[row.video] += (piece_of(row),)
    return pieces
