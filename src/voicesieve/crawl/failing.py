"""Turning whatever went wrong in a stage into a typed failure, a committed next step and one complete event."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass

from sqlalchemy import Connection

from voicesieve.catalog.reads.why import attempts_of
from voicesieve.catalog.records import Claim
from voicesieve.catalog.writes import leases, results
from voicesieve.crawl.context import RunContext
from voicesieve.domain.errors import InnerError
from voicesieve.domain.failures import Failure, FailureError, FailureKind, Remedy
from voicesieve.domain.states import VideoState
from voicesieve.domain.times import iso
from voicesieve.machine import MEMORY_RAN_OUT, folder_failure, machine_failure
from voicesieve.policy.retries import NextStep, next_step


class RunFaultError(InnerError):
    """Nothing can go on: the machine or the catalog refuses us. The run stops cleanly."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class TakenBackError(InnerError):
    """Our own process stopped or stood still: the video goes back as it was, and nobody is blamed."""


def typed(error: Exception, context: RunContext, *, of: str = "video") -> Failure:
    """The failure that ``error`` carries or stands for; a defect of ours becomes ``internal_error``.

    ``of`` is what was worked on, a video or a source.

    Fetchers type the errors of the other side, so an `OSError` that arrives here is one of our own folders. Only a file
    that is missing may have been removed a moment ago.
    """
    if isinstance(error, FailureError):
        return error.failure
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError | ConnectionError | TimeoutError):
        return folder_failure(error, context.folder.root)
    if (failure := machine_failure(error, context.folder.root)) is not None:
        return failure
    if isinstance(error, MemoryError):
        return Failure.from_exception(FailureKind.OUT_OF_MEMORY, error, MEMORY_RAN_OUT)
    message = f"a defect of voicesieve, not of the {of}: {type(error).__name__}: {error}"
    return Failure.from_exception(FailureKind.INTERNAL_ERROR, error, message)


@dataclass(frozen=True)
class OpenAttempt:
    """An attempt that has been written down and not yet ended."""

    id: int
    method: str
    scratch: str | None
    started: float
    """When it began, by `time.monotonic`."""


async def open_attempt(context: RunContext, claim: Claim, method: str, scratch: str | None = None) -> OpenAttempt:
    """Write down that a method is about to be tried."""
    id_ = await context.committer.run(
        leases.start_attempt, context.run, claim, method, context.clock(), scratch=scratch
    )
    retry = claim.item_failures + claim.machine_failures > 0
    context.events.emit(
        "attempt_started", video=claim.video, stage=claim.stage.value, method=method, retry=retry, title=claim.title
    )
    return OpenAttempt(id_, method, scratch, time.monotonic())


async def interrupt_attempt(context: RunContext, attempt: OpenAttempt, why: str = "") -> None:
    """The run is stopping: end the attempt without blaming anyone."""
    await context.committer.run(
        leases.finish_attempt,
        attempt.id,
        context.clock(),
        interrupted=True,
        next_sentence=f"{why}due again when a run starts",
    )


_OF_TIME = frozenset({Remedy.BACK_OFF, Remedy.RETRY_ALONE})
"""Remedies of failures that a standstill of our own can bring about: limits of time, connections that were given up."""


