"""Reading the catalog: what `status`, `why`, `doctor`, exports and the driver ask. Changes nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from voicesieve.catalog import schema
from voicesieve.catalog.reads.evidence import stored_language
from voicesieve.catalog.records import Pace, Paces, QueryRow, UnknownVideoError
from voicesieve.catalog.writes.changes import NEWEST_FIRST
from voicesieve.domain.candidates import Query
from voicesieve.domain.languages import LanguageEvidence
from voicesieve.domain.quotas import next_reset, quota_day
from voicesieve.domain.states import Stage, VideoState
from voicesieve.frontier.costs import page_cost

BATCH = 500
"""Rows held at a time while walking a whole table; memory stays flat at any size."""


def status(connection: Connection) -> dict[str, Any]:
    """The counts of the whole catalog. Reads only counters and queries, so it is instant at any size."""
    counters = dict(connection.execute(select(schema.counter.c.name, schema.counter.c.value)).all())
    return {
        "videos": {state.value: int(counters.get(f"state:{state}", 0)) for state in VideoState},
        "failures": _whole(counters, "failure:"),
        "languages": {
            "accepted": _whole(counters, "language:"),
            "states": _whole(counters, "language_state:"),
            "unavailable": _whole(counters, "language_unavailable:"),
        },
        "accepted_s": round(max(0.0, counters.get("accepted_s", 0.0)), 3),
        "child_s": round(max(0.0, counters.get("child_s", 0.0)), 3),
        "accepted_recordings": int(counters.get("accepted_recordings", 0)),
        "further_sound_tracks": int(counters.get("further_sound_tracks", 0)),
        "queries": [_query_facts(row) for row in connection.execute(select(schema.query).order_by(schema.query.c.id))],
        "catalog": {
            "busy_waits": int(counters.get("catalog:busy_waits", 0)),
            "wait_s": round(counters.get("catalog:wait_s", 0.0), 3),
            "timeouts": int(counters.get("catalog:timeouts", 0)),
        },
        "backups": {
            "made": int(counters.get("backup:made", 0)),
            "failed": int(counters.get("backup:failed", 0)),
            "last": iso(counters.get("backup:last_at")),
        },
    }


def holds_videos(connection: Connection) -> bool:
    """Whether anything was ever discovered."""
    return connection.execute(select(schema.video.c.key).limit(1)).scalar() is not None


def paused_hosts(connection: Connection, now: float) -> list[dict[str, Any]]:
    """Hosts that are left alone because they refused us, with the time from which they are asked again."""
    host = schema.host
    rows = connection.execute(
        select(host).where(schema.HAS_WAITING, host.c.blocked_until > now).order_by(host.c.blocked_until).limit(100)
    )
    return [
        {"host": r.name, "until": iso(r.blocked_until), "waiting": r.waiting, "reason": r.block_reason} for r in rows
    ]


def _whole(counters: dict[str, float], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): int(value)
        for name, value in sorted(counters.items())
        if name.startswith(prefix) and value > 0
    }


def _query_facts(row: Row[Any]) -> dict[str, Any]:
    names = ("pages", "requests", "found", "new", "fetched", "accepted", "problems", "failures")
    facts = {name: getattr(row, name) for name in names}
    return {
        "query": f"{row.source}:{row.argument}",
        "exhausted": row.exhausted,
        "due": iso(row.due_at),
        **facts,
        "child_s": round(max(0.0, row.child_s), 3),
        "cost": round(row.fetched + row.requests * page_cost(row.source, row.argument), 2),
        "expands": row.expands is not None,
        "last_failure": row.last_failure,
        "passed_over": row.passed_over or [],
    }


def find_video(connection: Connection, wanted: str, id_: str = "") -> Row[Any]:
    """A video by its id, its URL, or another id by which it is recognised.

    ``id_`` is the id that the address ``wanted`` stands for, however it is spelt. Raises `UnknownVideoError`.
    """
    names = (schema.storable(wanted), schema.storable(id_))
    by_alias = select(schema.alias.c.video).where(schema.alias.c.name.in_(names)).limit(1).scalar_subquery()
    table = schema.video
    addressed = (table.c.url == wanted) | table.c.address.in_(names)
    for this in (table.c.id.in_(names), addressed, table.c.key == by_alias):
        row = connection.execute(select(table).where(this).limit(1)).one_or_none()
        if row is not None:
            return row
    raise UnknownVideoError(wanted)


def find_query(connection: Connection, wanted: Query) -> dict[str, Any] | None:
    """What the catalog says of a query, with ``passed_over``; ``None`` for one that was never asked."""
    table = schema.query
    this = (table.c.source == wanted.source) & (table.c.argument == wanted.argument)
    row = connection.execute(select(table).where(this)).one_or_none()
    return None if row is None else _query_facts(row)


def why(connection: Connection, wanted: str, id_: str = "") -> dict[str, Any]:
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


def newest_verdict(connection: Connection, sha256: str | None) -> Row[Any] | None:
    table = schema.verdict
    return connection.execute(
        select(table).where(table.c.recording == sha256).order_by(*NEWEST_FIRST).limit(1)
    ).one_or_none()


def verdict_of_model(connection: Connection, sha256: str, model: str, revision: str) -> Row[Any] | None:
    """The stored verdict of exactly this model on a recording, so that equal audio is analysed once.

    ``None`` also where somebody asked for it to be made anew.
    """
    table = schema.verdict
    this = (table.c.recording == sha256) & (table.c.model == model) & (table.c.revision == revision)
    return connection.execute(select(table).where(this, table.c.stale_since.is_(None))).one_or_none()


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


def next_claim_at(
    connection: Connection, pace: Pace | Paces, now: float, *, scheduled_by: float, fetch: bool, analyse: bool
) -> float | None:
    """The epoch second at which the next claim can succeed, ``None`` when nothing is scheduled.

    Looks no further once something is ready ``now``. Only videos whose retry time and whose source's pause end by
    ``scheduled_by`` count; the wait for the host's pace comes on top of that.
    """
    video, host = schema.video, schema.host
    times: list[float] = []
    if analyse:
        found = connection.execute(
            select(func.min(video.c.due_at)).where(video.c.stage == Stage.ANALYSE, video.c.due_at.is_not(None))
        ).scalar()
        times += [] if found is None or found > scheduled_by else [found]
    if fetch:
        hosts = (
            select(host.c.name, host.c.slot_at, host.c.blocked_until, schema.first_due_of_host.label("due"))
            .where(schema.HAS_WAITING)
            .order_by(host.c.slot_at)
            .execution_options(yield_per=64)
        )
        with connection.execute(hosts) as rows:
            for row in rows:
                if row.due is None or max(row.due, row.blocked_until) > scheduled_by:
                    continue
                slot = 0.0 if row.name == "" else pace.of(row.name).earliest(row.slot_at)
                times.append(max(row.due, row.blocked_until, slot))
                if times[-1] <= now:
                    break
    return min(times, default=None)


def waiting_for_analysis(connection: Connection) -> int:
    """How many videos are fetched and not yet analysed; fetching holds back when they pile up."""
    counter = schema.counter
    name = f"state:{VideoState.FETCHED}"
    value: float | None = connection.execute(select(counter.c.value).where(counter.c.name == name)).scalar()
    return int(value or 0)


def scheduled(connection: Connection) -> int:
    """How many videos wait for a later fetch."""
    waiting: int | None = connection.execute(select(func.sum(schema.host.c.waiting))).scalar()
    return int(waiting or 0)


def next_due_at(connection: Connection) -> float | None:
    """When the first scheduled video is due, ``None`` when none is."""
    found: float | None = connection.execute(
        select(func.min(schema.video.c.due_at)).where(schema.video.c.stage == Stage.FETCH)
    ).scalar()
    return found


def quotas(connection: Connection, now: float) -> list[dict[str, Any]]:
    """What today's quota days have spent so far. ``closed``: the other side says that the bucket is empty."""
    table = schema.quota
    rows = connection.execute(select(table).where(table.c.day == quota_day(now)).order_by(table.c.bucket))
    return [{"bucket": row.bucket, "used": row.used, "closed": row.closed, "resets": reset_at(now)} for row in rows]


