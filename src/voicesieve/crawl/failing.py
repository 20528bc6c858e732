"""Attempts: how each begins, ends and fails. Whatever goes wrong becomes a typed failure, a committed next step, and
one event with the whole story.

A crash before the commit leaves an open attempt, which the next run ends as interrupted and counts against no video;
after the commit only the event is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from voicesieve.catalog.reads.why import attempts_of
from voicesieve.catalog.records import Claim
from voicesieve.catalog.writes import leases, results
from voicesieve.crawl.context import Run
from voicesieve.crawl.pulse import Pulse
from voicesieve.crawl.streaks import Streaks
from voicesieve.domain.errors import InnerError
from voicesieve.domain.failures import Failure, FailureError, FailureKind, Remedy
from voicesieve.domain.states import VideoState
from voicesieve.domain.times import iso
from voicesieve.machine import MEMORY_RAN_OUT, folder_failure, machine_failure
from voicesieve.policy.retries import NextStep, RetryRules, next_step


class RunFaultError(InnerError):
    """The run cannot continue, because the machine or the catalog cannot be used. It stops cleanly."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class TakenBackError(InnerError):
    """Our own process stopped or stood still: the video goes back as it was, and no failure is counted."""


@dataclass(frozen=True)
class OpenAttempt:
    """An attempt that is recorded and has not ended."""

    id: int
    method: str
    scratch: str | None
    started: float
    """When it began, by `time.monotonic`."""


_OF_TIME = frozenset({Remedy.BACK_OFF, Remedy.RETRY_ALONE})
"""Remedies of failures that a standstill of our own can bring about: limits of time, connections that were given up."""