async def record_failure(
    context: RunContext, claim: Claim, attempt: OpenAttempt, failure: Failure, *, deciding: Failure | None = None
) -> None:
    """End the attempt with ``failure``, commit what follows for the video, and tell it with all a person needs.

    What follows is judged by ``deciding``, the most telling failure of several methods; by default it is this
    one. Raises `RunFaultError` when the run cannot go on, `TakenBackError` when it stops and a worker ended with it, or
    when this process stood still meanwhile, `StaleLeaseError` when the lease is no longer ours.
    """
    deciding = deciding or failure
    if context.stopping.is_set() and deciding.remedy is Remedy.RETRY_ALONE:
        # Who stops a program often stops its workers, too: what they had in hand did not end them.
        await interrupt_attempt(context, attempt, f"a worker ended while the run was stopping ({failure.message}); ")
        raise TakenBackError(deciding.message)
    may_be_ours = deciding.remedy in _OF_TIME and claim.video not in context.pardoned
    if may_be_ours and context.pulse.stood_still_since(attempt.started):
        context.pardoned.add(claim.video)  # once: a machine that stands still all the time must not ask for ever
        await interrupt_attempt(context, attempt, f"this process stood still meanwhile ({deciding.message}); ")
        raise TakenBackError(deciding.message)
    if deciding.remedy is Remedy.STOP_RUN:
        context.faulted.set()  # before the video is due again, or this run would take it up once more
    if deciding.remedy is Remedy.PAUSE_SOURCE:
        context.refused[claim.video] += 1
    step = await context.committer.run(_fail, context, claim, attempt, failure, deciding)
    await tell_failure(context, claim, attempt, deciding, step.state, step.sentence)
    if step.pause_host_until is not None:
        until = iso(step.pause_host_until)
        context.events.emit("host_paused", host=claim.host, until=until, reason=deciding.message)
    if deciding.remedy is Remedy.STOP_RUN:
        raise RunFaultError(deciding)
    if deciding.kind is FailureKind.INTERNAL_ERROR:
        await _stop_a_streak(context, claim, attempt, deciding)


async def _stop_a_streak(context: RunContext, claim: Claim, attempt: OpenAttempt, failure: Failure) -> None:
    """Raise `RunFaultError` where the same defect has struck too many videos in a row, and give them their budgets
    back; they are due a little later, so that the next run begins with others."""
    videos = context.streaks.struck(claim, attempt.method, failure)
    if not videos:
        return
    context.faulted.set()
    due = context.clock() + context.rules.retry.first_delay_s
    await context.committer.run(results.retry, due, ids=videos)
    message = (
        f"{len(videos)} different videos in a row failed in the same way while {attempt.method} worked on them, which "
        f"is a defect of voicesieve or its installation, not theirs: {failure.message}. None of them is given up. "
        "Report it with the log; the same command goes on, with other videos first."
    )
    raise RunFaultError(Failure(FailureKind.MACHINE_FAULT, message, None, failure.exception_type, failure.chain))


async def tell_failure(
    context: RunContext, claim: Claim, attempt: OpenAttempt, failure: Failure, state: VideoState, next_sentence: str
) -> None:
    """Emit the one event in which an error carries its whole story. ``state`` is the video's from now on."""
    attempts = await context.committer.run(attempts_of, claim.key)
    context.events.emit(
        "attempt_failed",
        video=claim.video,
        title=claim.title,
        url=claim.url,
        stage=claim.stage.value,
        method=attempt.method,
        kind=failure.kind.value,
        message=failure.message,
        attempts=attempts,
        scratch=attempt.scratch,
        recording=claim.recording_path,
        exception_type=failure.exception_type,
        chain=list(failure.chain),
        state=state.value,
        next=next_sentence,
    )


def _fail(
    connection: Connection,
    context: RunContext,
    claim: Claim,
    attempt: OpenAttempt,
    failure: Failure,
    deciding: Failure,
) -> NextStep:
    now = context.clock()
    rule = functools.partial(_next_step, context, claim, deciding, now)
    step = results.fail(connection, claim, deciding, rule, now)
    leases.finish_attempt(connection, attempt.id, now, failure=failure, next_sentence=step.sentence)
    return step


def _next_step(
    context: RunContext,
    claim: Claim,
    failure: Failure,
    now: float,
    item_failures: int,
    machine_failures: int,
    host_refusals: int,
) -> NextStep:
    return next_step(
        failure,
        waiting_state=claim.waiting_state,
        item_failures=item_failures,
        machine_failures=machine_failures,
        host_refusals=host_refusals,
        now=now,
        jitter=context.random.random(),
        rules=context.rules.retry,
        item_refusals=context.refused[claim.video],
    )