def reset_at(now: float) -> str | None:
    """When today's quotas are whole again, in ISO 8601."""
    return iso(next_reset(now))


def waiting_by_host(connection: Connection) -> dict[str, int]:
    """Videos that wait to be fetched, by host; the hosts with most of them."""
    host = schema.host
    rows = connection.execute(
        select(host.c.name, host.c.waiting).where(schema.HAS_WAITING).order_by(host.c.waiting.desc()).limit(100)
    )
    return {row.name: row.waiting for row in rows}


def all_queries(connection: Connection) -> list[QueryRow]:
    """Every query, in the order they were first asked."""
    rows = connection.execute(select(schema.query).order_by(schema.query.c.id))
    return [QueryRow.of(row) for row in rows]


def open_queries(connection: Connection) -> list[QueryRow]:
    """Queries whose walk is not finished, in the order they were first asked."""
    table = schema.query
    rows = connection.execute(select(table).where(table.c.exhausted.is_(False)).order_by(table.c.id))
    return [QueryRow.of(row) for row in rows]


@dataclass(frozen=True)
class StoredFile:
    """What the catalog says of one file of the store; ``path`` is relative to the recordings folder."""

    sha256: str
    path: str
    bytes: int


def recording_count(connection: Connection) -> int:
    """How many files the store should hold."""
    kept = schema.recording.c.audio_purged_at.is_(None)
    return connection.execute(select(func.count()).select_from(schema.recording).where(kept)).scalar_one()


