"""Takedown: what was withdrawn is gone with all that hung on it, and no later crawl brings it back."""

from __future__ import annotations

import pytest
from catalog_world import World, candidate, path_of, sha_of, withdraw_channel

from voicesieve.catalog import schema
from voicesieve.catalog.reads import stored
from voicesieve.catalog.records import StaleLeaseError, UnknownVideoError
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import results, takedown
from voicesieve.domain.decisions import Outcome
from voicesieve.domain.states import VideoState

ONE, TWO, THREE = candidate(1), candidate(2), candidate(3)


@pytest.fixture
def world(any_catalog: Catalog) -> World:
    return World(any_catalog)


def test_of_a_withdrawn_video_only_its_id_stays(world: World) -> None:
    named = candidate(1, channel="Bé Na", licence="CC BY 4.0", metadata={"speaker": "Na"}, language="vi")
    world.queue(named)
    (claim,) = world.claim()
    world.attempt(claim)
    world.fetched(claim, "one", note="of the page")
    world.publish(world.claim_analysis()[0])
    assert world.withdraw(named.id) == 1
    row = world.row(named.id)
    assert row.state == "withdrawn"
    values = {name: value for name, value in row._asdict().items() if value not in (None, "", {}, 0)}
    columns = {"key", "id", "source", "host", "state", "reasons", "screened_by", "discovered_at", "changed_at"}
    assert set(values) == columns
    for table in ("recording", "verdict", "decision", "language_evidence", "attempt"):
        assert world.rows(schema.metadata.tables[table]) == [], table
    assert world.ask(stored.pending_deletions) == [path_of("one")]
    assert world.status()["accepted_s"] == 0.0
    world.check_counts()


def test_the_same_audio_under_other_videos_falls_too(world: World) -> None:
    world.decide(ONE, "same")
    world.decide(TWO, "same", Outcome.REJECTED)
    world.decide(THREE, "other")
    assert world.withdraw(TWO.id) == 2
    assert [world.state(video.id) for video in (ONE, TWO, THREE)] == ["withdrawn", "withdrawn", "accepted"]
    assert world.status()["accepted_recordings"] == 1
    world.check_counts()


def test_withdrawn_videos_and_audio_are_kept_out_later(world: World) -> None:
    world.decide(ONE, "one")
    world.withdraw(ONE.id)
    assert world.discover(ONE).total == 0
    world.queue(TWO)
    (claim,) = world.claim()
    assert world.fetched(claim, "one") is VideoState.WITHDRAWN
    assert world.state(TWO.id) == "withdrawn"
    assert world.rows(schema.recording) == []
    assert world.ask(stored.pending_deletions) == [path_of("one")]
    world.check_counts()


def test_a_withdrawn_channel_is_kept_out_later(world: World) -> None:
    world.decide(candidate(1, channel="Bé Na"), "one")
    world.queue(candidate(2, channel="Bé Na"), candidate(3, channel="Bé Nam"))
    assert world.step(withdraw_channel, "Bé Na", "asked for", world.now) == 2
    assert world.status()["videos"]["withdrawn"] == 2
    result = world.discover(candidate(4, channel="Bé Na"), candidate(5, channel="Bé Nam"))
    assert (result.new, result.total) == (1, 1)
    world.check_counts()


def test_a_channel_that_only_fetching_reveals_is_kept_out_too(world: World) -> None:
    """A list of addresses names no channel; the page does. The audio another video may keep stays."""
    world.decide(THREE, "shared")
    world.step(withdraw_channel, "Bé Na", "asked for", world.now)
    for video, audio in ((ONE, "one"), (TWO, "shared")):
        world.queue(video)
        (claim,) = world.claim()
        assert world.fetched(claim, audio, channel="Bé Na") is VideoState.WITHDRAWN
        assert world.state(video.id) == "withdrawn"
    assert world.ask(stored.pending_deletions) == [path_of("one")]
    assert world.state(THREE.id) == "accepted"
    world.check_counts()


def test_a_takedown_while_the_video_is_fetched_wins(world: World) -> None:
    world.queue(ONE)
    (claim,) = world.claim()
    world.attempt(claim)
    world.withdraw(ONE.id)
    with pytest.raises(StaleLeaseError):
        world.fetched(claim, "one")
    world.step(takedown.delete_unless_named, path_of("one"), world.now)
    assert world.ask(stored.pending_deletions) == [path_of("one")]
    assert world.rows(schema.attempt) == []
    world.check_counts()


def test_a_file_that_a_recording_names_is_never_promised_for_deletion(world: World) -> None:
    world.decide(ONE, "one")
    world.step(takedown.delete_unless_named, path_of("one"), world.now)
    assert world.ask(stored.pending_deletions) == []
    assert world.ask(stored.referenced_paths, [path_of("one"), path_of("two")]) == {path_of("one")}


def test_a_promised_deletion_is_remembered_until_it_is_done(world: World) -> None:
    world.decide(ONE, "one")
    world.withdraw(ONE.id)
    world.step(takedown.delete_later, path_of("one"), world.now)
    assert world.ask(stored.pending_deletions) == [path_of("one")]
    world.step(takedown.deletion_done, path_of("one"))
    assert world.ask(stored.pending_deletions) == []


def test_withdrawing_twice_is_harmless_and_an_unknown_id_is_an_error(world: World) -> None:
    world.decide(ONE, "one")
    assert world.withdraw(ONE.id) == 1
    before = world.snapshot()
    assert world.withdraw(ONE.id) == 0
    assert world.snapshot() == before
    with pytest.raises(UnknownVideoError, match="url:nobody"):
        world.withdraw("url:nobody")


def test_nothing_brings_a_withdrawn_video_back(world: World) -> None:
    world.decide(ONE, "one")
    world.withdraw(ONE.id)
    before = world.snapshot()
    assert world.step(results.retry, world.now) == 0
    assert world.step(results.retry, world.now, ids=[ONE.id]) == 0
    assert world.step(results.fetch_again, sha_of("one"), world.now) == 0
    assert world.screen() == 0
    assert world.claim() == world.claim_analysis() == []
    assert world.snapshot() == before


def test_a_tombstone_recognises_an_id_without_telling_it(world: World) -> None:
    world.decide(candidate(1, channel="Bé Na"), "one")
    world.withdraw(ONE.id)
    subjects = {row.subject: row.hash for row in world.rows(schema.tombstone)}
    assert set(subjects) == {"video", "audio"}
    assert ONE.id not in repr(subjects)
    assert subjects["audio"] == sha_of("one")
