"""Queries, pages and screening: what is found is kept once, and a restart repeats nothing."""

from __future__ import annotations

import pytest
from catalog_world import REFRESH_S, World, candidate
from sqlalchemy.exc import IntegrityError

from voicesieve.catalog import schema
from voicesieve.catalog.reads import lookup, queries, why
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import discovery
from voicesieve.domain.candidates import MAX_SORTS, Candidate, PassedOver, SourceProblem
from voicesieve.domain.decisions import Reason
from voicesieve.domain.failures import Failure, FailureKind


@pytest.fixture
def world(any_catalog: Catalog) -> World:
    return World(any_catalog)


def test_a_page_brings_its_videos_and_its_cursor_together(world: World) -> None:
    query = world.query()
    result = world.discover(candidate(1), candidate(2), query=query, cursor={"line": 3}, requests=2)
    assert (result.new, result.total) == (2, 2)
    assert world.query().cursor == {"line": 3}
    assert world.status()["videos"]["discovered"] == 2
    (facts,) = world.status()["queries"]
    assert (facts["pages"], facts["requests"], facts["found"], facts["new"]) == (1, 2, 2, 2)
    world.check_counts()


def test_a_page_that_cannot_be_stored_moves_no_cursor(world: World) -> None:
    query = world.query()
    world.discover(candidate(1), query=query, cursor={"line": 2})
    before = world.snapshot()
    with pytest.raises((IntegrityError, ValueError)):
        world.discover(candidate(2), Candidate("url", "x", None), query=query, cursor={"line": 3})  # type: ignore[arg-type]
    assert world.snapshot() == before


def test_the_same_page_again_adds_nothing(world: World) -> None:
    query = world.query()
    page = (candidate(1), candidate(2), candidate(1))
    world.discover(*page, query=query, cursor={"line": 2})
    findings, videos = world.rows(schema.finding), world.rows(schema.video)
    again = world.discover(*page, query=query, cursor={"line": 2})
    assert again.new == 0
    assert world.rows(schema.finding) == findings
    assert world.rows(schema.video) == videos
    world.check_counts()


def test_positions_continue_over_pages_and_belong_to_each_query(world: World) -> None:
    first, second = world.query("first"), world.query("second")
    world.discover(candidate(1), candidate(2), query=first, cursor={"line": 2})
    world.discover(candidate(3), query=first)
    world.discover(candidate(3), candidate(1), query=second)
    found_by = world.ask(why.story_of, candidate(3).id)["found_by"]
    assert found_by == [{"query": "urls:first", "position": 3}, {"query": "urls:second", "position": 1}]
    assert world.ask(why.story_of, candidate(1).id)["found_by"][1]["position"] == 2


def test_a_query_that_was_read_to_its_end_starts_over_only_when_due(world: World) -> None:
    world.discover(candidate(1), memory={"etag": "abc"})
    world.now += REFRESH_S - 1
    early = world.query()
    assert early.exhausted
    world.now += 1
    due = world.query()
    assert (due.exhausted, due.cursor, due.memory) == (False, None, {"etag": "abc"})


def test_an_unfinished_query_keeps_its_place_and_the_memory_of_its_last_end(world: World) -> None:
    world.discover(candidate(1), memory={"etag": "old"})
    world.now += REFRESH_S
    world.discover(candidate(2), cursor={"page": 2}, memory={"etag": "of an unfinished walk"})
    world.now += REFRESH_S
    again = world.query()
    assert (again.exhausted, again.cursor, again.memory) == (False, {"page": 2}, {"etag": "old"})
    assert [row.id for row in world.ask(queries.open_queries)] == [again.id]


def test_a_failed_query_keeps_its_cursor_and_success_clears_the_failure(world: World) -> None:
    query = world.query()
    world.discover(candidate(1), query=query, cursor={"page": 2})
    world.step(discovery.query_failed, query.id, Failure(FailureKind.NETWORK, "no route"), world.now + 60, world.now)
    row = world.query()
    assert (row.cursor, row.failures, row.due_at) == ({"page": 2}, 1, world.now + 60)
    assert world.status()["queries"][0]["last_failure"] == {"kind": "network", "message": "no route"}
    world.discover(query=query, problems=(SourceProblem("line 4", "no address"),))
    (facts,) = world.status()["queries"]
    assert (facts["failures"], facts["last_failure"], facts["problems"]) == (0, None, 1)