def stored_files(connection: Connection) -> Iterator[StoredFile]:
    """All recordings whose audio is kept, in order of their hash, a batch at a time."""
    table = schema.recording
    last = ""
    while True:
        rows = connection.execute(
            select(table.c.sha256, table.c.path, table.c.bytes)
            .where(table.c.sha256 > last, table.c.audio_purged_at.is_(None))
            .order_by(table.c.sha256)
            .limit(BATCH)
        ).all()
        if not rows:
            return
        yield from (StoredFile(row.sha256, row.path, row.bytes) for row in rows)
        last = rows[-1].sha256


def referenced_paths(connection: Connection, paths: Sequence[str]) -> set[str]:
    """Those of ``paths`` that a recording names and whose audio was not purged."""
    table = schema.recording
    named = table.c.path.in_(paths) & table.c.audio_purged_at.is_(None)
    return set(connection.execute(select(table.c.path).where(named)).scalars())


def pending_deletions(connection: Connection) -> list[str]:
    """Files that a takedown has promised to remove."""
    return list(connection.execute(select(schema.deletion.c.path).order_by(schema.deletion.c.path)).scalars())


@dataclass(frozen=True)
class Accepted:
    """One accepted recording with its newest verdict and the videos that carry it, the first found first."""

    recording: Row[Any]
    verdict: Row[Any]
    videos: tuple[Row[Any], ...]


def accepted_recordings(connection: Connection) -> Iterator[Accepted]:
    """All accepted recordings in order of their hash, a batch at a time."""
    table = schema.recording
    last = ""
    while True:
        rows = connection.execute(
            select(table)
            .where(table.c.sha256 > last, table.c.accepted_videos > 0)
            .order_by(table.c.sha256)
            .limit(BATCH)
        ).all()
        if not rows:
            return
        for row in rows:
            verdict = newest_verdict(connection, row.sha256)
            if verdict is not None:
                yield Accepted(row, verdict, _accepted_videos(connection, row.sha256))
        last = rows[-1].sha256


def _accepted_videos(connection: Connection, sha256: str) -> tuple[Row[Any], ...]:
    """Ordered by query and place in it, which does not depend on which of two downloads ended first."""
    video, finding = schema.video, schema.finding
    query = select(finding.c.query).where(finding.c.video == video.c.key)
    first_query = query.order_by(finding.c.query).limit(1).scalar_subquery()
    position = select(finding.c.position).where(finding.c.video == video.c.key)
    first_position = position.order_by(finding.c.query).limit(1).scalar_subquery()
    return tuple(
        connection.execute(
            select(video)
            .where(video.c.recording == sha256, video.c.state == VideoState.ACCEPTED)
            .order_by(first_query, first_position, video.c.key)
        ).all()
    )


def accepted_urls(connection: Connection) -> Iterator[str]:
    """URLs of accepted videos in order of their id."""
    video = schema.video
    last = ""
    while True:
        rows = connection.execute(
            select(video.c.id, video.c.url)
            .where(video.c.state == VideoState.ACCEPTED, video.c.id > last)
            .order_by(video.c.id)
            .limit(BATCH)
        ).all()
        if not rows:
            return
        yield from (row.url for row in rows)
        last = rows[-1].id


def iso(seconds: float | None) -> str | None:
    """An epoch second as ISO 8601 in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
