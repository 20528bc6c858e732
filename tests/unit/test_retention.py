"""Retention: what is not to be kept any longer goes on time, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalog_world import MODEL, World, candidate, path_of, sha_of

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog import schema
from voicesieve.catalog.reads import stored, verdicts
from voicesieve.catalog.store import Catalog
from voicesieve.datafolder.retention import DAY_S, Retained, RetentionRules, retain
from voicesieve.domain.decisions import Outcome

ONE, TWO, THREE = candidate(1), candidate(2), candidate(3)


@pytest.fixture
def world(any_catalog: Catalog) -> World:
    return World(any_catalog)


@pytest.fixture
def store(tmp_path: Path) -> RecordingStore:
    for audio in ("one", "two", "three"):
        file = tmp_path / path_of(audio)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"audio")
    return RecordingStore(tmp_path)


def purge(world: World, store: RecordingStore, days: float = 30.0) -> Retained:
    return retain(world.catalog, store, RetentionRules(days), world.now, actor="na@host")


def stored_paths(store: RecordingStore) -> set[str]:
    return set(store.files())


def test_rejected_audio_goes_when_its_time_is_up_and_its_scores_stay(world: World, store: RecordingStore) -> None:
    world.decide(ONE, "one", Outcome.REJECTED)
    world.decide(TWO, "two")
    world.decide(THREE, "three", Outcome.UNSURE)
    world.now += 30 * DAY_S
    assert purge(world, store).rejected_audio == 0, "not a moment early"
    world.now += 1
    assert purge(world, store, days=0).rejected_audio == 0
    assert purge(world, store).rejected_audio == 1
    assert stored_paths(store) == {path_of("two"), path_of("three")}
    assert world.state(ONE.id) == "rejected"
    assert world.ask(verdicts.newest_verdict, sha_of("one")) is not None
    assert world.ask(stored.recording_count) == 2
    assert {row.path for row in world.ask(stored.stored_files)} == stored_paths(store)
    assert world.ask(stored.pending_deletions) == []
    (entry,) = world.rows(schema.audit)
    assert (entry.action, entry.details["rejected_audio"]) == ("retention", 1)
    world.check_counts()
    before = world.snapshot()
    assert purge(world, store) == Retained()
    assert world.snapshot() == before, "nothing to do is not worth a line"


def test_what_a_source_only_lent_goes_on_its_date(world: World, store: RecordingStore) -> None:
    world.decide(candidate(1, keep_s=30 * DAY_S), "one")
    world.now += 30 * DAY_S + 1
    assert purge(world, store) == Retained(lent_descriptions=1)
    assert world.row(ONE.id).title == ""
    (entry,) = world.rows(schema.audit)
    assert entry.details == {"rejected_audio": 0, "lent_descriptions": 1}


def test_audio_that_another_video_may_need_stays(world: World, store: RecordingStore) -> None:
    world.decide(ONE, "one", Outcome.REJECTED)
    world.decide(TWO, "one", Outcome.UNSURE)
    world.decide(THREE, "two", Outcome.REJECTED)
    world.now += 31 * DAY_S
    world.queue_again(MODEL, every=True)
    assert purge(world, store).rejected_audio == 0, "one is unsure elsewhere, the other waits to be heard again"
    assert len(stored_paths(store)) == 3


def test_a_later_rejection_starts_the_time_anew(world: World, store: RecordingStore) -> None:
    world.decide(ONE, "one", Outcome.UNSURE)
    world.now += 31 * DAY_S
    world.redecide(ONE.id, outcome=Outcome.REJECTED)
    assert purge(world, store).rejected_audio == 0
    world.now += 31 * DAY_S
    assert purge(world, store).rejected_audio == 1


def test_a_crash_before_the_file_is_gone_is_made_good(
    world: World, store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.decide(ONE, "one", Outcome.REJECTED)
    world.now += 31 * DAY_S
    with monkeypatch.context() as patch:
        patch.setattr(RecordingStore, "remove", lambda self, path: (_ for _ in ()).throw(OSError("crash")))
        with pytest.raises(OSError, match="crash"):
            purge(world, store)
    assert path_of("one") in stored_paths(store) and world.ask(stored.pending_deletions) == [path_of("one")]
    purge(world, store)
    assert path_of("one") not in stored_paths(store) and world.ask(stored.pending_deletions) == []


def test_audio_that_comes_back_is_kept_again(world: World, store: RecordingStore) -> None:
    world.decide(ONE, "one", Outcome.REJECTED)
    world.now += 31 * DAY_S
    purge(world, store)
    world.redecide(ONE.id, outcome=Outcome.ACCEPTED)
    (claim,) = world.claim()
    world.fetched(claim, "one")
    assert [row.path for row in world.ask(stored.stored_files)] == [path_of("one")]
    world.publish(world.claim_analysis()[0])
    world.now += 100 * DAY_S
    assert purge(world, store).rejected_audio == 0
    world.check_counts()
