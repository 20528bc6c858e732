"""The audit log and the removals: written with the deed, read in order, and changed by nobody."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
import sqlalchemy
from catalog_world import World, candidate, sha_of, withdraw_channel, withdraw_recording

from voicesieve.catalog import schema
from voicesieve.catalog.reads import history, lookup
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import audits, takedown
from voicesieve.corpus.errors import ExportError
from voicesieve.corpus.removed import COLUMNS, csv_line, write_removed
from voicesieve.domain.audits import AuditEntry, Deed

ONE, TWO, THREE = candidate(1), candidate(2), candidate(3, channel="Bé Na")


@pytest.fixture
def world(any_catalog: Catalog) -> World:
    return World(any_catalog)


def entry(number: int, deed: Deed = Deed.EXPORT) -> AuditEntry:
    return AuditEntry(float(number), "na@host", deed, f"corpus {number}", "because", {"n": number})


@pytest.mark.parametrize("table", schema.APPEND_ONLY)
@pytest.mark.parametrize("deed", ["DELETE FROM {}", "UPDATE {} SET id = 7"])
def test_the_database_itself_refuses_to_change_what_was_written(world: World, table: str, deed: str) -> None:
    world.step(audits.record, entry(1))
    world.decide(ONE, "one")
    world.withdraw(ONE.id)
    before = world.snapshot()
    with pytest.raises(Exception, match="append-only"), world.catalog.write() as connection:
        connection.execute(sqlalchemy.text(deed.format(table)))
    assert world.snapshot() == before


@pytest.mark.postgres
def test_postgres_refuses_to_empty_the_log(postgres_catalog: Catalog) -> None:
    world = World(postgres_catalog)
    world.step(audits.record, entry(1))
    with pytest.raises(Exception, match="append-only"), postgres_catalog.write() as connection:
        connection.execute(sqlalchemy.text("TRUNCATE audit"))
    assert len(world.rows(schema.audit)) == 1


def test_entries_come_back_as_written_in_order_and_by_choice(world: World) -> None:
    written = [entry(number, deed) for number, deed in enumerate([Deed.EXPORT, Deed.IMPORT, Deed.EXPORT], start=1)]
    for expected in written:
        world.step(audits.record, expected)
    assert world.ask(history.audit_entries) == written
    assert world.ask(history.audit_entries, deed=Deed.EXPORT, since=2.0) == [written[2]]


def test_a_deed_that_fails_leaves_no_entry(world: World) -> None:
    with pytest.raises(ValueError, match="no"), world.catalog.write() as connection:
        audits.record(connection, entry(1))
        raise ValueError("no")
    assert world.rows(schema.audit) == []


def test_a_removal_names_each_video_that_fell_and_its_audio(world: World) -> None:
    world.decide(ONE, "same")
    world.decide(TWO, "same")
    world.queue(THREE)
    world.withdraw(ONE.id)
    world.step(withdraw_channel, "Bé Na", "asked for", world.now)
    rows = [(row.video, row.recording, row.asked) for row in world.ask(history.removals)]
    assert rows == [
        (ONE.id, sha_of("same"), "video"),
        (TWO.id, sha_of("same"), "video"),
        (THREE.id, None, "channel"),
    ]


def test_a_withdrawn_recording_takes_its_videos_and_stays_out(world: World) -> None:
    world.decide(ONE, "same")
    world.decide(TWO, "same")
    assert world.step(withdraw_recording, sha_of("same"), "asked for", world.now) == 2
    assert [world.state(video.id) for video in (ONE, TWO)] == ["withdrawn"] * 2
    assert world.rows(schema.recording) == []
    assert world.step(takedown.is_withdrawn, sha_of("same"))
    assert world.step(withdraw_recording, sha_of("unknown"), "asked for", world.now) == 0
    assert world.step(takedown.is_withdrawn, sha_of("unknown"))
    world.check_counts()


def test_a_recording_is_found_by_the_first_digits_of_its_hash(world: World) -> None:
    world.decide(ONE, "one")
    sha256 = sha_of("one")
    for start in (sha256, sha256[:16], sha256[:8]):
        assert world.ask(lookup.recordings_named, start) == [sha256]
    for start in (sha256[:7], "", "%", "g" * 16, sha256 + "0"):
        assert world.ask(lookup.recordings_named, start) == []


def test_the_list_of_removals_is_stable_and_reads_back(world: World, tmp_path: Path) -> None:
    world.decide(ONE, "one")
    world.withdraw(ONE.id)
    file, rows = write_removed(world.catalog, tmp_path)
    assert (file, rows) == (tmp_path / "REMOVED.csv", 1)
    first = file.read_bytes()
    (row,) = csv.DictReader(io.StringIO(first.decode()))
    assert tuple(row) == COLUMNS
    assert (row["recording"], row["video"], row["asked"]) == (sha_of("one")[:16], ONE.id, "video")
    assert b"asked for" not in first, "reasons may name people"
    write_removed(world.catalog, file)
    assert file.read_bytes() == first
    later, rows = write_removed(world.catalog, tmp_path / "later.csv", since=world.now + 1)
    assert rows == 0 and later.read_bytes() == first.splitlines(keepends=True)[0]


def test_a_file_of_somebody_else_is_not_replaced(world: World, tmp_path: Path) -> None:
    file = tmp_path / "REMOVED.csv"
    file.write_text("mine")
    with pytest.raises(ExportError, match="is not a list of removals"):
        write_removed(world.catalog, tmp_path)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    (cells,) = csv.reader(io.StringIO(csv_line([cell, "b"]).decode(), newline=""))
    assert cells == [f"'{cell}", "b"]


@pytest.mark.parametrize("cell", ["a,b", 'say "hi"', "two\nlines", "thật", "\ud800"])
def test_every_other_cell_stays_as_it_is(cell: str) -> None:
    (cells,) = csv.reader(io.StringIO(csv_line([cell]).decode(), newline=""))
    assert cells == [cell.encode("utf-8", "backslashreplace").decode()]
