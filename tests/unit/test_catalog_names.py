"""One name in several spellings: composed, decomposed, with what nobody sees. A takedown reaches them all."""

from __future__ import annotations

import hashlib
import shutil
import unicodedata
from contextlib import closing
from pathlib import Path

import pytest
from catalog_world import World, candidate, path_of, withdraw_channel

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog import schema, versions
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.reads.stored import pending_deletions
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import arms
from voicesieve.catalog.writes.arms import arm_key
from voicesieve.corpus.splits import group_of
from voicesieve.domain.names import name_key
from voicesieve.domain.text import clean_text
from voicesieve.operations.withdraw import Kind, NothingToWithdrawError, Takedown, enforce, withdraw
from voicesieve.sources.registry import parse_query

NFC = unicodedata.normalize("NFC", "Bé Na kể")
NFD = unicodedata.normalize("NFD", NFC)
HIDDEN = f"{NFC[:2]}\u200b{NFC[2:]}\ufeff"
SPELLINGS = [NFC, NFD, HIDDEN, f" {NFC.replace(' ', chr(0xA0))} "]


@pytest.fixture
def world(any_catalog: Catalog) -> World:
    return World(any_catalog)


def ordered(name: str, kind: Kind = Kind.CHANNEL, **how: bool) -> Takedown:
    return Takedown(kind, name, "asked for", "tester", **how)


def old_hash(channel: str) -> str:
    """What tombstones held before names had one form."""
    return hashlib.sha256(f"channel {channel}".encode()).hexdigest()


def test_spellings_that_look_alike_are_one_name_and_others_are_not() -> None:
    assert {name_key(name) for name in SPELLINGS} == {NFC}
    assert len({name_key(name) for name in ("kids", "Kids", "kidz", "k ids")}) == 4
    assert clean_text(NFD) == NFC
    assert str(parse_query(f"youtube:{NFD}")) == str(parse_query(f"youtube:{NFC}"))
    assert len({arm_key("url", "a.example", name) for name in SPELLINGS}) == 1
    assert len({group_of("url", name, "") for name in SPELLINGS}) == 1
    plain = hashlib.sha256(b"url\0a.example\0kids").hexdigest()
    assert arm_key("url", "a.example", "kids") == plain, "hashes of catalogs before stay as they are"


@pytest.mark.parametrize("stored", SPELLINGS[:3])
@pytest.mark.parametrize("typed", SPELLINGS)
def test_a_channel_is_withdrawn_whatever_its_spelling(world: World, tmp_path: Path, stored: str, typed: str) -> None:
    world.decide(candidate(1, channel=stored), "one")
    world.decide(candidate(2, channel="Bé Nam"), "two")
    done = withdraw(world.catalog, RecordingStore(tmp_path), ordered(typed))
    assert (done.videos, done.files, done.ordered_at) == (1, 1, None)
    for spelling in SPELLINGS:
        assert world.discover(candidate(3, channel=spelling)).total == 0
    assert world.discover(candidate(4, channel="Bé Nam")).total == 1
    again = withdraw(world.catalog, RecordingStore(tmp_path), ordered(stored))
    assert (again.videos, again.files) == (0, 0) and again.ordered_at is not None


@pytest.mark.parametrize("name", ["kidz", "Kids", "KIDS ", "kíds"])
def test_a_takedown_that_matches_nothing_is_an_error_that_names_what_is_near(
    world: World, tmp_path: Path, name: str
) -> None:
    world.decide(candidate(1, channel="kids"), "one")
    world.decide(candidate(2, channel="A whole other channel"), "two")
    with pytest.raises(NothingToWithdrawError, match=r"Nothing was withdrawn.*Did you mean channel 'kids'\?.*--unseen"):
        withdraw(world.catalog, RecordingStore(tmp_path), ordered(name))
    assert world.rows(schema.tombstone) == world.rows(schema.audit) == []
    assert world.status()["videos"]["accepted"] == 2
    done = withdraw(world.catalog, RecordingStore(tmp_path), ordered(name, unseen=True))
    assert (done.videos, done.files) == (0, 0)
    assert world.discover(candidate(3, channel=name)).total == 0


