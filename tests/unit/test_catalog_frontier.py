"""The frontier in the catalog: what a channel is known to be worth, and which video is taken because of it."""

from __future__ import annotations

import pytest
from catalog_world import World, candidate

from voicesieve.catalog import schema
from voicesieve.catalog.reads import lookup
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import choosing, discovery, leases, results
from voicesieve.catalog.writes.choosing import YieldOrder
from voicesieve.domain.candidates import Candidate, Page, Query
from voicesieve.domain.decisions import Outcome
from voicesieve.domain.failures import FailureKind
from voicesieve.frontier.learning import Knowledge
from voicesieve.frontier.valuing import value

ORDER = YieldOrder(lambda facts: value(facts, Knowledge()), explore_every=1_000, page_videos=50)


@pytest.fixture
def world(any_catalog: Catalog) -> World:
    return World(any_catalog)


def of(channel: str, number: int, **facts: object) -> Candidate:
    return candidate(number, channel=channel, **facts)


def judge(world: World, wanted: Candidate, outcome: Outcome, audio: str | None = None) -> None:
    world.decide(wanted, audio or wanted.id, outcome)


def take(world: World, count: int = 1, order: YieldOrder = ORDER) -> list[str]:
    return [claim.video for claim in world.claim(count, order=order)]


def test_a_channel_that_was_accepted_comes_before_one_that_was_rejected(world: World) -> None:
    for number in range(3):
        judge(world, of("adults", number), Outcome.REJECTED)
        judge(world, of("children", 10 + number), Outcome.ACCEPTED)
    world.queue(of("adults", 100), of("unknown", 101), of("children", 102))
    assert take(world, 3) == [of("children", 102).id, of("unknown", 101).id, of("adults", 100).id]
    world.check_counts()


def test_within_a_channel_the_better_description_comes_first(world: World) -> None:
    world.discover(of("one", 1, title="lecture"), of("one", 2, title="children sing"))
    merit = {"lecture": -1.0, "children sing": 1.0}
    world.step(
        discovery.screen_batch, lambda _: None, "rules", world.now, 100, merit=lambda described: merit[described.title]
    )
    assert take(world, 2) == [of("one", 2).id, of("one", 1).id]


def test_every_so_often_the_oldest_is_taken_whatever_it_is_worth(world: World) -> None:
    judge(world, of("adults", 1), Outcome.REJECTED)
    judge(world, of("children", 2), Outcome.ACCEPTED)
    world.queue(of("adults", 3))
    world.now += 1
    world.queue(*(of("children", number) for number in range(10, 20)))
    order = YieldOrder(ORDER.value, explore_every=4, page_videos=50)
    taken = take(world, 4, order)
    assert taken[3] == of("adults", 3).id
    assert of("adults", 3).id not in taken[:3]


def test_parallel_workers_spread_over_channels_that_look_alike(world: World) -> None:
    world.queue(*(of(channel, 10 * place + n) for place, channel in enumerate("abcd") for n in range(5)))
    taken = take(world, 4)
    assert {world.row(id_).channel for id_ in taken} == set("abcd")


def test_a_channel_is_not_judged_by_one_sample(world: World) -> None:
    """The earlier crawler dropped a query when its first hit failed."""
    judge(world, of("one", 1), Outcome.REJECTED)
    world.queue(of("one", 2))
    assert take(world) == [of("one", 2).id]


def test_a_changed_decision_corrects_what_is_known_of_the_channel(world: World) -> None:
    judge(world, of("one", 1), Outcome.ACCEPTED)
    judge(world, of("one", 2), Outcome.ACCEPTED)
    world.check_counts()
    world.redecide(of("one", 1).id, outcome=Outcome.REJECTED)
    world.check_counts()
    world.redecide(of("one", 2).id, outcome=Outcome.ACCEPTED, child_s=20.0)
    world.check_counts()
    (arm,) = world.rows(schema.arm)
    assert (arm.judged, arm.accepted, arm.child_s) == (2, 1, 20.0)


def test_a_takedown_leaves_nothing_of_the_video_in_its_channel(world: World) -> None:
    judge(world, of("one", 1), Outcome.ACCEPTED)
    world.withdraw(of("one", 1).id)
    world.check_counts()
    (arm,) = world.rows(schema.arm)
    assert (arm.known, arm.judged, arm.accepted, arm.child_s) == (0, 0, 0, 0.0)
    assert max(map(abs, arm.evidence)) < 1e-12
    assert "one" not in repr(arm)


