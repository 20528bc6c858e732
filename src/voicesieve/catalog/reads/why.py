"""What `why` shows: everything that led to the state of a video."""

from __future__ import annotations

import dataclasses
from typing import Any

from sqlalchemy import Connection, Row, select

from voicesieve.catalog import schema
from voicesieve.catalog.reads.evidence import stored_language
from voicesieve.catalog.reads.lookup import find_video
from voicesieve.catalog.reads.verdicts import newest_verdict
from voicesieve.domain.languages import LanguageEvidence
from voicesieve.domain.times import iso


def story_of(connection: Connection, wanted: str, id_: str = "") -> dict[str, Any]:
    """Everything that led to a video's state, in order. ``wanted`` and ``id_`` as in `find_video`."""
    row = find_video(connection, wanted, id_)
    return {
        "video": row.id,
        "state": row.state,
        "reasons": row.reasons,
        "url": row.url,
        "title": row.title,
        "channel": row.channel,
        "licence": row.licence,
        "rights_basis": row.rights_basis,
        "rights_statement": row.rights_statement,
        "due": iso(row.due_at),
        "choice": row.choice,
        "found_by": _finders(connection, row.key),
        "passed_over": [*row.metadata.get("passed_over", ()), *row.facts.get("passed_over", ())],
        "attempts": attempts_of(connection, row.key),
        "recording": _recording_facts(connection, row),
        "verdict": _verdict_facts(connection, row.recording),
        "language": _language_facts(connection, row),
        "decision": _last_decision(connection, row.key),
        "facts": row.facts,
        "legacy": row.metadata.get("legacy"),
    }


def attempts_of(connection: Connection, key: int) -> list[dict[str, Any]]:
    """All attempts on a video, oldest first."""
    rows = connection.execute(
        select(schema.attempt).where(schema.attempt.c.video == key).order_by(schema.attempt.c.id)
    ).all()
    return [
        {
            "stage": row.stage,
            "method": row.method,
            "started": iso(row.started_at),
            "ended": iso(row.ended_at),
            "duration_s": None if row.ended_at is None else round(row.ended_at - row.started_at, 3),
            "outcome": row.outcome,
            "kind": row.kind,
            "message": row.message,
            "bytes": row.bytes,
            "scratch": row.scratch,
            "exception_type": row.exception_type,
            "chain": row.chain or [],
            "next": row.next,
        }
        for row in rows
    ]


def _finders(connection: Connection, key: int) -> list[dict[str, Any]]:
    query, finding = schema.query, schema.finding
    rows = connection.execute(
        select(query.c.source, query.c.argument, finding.c.position)
        .join(finding, finding.c.query == query.c.id)
        .where(finding.c.video == key)
        .order_by(query.c.id)
    )
    return [{"query": f"{r.source}:{r.argument}", "position": r.position} for r in rows]


def _recording_facts(connection: Connection, video: Row[Any]) -> dict[str, Any] | None:
    if video.recording is None:
        return None
    row = connection.execute(select(schema.recording).where(schema.recording.c.sha256 == video.recording)).one()
    shared = connection.execute(
        select(schema.video.c.id).where(schema.video.c.recording == row.sha256, schema.video.c.key != video.key)
    ).scalars()
    names = ("sha256", "path", "bytes", "duration_s", "container", "codec", "sample_rate", "channels")
    return {**{name: getattr(row, name) for name in names}, "also_of": sorted(shared)}


def _verdict_facts(connection: Connection, sha256: str | None) -> dict[str, Any] | None:
    row = newest_verdict(connection, sha256)
    if row is None:
        return None
    names = ("label", "operating_point", "duration_s", "speech_s", "child_s", "child_share", "child_runs", "score")
    return {
        "model": {"name": row.model, "revision": row.revision},
        **{name: getattr(row, name) for name in names},
        "segments": row.segments,
        "levels": row.levels,
    }


def _language_facts(connection: Connection, video: Row[Any]) -> dict[str, Any] | None:
    language = stored_language(connection, video)
    if language is None:
        return None
    return {
        "code": language.code,
        "probability": round(language.probability, 4),
        "state": language.state.value,
        "unavailable": dict(language.unavailable),
        "evidence": [_piece(piece) for piece in language.evidence],
    }


def _piece(piece: LanguageEvidence) -> dict[str, Any]:
    """As JSON has it, so that what is read in one way equals what is read in the other."""
    facts = dataclasses.asdict(piece)
    distribution = [list(share) for share in facts.pop("distribution")]
    return {**facts, "distribution": distribution} if distribution else facts


def _last_decision(connection: Connection, key: int) -> dict[str, Any] | None:
    table = schema.decision
    row = connection.execute(
        select(table).where(table.c.video == key).order_by(table.c.id.desc()).limit(1)
    ).one_or_none()
    if row is None:
        return None
    return {
        "outcome": row.outcome,
        "reasons": row.reasons,
        "policy_revision": row.policy_revision,
        "model": {"name": row.model, "revision": row.revision},
        "decided": iso(row.decided_at),
    }
