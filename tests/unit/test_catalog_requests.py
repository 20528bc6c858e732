"""Pace, circuit and daily quota are settled together, for everybody who shares a catalog."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from catalog_world import REFRESH_S, RETRY, World, candidate

from voicesieve.catalog.records import Pace, Paces
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import requests, timekeeping
from voicesieve.catalog.writes.requests import Turn
from voicesieve.domain.failures import FailureKind
from voicesieve.domain.quotas import SEARCH_CALLS, Price, next_reset, quota_day

HOUR_S = 3_600.0
LIMITS = {SEARCH_CALLS: 3}


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def ask(world: World, now: float, host: str | None = None, pace: Pace | None = None, **more: Any) -> Turn:
    settings = {"limits": LIMITS, "chance": 0.0, "patience_s": 0.0} | more
    turn: Turn = world.step(
        requests.reserve, host, Price(SEARCH_CALLS), now, paces=Paces(pace or Pace(0.0, 1)), **settings
    )
    return turn


@pytest.mark.parametrize(
    ("before", "reset", "hours"),
    [
        ("2026-07-01T12:00:00", "2026-07-02T07:00:00", 24),
        ("2026-01-15T12:00:00", "2026-01-16T08:00:00", 24),
        ("2026-03-08T08:00:00", "2026-03-09T07:00:00", 23),  # daylight saving time begins
        ("2026-11-01T07:00:00", "2026-11-02T08:00:00", 25),  # and ends
    ],
)
def test_the_day_ends_at_midnight_pacific(before: str, reset: str, hours: int) -> None:
    now, midnight = at(before), at(reset)
    assert next_reset(now) == midnight
    assert quota_day(midnight - 1) == quota_day(now)
    assert quota_day(midnight) != quota_day(now)
    assert next_reset(midnight - hours * HOUR_S) == midnight
    assert next_reset(midnight - hours * HOUR_S - 1) < midnight


@pytest.mark.parametrize("day", ["2026-03-08T20:00:00", "2026-11-01T20:00:00", "2026-07-01T20:00:00"])
def test_a_spent_bucket_opens_again_at_midnight(any_catalog: Catalog, day: str) -> None:
    world, now = World(any_catalog), at(day)
    assert [ask(world, now).obstacle for _ in range(3)] == ["", "", ""]
    spent = ask(world, now)
    assert (spent.spent, spent.at) == (SEARCH_CALLS, next_reset(now))
    assert "midnight Pacific" in spent.obstacle
    assert ask(world, spent.at - 1).spent == SEARCH_CALLS
    assert ask(world, spent.at) == Turn(spent.at)


def test_a_bucket_that_the_other_side_calls_empty_stays_closed_for_the_day(any_catalog: Catalog) -> None:
    world, now = World(any_catalog), at("2026-07-01T20:00:00")
    assert world.step(requests.close_bucket, SEARCH_CALLS, now) == next_reset(now)
    assert ask(world, now).spent == SEARCH_CALLS
    assert ask(world, next_reset(now)).obstacle == ""


def test_two_runs_at_once_never_spend_more_than_the_day_has(any_catalog: Catalog) -> None:
    """Ten askers, three calls: whoever comes fourth gets none, in whatever order they come."""
    now = at("2026-07-01T20:00:00")
    turns: list[Turn] = []

    def asker() -> None:
        with any_catalog.write() as connection:
            turns.append(
                requests.reserve(
                    connection,
                    "api.example",
                    Price(SEARCH_CALLS),
                    now,
                    paces=Paces(Pace(1.0, 1)),
                    limits=LIMITS,
                    chance=0.0,
                    patience_s=0.0,
                )
            )

    threads = [threading.Thread(target=asker) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    granted = sorted(turn.at - now for turn in turns if not turn.obstacle)
    assert granted == [0.0, 1.0, 2.0]


def test_what_is_refused_for_quota_takes_no_slot(catalog: Catalog) -> None:
    world, now = World(catalog), at("2026-07-01T20:00:00")
    for _ in range(5):
        ask(world, now, "api.example", Pace(10.0, 1))
    free = ask(world, now, "api.example", Pace(10.0, 1), limits={})
    assert free.at == now + 30.0


def test_a_slot_after_midnight_counts_against_tomorrow(catalog: Catalog) -> None:
    world, now = World(catalog), at("2026-07-02T06:59:50")
    turns = [ask(world, now, "api.example", Pace(20.0, 1)) for _ in range(4)]
    assert [turn.obstacle for turn in turns] == [""] * 4


def test_a_paused_host_is_an_obstacle_beyond_ones_patience(catalog: Catalog) -> None:
    world, now = World(catalog), 10_000.0
    world.step(requests.pause_host, "a.example", now + 60, "it says so", now)
    turn = ask(world, now, "a.example", limits={})
    assert (turn.at, "it says so" in turn.obstacle) == (now + 60, True)
    assert ask(world, now, "a.example", limits={}, patience_s=100.0) == Turn(now + 60)


def test_a_longer_pause_in_force_stays(catalog: Catalog) -> None:
    world, now = World(catalog), 10_000.0
    world.step(requests.pause_host, "a.example", now + 60, "long", now)
    world.step(requests.pause_host, "a.example", now + 5, "short", now)
    assert ask(world, now, "a.example", limits={}).at == now + 60


def test_refusals_while_a_host_is_paused_count_as_one(catalog: Catalog) -> None:
    world, now = World(catalog), 10_000.0
    assert world.step(requests.count_refusal, "a.example", now) == 1
    world.step(requests.pause_host, "a.example", now + 60, "it says so", now)
    assert world.step(requests.count_refusal, "a.example", now + 1) == 1
    assert world.step(requests.count_refusal, "a.example", now + 60) == 2


def test_jitter_only_ever_slows_down(catalog: Catalog) -> None:
    world, now = World(catalog), 10_000.0
    pace = Pace(10.0, 1, jitter=0.5)
    times = [ask(world, now, "a.example", pace, limits={}, chance=chance).at - now for chance in (0.0, 0.5, 0.99, 0.0)]
    assert times == pytest.approx([0.0, 10.0, 22.5, 37.45])


def test_a_pause_that_began_by_a_later_clock_lasts_as_long_as_was_meant(any_catalog: Catalog) -> None:
    world, now = World(any_catalog), at("2026-07-01T12:00:00")
    tomorrow = now + 24 * HOUR_S
    world.step(requests.pause_host, "a.example", tomorrow + 60, "it says so", tomorrow)
    world.step(requests.pause_host, "b.example", now + 60, "it says so", now)
    assert world.step(timekeeping.set_right, now) == 1
    for host in ("a.example", "b.example"):
        assert ask(world, now, host).at == pytest.approx(now + 60)
        assert ask(world, now + 60, host).obstacle == ""
    assert world.step(timekeeping.set_right, now) == 0


def test_turns_that_were_taken_by_a_later_clock_keep_their_distance_and_no_more(any_catalog: Catalog) -> None:
    """Turns in line lie ahead of any clock: they are what is left of the pace, not a clock that was set back."""
    world, now, pace = World(any_catalog), at("2026-07-01T12:00:00"), Pace(10.0, 1)
    more = {"pace": pace, "limits": {}}
    assert [ask(world, now + HOUR_S, "a.example", **more).at for _ in range(3)] == [
        now + HOUR_S + n for n in (0, 10, 20)
    ]
    assert world.step(timekeeping.set_right, now) == 1
    assert ask(world, now, "a.example", **more).at == pytest.approx(now + 30)
    assert world.step(timekeeping.set_right, now - 30) == 0, "clocks of several machines are never quite the same"


def test_queries_and_videos_put_off_by_a_later_clock_are_due_when_it_was_meant(any_catalog: Catalog) -> None:
    world = World(any_catalog)
    right = world.now
    world.now = right + 24 * HOUR_S
    query = world.query()
    world.discover(candidate(1), candidate(2), query=query)
    world.screen()
    (failing,) = world.claim()
    world.fail(failing, FailureKind.NETWORK)
    world.now = right
    assert world.claim() == []
    assert world.step(timekeeping.set_right, world.now) == 4  # the host, its query, both videos
    assert len(world.claim(2)) == 1
    world.now += RETRY.first_delay_s + 1
    assert [claim.video for claim in world.claim(2)] == [failing.video]
    world.now = right + REFRESH_S + 1
    assert not world.query().exhausted
    world.check_counts()
