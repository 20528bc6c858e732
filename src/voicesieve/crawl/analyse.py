"""Analysing one claimed recording and publishing its verdict and decision in one transaction."""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection

from voicesieve.catalog.reads import verdicts
from voicesieve.catalog.records import Claim, StaleLeaseError
from voicesieve.catalog.writes import leases, results
from voicesieve.crawl import work
from voicesieve.crawl.context import RunContext
from voicesieve.crawl.failing import OpenAttempt, RunFaultError, interrupt_attempt, open_attempt, record_failure, typed
from voicesieve.crawl.language import spoken_in
from voicesieve.domain.decisions import Decision
from voicesieve.domain.failures import Failure, FailureKind
from voicesieve.domain.languages import SpokenLanguage
from voicesieve.domain.verdicts import Verdict
from voicesieve.policy.acceptance import decide
from voicesieve.voices.pooling import pool
from voicesieve.voices.scores import WindowScores


async def analyse_video(context: RunContext, claim: Claim) -> None:
    """Score, decide and publish one video, or record why not.

    Equal audio that the same model has scored before is not analysed again. A recording whose file is gone is
    fetched anew. When it is cancelled, its caller gives the video back. Raises `RunFaultError` when the run cannot go
    on, and `StaleLeaseError` when somebody else has the video by now.
    """
    if claim.recording is None or claim.recording_path is None:
        raise StaleLeaseError(claim.video)
    # Equal audio under another id waits here until the scores of the first are stored.
    async with context.in_analysis.setdefault(claim.recording, asyncio.Lock()):
        await _analyse_and_publish(context, claim, claim.recording, claim.recording_path)


async def _analyse_and_publish(context: RunContext, claim: Claim, recording: str, path: str) -> None:
    if not context.store.holds(path):
        why = context.store.refusal(path) or "it is gone"
        again = claim.video in context.lost
        context.lost.add(claim.video)
        if again:
            context.faulted.set()  # before the video is due again, or this run would take it up once more
        await context.committer.run(results.fetch_again, recording, context.clock())
        context.events.emit("file_lost", video=claim.video, recording=path, error=why, next="fetched again")
        if again:
            raise RunFaultError(_removed_by_others(context, claim))
        return
    stored = await context.committer.run(_stored_scores, context, recording)
    started = context.clock()
    attempt = await open_attempt(context, claim, "stored_scores" if stored else context.rules.detector.name)
    try:
        analysed = stored or await _analyse(context, claim, path)
        verdict = verdict_of(analysed, context)
        language = await spoken_in(context, claim, verdict, path)
        decision = decide(verdict, context.rules.acceptance, language)
        await context.committer.run(_publish, context, claim, attempt, analysed, verdict, language, decision)
    except asyncio.CancelledError:
        await interrupt_attempt(context, attempt)
        raise
    except StaleLeaseError:
        raise
    except Exception as error:  # noqa: BLE001 - typed, recorded and told, whatever it is
        await record_failure(context, claim, attempt, typed(error, context))
    else:
        context.streaks.succeeded(claim)
        _tell(context, claim, verdict, language, decision, context.clock() - started)


def _removed_by_others(context: RunContext, claim: Claim) -> Failure:
    """A file that vanished twice would be fetched and removed without end."""
    message = (
        f"the stored file of {claim.video} vanished twice in this run: another program removes files from "
        f"{context.folder.recordings}. Exclude that folder from what cleans or scans it; the same command then resumes"
    )
    return Failure(FailureKind.MACHINE_FAULT, message)


def verdict_of(analysed: work.Analysed, context: RunContext) -> Verdict:
    """Pool the stored window scores at the operating point of the rules in force."""
    scores = WindowScores.from_bytes(analysed.windows)
    return pool(scores, analysed.duration_s, context.rules.acceptance.operating_point, analysed.model)


async def _analyse(context: RunContext, claim: Claim, path: str) -> work.Analysed:
    order = work.AnalysisOrder(
        context.store.path(path), context.rules.detector, context.rules.fetch_limits.max_duration_s
    )
    alone = claim.machine_failures > 0
    return await context.engine.run(work.analyse, order, deadline_s=context.rules.analysis_deadline_s, alone=alone)


def _stored_scores(connection: Connection, context: RunContext, sha256: str) -> work.Analysed | None:
    model = context.model
    row = verdicts.verdict_of_model(connection, sha256, model.name, model.revision)
    return None if row is None else work.Analysed(model, row.duration_s, row.windows, row.levels)


def _publish(
    connection: Connection,
    context: RunContext,
    claim: Claim,
    attempt: OpenAttempt,
    analysed: work.Analysed,
    verdict: Verdict,
    language: SpokenLanguage,
    decision: Decision,
) -> None:
    now = context.clock()
    results.publish(connection, claim, verdict, analysed.windows, analysed.levels, language, decision, now)
    leases.finish_attempt(connection, attempt.id, now, next_sentence=f"decided: {decision.outcome}")


def _tell(
    context: RunContext, claim: Claim, verdict: Verdict, language: SpokenLanguage, decision: Decision, took_s: float
) -> None:
    context.events.emit(
        "video_decided",
        video=claim.video,
        title=claim.title,
        url=claim.url,
        outcome=decision.outcome.value,
        reason=decision.reasons[0].message,
        rule=decision.reasons[0].rule,
        recording=claim.recording,
        score=verdict.score,
        child_s=verdict.child_s,
        language=language.code,
        duration_s=verdict.duration_s,
        took_s=took_s,
    )