def test_a_video_or_recording_that_matches_nothing_names_what_is_near(world: World, tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    world.decide(candidate(1, channel="kids"), "one")
    (sha256,) = [row.sha256 for row in world.rows(schema.recording)]
    id_, url = candidate(1).id, candidate(1).url
    for wrong, near in ((id_[:-1] + "#", id_), (id_.upper(), id_), (url[:-1] + "x", id_), ("kids", "channel 'kids'")):
        with pytest.raises(NothingToWithdrawError, match="Did you mean") as caught:
            withdraw(world.catalog, store, ordered(wrong, Kind.VIDEO))
        assert near in str(caught.value), wrong
    wrong = sha256[:-1] + ("0" if sha256[-1] != "0" else "1")
    with pytest.raises(NothingToWithdrawError, match=sha256):
        withdraw(world.catalog, store, ordered(wrong, Kind.RECORDING))
    with pytest.raises(NothingToWithdrawError, match=r"No video 'nothing like it' is in the catalog"):
        withdraw(world.catalog, store, ordered("nothing like it", Kind.VIDEO))
    assert world.rows(schema.tombstone) == []


def test_a_video_is_withdrawn_by_any_spelling_of_its_address(world: World, tmp_path: Path) -> None:
    from voicesieve.domain.candidates import Candidate
    from voicesieve.sources.identity import candidate_identity

    identity = candidate_identity("https://a.example/one.mp3")
    world.queue(Candidate(identity.source, identity.native_id, identity.url))
    done = withdraw(world.catalog, RecordingStore(tmp_path), ordered("HTTPS://A.Example:443/one.mp3#t=3", Kind.VIDEO))
    assert done.videos == 1


@pytest.mark.parametrize("spelling", [NFC, NFD])
def test_tombstones_of_an_older_catalog_stay_in_force(world: World, spelling: str) -> None:
    stone = {"hash": old_hash(spelling), "subject": "channel", "reason": "", "made_at": 1.0}
    world.step(lambda connection: connection.execute(schema.tombstone.insert(), [stone]))
    for name in SPELLINGS:
        assert world.discover(candidate(1, channel=name)).total == 0
    world.queue(candidate(2))
    (claim,) = world.claim()
    assert world.fetched(claim, "one", channel=NFC) == "withdrawn"


def old_catalog(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog from before names had one form, with a takedown that was typed in another form than it stored."""
    with monkeypatch.context() as earlier:
        earlier.setattr(versions, "HEAD", "0012")
        earlier.setattr(arms, "name_key", lambda name: name)
        catalog = open_catalog(folder, create=True)
        world = World(catalog)
        for number, channel in enumerate((NFD, NFD, NFC, "Mẹ Na", "kids"), start=1):
            world.decide(
                candidate(number, channel=channel, title=unicodedata.normalize("NFD", "Chuyện kể")), str(number)
            )
        assert len(world.rows(schema.arm)) == 4, "each spelling is an arm of its own"
        with catalog.write() as connection:
            connection.execute(
                schema.tombstone.insert(),
                [{"hash": old_hash("Mẹ Na"), "subject": "channel", "reason": "typed composed", "made_at": 1.0}],
            )
            changed = schema.video.update().where(schema.video.c.channel == "Mẹ Na")
            connection.execute(changed.values(channel=unicodedata.normalize("NFD", "Mẹ Na")))
        catalog.close()


def test_an_update_brings_names_into_one_form_and_the_takedown_into_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_catalog(tmp_path, monkeypatch)
    catalog = open_catalog(tmp_path, create=False)
    with closing(catalog):
        world = World(catalog)
        assert catalog.was_updated
        assert {row.channel for row in world.rows(schema.video)} == {NFC, "Mẹ Na", "kids"}
        assert {row.title for row in world.rows(schema.video)} == {"Chuyện kể"}
        keys = {row.id: row.key for row in world.rows(schema.arm)}
        assert len(keys) == 3
        for row in world.rows(schema.video):
            assert keys[row.arm] == arm_key(row.source, row.host, row.channel)
        assert enforce(catalog, RecordingStore(tmp_path / "recordings"), "tester") == 1
        assert world.status()["videos"]["withdrawn"] == 1
        assert enforce(catalog, RecordingStore(tmp_path / "recordings"), "tester") == 0
        assert world.step(withdraw_channel, NFC, "asked for", world.now) == 3
        world.check_counts()
    reopened = open_catalog(tmp_path, create=False)
    with closing(reopened):
        assert not reopened.was_updated


def test_a_takedown_that_a_trigger_undoes_is_no_success(world: World, tmp_path: Path) -> None:
    if world.catalog._file is None:
        pytest.skip("the trigger is written for SQLite")
    world.decide(candidate(1, channel="kids"), "one")
    store = RecordingStore(tmp_path / "recordings")
    file = store.root / path_of("one")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"sound")
    world.step(
        lambda connection: connection.exec_driver_sql(
            "CREATE TRIGGER undo AFTER INSERT ON deletion BEGIN DELETE FROM deletion; DELETE FROM tombstone; END"
        )
    )
    from voicesieve.domain.failures import FailureError

    with pytest.raises(FailureError, match=r"the takedown does not hold: its tombstone is not in the catalog"):
        withdraw(world.catalog, store, ordered("kids"))
    assert world.ask(pending_deletions) == []
    shutil.rmtree(store.root)
