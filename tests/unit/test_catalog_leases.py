"""Who works on what: fair turns, pace, pauses, tokens, and what becomes of a dead worker's videos."""

from __future__ import annotations

import pytest
from catalog_world import LEASE_S, NO_ATTEMPT, World, candidate, decision, path_of, recording, verdict
from sqlalchemy import update

from voicesieve.catalog import schema
from voicesieve.catalog.reads import due, status, why
from voicesieve.catalog.records import Claim, Pace, Paces, StaleLeaseError
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import leases, requests, results
from voicesieve.domain.decisions import Outcome
from voicesieve.domain.failures import Failure, FailureKind
from voicesieve.domain.languages import SpokenLanguage
from voicesieve.domain.states import VideoState
from voicesieve.policy.retries import NextStep


@pytest.fixture
def world(any_catalog: Catalog) -> World:
    return World(any_catalog)


def hosts(claims: list[Claim]) -> list[str]:
    return [claim.host for claim in claims]


def test_hosts_take_turns_however_long_their_queues(world: World) -> None:
    world.queue(*(candidate(n, "long.example") for n in range(20)), *(candidate(n, f"{n}.example") for n in range(3)))
    claims = world.claim(limit=4)
    assert sorted(hosts(claims)) == ["0.example", "1.example", "2.example", "long.example"]
    assert hosts(world.claim(limit=2)) == ["long.example", "long.example"]
    world.check_counts()


def test_a_host_that_was_just_asked_waits_behind_the_others(world: World) -> None:
    world.queue(*(candidate(n, host) for n in range(3) for host in ("a.example", "b.example")))
    order = []
    for _ in range(4):
        order += hosts(world.claim(limit=1, pace=Pace(1.0, 10)))
        world.now += 0.1
    assert sorted(order[:2]) == ["a.example", "b.example"]
    assert order[2:] == order[:2]


def test_a_host_answers_its_oldest_due_video_first(world: World) -> None:
    world.queue(candidate(2))
    world.now += 5
    world.queue(candidate(1))
    assert [claim.video for claim in world.claim(limit=2)] == [candidate(2).id, candidate(1).id]


def test_the_pace_gives_a_burst_after_a_rest_and_then_one_at_a_time(world: World) -> None:
    pace = Pace(interval_s=10.0, burst=3)
    world.queue(*(candidate(n) for n in range(10)))
    assert len(world.claim(limit=10, pace=pace)) == 3
    assert world.claim(limit=10, pace=pace) == []
    world.now += 9.9
    assert world.claim(limit=10, pace=pace) == []
    world.now += 0.1
    assert len(world.claim(limit=10, pace=pace)) == 1
    world.now += 1_000.0
    assert len(world.claim(limit=10, pace=pace)) == 3


def test_pace_and_its_wait_are_reported_to_the_driver(world: World) -> None:
    pace = Pace(interval_s=10.0, burst=1)
    world.queue(candidate(1), candidate(2))
    world.claim(limit=1, pace=pace)
    asked = {"scheduled_by": world.now, "fetch": True, "analyse": True}
    assert world.ask(due.next_claim_at, pace, world.now, **asked) == world.now + 10.0
    world.now += 10.0
    world.claim(limit=1, pace=pace)
    assert world.ask(due.next_claim_at, pace, world.now, **asked) is None


def test_slots_for_other_requests_count_against_the_same_pace(world: World) -> None:
    pace = Pace(interval_s=10.0, burst=1)
    asked = {"paces": Paces(pace), "limits": {}, "chance": 0.0, "patience_s": 0.0}
    turns = [world.step(requests.reserve, "a.example", None, world.now, **asked).at for _ in range(3)]
    assert [at - world.now for at in turns] == [0, 10, 20]
    world.queue(candidate(1))
    assert world.claim(pace=pace) == []
    world.now += 30.0
    assert len(world.claim(pace=pace)) == 1


