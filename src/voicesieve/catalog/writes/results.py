"""The results of a stage: fetched files, verdicts with their decisions, failures.

Each function is one step of a transaction. A crash before its commit leaves the video as it was, and the next run does
the stage again; a crash after it costs nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from voicesieve.catalog import schema
from voicesieve.catalog.counters import add_to_counter
from voicesieve.catalog.reads.decided import PERSON
from voicesieve.catalog.records import Claim, StaleLeaseError
from voicesieve.catalog.rows import insert_missing
from voicesieve.catalog.writes import merging, requests
from voicesieve.catalog.writes.changes import change
from voicesieve.catalog.writes.counting import counted_verdicts
from voicesieve.catalog.writes.languages import save_language
from voicesieve.catalog.writes.leases import finish_attempt, interrupt_attempts, leased
from voicesieve.catalog.writes.takedown import bury, channel_hashes, delete_unless_named, forget_recording, is_withdrawn
from voicesieve.domain.decisions import Decision, Reason
from voicesieve.domain.failures import Failure, Remedy
from voicesieve.domain.fetching import FetchedRecording
from voicesieve.domain.languages import SpokenLanguage
from voicesieve.domain.states import DECIDED, Stage, VideoState
from voicesieve.domain.verdicts import Verdict
from voicesieve.policy.retries import NextStep

video, host = schema.video, schema.host


def finish_fetch(
    connection: Connection,
    claim: Claim,
    attempt: int,
    fetched: FetchedRecording,
    path: str,
    now: float,
    *,
    rights_basis: str,
    rights_statement: str = "",
    gone: frozenset[str] = frozenset(),
) -> VideoState:
    """Name the stored file and end its attempt. The file must lie durably under ``path`` before this commits.

    ``gone`` are addresses of files with this audio that lie there no longer: this is one of them, moved, and no video
    of its own. Audio that was withdrawn is not stored again, nor is what turns out to come from a withdrawn channel:
    the video becomes withdrawn too.
    """
    row = leased(connection, claim)
    finish_attempt(connection, attempt, now, size=fetched.bytes, next_sentence="analysed next")
    free = {"lease_token": None, "lease_until": None}
    host_recovered(connection, row.host)
    facts = dict(fetched.facts)
    if is_withdrawn(connection, fetched.sha256, *channel_hashes(str(facts.get("channel") or ""))):
        bury(connection, row, now)
        delete_unless_named(connection, path, now)
        return VideoState.WITHDRAWN
    moved = merging.moved_video(connection, row, fetched.sha256, gone)
    if moved is not None:
        merging.merge(connection, row, moved, now)
        delete_unless_named(connection, path, now)
        return VideoState(moved.state)
    name_recordings(connection, [(fetched, path)], now)
    if len(fetched.media.tracks) > 1:
        add_to_counter(connection, "further_sound_tracks", len(fetched.media.tracks) - 1)
    change(
        connection,
        row,
        now,
        state=VideoState.FETCHED,
        stage=Stage.ANALYSE,
        due_at=now,
        recording=fetched.sha256,
        facts=facts,
        rights_basis=rights_basis,
        rights_statement=rights_statement,
        failure_kind=None,
        item_failures=0,
        machine_failures=0,
        **_learnt(row, facts),
        **free,
    )
    return VideoState.FETCHED


def screen_out(
    connection: Connection,
    claim: Claim,
    reason: Reason,
    facts: Mapping[str, object],
    screened_by: str,
    now: float,
    *,
    attempt: int | None = None,
) -> None:
    """Keep out a video by a rule that knows more than when the video was found, and end ``attempt`` if there is one."""
    row = leased(connection, claim)
    if attempt is not None:
        sentence = f"kept out by the rule {reason.rule} before any media was fetched"
        finish_attempt(connection, attempt, now, screened_out=True, next_sentence=sentence)
    change(
        connection,
        row,
        now,
        state=VideoState.SCREENED_OUT,
        stage=None,
        due_at=None,
        reasons=[dataclasses.asdict(reason)],
        screened_by=screened_by,
        facts={**row.facts, **facts},
        failure_kind=None,
        item_failures=0,
        machine_failures=0,
        lease_token=None,
        lease_until=None,
        **_learnt(row, facts),
    )
    if facts:
        host_recovered(connection, row.host)


def _learnt(row: Row[Any], facts: Mapping[str, object]) -> dict[str, Any]:
    """Columns that were empty until now."""
    columns = (("title", "title"), ("channel", "channel"), ("licence", "licence"))
    return {column: facts[fact] for column, fact in columns if facts.get(fact) and not getattr(row, column)}


def name_recordings(connection: Connection, stored: Sequence[tuple[FetchedRecording, str]], now: float) -> None:
    """Enter stored files with their paths, and say of those whose audio had been purged that it is back."""
    rows = [
        {
            "sha256": fetched.sha256,
            "path": path,
            "bytes": fetched.bytes,
            "duration_s": fetched.media.duration_s,
            "container": fetched.media.container,
            "codec": fetched.media.codec,
            "sample_rate": fetched.media.sample_rate,
            "channels": fetched.media.channels,
            "stored_at": now,
            "accepted_videos": 0,
        }
        for fetched, path in stored
    ]
    insert_missing(connection, schema.recording, rows)
    table = schema.recording
    back = table.c.sha256.in_([row["sha256"] for row in rows]) & table.c.audio_purged_at.is_not(None)
    connection.execute(update(table).where(back).values(audio_purged_at=None))


def publish(
    connection: Connection,
    claim: Claim,
    attempt: int,
    verdict: Verdict,
    windows: bytes,
    levels: dict[str, float],
    language: SpokenLanguage,
    decision: Decision,
    now: float,
) -> None:
    """The single transaction that makes a verdict count: scores, language, decision, state and attempt together.

    What a person decided stays decided: of a new analysis only scores and evidence are kept.
    """
    row = leased(connection, claim)
    if row.recording is None:
        raise StaleLeaseError(claim.video)
    finish_attempt(connection, attempt, now, next_sentence=f"decided: {decision.outcome}")
    _save_verdict(connection, row.recording, verdict, windows, levels, now)
    language_values = save_language(connection, row.key, language)
    free = {"lease_token": None, "lease_until": None}
    if row.decided_by == PERSON and row.state in DECIDED:
        language_values |= {"child_s": verdict.child_s, "item_failures": 0, "machine_failures": 0}
        change(connection, row, now, stage=None, due_at=None, **language_values, **free)
        return
    _decide(connection, row, verdict, decision, now, **language_values, **free)


def _decide(
    connection: Connection, row: Row[Any], verdict: Verdict, decision: Decision, now: float, **values: Any
) -> None:
    reasons = [dataclasses.asdict(reason) for reason in decision.reasons]
    connection.execute(
        schema.decision.insert().values(
            video=row.key,
            outcome=decision.outcome,
            reasons=reasons,
            policy_revision=decision.policy_revision,
            model=verdict.model.name,
            revision=verdict.model.revision,
            decided_at=now,
        )
    )
    change(
        connection,
        row,
        now,
        state=decision.outcome.state,
        reasons=reasons,
        child_s=verdict.child_s,
        stage=None,
        due_at=None,
        failure_kind=None,
        item_failures=0,
        machine_failures=0,
        **values,
    )


def _save_verdict(
    connection: Connection, sha256: str, verdict: Verdict, windows: bytes, levels: dict[str, float], now: float
) -> None:
    table = schema.verdict
    with counted_verdicts(connection, [sha256]):
        connection.execute(
            delete(table).where(
                table.c.recording == sha256,
                table.c.model == verdict.model.name,
                table.c.revision == verdict.model.revision,
            )
        )
        connection.execute(
            table.insert().values(
                recording=sha256,
                model=verdict.model.name,
                revision=verdict.model.revision,
                operating_point=verdict.operating_point,
                label=verdict.label,
                duration_s=verdict.duration_s,
                speech_s=verdict.speech_s,
                child_s=verdict.child_s,
                child_share=verdict.child_share,
                child_runs=verdict.child_runs,
                score=verdict.score,
                segments=[dataclasses.asdict(segment) for segment in verdict.segments],
                windows=windows,
                levels=levels,
                analysed_at=now,
                pooling=verdict.pooling or None,
                point=verdict.point or None,
            )
        )


def fail(
    connection: Connection,
    claim: Claim,
    attempt: int,
    failure: Failure,
    decide_next: Callable[[int, int, int], NextStep],
    now: float,
    *,
    deciding: Failure | None = None,
) -> NextStep:
    """End the attempt with ``failure``, and record what follows for the video and, if refused, for its whole host.

    ``deciding`` is what the video failed with, where another method said more than the last one.
    ``decide_next(item_failures, machine_failures, host_refusals)`` is the pure rule; the counts include this one.
    """
    row = leased(connection, claim)
    last, failure = failure, deciding or failure
    remedy = failure.remedy
    blames_item = remedy in (Remedy.BACK_OFF, Remedy.GIVE_UP, Remedy.DEFER)
    item_failures = row.item_failures + (1 if blames_item else 0)
    machine_failures = row.machine_failures + (1 if remedy is Remedy.RETRY_ALONE else 0)
    refusals = requests.count_refusal(connection, row.host, now) if remedy is Remedy.PAUSE_SOURCE else 0
    step = decide_next(item_failures, machine_failures, refusals)
    if step.pause_host_until is not None:
        requests.pause_host(connection, row.host, step.pause_host_until, failure.message, now)
    if row.state in DECIDED:
        # Analysing again has failed: the old verdict and its decision stand, whether it is tried once more or not.
        step = replace(step, state=VideoState(row.state))
    if blames_item and claim.stage is Stage.FETCH and row.url != claim.url:
        sentence = "its source has given it another address meanwhile, which is tried next"
        step = NextStep(claim.waiting_state, now, sentence)
    finish_attempt(connection, attempt, now, failure=last, next_sentence=step.sentence)
    failed = step.state in (VideoState.FAILED, VideoState.GIVEN_UP)
    change(
        connection,
        row,
        now,
        state=step.state,
        reasons=row.reasons if row.state in DECIDED else [{"rule": str(failure.kind), "message": failure.message}],
        stage=None if step.at is None else claim.stage,
        due_at=step.at,
        failure_kind=str(failure.kind) if failed else None,
        item_failures=item_failures,
        machine_failures=machine_failures,
        lease_token=None,
        lease_until=None,
    )
    return step


def host_recovered(connection: Connection, name: str) -> None:
    """A host that answers is no longer counted as refusing us."""
    connection.execute(update(host).where(host.c.name == name, host.c.refusals > 0).values(refusals=0))


def retry(connection: Connection, now: float, *, ids: Sequence[str] = (), kind: str | None = None) -> int:
    """Make failed and given-up videos due again with fresh budgets: those named, those of a kind, or all."""
    wanted = select(video).where(video.c.state.in_((VideoState.FAILED, VideoState.GIVEN_UP)))
    if ids:
        wanted = wanted.where(video.c.id.in_(ids))
    if kind:
        wanted = wanted.where(video.c.failure_kind == kind)
    rows = connection.execute(wanted).all()
    taken = [row.key for row in rows if row.lease_token]
    interrupt_attempts(connection, taken, "a retry was asked for before this attempt ended", now)
    for row in rows:
        state = VideoState.FETCHED if row.recording else VideoState.QUEUED
        stage = Stage.ANALYSE if row.recording else Stage.FETCH
        change(
            connection,
            row,
            now,
            state=state,
            stage=stage,
            due_at=now,
            reasons=[],
            failure_kind=None,
            item_failures=0,
            machine_failures=0,
            lease_token=None,
            lease_until=None,
        )
    return len(rows)


def fetch_again(connection: Connection, sha256: str, now: float) -> int:
    """Forget a recording whose file is lost or damaged; its videos are fetched anew. Returns how many."""
    rows = connection.execute(select(video).where(video.c.recording == sha256)).all()
    taken = [row.key for row in rows if row.lease_token]
    interrupt_attempts(connection, taken, "the stored file was lost before this attempt ended", now)
    for row in rows:
        change(
            connection,
            row,
            now,
            state=VideoState.QUEUED,
            stage=Stage.FETCH,
            due_at=now,
            recording=None,
            reasons=[{"rule": "file_lost", "message": "its stored file was lost or damaged; it is fetched again"}],
            failure_kind=None,
            item_failures=0,
            machine_failures=0,
            lease_token=None,
            lease_until=None,
        )
    forget_recording(connection, sha256)
    return len(rows)