def test_what_cannot_be_fetched_lowers_the_worth_of_a_channel_but_is_no_rejection(world: World) -> None:
    for number in range(6):
        world.queue(of("gone", number))
        (claim,) = world.claim()
        world.fail(claim, FailureKind.GONE)
    world.check_counts()
    world.queue(of("gone", 50), of("unknown", 51))
    assert take(world, 2) == [of("unknown", 51).id, of("gone", 50).id]
    arm = next(arm for arm in world.rows(schema.arm) if arm.lost)
    assert (arm.lost, arm.judged) == (6, 0)
    assert not any(arm.evidence)


def test_a_recording_that_is_fetched_anew_counts_once(world: World) -> None:
    judge(world, of("one", 1), Outcome.ACCEPTED, audio="sound")
    recording = world.row(of("one", 1).id).recording
    world.step(results.fetch_again, recording, world.now)
    world.check_counts()


def test_videos_of_an_older_catalog_are_enrolled_with_their_decisions(world: World) -> None:
    judge(world, of("one", 1), Outcome.ACCEPTED)
    world.queue(of("one", 2), of("two", 3))
    with world.catalog.write() as connection:
        connection.execute(schema.video.update().values(arm=None))
        connection.execute(schema.arm.delete())
        connection.execute(schema.query.update().values(fetched=0, accepted=0, child_s=0.0))
    assert world.step(choosing.enrol_missing, lambda _: 0.0) == 3
    assert world.step(choosing.enrol_missing, lambda _: 0.0) == 0
    world.check_counts()
    assert take(world) == [of("one", 2).id]


def test_a_video_that_waits_for_its_retry_does_not_hold_up_its_channel(world: World) -> None:
    judge(world, of("one", 1), Outcome.ACCEPTED)
    world.queue(of("one", 2), of("one", 3))
    (claim,) = world.claim(order=ORDER)
    world.fail(claim, FailureKind.NETWORK)
    assert take(world, 5) == [of("one", 3).id]


def test_work_that_is_given_back_forgets_why_it_was_taken(world: World) -> None:
    world.queue(of("one", 1))
    (claim,) = world.claim(order=ORDER)
    assert world.row(claim.video).choice["order"] == "yield"
    world.step(leases.release, claim, world.now)
    assert world.row(claim.video).choice is None
    world.check_counts()


def test_a_new_merit_reaches_only_what_still_waits(world: World) -> None:
    """A decision is evidence under the merit that the video was taken with."""
    world.queue(of("one", 1), of("one", 2))
    (claim,) = world.claim(order=ORDER)
    keys = {world.row(of("one", number).id).key: 1.5 for number in (1, 2)}
    world.step(choosing.set_merits, keys)
    taken, waits = (world.row(of("one", n).id) for n in (1, 2))
    assert (taken.id, taken.merit, waits.merit) == (claim.video, 0.0, 1.5)


def test_a_query_reports_what_it_brought(world: World) -> None:
    judge(world, of("one", 1), Outcome.ACCEPTED)
    judge(world, of("two", 2), Outcome.REJECTED)
    (facts,) = world.status()["queries"]
    assert (facts["found"], facts["fetched"], facts["accepted"], facts["child_s"]) == (2, 2, 1, 3.0)


def test_the_same_catalog_gives_the_same_order(catalog: Catalog) -> None:
    world = World(catalog)
    world.queue(*(of(f"channel {n % 7}", n) for n in range(40)))
    first = take(world, 40)
    for claim_id in first:
        row = world.row(claim_id)
        assert row.lease_token
    world.step(leases.recover, world.now, only_driver=True)
    assert take(world, 40) == first


def test_pages_show_how_many_new_channels_a_query_still_finds(world: World) -> None:
    row = world.step(discovery.register_query, Query("urls", "list"), world.now)
    for start in (0, 100, 200):
        page = Page(tuple(of("the same", start + n) for n in range(5)), cursor={"p": start})
        world.step(discovery.commit_page, row.id, page, lambda url: "a.example", world.now, refresh_s=1.0)
        world.screen()
    (query,) = world.rows(schema.query)
    assert query.new_channels == pytest.approx(((20 + 1) / 2) / 2 / 2)
    assert world.ask(lookup.find_video, of("the same", 1).id).first_query == query.id