def test_local_files_have_no_pace(world: World) -> None:
    world.queue(*(candidate(n, "") for n in range(20)))
    slow = Pace(interval_s=3600.0, burst=1)
    assert len(world.claim(limit=8, pace=slow)) == 8
    assert len(world.claim(limit=20, pace=slow)) == 12


def test_a_host_that_refuses_us_is_paused_and_the_others_go_on(world: World) -> None:
    world.queue(candidate(1), candidate(2), candidate(3, "b.example"))
    first, other = world.claim(limit=2)
    step = world.fail(first, FailureKind.RATE_LIMITED)
    assert (step.state, step.pause_host_until) == (VideoState.QUEUED, world.now + 900)
    assert world.claim(limit=5) == []
    (pause,) = world.ask(status.paused_hosts, world.now)
    assert (pause["host"], pause["waiting"], pause["reason"]) == ("a.example", 2, "rate_limited happened")
    world.now += 900
    assert hosts(world.claim(limit=5)) == ["a.example", "a.example"]
    assert other.host == "b.example"
    assert world.row(first.video).item_failures == 0


def test_refusals_in_a_row_pause_longer_until_the_host_answers(world: World) -> None:
    world.queue(candidate(1))
    pauses = []
    for _ in range(3):
        (claim,) = world.claim()
        step = world.fail(claim, FailureKind.RATE_LIMITED)
        assert step.pause_host_until is not None
        pauses.append(step.pause_host_until - world.now)
        world.now = step.pause_host_until
    assert pauses == [900, 1800, 3600]
    (claim,) = world.claim()
    world.fetched(claim, "a")
    world.queue(candidate(2))
    (claim,) = world.claim()
    step = world.fail(claim, FailureKind.RATE_LIMITED)
    assert step.pause_host_until == world.now + 900


def test_analyses_are_claimed_with_their_file_in_order(world: World) -> None:
    world.fetch(candidate(1), "one")
    world.now += 1
    world.fetch(candidate(2), "two")
    first, second = world.claim_analysis(limit=5)
    assert (first.recording_path, second.recording_path) == (path_of("one"), path_of("two"))
    assert (first.stage, first.waiting_state) == ("analyse", "fetched")
    assert world.claim_analysis() == []


def stale_fetch(world: World) -> Claim:
    """A claim whose lease ran out and whose video another worker has by now."""
    world.queue(candidate(1))
    (late,) = world.claim()
    world.now += LEASE_S + 1
    assert world.step(leases.recover, world.now, only_driver=False) == 1
    world.claim()
    return late


def test_a_late_fetch_changes_nothing(world: World) -> None:
    late = stale_fetch(world)
    before = world.snapshot()
    with pytest.raises(StaleLeaseError):
        world.step(results.finish_fetch, late, NO_ATTEMPT, recording("a"), path_of("a"), world.now, rights_basis="")
    with pytest.raises(StaleLeaseError):
        world.fail(late, FailureKind.RATE_LIMITED)
    with pytest.raises(StaleLeaseError):
        world.attempt(late)
    world.step(leases.release, late, world.now)
    assert world.snapshot() == before


def test_a_late_analysis_changes_nothing(world: World) -> None:
    world.fetch(candidate(1), "one")
    (late,) = world.claim_analysis()
    world.step(leases.recover, world.now, only_driver=True)
    before = world.snapshot()
    with pytest.raises(StaleLeaseError):
        world.publish(late)
    assert world.snapshot() == before
    (claim,) = world.claim_analysis()
    world.publish(claim)
    before = world.snapshot()
    with pytest.raises(StaleLeaseError):
        spoken, made = SpokenLanguage("und"), decision(Outcome.REJECTED)
        world.step(results.publish, claim, NO_ATTEMPT, verdict(), b"", {}, spoken, made, world.now)
    assert world.snapshot() == before


def test_an_attempt_that_was_closed_stays_as_it_is(world: World) -> None:
    world.queue(candidate(1))
    (late,) = world.claim()
    attempt = world.attempt(late)
    world.step(leases.recover, world.now, only_driver=True)
    before = world.snapshot()
    world.step(leases.finish_attempt, attempt, world.now + 1, failure=Failure(FailureKind.NETWORK, "late"))
    assert world.snapshot() == before