def test_screening_queues_or_says_which_rule_keeps_a_video_out(world: World) -> None:
    world.discover(candidate(1, duration_s=5.0), candidate(2, duration_s=50.0), candidate(3, host="b.example"))

    def rule(video: Candidate) -> Reason | None:
        return Reason("too_short", "5 s") if video.duration_s == 5.0 else None

    assert world.screen(rule) == 3
    assert world.screen(rule) == 0
    assert world.state(candidate(1).id) == "screened_out"
    assert world.row(candidate(1).id).reasons == [{"rule": "too_short", "message": "5 s"}]
    assert world.status()["videos"]["queued"] == 2
    world.check_counts()


def test_other_rules_screen_again_what_was_kept_out_and_nothing_else(world: World) -> None:
    world.discover(candidate(1), candidate(2))
    world.screen(lambda video: Reason("no", "no") if video.id == candidate(1).id else None, by="rules-1")
    assert world.step(discovery.screen_again, "rules-1", world.now) == 0
    assert world.step(discovery.screen_again, "rules-2", world.now) == 1
    assert world.state(candidate(1).id) == "discovered"
    assert world.screen(by="rules-2") == 1
    assert world.status()["videos"] == {**world.status()["videos"], "queued": 2, "screened_out": 0, "discovered": 0}
    world.check_counts()


def test_text_that_no_database_takes_costs_only_itself(world: World) -> None:
    odd = Candidate("url", "odd", "https://a.example/1", title="half \ud800 pair, \0 byte", metadata={"k": "\udfff\0"})
    world.discover(odd, candidate(2))
    row = world.row("url:odd")
    assert row.title == "half \ufffd pair, \ufffd byte"
    assert row.metadata == {"k": "\ufffd\0"}
    assert world.ask(lookup.find_video, candidate(2).id).state == "discovered"


def passed_over(world: World) -> list[tuple[str, int, str]]:
    (facts,) = world.status()["queries"]
    return [(thing["what"], thing["count"], thing["example"]) for thing in facts["passed_over"]]


def test_what_the_pages_of_a_walk_passed_over_is_added_up_by_sort(world: World) -> None:
    query = world.query()
    texts, link = PassedOver("files with suffix .txt", 2, "a.txt"), PassedOver("linked folders", 1, "d1")
    world.discover(query=query, cursor={"line": 1}, passed_over=(texts,))
    world.discover(query=query, passed_over=(link, PassedOver("files with suffix .txt", 3, "z.txt")))
    assert passed_over(world) == [("files with suffix .txt", 5, "a.txt"), ("linked folders", 1, "d1")]


def test_a_query_that_is_walked_again_replaces_what_it_passed_over(world: World) -> None:
    for _ in range(3):
        world.discover(query=world.query(), cursor={"line": 1}, passed_over=(PassedOver("files with suffix .txt", 2),))
        world.discover(query=world.query(), passed_over=(PassedOver("files with suffix .txt", 1),))
        world.now += REFRESH_S
    assert passed_over(world) == [("files with suffix .txt", 3, "")]
    world.discover(query=world.query())
    assert passed_over(world) == []


def test_a_document_that_has_not_changed_still_passes_over_what_it_did(world: World) -> None:
    world.discover(query=world.query(), passed_over=(PassedOver("further enclosures", 2, "entry 3"),))
    world.now += REFRESH_S
    world.discover(query=world.query(), unchanged=True)
    assert passed_over(world) == [("further enclosures", 2, "entry 3")]


def test_the_sorts_of_passed_over_things_are_bounded(world: World) -> None:
    world.discover(query=world.query(), passed_over=tuple(PassedOver(f"files with suffix .{n}") for n in range(500)))
    things = passed_over(world)
    assert len(things) == MAX_SORTS + 1
    assert things[-1] == ("other things", 500 - MAX_SORTS, "")
