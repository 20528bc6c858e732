"""What happens after a failure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesieve.domain.failures import REMEDIES, Failure, FailureKind, Remedy
from voicesieve.domain.states import VideoState
from voicesieve.domain.times import iso
from voicesieve.policy.retries import NextStep, RetryRules, backoff, next_request, next_step

RULES = RetryRules(
    first_delay_s=60.0, max_delay_s=1_000.0, max_item_failures=3, max_machine_failures=2, defer_s=500.0, pause_s=300.0
)
NOW = 1_700_000_000.0


def after(kind: FailureKind, retry_after_s: float | None = None, **counts: Any) -> NextStep:
    facts = {"item_failures": 1, "machine_failures": 1, "host_refusals": 1, "jitter": 0.0, **counts}
    failure = Failure(kind, "it went wrong", retry_after_s=retry_after_s)
    return next_step(failure, waiting_state=VideoState.QUEUED, now=NOW, rules=RULES, **facts)


def of(remedy: Remedy) -> list[FailureKind]:
    return [kind for kind in FailureKind if REMEDIES[kind] is remedy]


@pytest.mark.parametrize("kind", of(Remedy.GIVE_UP))
def test_what_will_not_change_is_given_up(kind: FailureKind) -> None:
    step = after(kind)
    assert (step.state, step.at) == (VideoState.GIVEN_UP, None)


@pytest.mark.parametrize("kind", of(Remedy.BACK_OFF))
def test_what_may_pass_is_tried_again_with_growing_waits(kind: FailureKind) -> None:
    assert [after(kind, item_failures=n).at for n in (1, 2)] == [NOW + 60, NOW + 120]
    assert after(kind, item_failures=3).state is VideoState.GIVEN_UP


def test_a_longer_wait_that_was_asked_for_is_honoured_and_a_shorter_one_is_not() -> None:
    assert after(FailureKind.SERVER_ERROR, retry_after_s=5_000.0).at == NOW + 5_000
    assert after(FailureKind.SERVER_ERROR, retry_after_s=1.0).at == NOW + 60
    assert after(FailureKind.LIVE_OR_UPCOMING).at == NOW + 500
    assert after(FailureKind.LIVE_OR_UPCOMING, retry_after_s=9_000.0).at == NOW + 9_000


@pytest.mark.parametrize("kind", of(Remedy.RETRY_ALONE))
def test_our_own_failures_have_a_budget_of_their_own(kind: FailureKind) -> None:
    step = after(kind, machine_failures=1, item_failures=99)
    assert (step.state, step.at) == (VideoState.FAILED, NOW)
    assert after(kind, machine_failures=2, item_failures=0).state is VideoState.GIVEN_UP


@pytest.mark.parametrize("kind", of(Remedy.PAUSE_SOURCE))
def test_a_source_that_refuses_us_pauses_as_a_whole(kind: FailureKind) -> None:
    step = after(kind, item_failures=99)
    assert (step.state, step.at, step.pause_host_until) == (VideoState.QUEUED, NOW + 300, NOW + 300)
    assert after(kind, retry_after_s=50.0).pause_host_until == NOW + 50
    assert after(kind, retry_after_s=5_000.0, host_refusals=9).pause_host_until == NOW + 5_000
    assert after(kind, host_refusals=9).pause_host_until == NOW + 1_000


@pytest.mark.parametrize("kind", of(Remedy.PAUSE_SOURCE))
def test_a_refusal_without_a_wait_is_no_invitation_and_the_fifth_one_rests_longest(kind: FailureKind) -> None:
    assert after(kind, retry_after_s=0.0).pause_host_until == NOW + 60
    assert after(kind, retry_after_s=2.0, host_refusals=3).pause_host_until == NOW + 1_000
    alone = after(kind, retry_after_s=2.0, host_refusals=1, item_refusals=3)
    assert (alone.state, alone.at, alone.pause_host_until) == (VideoState.QUEUED, NOW + 1_000, NOW + 2)


@given(
    kind=st.sampled_from([kind for kind in FailureKind if REMEDIES[kind] is not Remedy.STOP_RUN]),
    retry_after_s=st.none() | st.floats(allow_nan=False),
    failures=st.integers(1, 10**6),
    refusals=st.integers(1, 10**6),
    local=st.booleans(),
    midway=st.booleans(),
    jitter=st.floats(0, 1, exclude_max=True),
    waits=st.sampled_from([0.0, 60.0]),
)
def test_after_whatever_failure_a_query_waits_and_past_its_budget_no_run_asks_it_again(
    kind: FailureKind,
    retry_after_s: float | None,
    failures: int,
    refusals: int,
    local: bool,
    midway: bool,
    jitter: float,
    waits: float,
) -> None:
    rules = replace(RULES, first_delay_s=waits, max_delay_s=waits, defer_s=waits, pause_s=waits)
    step = next_request(
        Failure(kind, "it went wrong", retry_after_s=retry_after_s),
        failures=failures,
        host_refusals=refusals,
        local=local,
        midway=midway,
        now=NOW,
        jitter=jitter,
        rules=rules,
    )
    assert step.at > NOW
    assert step.given_up or failures < 3
    iso(step.at)


def test_a_query_past_its_budget_rests_for_the_longest_delay() -> None:
    def wait(kind: FailureKind, failures: int, **facts: Any) -> float:
        usual = {"host_refusals": 1, "local": False, "midway": False, "now": NOW, "jitter": 0.0, "rules": RULES}
        return next_request(Failure(kind, "it went wrong"), failures=failures, **usual | facts).at - NOW

    assert [wait(FailureKind.NETWORK, n) for n in (1, 2, 3, 4)] == [60, 120, 1_000, 1_000]
    assert [wait(FailureKind.INTERNAL_ERROR, n) for n in (1, 2)] == [60, 1_000]
    assert [wait(FailureKind.RATE_LIMITED, n) for n in (1, 3)] == [300, 1_000]
    assert wait(FailureKind.GONE, 1) == 60
    assert wait(FailureKind.GONE, 1, midway=True) == 1_000
    assert wait(FailureKind.GONE, 1, local=True) < 1


@pytest.mark.parametrize("kind", of(Remedy.STOP_RUN))
def test_a_fault_that_stops_the_run_leaves_the_video_due(kind: FailureKind) -> None:
    step = after(kind)
    assert (step.state, step.at) == (VideoState.QUEUED, NOW)


@given(
    kind=st.sampled_from(FailureKind),
    retry_after_s=st.none() | st.floats(allow_nan=False),
    count=st.integers(0, 10**6),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_whatever_a_server_asks_for_the_next_try_is_a_date_that_can_be_shown(
    kind: FailureKind, retry_after_s: float | None, count: int, jitter: float
) -> None:
    counts = {"item_failures": count, "machine_failures": count, "host_refusals": count, "jitter": jitter}
    step = after(kind, retry_after_s, **counts)
    assert step.at is None or step.at >= NOW
    assert step.sentence
    for moment in (step.at, step.pause_host_until):
        iso(moment)


@given(failures=st.integers(1, 10**6), jitter=st.floats(0, 1, exclude_max=True))
def test_a_back_off_is_at_least_half_of_its_step_and_never_above_the_limit(failures: int, jitter: float) -> None:
    full = backoff(failures, 0.0, RULES)
    assert full == min(1_000.0, 60.0 * 2.0 ** min(failures - 1, 30))
    assert full / 2 <= backoff(failures, jitter, RULES) <= full