def test_a_dead_drivers_videos_come_back_and_are_not_blamed(world: World) -> None:
    world.fetch(candidate(2, "b.example"), "two")
    world.queue(candidate(1))
    (fetching,) = world.claim()
    (analysing,) = world.claim_analysis()
    for claim in (fetching, analysing):
        world.attempt(claim)
    world.now += 1
    assert world.step(leases.recover, world.now, only_driver=True) == 2
    for claim in (fetching, analysing):
        row = world.row(claim.video)
        assert (row.due_at, row.lease_token, row.item_failures, row.machine_failures) == (world.now, None, 0, 0)
        assert row.failure_kind is None
        (attempt,) = world.ask(why.attempts_of, claim.key)
        assert (attempt["outcome"], attempt["kind"]) == ("interrupted", None)
    world.check_counts()
    assert len(world.claim()) == len(world.claim_analysis()) == 1


def test_beside_other_drivers_only_expired_leases_come_back(world: World) -> None:
    world.queue(candidate(1), candidate(2))
    (old,) = world.claim()
    old_attempt = world.attempt(old)
    world.now += LEASE_S - 10
    (young,) = world.claim()
    young_attempt = world.attempt(young)
    world.now += 11
    assert world.step(leases.recover, world.now, only_driver=False) == 1
    outcomes = {row.id: row.outcome for row in world.rows(schema.attempt)}
    assert outcomes == {old_attempt: "interrupted", young_attempt: "running"}
    assert world.row(young.video).lease_token == young.token
    world.check_counts()


def test_released_work_is_due_at_once_as_it_was(world: World) -> None:
    world.queue(candidate(1))
    before = world.row(candidate(1).id)
    (claim,) = world.claim()
    world.step(leases.release, claim, world.now)
    assert world.row(candidate(1).id) == before
    world.check_counts()


def test_a_run_is_written_down_with_its_ending(world: World) -> None:
    world.step(leases.start_run, "run-1", world.now)
    world.step(leases.end_run, "run-1", world.now + 5, "complete")
    (run,) = world.rows(schema.run)
    assert (run.started_at, run.ended_at, run.ending) == (world.now, world.now + 5, "complete")


def test_error_texts_of_any_origin_can_be_recorded(world: World) -> None:
    """File names come as surrogate escapes, and remote text holds NUL: neither may stop the run."""
    world.queue(candidate(1))
    (claim,) = world.claim()
    attempt = world.attempt(claim)
    text = "cannot open caf\udce9.wav\0"
    failure = Failure(FailureKind.UNDECODABLE, text, exception_type="OSError", chain=(text,))
    step = NextStep(VideoState.GIVEN_UP, None, "given up")
    world.step(results.fail, claim, attempt, failure, lambda *_: step, world.now)
    assert world.row(claim.video).reasons == [{"rule": "undecodable", "message": "cannot open caf\ufffd.wav\0"}]
    (attempt,) = world.ask(why.attempts_of, claim.key)
    assert attempt["message"] == "cannot open caf\ufffd.wav\ufffd"


def test_the_queue_is_walked_by_its_indexes(catalog: Catalog) -> None:
    """A million waiting videos must not be read to find the next due one."""
    world = World(catalog)
    with catalog.read() as connection:
        seen: list[str] = []
        statement = update(schema.video).where(schema.video.c.lease_until < 5, schema.video.c.lease_token.is_not(None))
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN " + str(statement.values(state="x").compile(compile_kwargs={"literal_binds": True}))
        )
        seen += [row[3] for row in plan]
        for where in ("stage='fetch' AND host='a' AND due_at<=5", "stage='analyse' AND due_at<=5"):
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT * FROM video WHERE {where} ORDER BY due_at")
            seen += [row[3] for row in plan]
    assert all("USING INDEX" in line for line in seen), seen
    assert world.claim() == []