@dataclass(frozen=True)
class Attempts:
    """The attempts of one run, of whatever stage::

        attempt = await attempts.begin(claim, "http", "0f3a/http")
        try: ...
        except Exception as error:
            await attempts.fail(claim, attempt, typed(error, root))

    ``stopping`` is set when the run was asked to stop, ``faulted`` when nothing may be taken up any more because the
    run cannot continue. ``pulse`` notices that this process stood still, ``streaks`` a defect of our own. ``refused``
    counts how often the source of a video refused it in this run; the ``excused`` are videos that failed because
    this process stood still, once each.
    """

    run: Run
    rules: RetryRules
    stopping: asyncio.Event
    faulted: asyncio.Event
    pulse: Pulse
    streaks: Streaks = field(default_factory=Streaks)
    refused: Counter[str] = field(default_factory=Counter)
    excused: set[str] = field(default_factory=set)

    async def begin(self, claim: Claim, method: str, scratch: str | None = None) -> OpenAttempt:
        """Record that a method is about to be tried. Raises `StaleLeaseError` if the video is no longer ours."""
        run = self.run
        id_ = await run.committer.run(leases.start_attempt, run.id, claim, method, run.clock(), scratch=scratch)
        run.events.emit(
            "attempt_started",
            video=claim.video,
            stage=claim.stage.value,
            method=method,
            retry=claim.item_failures + claim.machine_failures > 0,
            title=claim.title,
        )
        return OpenAttempt(id_, method, scratch, time.monotonic())

    async def interrupt(self, attempt: OpenAttempt, why: str = "") -> None:
        """End the attempt without counting a failure: the run is stopping."""
        await self.run.committer.run(
            leases.finish_attempt,
            attempt.id,
            self.run.clock(),
            interrupted=True,
            next_sentence=f"{why}due again when a run starts",
        )

    async def fail(
        self, claim: Claim, attempt: OpenAttempt, failure: Failure, *, deciding: Failure | None = None
    ) -> None:
        """End the attempt with ``failure``, commit what follows for the video, and report both.

        What follows is judged by ``deciding``, the most telling failure of several methods; by default it is this one.
        Raises `RunFaultError` if the run cannot continue, `TakenBackError` if it is stopping and a worker ended with
        it, or if this process stood still meanwhile, and `StaleLeaseError` if the lease is no longer ours.
        """
        run, deciding = self.run, deciding or failure
        if self.stopping.is_set() and deciding.remedy is Remedy.RETRY_ALONE:
            # A signal to the whole process group stops the workers, too: the videos in hand did not end them.
            await self.interrupt(attempt, f"a worker ended while the run was stopping ({failure.message}); ")
            raise TakenBackError(deciding.message)
        may_be_ours = deciding.remedy in _OF_TIME and claim.video not in self.excused
        if may_be_ours and self.pulse.stood_still_since(attempt.started):
            self.excused.add(claim.video)  # once: a machine that stands still all the time must not try for ever
            await self.interrupt(attempt, f"this process stood still meanwhile ({deciding.message}); ")
            raise TakenBackError(deciding.message)
        if deciding.remedy is Remedy.STOP_RUN:
            self.faulted.set()  # before the video is due again, or this run would take it up once more
        if deciding.remedy is Remedy.PAUSE_SOURCE:
            self.refused[claim.video] += 1
        now = run.clock()

        def rule(item_failures: int, machine_failures: int, host_refusals: int) -> NextStep:
            return next_step(
                deciding,
                waiting_state=claim.waiting_state,
                item_failures=item_failures,
                machine_failures=machine_failures,
                host_refusals=host_refusals,
                now=now,
                jitter=run.chance(),
                rules=self.rules,
                item_refusals=self.refused[claim.video],
            )

        step = await run.committer.run(results.fail, claim, attempt.id, failure, rule, now, deciding=deciding)
        await self.report(claim, attempt, deciding, step.state, step.sentence)
        if step.pause_host_until is not None:
            until = iso(step.pause_host_until)
            run.events.emit("host_paused", host=claim.host, until=until, reason=deciding.message)
        if deciding.remedy is Remedy.STOP_RUN:
            raise RunFaultError(deciding)
        if deciding.kind is FailureKind.INTERNAL_ERROR:
            await self._stop_a_streak(claim, attempt, deciding)

    async def report(
        self, claim: Claim, attempt: OpenAttempt, failure: Failure, state: VideoState, next_sentence: str
    ) -> None:
        """Emit the one event in which an error carries its whole story. ``state`` is the video's from now on."""
        attempts = await self.run.committer.run(attempts_of, claim.key)
        self.run.events.emit(
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

    async def _stop_a_streak(self, claim: Claim, attempt: OpenAttempt, failure: Failure) -> None:
        """Raise `RunFaultError` where the same defect has struck too many videos in a row, and give them their budgets
        back; they are due a little later, so that the next run begins with others."""
        videos = self.streaks.struck(claim, attempt.method, failure)
        if not videos:
            return
        self.faulted.set()
        due = self.run.clock() + self.rules.first_delay_s
        await self.run.committer.run(results.retry, due, ids=videos)
        message = (
            f"{len(videos)} different videos in a row failed in the same way while {attempt.method} worked on them, "
            f"which is a defect of voicesieve or its installation, not theirs: {failure.message}. None of them is "
            "given up. Report it with the log; the same command resumes, with other videos first."
        )
        raise RunFaultError(Failure(FailureKind.MACHINE_FAULT, message, None, failure.exception_type, failure.chain))


def typed(error: Exception, root: Path, *, of: str = "video") -> Failure:
    """The failure that ``error`` carries or stands for; a defect of ours becomes ``internal_error``.

    ``of`` is what was worked on, a video or a source; ``root`` is the data folder.

    Fetchers type the errors of servers, so an `OSError` that arrives here comes from our own folders. The exception is
    a missing file, which may have been removed a moment ago.
    """
    if isinstance(error, FailureError):
        return error.failure
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError | ConnectionError | TimeoutError):
        return folder_failure(error, root)
    if (failure := machine_failure(error, root)) is not None:
        return failure
    if isinstance(error, MemoryError):
        return Failure.from_exception(FailureKind.OUT_OF_MEMORY, error, MEMORY_RAN_OUT)
    message = f"a defect of voicesieve, not of the {of}: {type(error).__name__}: {error}"
    return Failure.from_exception(FailureKind.INTERNAL_ERROR, error, message)
