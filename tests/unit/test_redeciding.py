"""Re-deciding and re-analysing: the same answers as from scratch, only what is new is written, people are obeyed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from catalog_world import VIETNAMESE, World, candidate, decision, sha_of, verdict
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from tests import filled_catalog
from tests.filled_catalog import FUSION, MODEL, rules
from voicesieve.catalog import schema
from voicesieve.catalog.reads import decided, verdicts
from voicesieve.catalog.reads.evidence import stored_evidence
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes.redeciding import Redecision
from voicesieve.domain.decisions import Outcome
from voicesieve.domain.failures import FailureKind
from voicesieve.domain.languages import LanguageEvidence
from voicesieve.domain.verdicts import Model, OperatingPoint
from voicesieve.languages.fusion import FusionRules, fuse
from voicesieve.operations.redecide import reanalyse, redecide
from voicesieve.policy.acceptance import decide
from voicesieve.voices.pooling import DISCOVER, pool, relabel
from voicesieve.voices.scores import WindowScores

ONE, TWO = candidate(1), candidate(2)
OTHER = Model("floor", "r2")
POINTS = st.builds(
    OperatingPoint,
    name=st.just("drawn"),
    child_probability=st.floats(0.5, 0.99),
    adult_probability=st.floats(0.01, 0.5),
    min_run_s=st.floats(0, 3),
    min_child_s=st.floats(1, 20),
    min_child_runs=st.integers(1, 4),
    doubt_child_s=st.floats(0, 5),
)


@given(seed=st.integers(0, 1 << 32), windows=st.integers(0, 60), first=POINTS, second=POINTS)
def test_labels_made_anew_from_segments_are_those_that_the_windows_give(
    seed: int, windows: int, first: OperatingPoint, second: OperatingPoint
) -> None:
    scores, duration_s = filled_catalog.random_scores(np.random.default_rng(seed), windows)
    stored = pool(scores, duration_s, first, MODEL)
    assert relabel(stored.segments, duration_s, stored.score, second, MODEL) == pool(scores, duration_s, second, MODEL)


@pytest.fixture
def full(any_catalog: Catalog) -> World:
    filled_catalog.fill(any_catalog, 300, windows=40)
    world = World(any_catalog)
    world.check_counts()
    states = world.status()["videos"]
    assert states["accepted"] and states["rejected"] and states["unsure"], "the tests need all three"
    return world


def as_from_scratch(world: World, acceptance: Any, fusion: FusionRules = FUSION) -> dict[str, tuple[str, Any]]:
    """State and reasons of each video, made of its windows and its evidence alone."""
    wanted = {}
    for row in world.decided():
        stored = world.ask(verdicts.newest_verdict, row.recording)
        pooled = pool(WindowScores.from_bytes(stored.windows), stored.duration_s, acceptance.operating_point, MODEL)
        evidence = world.ask(decided.evidence_of, [row.key])[row.key]
        made = decide(pooled, acceptance, filled_catalog.fuse(evidence, fusion))
        wanted[row.id] = (made.outcome.value, [{"rule": r.rule, "message": r.message} for r in made.reasons])
    return wanted


def now(world: World) -> dict[str, tuple[str, Any]]:
    return {row.id: (row.state, row.reasons) for row in world.rows(schema.video)}


@pytest.mark.parametrize("forgotten", [False, True], ids=["pooled as now", "nobody knows how it was pooled"])
@pytest.mark.parametrize(
    "acceptance",
    [
        rules(min_score=0.9),
        rules(min_child_s=12.0, min_child_share=0.5),
        rules(DISCOVER),
        rules(DISCOVER, min_score=0.0),
    ],
)
def test_other_thresholds_give_what_deciding_from_scratch_gives(full: World, acceptance: Any, forgotten: bool) -> None:
    if forgotten:
        full.step(lambda connection: connection.execute(update(schema.verdict).values(pooling=None, point=None)))
    before, status = full.snapshot(), full.status()
    dry = redecide(full.catalog, acceptance, FUSION, 2_000.0, dry_run=True)
    assert full.snapshot() == before
    expected = as_from_scratch(full, acceptance)
    redecided = redecide(full.catalog, acceptance, FUSION, 2_000.0, actor="na@host")
    assert redecided == dry
    assert now(full) == expected
    assert redecided.child_s_before == pytest.approx(status["child_s"])
    assert redecided.child_s_after == pytest.approx(full.status()["child_s"])
    assert redecided.moved == moves(before_states(before), full)
    full.check_counts()
    (entry,) = full.rows(schema.audit)
    assert (entry.action, entry.subject) == ("redecide", f"policy {acceptance.revision}")
    again = full.snapshot()
    assert redecide(full.catalog, acceptance, FUSION, 3_000.0).written == 0
    changed = {table for table, rows in full.snapshot().items() if rows != again[table]}
    assert changed == {"audit"}, "what is as it should be is not written again"


def before_states(snapshot: dict[str, list[str]]) -> dict[str, str]:
    results = {}
    for text in snapshot["video"]:
        state = next(state for state in ("accepted", "rejected", "unsure") if f"'{state}'" in text)
        results[text.split("'")[1]] = state
    return results


def moves(before: dict[str, str], world: World) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in world.rows(schema.video):
        if before[row.id] != row.state:
            move = f"{before[row.id]} -> {row.state}"
            counts[move] = counts.get(move, 0) + 1
    return counts


def test_other_weights_of_evidence_are_applied_too(full: World) -> None:
    doubtful = FusionRules(min_probability=0.999)
    expected = as_from_scratch(full, rules(), doubtful)
    redecide(full.catalog, rules(), doubtful, 2_000.0)
    assert now(full) == expected
    assert {row.language for row in full.rows(schema.video)} == {"und"}
    full.check_counts()


def test_evidence_read_for_many_is_all_that_is_stored(world: World) -> None:
    """Weighing anew writes the evidence again: what was not read would be lost."""
    recognised = LanguageEvidence("vi", "whisper", 0.9, "2", 1.0, 4.0, 1.0, (("vi", 0.9), ("en", 0.1)))
    world.fetch(ONE, "one")
    world.publish(world.claim_analysis()[0], language=fuse([recognised], FUSION))
    key = world.row(ONE.id).key
    before = world.ask(stored_evidence, key)
    assert world.ask(decided.evidence_of, [key]) == {key: before}
    assert before[0].distribution == recognised.distribution


def test_what_a_person_decided_stays(full: World) -> None:
    by_hand = [row.id for row in full.rows(schema.video) if row.state == "accepted"][:7]
    mark = update(schema.video).where(schema.video.c.id.in_(by_hand)).values(decided_by=decided.PERSON)
    full.step(lambda connection: connection.execute(mark))
    before = now(full)
    redecided = redecide(full.catalog, rules(min_score=1.0, min_child_share=1.0), FUSION, 2_000.0)
    assert redecided.by_person == 7 and redecided.seen == 293
    assert [row.id for row in full.rows(schema.video) if row.state == "accepted"] == by_hand
    assert {id_: now(full)[id_] for id_ in by_hand} == {id_: before[id_] for id_ in by_hand}
    full.check_counts()


def test_examples_and_hours_show_what_would_move(full: World) -> None:
    redecided = redecide(full.catalog, rules(min_score=1.0, min_child_share=1.0), FUSION, 2_000.0, dry_run=True)
    (move,) = redecided.moved
    assert move == "accepted -> rejected" and redecided.child_s_after == 0.0
    assert len(redecided.examples[move]) == 5
    assert redecided.moved_child_s[move] >= redecided.child_s_before > 0, "re-uploads count once in what is accepted"


@pytest.fixture
def world(any_catalog: Catalog) -> World:
    return World(any_catalog)


def test_wanted_again_after_its_audio_was_purged_means_fetched_again(world: World) -> None:
    world.decide(ONE, "one", Outcome.REJECTED)
    purge = update(schema.recording).values(audio_purged_at=world.now)
    world.step(lambda connection: connection.execute(purge))
    assert world.redecide(outcome=Outcome.ACCEPTED) == 1
    row = world.row(ONE.id)
    assert (row.state, row.recording, row.reasons[0]["rule"]) == ("queued", None, "audio_purged")
    world.check_counts()
    (claim,) = world.claim()
    world.fetched(claim, "one")
    assert world.rows(schema.recording)[0].audio_purged_at is None
    assert world.ask(verdicts.verdict_of_model, sha_of("one"), "floor", "r1") is not None, "its scores are still there"
    world.check_counts()


def test_until_a_new_verdict_commits_the_old_decision_stands(world: World) -> None:
    world.decide(ONE, "one")
    world.decide(TWO, "two", Outcome.REJECTED)
    assert world.queue_again(OTHER) == 2
    assert world.queue_again(OTHER) == 0, "they wait already"
    assert (world.state(ONE.id), world.state(TWO.id)) == ("accepted", "rejected")
    world.check_counts()
    first, second = world.claim_analysis(2)
    world.publish(first, Outcome.REJECTED, model=OTHER)
    assert (world.state(ONE.id), world.state(TWO.id)) == ("rejected", "rejected")
    world.fail(second, FailureKind.UNDECODABLE)
    row = world.row(TWO.id)
    assert (row.state, row.stage, row.failure_kind, row.reasons[0]["rule"]) == ("rejected", None, None, "because")
    assert {v.revision for v in world.rows(schema.verdict) if v.recording == sha_of("one")} == {"r1", "r2"}
    world.check_counts()


def test_a_failed_second_analysis_is_tried_again_and_loses_nothing(world: World) -> None:
    world.decide(ONE, "one")
    world.queue_again(OTHER)
    world.fail(world.claim_analysis()[0], FailureKind.ANALYSER_CRASHED)
    row = world.row(ONE.id)
    assert (row.state, row.stage) == ("accepted", "analyse") and row.due_at is not None
    world.check_counts()


def test_a_person_outranks_a_new_model(world: World) -> None:
    world.decide(ONE, "one")
    mark = update(schema.video).values(decided_by=decided.PERSON)
    world.step(lambda connection: connection.execute(mark))
    world.queue_again(OTHER)
    world.publish(world.claim_analysis()[0], Outcome.REJECTED, model=OTHER)
    row = world.row(ONE.id)
    assert (row.state, row.decided_by, row.stage) == ("accepted", "person", None)
    assert world.ask(verdicts.verdict_of_model, sha_of("one"), "floor", "r2") is not None
    world.check_counts()


def test_all_again_means_that_old_scores_are_not_reused(world: World) -> None:
    world.decide(ONE, "one")
    model = Model("floor", "r1")
    assert world.queue_again(model) == 0
    assert world.queue_again(model, every=True) == 1
    assert world.ask(verdicts.verdict_of_model, sha_of("one"), "floor", "r1") is None
    assert world.ask(verdicts.newest_verdict, sha_of("one")) is not None
    world.publish(world.claim_analysis()[0], model=model)
    assert world.ask(verdicts.verdict_of_model, sha_of("one"), "floor", "r1") is not None


def test_reanalysing_reports_recordings_whose_audio_was_purged(world: World) -> None:
    world.decide(ONE, "one", Outcome.REJECTED)
    world.decide(TWO, "two")
    purge = update(schema.recording).where(schema.recording.c.sha256 == sha_of("one")).values(audio_purged_at=1.0)
    world.step(lambda connection: connection.execute(purge))
    options: dict[str, Any] = {"every": False, "actor": "na@host"}
    dry = reanalyse(world.catalog, OTHER, world.now, dry_run=True, **options)
    assert (dry.queued, dry.purged) == (1, 1) and world.rows(schema.audit) == []
    assert reanalyse(world.catalog, OTHER, world.now, dry_run=False, **options) == dry
    assert [row.action for row in world.rows(schema.audit)] == ["reanalyse"]
    assert world.row(TWO.id).stage == "analyse"


def test_a_decision_that_only_changes_its_reason_is_written(world: World) -> None:
    world.decide(ONE, "one", Outcome.REJECTED)
    (row,) = world.decided()
    redecision = Redecision(row, decision(Outcome.REJECTED))
    assert not redecision.changed
    assert Redecision(row, decision(Outcome.UNSURE)).redecided
    assert Redecision(row, decision(Outcome.REJECTED), verdict(9.0)).changed
    assert Redecision(row, decision(Outcome.REJECTED), None, VIETNAMESE).changed
