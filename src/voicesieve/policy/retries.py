"""What happens after a failure: when to try again, when to give up, when to pause a whole source."""

from __future__ import annotations

from dataclasses import dataclass

from voicesieve.domain.failures import Failure, Remedy
from voicesieve.domain.states import VideoState

LONGEST_WAIT_S = 366 * 86_400.0
"""A year. Waits are asked for by remote parties, and every time must stay a date that can be shown."""


@dataclass(frozen=True)
class RetryRules:
    """``max_item_failures`` counts failures of the video, ``max_machine_failures`` those of our own machinery.

    Delays in seconds: the n-th back-off lasts ``first_delay_s * 2**(n - 1)`` up to ``max_delay_s``, shortened by
    up to half at random so that retries do not march in step (equal jitter, AWS Architecture Blog 2015).
    ``pause_s`` is how long a source that refuses us is left alone when it does not say itself.
    """

    first_delay_s: float
    max_delay_s: float
    max_item_failures: int
    max_machine_failures: int
    defer_s: float
    pause_s: float


@dataclass(frozen=True)
class NextStep:
    """``at`` is the epoch second of the next try, ``None`` when there is none.

    ``pause_host_until`` is set when the whole source is to be left alone until then.
    """

    state: VideoState
    at: float | None
    sentence: str
    pause_host_until: float | None = None


def next_step(
    failure: Failure,
    *,
    waiting_state: VideoState,
    item_failures: int,
    machine_failures: int,
    host_refusals: int,
    now: float,
    jitter: float,
    rules: RetryRules,
) -> NextStep:
    """Decide what follows ``failure``.

    ``waiting_state`` is where the video stood before the stage (queued or fetched). The counts include this
    failure. ``jitter`` is a random number in [0, 1).
    """
    remedy = failure.remedy
    if remedy is Remedy.STOP_RUN:
        return NextStep(waiting_state, now, "the run stops; this video goes on when it is started again")
    if remedy is Remedy.PAUSE_SOURCE:
        until = now + _pause(failure, host_refusals, rules)
        return NextStep(waiting_state, until, "its source is left alone; the video is not blamed", until)
    if remedy is Remedy.GIVE_UP:
        return NextStep(VideoState.GIVEN_UP, None, "given up: another try would give the same answer")
    if remedy is Remedy.RETRY_ALONE:
        if machine_failures >= rules.max_machine_failures:
            return NextStep(
                VideoState.GIVEN_UP, None, f"given up after {machine_failures} failures of our own machinery"
            )
        return NextStep(VideoState.FAILED, now, "tried once more, alone")
    if item_failures >= rules.max_item_failures:
        return NextStep(VideoState.GIVEN_UP, None, f"given up after {item_failures} failures")
    if remedy is Remedy.DEFER:
        delay = max(_asked(failure, 0.0), rules.defer_s)
    else:
        delay = max(_asked(failure, 0.0), backoff(item_failures, jitter, rules))
    tried = f"try {item_failures + 1} of {rules.max_item_failures} in {delay:.0f} s"
    return NextStep(VideoState.FAILED, now + delay, tried)


def backoff(failures: int, jitter: float, rules: RetryRules) -> float:
    """Seconds to wait after the ``failures``-th failure in a row (1 or more)."""
    delay = min(rules.max_delay_s, rules.first_delay_s * 2.0 ** min(failures - 1, 30))
    return delay * (1.0 - 0.5 * jitter)


def _pause(failure: Failure, refusals: int, rules: RetryRules) -> float:
    asked = _asked(failure, rules.pause_s)
    escalated = asked * 2.0 ** min(max(refusals - 1, 0), 16)
    return max(asked, min(escalated, rules.max_delay_s))


def _asked(failure: Failure, otherwise: float) -> float:
    """Seconds that the other side asked us to wait, within reason; ``otherwise`` if it did not."""
    return otherwise if failure.retry_after_s is None else min(max(failure.retry_after_s, 0.0), LONGEST_WAIT_S)
