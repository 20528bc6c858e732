"""What stages find out: files, verdicts, decisions, failures, and every count that hangs on them."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import sqlalchemy
from catalog_world import MODEL, World, candidate, decision, path_of, sha_of, verdict
from sqlalchemy import event, select

from voicesieve.catalog import schema, versions
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.reads import exportable, verdicts, why
from voicesieve.catalog.reads.status import catalog_counts
from voicesieve.catalog.reads.stored import stored_files
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import leases, redeciding, results
from voicesieve.catalog.writes.changes import IllegalMoveError, change
from voicesieve.catalog.writes.redeciding import Redecision
from voicesieve.domain.decisions import Outcome
from voicesieve.domain.failures import REMEDIES, Failure, FailureKind, Remedy
from voicesieve.domain.verdicts import Model


@pytest.fixture
def world(any_catalog: Catalog) -> World:
    return World(any_catalog)


ONE, TWO = candidate(1), candidate(2)


def test_a_fetched_video_names_its_file_and_what_was_learnt_on_the_way(world: World) -> None:
    world.queue(ONE)
    (claim,) = world.claim()
    world.fetched(claim, "one", title="of the page", channel="Bé Na", licence="CC BY 4.0", extra=[1])
    row = world.row(ONE.id)
    assert (row.state, row.recording, row.rights_basis) == ("fetched", sha_of("one"), "own_channel")
    assert (row.title, row.channel, row.licence) == ("title 1", "Bé Na", "CC BY 4.0")
    assert row.facts["extra"] == [1]
    (stored,) = world.ask(stored_files)
    assert (stored.sha256, stored.path) == (sha_of("one"), path_of("one"))
    world.check_counts()


def test_a_verdict_its_language_and_its_decision_come_together(world: World) -> None:
    world.decide(ONE, "one", Outcome.REJECTED)
    story = world.ask(why.story_of, ONE.id)
    assert story["state"] == "rejected"
    assert story["reasons"] == [{"rule": "because", "message": "rejected"}]
    assert story["verdict"]["model"] == {"name": "floor", "revision": "r1"}
    assert story["verdict"]["segments"] == [{"start": 0.5, "end": 3.5, "label": "child", "score": 0.9}]
    piece = {"source": "declared_audio", "code": "vi", "probability": 0.93, "weight": 0.85, "revision": "1"}
    (evidence,) = story["language"].pop("evidence")
    assert story["language"] == {"code": "vi", "probability": 0.9, "state": "settled", "unavailable": {}}
    assert piece.items() <= evidence.items()
    assert story["decision"]["outcome"] == "rejected"
    assert world.ask(verdicts.verdict_of_model, sha_of("one"), "floor", "r1").windows == b"scores"
    world.check_counts()


def test_accepted_seconds_are_counted(world: World) -> None:
    world.decide(ONE, "one", child_s=3.0)
    world.decide(TWO, "other", Outcome.REJECTED)
    status = world.status()
    assert (status["accepted_recordings"], status["accepted_s"], status["child_s"]) == (1, 13.0, 3.0)
    world.check_counts()


def test_equal_audio_under_two_videos_is_stored_and_counted_once(world: World) -> None:
    world.decide(ONE, "same", child_s=3.0)
    world.decide(TWO, "same", child_s=3.0)
    status = world.status()
    assert status["videos"]["accepted"] == 2
    assert (status["accepted_recordings"], status["accepted_s"], status["child_s"]) == (1, 14.0, 3.0)
    assert world.ask(why.story_of, TWO.id)["recording"]["also_of"] == [ONE.id]
    world.check_counts()
    world.redecide(ONE.id, outcome=Outcome.REJECTED)
    assert world.status()["accepted_s"] == 14.0
    world.redecide(TWO.id, outcome=Outcome.REJECTED)
    assert world.status()["accepted_s"] == 0.0
    world.check_counts()


def test_deciding_again_moves_the_counts_and_keeps_the_history(world: World) -> None:
    world.decide(ONE, "one", Outcome.UNSURE, child_s=2.0)
    world.redecide(ONE.id, outcome=Outcome.ACCEPTED, child_s=2.5)
    status = world.status()
    assert (status["videos"]["accepted"], status["videos"]["unsure"], status["child_s"]) == (1, 0, 2.5)
    assert [row.policy_revision for row in world.rows(schema.decision)] == ["policy-1", "policy-2"]
    world.check_counts()


def test_child_seconds_are_those_of_the_newest_verdict_whatever_the_clock_does(world: World) -> None:
    world.decide(ONE, "one", child_s=3.0)
    for seconds, model, child_s in ((10, Model("floor", "r2"), 5.0), (-100, Model("floor", "r3"), 9.0)):
        world.now += seconds
        assert world.queue_again(model) == 1
        world.publish(world.claim_analysis()[0], child_s=child_s, model=model)
        assert world.status()["child_s"] == 5.0
    assert world.ask(verdicts.newest_verdict, sha_of("one")).revision == "r2"
    world.check_counts()


def test_a_video_that_left_while_it_was_decided_again_stays_gone(world: World) -> None:
    """Scores are read first and decided later: a takedown or a lost file may come in between."""
    world.decide(ONE, "one")
    world.decide(TWO, "two")
    wanted = [Redecision(row, decision(Outcome.REJECTED), verdict()) for row in world.decided()]
    world.withdraw(ONE.id)
    world.step(results.fetch_again, sha_of("two"), world.now)
    before = world.snapshot()
    assert len(wanted) == 2
    assert world.step(redeciding.apply, wanted, world.now) == 0
    assert world.snapshot() == before


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if REMEDIES[kind] is Remedy.GIVE_UP])
def test_a_permanent_failure_gives_up_at_once(catalog: Catalog, kind: FailureKind) -> None:
    world = World(catalog)
    world.queue(ONE)
    (claim,) = world.claim()
    assert world.fail(claim, kind).at is None
    row = world.row(ONE.id)
    assert (row.state, row.failure_kind, row.stage, row.due_at) == ("given_up", kind, None, None)
    assert world.status()["failures"] == {kind: 1}
    world.check_counts()


def test_a_transient_failure_comes_back_later_until_its_budget_is_spent(world: World) -> None:
    world.queue(ONE)
    waits = []
    for _ in range(2):
        (claim,) = world.claim()
        step = world.fail(claim, FailureKind.SERVER_ERROR)
        assert world.state(ONE.id) == "failed"
        assert step.at is not None
        waits.append(step.at - world.now)
        world.now = step.at - 1
        assert world.claim() == []
        world.now += 1
        world.check_counts()
    assert waits == [60, 120]
    (claim,) = world.claim()
    assert world.fail(claim, FailureKind.SERVER_ERROR).at is None
    assert world.state(ONE.id) == "given_up"
    world.check_counts()


def test_success_forgets_earlier_failures(world: World) -> None:
    world.queue(ONE)
    (claim,) = world.claim()
    step = world.fail(claim, FailureKind.NETWORK)
    assert step.at is not None
    world.now = step.at
    (claim,) = world.claim()
    world.fetched(claim, "one")
    row = world.row(ONE.id)
    assert (row.failure_kind, row.item_failures) == (None, 0)
    assert world.status()["failures"] == {}


def test_a_deferred_video_waits_for_its_time(world: World) -> None:
    world.queue(ONE)
    (claim,) = world.claim()
    assert world.fail(claim, FailureKind.LIVE_OR_UPCOMING, retry_after_s=50_000).at == world.now + 50_000
    world.check_counts()


def test_a_crash_of_ours_is_counted_apart_and_tried_once_more(world: World) -> None:
    world.fetch(ONE, "one")
    (claim,) = world.claim_analysis()
    step = world.fail(claim, FailureKind.ANALYSER_CRASHED)
    row = world.row(ONE.id)
    assert (step.at, row.state, row.stage) == (world.now, "failed", "analyse")
    assert (row.item_failures, row.machine_failures) == (0, 1)
    (claim,) = world.claim_analysis()
    assert claim.machine_failures == 1
    world.fail(claim, FailureKind.OUT_OF_MEMORY)
    assert world.state(ONE.id) == "given_up"
    world.check_counts()


def test_a_failed_analysis_that_succeeds_later_is_decided(world: World) -> None:
    world.fetch(ONE, "one")
    (claim,) = world.claim_analysis()
    world.fail(claim, FailureKind.ANALYSER_CRASHED)
    (claim,) = world.claim_analysis()
    world.publish(claim)
    assert world.status()["failures"] == {}
    world.check_counts()


@pytest.mark.parametrize("kind", [FailureKind.DISK_FULL, FailureKind.CATALOG_UNAVAILABLE, FailureKind.RATE_LIMITED])
def test_what_is_not_the_videos_fault_leaves_it_where_it_was(world: World, kind: FailureKind) -> None:
    world.fetch(ONE, "one")
    (claim,) = world.claim_analysis()
    world.fail(claim, kind)
    row = world.row(ONE.id)
    assert (row.state, row.stage, row.failure_kind) == ("fetched", "analyse", None)
    assert (row.item_failures, row.machine_failures) == (0, 0)
    world.check_counts()


def give_up(world: World) -> None:
    """One video given up at fetching as gone, one at analysing as a crash, one failed by the network."""
    world.queue(ONE)
    world.fail(world.claim()[0], FailureKind.GONE)
    world.fetch(TWO, "two")
    for _ in range(2):
        world.fail(world.claim_analysis()[0], FailureKind.ANALYSER_CRASHED)
    world.queue(candidate(3))
    world.fail(world.claim()[0], FailureKind.NETWORK)


def test_retry_takes_up_each_video_at_the_stage_where_it_failed(world: World) -> None:
    give_up(world)
    assert world.step(results.retry, world.now) == 3
    assert world.state(TWO.id) == "fetched"
    assert world.state(ONE.id) == world.state(candidate(3).id) == "queued"
    assert world.status()["failures"] == {}
    assert (len(world.claim(limit=5)), len(world.claim_analysis(limit=5))) == (2, 1)
    world.check_counts()


def test_retry_by_kind_and_by_id_leaves_the_others(world: World) -> None:
    give_up(world)
    assert world.step(results.retry, world.now, kind="gone") == 1
    assert world.status()["failures"] == {"analyser_crashed": 1, "network": 1}
    assert world.step(results.retry, world.now, ids=[TWO.id, "url:unknown"]) == 1
    assert world.step(results.retry, world.now, ids=[candidate(3).id], kind="gone") == 0
    assert world.status()["failures"] == {"network": 1}
    world.check_counts()


def test_retry_of_work_in_hand_ends_its_attempt(world: World) -> None:
    world.queue(ONE)
    step = world.fail(world.claim()[0], FailureKind.NETWORK)
    assert step.at is not None
    world.now = step.at
    (late,) = world.claim()
    world.attempt(late)
    assert world.step(results.retry, world.now) == 1
    (attempt,) = world.ask(why.attempts_of, late.key)
    assert attempt["outcome"] == "interrupted"
    world.check_counts()


def test_a_lost_file_is_fetched_again_for_all_its_videos(world: World) -> None:
    world.decide(ONE, "same")
    world.fetch(TWO, "same")
    world.fail(world.claim_analysis()[0], FailureKind.ANALYSER_CRASHED)
    (late,) = world.claim_analysis()
    world.attempt(late)
    assert world.step(results.fetch_again, sha_of("same"), world.now) == 2
    status = world.status()
    assert (status["videos"]["queued"], status["accepted_s"], status["failures"]) == (2, 0.0, {})
    assert world.rows(schema.recording) == world.rows(schema.verdict) == []
    assert [row.outcome for row in world.rows(schema.attempt)] == ["interrupted"]
    world.check_counts()
    for claim in world.claim(limit=2):
        world.fetched(claim, "same")
    for claim in world.claim_analysis(limit=2):
        world.publish(claim)
    assert world.status()["videos"]["accepted"] == 2
    world.check_counts()


def test_a_move_that_the_design_forbids_is_refused_and_changes_nothing(world: World) -> None:
    world.queue(ONE)
    before = world.snapshot()
    with pytest.raises(IllegalMoveError, match="queued -> accepted"), world.catalog.write() as connection:
        row = connection.execute(select(schema.video)).one()
        change(connection, row, world.now, state="accepted")
    assert world.snapshot() == before


def test_each_attempt_reports_its_whole_story(world: World) -> None:
    world.queue(ONE)
    (claim,) = world.claim()
    attempt = world.attempt(claim, "yt-dlp")
    world.now += 2.5
    failure = Failure(FailureKind.TRUNCATED, "half a file", exception_type="OSError", chain=("OSError: cut",))
    world.step(leases.finish_attempt, attempt, world.now, size=512, failure=failure, next_sentence="try 2 of 3")
    (attempt,) = world.ask(why.attempts_of, claim.key)
    assert (attempt["stage"], attempt["method"], attempt["scratch"], attempt["duration_s"]) == (
        "fetch",
        "yt-dlp",
        "t/http",
        2.5,
    )
    assert (attempt["outcome"], attempt["kind"], attempt["message"]) == ("failed", "truncated", "half a file")
    assert (attempt["bytes"], attempt["chain"], attempt["next"]) == (512, ["OSError: cut"], "try 2 of 3")


def test_status_reads_only_counters_and_queries(world: World) -> None:
    world.decide(ONE, "one")
    read: list[str] = []
    with world.catalog.read() as connection:
        event.listen(connection, "before_cursor_execute", lambda *call: read.append(call[2]))
        catalog_counts(connection)
    read = [sql for sql in read if sql != "BEGIN"]
    assert len(read) == 2
    assert all(sql.split("FROM ")[1].split()[0].strip('"') in ("counter", "query") for sql in read)


def accepted(world: World) -> list[list[str]]:
    return [[video.id for video in item.carriers] for item in world.ask(exportable.exportable)]


@pytest.mark.parametrize("first_done", [ONE, TWO])
def test_the_video_that_stands_for_equal_audio_is_the_first_found_not_the_first_done(world: World, first_done) -> None:  # type: ignore[no-untyped-def]
    world.queue(ONE, TWO)
    claims = sorted(world.claim(limit=2), key=lambda claim: claim.video != first_done.id)
    for claim in claims:
        world.fetched(claim, "same")
        world.now += 1
        world.publish(world.claim_analysis()[0])
    assert accepted(world) == [[ONE.id, TWO.id]]


def test_the_query_asked_first_decides_even_if_it_answers_last(world: World) -> None:
    first, second = world.query("first"), world.query("second")
    world.discover(TWO, query=second)
    world.discover(ONE, TWO, query=first)
    world.screen()
    for claim in world.claim(limit=2):
        world.fetched(claim, "same")
    for claim in world.claim_analysis(limit=2):
        world.publish(claim)
    assert accepted(world) == [[ONE.id, TWO.id]]


def test_only_accepted_videos_are_exported_in_a_stable_order(world: World) -> None:
    for number, audio in ((3, "c"), (1, "a"), (2, "b")):
        world.decide(candidate(number), audio)
    world.decide(candidate(4), "a", Outcome.REJECTED)
    hashes = [item.recording.sha256 for item in world.ask(exportable.exportable)]
    assert hashes == sorted(map(sha_of, "abc"))
    assert [item.verdict.child_s for item in world.ask(exportable.exportable)] == [3.0] * 3
    assert world.ask(exportable.accepted_urls) == [candidate(number).url for number in (1, 2, 3)]
    assert candidate(4).id not in itertools.chain(*accepted(world))
    assert MODEL.name == world.ask(verdicts.newest_verdict, hashes[0]).model


def test_recordings_whose_channels_were_mixed_otherwise_are_made_anew_when_somebody_asks(tmp_path: Path) -> None:
    """Of verdicts from before, those on several channels are not used again; those on one stay as they are."""
    from alembic import command
    from alembic.config import Config

    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/catalog.sqlite3")
    config = Config()
    config.set_main_option("script_location", str(versions.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0011")
        for sha256, channels in (("one", 1), ("two", 2)):
            connection.exec_driver_sql(
                "INSERT INTO recording (sha256, path, bytes, duration_s, container, codec, sample_rate, channels, "
                "stored_at, accepted_videos) "
                f"VALUES ('{sha256}', '{sha256}', 1, 9, 'ogg', 'opus', 48000, {channels}, 0, 0)"
            )
            connection.exec_driver_sql(
                "INSERT INTO verdict (recording, model, revision, operating_point, label, duration_s, speech_s, "
                "child_s, child_share, child_runs, score, segments, windows, levels, analysed_at) "
                f"VALUES ('{sha256}', 'network', 'r1', 'corpus', 'no_child', 9, 0, 0, 0, 0, 0, '[]', x'', '{{}}', 5)"
            )
    engine.dispose()
    catalog = open_catalog(tmp_path, create=False)
    world = World(catalog)
    assert world.ask(verdicts.verdict_of_model, "one", "network", "r1") is not None
    assert world.ask(verdicts.verdict_of_model, "two", "network", "r1") is None
    catalog.close()
