"""What happens after a failure: when to try again, when to give up, when to pause a whole source."""

from __future__ import annotations

from dataclasses import dataclass

from voicesieve.domain.failures import Failure, FailureKind, Remedy
from voicesieve.domain.states import VideoState

LONGEST_WAIT_S = 366 * 86_400.0
"""A year. Servers ask for waits, and every time must stay a date that can be shown."""

LEAST_PAUSE_S = 1.0
"""A refusal with "Retry-After: 0" does not allow requests without end: the first delay is used instead."""

SHORTEST_WAIT_S = 0.1
"""A failed request is never made again at once, whatever the settings and the server say."""


@dataclass(frozen=True)
class RetryRules:
    """``max_item_failures`` counts failures of the video, ``max_machine_failures`` those of our own machinery.

    Delays in seconds: the n-th back-off lasts ``first_delay_s * 2**(n - 1)`` up to ``max_delay_s``, shortened by
    up to half at random so that retries do not coincide (equal jitter, AWS Architecture Blog 2015).
    ``pause_s`` is how long a host that refuses our requests is paused if it does not state a time. A query that has
    failed as often in a row as its budget says (``max_machine_failures`` for failures of our own, else
    ``max_item_failures``) is not tried for ``max_delay_s``.
    """

    first_delay_s: float
    max_delay_s: float
    max_item_failures: int
    max_machine_failures: int
    defer_s: float
    pause_s: float


@dataclass(frozen=True)
class NextStep:
    """``at`` is the epoch second of the next try, ``None`` if there is no next try.

    ``pause_host_until`` is set when the whole host is paused until then.
    """

    state: VideoState
    at: float | None
    sentence: str
    pause_host_until: float | None = None


@dataclass(frozen=True)
class NextRequest:
    """What follows a failed request of discovery. ``at`` is the epoch second from which it may be made again.

    ``given_up``: not in the run that failed, however long it waits. ``pause_host_until`` as in `NextStep`.
    ``start_over``: the walk begins again at its first page, because its next page will never exist.
    """

    at: float
    given_up: bool
    sentence: str
    pause_host_until: float | None = None
    start_over: bool = False


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
    item_refusals: int = 1,
) -> NextStep:
    """Decide what follows ``failure``.

    ``waiting_state`` is where the video stood before the stage (queued or fetched). The counts include this
    failure; ``item_refusals`` are the times that the source refused this very video in this run. ``jitter`` is a random
    number in [0, 1).
    """
    remedy = failure.remedy
    if remedy is Remedy.STOP_RUN:
        return NextStep(waiting_state, now, "the run stops; this video is resumed when it is started again")
    if remedy is Remedy.PAUSE_SOURCE:
        until = now + _pause(failure, host_refusals, rules)
        at = until if item_refusals < rules.max_item_failures else max(until, now + rules.max_delay_s)
        return NextStep(waiting_state, at, "its host is paused; the video is not blamed", until)
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
    delay = _delay(failure, item_failures, jitter, rules)
    tried = f"try {item_failures + 1} of {rules.max_item_failures} in {delay:.0f} s"
    return NextStep(VideoState.FAILED, now + delay, tried)


def next_request(
    failure: Failure,
    *,
    failures: int,
    host_refusals: int,
    local: bool,
    midway: bool,
    now: float,
    jitter: float,
    rules: RetryRules,
) -> NextRequest:
    """Decide what follows the ``failures``-th failure in a row of a query, this one included, over all its runs.

    The next request is always later than ``now``, and a query whose budget is spent, or that only a person can help,
    is not tried again by the run that failed. ``local``: no server is asked, so the next run may try again at once.
    ``midway``: earlier pages were read, so a failure that would end it starts the walk over, as if at its end.
    """
    if failure.remedy is Remedy.STOP_RUN:
        return NextRequest(now + SHORTEST_WAIT_S, True, "the run stops; tried again when it is started again")
    budget = rules.max_machine_failures if failure.remedy is Remedy.RETRY_ALONE else rules.max_item_failures
    spent = failures >= budget
    over = midway and failure.remedy is Remedy.GIVE_UP
    least = max(rules.max_delay_s if spent or over else 0.0, SHORTEST_WAIT_S)
    pause = None
    if local or _settings_are_wrong(failure):
        wait = SHORTEST_WAIT_S
    elif failure.remedy is Remedy.PAUSE_SOURCE:
        pause = _pause(failure, host_refusals, rules)
        wait = max(pause, least)
    else:
        wait = max(_delay(failure, failures, jitter, rules), least)
    given_up = spent or is_for_people(failure)
    again = (
        "tried again by the next run" if given_up and wait <= SHORTEST_WAIT_S else f"tried again in {_in_words(wait)}"
    )
    times = f" after {failures} failures in a row" if failures > 1 else ""
    sentence = f"given up for this run{times}, {again}" if given_up else again
    return NextRequest(now + wait, given_up, sentence, None if pause is None else now + pause, start_over=over)


def _in_words(seconds: float) -> str:
    if seconds < 120.0:
        return f"{seconds:.0f} s" if seconds >= 10.0 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200.0 else f"{seconds / 3_600:.1f} h"


def is_for_people(failure: Failure) -> bool:
    """Whether another try would give the same answer until a person changes something."""
    return failure.remedy is Remedy.GIVE_UP or failure.kind is FailureKind.NEEDS_OPERATOR


def _settings_are_wrong(failure: Failure) -> bool:
    """No server needs a pause: who corrects the settings wants to see at once whether they are right."""
    return failure.kind is FailureKind.NEEDS_OPERATOR and failure.retry_after_s == 0.0


def backoff(failures: int, jitter: float, rules: RetryRules) -> float:
    """Seconds to wait after the ``failures``-th failure in a row (1 or more)."""
    delay = min(rules.max_delay_s, rules.first_delay_s * 2.0 ** min(failures - 1, 30))
    return delay * (1.0 - 0.5 * jitter)


def _delay(failure: Failure, failures: int, jitter: float, rules: RetryRules) -> float:
    """Seconds until the next request to a server that failed ``failures`` times, refusals apart."""
    usual = rules.defer_s if failure.remedy is Remedy.DEFER else backoff(failures, jitter, rules)
    return max(_asked(failure, 0.0), usual)


def _pause(failure: Failure, refusals: int, rules: RetryRules) -> float:
    asked = _asked(failure, rules.pause_s)
    if failure.retry_after_s is not None and asked < LEAST_PAUSE_S:
        asked = max(asked, rules.first_delay_s)
    asked = max(asked, SHORTEST_WAIT_S)
    if refusals >= rules.max_item_failures:
        return max(asked, rules.max_delay_s)
    escalated = asked * 2.0 ** min(max(refusals - 1, 0), 16)
    return max(asked, min(escalated, rules.max_delay_s))


def _asked(failure: Failure, otherwise: float) -> float:
    """Seconds that the other side asked us to wait, within reason; ``otherwise`` if it did not."""
    return otherwise if failure.retry_after_s is None else min(max(failure.retry_after_s, 0.0), LONGEST_WAIT_S)
