"""Copies of the catalog: whole while others write, proved, rotated, never in the way, and of use when needed."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from catalog_world import World, candidate
from crawling import CLIPS, QUICK, events_named, files_below, nothing_left_over, one_paragraph, status, voicesieve

from voicesieve.catalog import versions
from voicesieve.catalog.backups import BackupError, StoppedError, backup_catalog, backups_in, examine
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.refusals import CatalogError

NAMES = ("child-vi-story", "child-en-zoo", "adult-man-news")
NOW = 1_800_000_000.0


@pytest.fixture
def crawled(tmp_path: Path) -> Path:
    """A data folder with three decided videos, two of them accepted."""
    audio = tmp_path / "audio"
    audio.mkdir()
    for name in NAMES:
        (audio / f"{name}.opus").write_bytes(CLIPS[name].body)
    crawl(tmp_path / "data")
    return tmp_path / "data"


def crawl(data: Path, *, code: int = 0, **settings: str) -> str:
    command = ("crawl", "--source", f"folder:{data.parent / 'audio'}", "--data", data)
    return voicesieve(*command, code=code, settings={**QUICK, **settings}).err


def test_a_copy_made_under_load_is_one_snapshot_and_delays_no_writer(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    world = World(open_catalog(tmp_path / "live", create=True))
    for number in range(0, 3_000, 500):
        world.discover(*(candidate(n, "a.example") for n in range(number, number + 500)))
    stop, written = threading.Event(), []

    def write() -> None:
        number = 3_000
        while not stop.is_set():
            world.discover(candidate(number, "a.example"))
            world.screen()
            number += 1
        written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    steps = []
    try:
        for turn in range(5):
            backup_catalog(
                tmp_path / "live" / "catalog.sqlite3",
                tmp_path / "copies",
                keep=9,
                now=NOW + turn,
                progressed=lambda done, total: steps.append((done, total)),
            )
    finally:
        stop.set()
        writer.join()
        world.catalog.close()
    assert written[0] > 3_000, "the writer went on"
    assert steps[-1][0] == steps[-1][1] > 0
    sizes = []
    for number, copy in enumerate(reversed(backups_in(tmp_path / "copies"))):
        folder = tmp_path / f"opened{number}"
        folder.mkdir()
        (folder / "catalog.sqlite3").write_bytes(copy.path.read_bytes())
        opened = World(open_catalog(folder, create=False))
        opened.check_counts()
        sizes.append(sum(opened.status()["videos"].values()))
        opened.catalog.close()
        assert examine(copy.path).videos == sizes[-1]
    assert len(sizes) == 5
    assert sizes == sorted(sizes)
    assert 3_000 <= sizes[0] <= sizes[-1] <= written[0]
    assert {path.suffix for path in (tmp_path / "copies").iterdir()} == {".sqlite3"}, "no companions of a copy"


def test_the_oldest_copies_go_and_other_files_stay(tmp_path: Path, blank_catalog_file: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "catalog-mine.sqlite3").write_bytes(b"precious")
    used = Path(shutil.copy(blank_catalog_file, tmp_path / "catalog.sqlite3"))
    with closing(sqlite3.connect(used)) as connection, connection:
        connection.execute("INSERT INTO run (id, started_at) VALUES ('first', 1)")  # copies are told apart by it
    for number in range(5):
        for before in (None, "0009"):
            backup_catalog(used, copies, keep=2, now=NOW + number, before=before)
    present = [(copy.made_at, copy.before) for copy in backups_in(copies)]
    assert sorted(present, key=str) == sorted([(NOW + n, b) for n in (3, 4) for b in (None, "0009")], key=str)
    assert (copies / "catalog-mine.sqlite3").read_bytes() == b"precious"


def test_a_copy_that_fails_leaves_the_older_ones_and_nothing_else(tmp_path: Path, blank_catalog_file: Path) -> None:
    copies = tmp_path / "copies"
    good = backup_catalog(blank_catalog_file, copies, keep=1, now=NOW)
    damaged = tmp_path / "damaged.sqlite3"
    content = bytearray(blank_catalog_file.read_bytes())
    content[4096:40_000] = b"\xa5" * (40_000 - 4096)
    damaged.write_bytes(content)
    for source, error in ((damaged, BackupError), (tmp_path, BackupError)):
        with pytest.raises(error):
            backup_catalog(source, copies, keep=1, now=NOW + 1)
    with pytest.raises(StoppedError):
        backup_catalog(blank_catalog_file, copies, keep=1, now=NOW + 2, stopped=lambda: True)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BackupError, match="cannot be written"):
        backup_catalog(blank_catalog_file, tmp_path / "file", keep=1, now=NOW + 3)
    assert [copy.path for copy in backups_in(copies)] == [good.path]
    assert list(copies.iterdir()) == [good.path]


def test_a_run_copies_what_it_is_about_to_change_once_a_day(crawled: Path) -> None:
    assert backups_in(crawled / "backups") == [], "the first run had nothing to copy"
    crawl(crawled)
    crawl(crawled)
    (copy,) = backups_in(crawled / "backups")
    assert examine(copy.path).videos == 3
    (event,) = events_named(crawled, "backup_made")
    assert (event["path"], event["bytes"]) == (str(copy.path), copy.bytes)
    crawl(crawled, VOICESIEVE_BACKUP__EVERY_S="0.01", VOICESIEVE_BACKUP__KEEP="1")
    assert len(backups_in(crawled / "backups")) == 1
    assert status(crawled)["backups"]["made"] == 2
    assert 'voicesieve_backups_total{outcome="made"} 1.0' in (crawled / "logs" / "metrics.prom").read_text()
    nothing_left_over(crawled)


def test_a_failing_copy_is_reported_and_counted_and_the_run_continues(crawled: Path) -> None:
    (crawled.parent / "file").write_bytes(b"")
    (crawled.parent / "audio" / "new.opus").write_bytes(CLIPS["child-vi-counting"].body)
    ended = crawl(crawled, VOICESIEVE_BACKUP__FOLDER=str(crawled.parent / "file"))
    assert "copy of the catalog" in ended
    assert status(crawled)["videos"]["accepted"] == 3, "the new recording was decided"
    (event,) = events_named(crawled, "backup_failed")
    assert event["level"] == "warning"
    assert "cannot be written" in event["message"]
    assert event["exception_type"]
    assert event["chain"]
    assert "the run continues" in event["next"]
    assert status(crawled)["backups"] == {"made": 0, "failed": 1, "last": None}
    assert 'voicesieve_backups_total{outcome="failed"} 1.0' in (crawled / "logs" / "metrics.prom").read_text()
    assert "1 could not be made" in voicesieve("status", "--data", crawled).out


def test_a_folder_of_copies_that_cannot_be_read_is_reported_too(crawled: Path) -> None:
    """Not only the copy itself may fail, but the look whether one is due."""
    (crawled / "backups").symlink_to(crawled / "backups")
    ended = crawl(crawled)
    assert "copy of the catalog" in ended
    assert status(crawled)["backups"]["failed"] == 1


def test_the_catalog_is_copied_before_its_tables_are_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(versions, "HEAD", "0001")
        open_catalog(tmp_path, create=True).close()
    assert backups_in(tmp_path / "backups") == [], "there is nothing to copy of a catalog that is made anew"
    opened = open_catalog(tmp_path, create=False)
    assert World(opened).status()["backups"]["made"] == 1
    opened.close()
    (copy,) = backups_in(tmp_path / "backups")
    assert (copy.before, examine(copy.path).revision) == (versions.HEAD, "0001")


def test_an_update_without_a_copy_continues_and_reports_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(versions, "HEAD", "0001")
        open_catalog(tmp_path, create=True).close()
    (tmp_path / "file").write_bytes(b"")
    printed = voicesieve("status", "--data", tmp_path, settings={"VOICESIEVE_BACKUP__FOLDER": str(tmp_path / "file")})
    assert "was updated, but could not be copied before" in printed.err
    assert status(tmp_path)["backups"] == {"made": 0, "failed": 1, "last": None}


def test_an_update_that_fails_leaves_the_copy_and_an_unchanged_catalog(
    tmp_path: Path, blank_catalog_file: Path
) -> None:
    """A revision that nobody can update from stands for any update that fails."""
    (tmp_path / "catalog.sqlite3").write_bytes(blank_catalog_file.read_bytes())
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite3")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(Exception, match="0000"):
        open_catalog(tmp_path, create=False)
    (copy,) = backups_in(tmp_path / "backups")
    assert copy.before == versions.HEAD
    assert examine(copy.path).revision == "0000"
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite3")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0000",)


def test_restoring_a_damaged_catalog(crawled: Path) -> None:
    """docs/recovery.md, "A damaged catalog": from the error to the same corpus as before."""
    voicesieve("export", "jsonl", crawled.parent / "before", "--data", crawled)
    voicesieve("backup", "--data", crawled)
    (crawled.parent / "audio" / "later.opus").write_bytes(CLIPS["child-vi-counting"].body)
    crawl(crawled)
    voicesieve("export", "jsonl", crawled.parent / "before", "--update", "--data", crawled)
    damaged = bytearray((crawled / "catalog.sqlite3").read_bytes())
    damaged[:100] = bytes(100)
    (crawled / "catalog.sqlite3").write_bytes(damaged)

    one_paragraph(
        voicesieve("crawl", "--data", crawled, code=3), "damaged or is not a catalog", "voicesieve restore", "recovery"
    )
    listed = voicesieve("restore", "--data", crawled)
    (copy,) = [line.partition(":")[0] for line in listed.out.splitlines()]
    restored = voicesieve("restore", copy, "--data", crawled)
    assert "Withdraw again" in restored.err, "the takedowns of a catalog that cannot be read are said to be unknown"
    (aside,) = crawled.glob("set-aside-*")
    assert (aside / "catalog.sqlite3").read_bytes() == damaged
    crawl(crawled)
    voicesieve("export", "jsonl", crawled.parent / "after", "--data", crawled)
    assert files_below(crawled.parent / "after") == files_below(crawled.parent / "before")
    nothing_left_over(crawled)


def test_a_takedown_survives_the_return_of_an_older_catalog(crawled: Path) -> None:
    voicesieve("backup", "--data", crawled)
    voicesieve("export", "urls", crawled.parent / "urls.txt", "--data", crawled)
    first, second = (crawled.parent / "urls.txt").read_text().split()
    voicesieve("withdraw", first, "--yes", "--data", crawled)
    (copy,) = backups_in(crawled / "backups")
    restored = voicesieve("restore", copy.path, "--data", crawled, "--json").json
    assert (restored["withdrawn"], restored["videos"]) == (1, 3)
    crawl(crawled)
    voicesieve("export", "urls", crawled.parent / "urls.txt", "--update", "--data", crawled)
    assert (crawled.parent / "urls.txt").read_text().split() == [second]
    deeds = [json.loads(line) for line in voicesieve("audit", "--json", "--data", crawled).out.splitlines()]
    assert {"withdraw", "restore"} <= {deed["action"] for deed in deeds}, "the log of the later catalog was taken over"
    nothing_left_over(crawled)


def test_what_cannot_be_put_back_changes_nothing(crawled: Path) -> None:
    voicesieve("backup", "--data", crawled)
    (copy,) = backups_in(crawled / "backups")
    content = copy.path.read_bytes()
    cut = crawled.parent / "cut.sqlite3"
    cut.write_bytes(content[: len(content) // 2])
    newer = crawled.parent / "newer.sqlite3"
    newer.write_bytes(content)
    with closing(sqlite3.connect(newer)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    text = crawled.parent / "text.sqlite3"
    text.write_text("not a catalog")
    before = files_below(crawled)
    for file, words in ((cut, "damaged"), (newer, "newer voicesieve"), (text, "not a catalog"), (text / "x", "exist")):
        one_paragraph(voicesieve("restore", file, "--data", crawled, code=1), words)
        after = files_below(crawled)
        after["run.lock"] = before["run.lock"] = b""
        assert after == before
    assert voicesieve("doctor", "--data", crawled).err.strip().endswith("All is well.")


def test_the_doctor_finds_damage_of_the_catalog_and_of_its_copies(crawled: Path) -> None:
    voicesieve("backup", "--data", crawled)
    (copy,) = backups_in(crawled / "backups")
    content = bytearray(copy.path.read_bytes())
    content[len(content) // 2 :] = b"\x5a" * (len(content) - len(content) // 2)
    copy.path.write_bytes(content)
    report = voicesieve("doctor", "--json", "--data", crawled, code=1).json
    assert report["bad_backups"] == [str(copy.path)]
    voicesieve("doctor", "--fix", "--data", crawled)
    assert backups_in(crawled / "backups") == []


def test_postgres_is_pointed_to_its_own_tools(tmp_path: Path) -> None:
    settings = {"VOICESIEVE_CATALOG__URL": "postgresql://user:hidden@nowhere.invalid/catalog"}
    for command in (("backup",), ("restore", "x")):
        refused = voicesieve(*command, "--data", tmp_path, settings=settings, code=1)
        message = one_paragraph(refused, "pg_", "Nothing was done")
        assert "hidden" not in message


def test_a_catalog_of_a_newer_version_is_not_touched(tmp_path: Path, blank_catalog_file: Path) -> None:
    (tmp_path / "catalog.sqlite3").write_bytes(blank_catalog_file.read_bytes())
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite3")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CatalogError, match="install that version or newer"):
        open_catalog(tmp_path, create=False)
    assert backups_in(tmp_path / "backups") == []
