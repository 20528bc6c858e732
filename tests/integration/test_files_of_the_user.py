"""Nothing of a person's own is deleted, moved, written to or shown to others, whatever serves as a data folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from crawling import CLIPS, QUICK, Ended, events_named, files_below, one_paragraph, voicesieve

from voicesieve.catalog.backups import backup_catalog, backups_in
from voicesieve.datafolder.names import MARK

CHILD, ADULT = CLIPS["child-en-zoo"].body, CLIPS["adult-man-news"].body
SHA256 = hashlib.sha256(CHILD).hexdigest()
STORED = f"{SHA256[:2]}/{SHA256}.opus"


def crawl(data: Path, audio: Path, *more: str, **how: Callable[[], None]) -> Ended:
    return voicesieve("crawl", "--source", f"folder:{audio}", "--quiet", *more, "--data", data, settings=QUICK, **how)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of audio and the data folder of a crawl of it, both to be left as they are."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "audio").mkdir()
    (folder / "audio" / "zoo.opus").write_bytes(CHILD)
    crawl(folder / "data", folder / "audio")
    return folder


@pytest.fixture
def audio(made: Path) -> Path:
    return made / "audio"


@pytest.fixture
def crawled(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made / "data", tmp_path / "data", symlinks=True)


def open_paths(root: Path) -> list[str]:
    paths = [root, *root.rglob("*")]
    return [str(path.relative_to(root)) for path in paths if not path.is_symlink() and path.stat().st_mode & 0o077]


def test_a_project_folder_is_no_data_folder(tmp_path: Path, crawled: Path) -> None:
    project = tmp_path / "project"
    for name in ("scratch/notes.txt", "scratch/work/x.py", "report.tmp-1.docx", "recordings/family/birthday.opus"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(CHILD)
    before = files_below(project)
    voicesieve("backup", tmp_path / "copies", "--data", crawled)
    (copy,) = backups_in(tmp_path / "copies")
    for command in (
        ("crawl", "--source", "folder:recordings"),
        ("import-legacy", crawled),
        ("restore", copy.path),
    ):
        refused = voicesieve(*command, "--data", ".", cwd=project, code=1)
        one_paragraph(refused, "is no data folder", "recordings/family", "voicesieve init")
    one_paragraph(voicesieve("init", "--data", ".", cwd=project, code=1), "cannot become a data folder")
    for fix in ((), ("--fix",)):
        one_paragraph(voicesieve("doctor", *fix, "--data", ".", cwd=project, code=1), "There is no catalog")
    assert files_below(project) == before


def test_folders_behind_links_are_used_and_what_lies_there_stays(tmp_path: Path, audio: Path) -> None:
    data, fast = tmp_path / "data", tmp_path / "fast"
    data.mkdir()
    mine = ["scratch/photos/a.jpg", "scratch/notes.txt", "recordings/holiday.opus", "recordings/ab/song.mp3"]
    for name in mine:
        (fast / name).parent.mkdir(parents=True, exist_ok=True)
        (fast / name).write_bytes(b"mine")
    for name in ("scratch", "recordings"):
        (data / name).symlink_to(fast / name)
    crawl(data, audio)
    for fix in ((), ("--fix",)):
        report = voicesieve("doctor", *fix, "--json", "--data", data).json
        assert sorted(report["not_ours"]) == ["recordings/ab/song.mp3", "recordings/holiday.opus"]
    assert [(fast / name).read_bytes() for name in mine] == [b"mine"] * len(mine)
    assert (fast / "recordings" / STORED).read_bytes() == CHILD


def test_everything_in_a_data_folder_is_for_its_owner_alone(tmp_path: Path, audio: Path) -> None:
    data = tmp_path / "data"

    def careless() -> None:
        os.umask(0)

    voicesieve("init", "--data", data, before=careless)
    voicesieve("queries", "init", "--data", data, before=careless)
    crawl(data, audio, before=careless)
    voicesieve("backup", "--data", data, before=careless)
    (copy,) = backups_in(data / "backups")
    voicesieve("restore", copy.path, "--data", data, before=careless)
    (data / "recordings" / STORED).write_bytes(b"damaged")
    voicesieve("doctor", "--fix", "--data", data, before=careless)
    crawl(data, audio, before=careless)
    assert open_paths(data) == []
    assert {"quarantine", "backups", "voicesieve.toml", "queries.toml"} <= {path.name for path in data.iterdir()}


def test_an_export_is_readable_as_the_umask_allows(tmp_path: Path, crawled: Path) -> None:
    for mask, file, folder in ((0o022, 0o644, 0o755), (0o077, 0o600, 0o700)):
        corpus = tmp_path / f"corpus-{mask}"
        voicesieve("export", "jsonl", corpus, "--data", crawled, before=lambda mask=mask: os.umask(mask) and None)
        for path in (corpus, *corpus.rglob("*")):
            assert path.stat().st_mode & 0o777 == (folder if path.is_dir() else file), path


def test_an_open_data_folder_is_named_and_tightened(crawled: Path, audio: Path) -> None:
    for path in (crawled, *crawled.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    mine = crawled / "list.txt"
    mine.write_text("mine")
    mine.chmod(0o644)
    assert "doctor --fix" in crawl(crawled, audio).err
    assert len(events_named(crawled, "folder_open")) == 1
    assert "Other users" in voicesieve("status", "--data", crawled).err
    report = voicesieve("doctor", "--json", "--data", crawled, code=1).json
    assert {".", "catalog.sqlite3", f"recordings/{STORED}"} <= set(report["open_to_others"])
    fixed = voicesieve("doctor", "--fix", "--data", crawled).err
    assert "no longer read" in fixed
    assert "quarantine" not in fixed, "only what was done is reported"
    assert open_paths(crawled) == ["list.txt"], "only what is ours is changed"
    assert "Other users" not in voicesieve("status", "--data", crawled).err


def test_a_settings_file_with_a_key_that_others_can_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[youtube_api]\nkey = "hidden"\n')
    for mode, is_named in ((0o644, True), (0o600, False)):
        file.chmod(mode)
        message = voicesieve("config", "check", "--config", file, "--data", tmp_path).err
        assert ("youtube_api.key" in message) is is_named
        assert "hidden" not in message


def test_damaged_recordings_are_quarantined_and_fall_with_a_takedown(crawled: Path, audio: Path) -> None:
    stored = crawled / "recordings" / STORED
    stored.write_bytes(b"half of a child")
    examined = voicesieve("doctor", "--data", crawled, code=1)
    assert "1 in all, 0.000 MB: damaged" in examined.err
    report = voicesieve("doctor", "--fix", "--json", "--data", crawled).json
    assert (report["quarantined"], report["quarantined_bytes"]) == (1, 15)
    (quarantined,) = (crawled / "quarantine").iterdir()
    assert quarantined.read_bytes() == b"half of a child"
    with closing(sqlite3.connect(crawled / "catalog.sqlite3")) as catalog:
        (listed,) = catalog.execute("SELECT path, sha256, reason FROM stray").fetchall()
        (video,) = catalog.execute("SELECT id FROM video").fetchone()
    assert listed == (f"quarantine/{quarantined.name}", hashlib.sha256(b"half of a child").hexdigest(), "bad_hash")
    voicesieve("withdraw", video, "--yes", "--data", crawled)
    assert not quarantined.exists(), "its recording has no row any more, and still it falls"
    crawl(crawled, audio)
    assert not stored.exists()


def test_what_lies_in_quarantine_is_deleted_when_its_time_is_up(crawled: Path, audio: Path) -> None:
    stray = crawled / "recordings" / "ab" / f"{'ab' * 32}.opus"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"left by a crash")
    voicesieve("doctor", "--fix", "--data", crawled)
    assert len(list((crawled / "quarantine").iterdir())) == 1
    crawl(crawled, audio)
    assert len(list((crawled / "quarantine").iterdir())) == 1, "30 days are not over"
    soon = {"VOICESIEVE_RETENTION__QUARANTINE_DAYS": "0.000001"}
    assert voicesieve("retain", "--json", "--data", crawled, settings=soon).json["quarantined"] == 1
    assert list((crawled / "quarantine").iterdir()) == []


def test_recordings_that_are_newer_than_a_restored_catalog_stay(tmp_path: Path, crawled: Path) -> None:
    voicesieve("backup", "--data", crawled)
    (copy,) = backups_in(crawled / "backups")
    more = tmp_path / "more"
    more.mkdir()
    (more / "news.opus").write_bytes(ADULT)
    (more / "story.opus").write_bytes(CLIPS["child-vi-story"].body)
    crawl(crawled, more)
    before = files_below(crawled / "recordings")
    assert voicesieve("restore", copy.path, "--json", "--data", crawled).json["newer"] == 2
    fixed = voicesieve("doctor", "--fix", "--data", crawled)
    assert "newer than the restored copy of the catalog" in fixed.out
    assert "Start your crawls again" in fixed.err
    assert "crash" not in fixed.out + fixed.err
    assert files_below(crawled / "recordings") == before
    gone = hashlib.sha256(ADULT).hexdigest()
    voicesieve("withdraw", "recording", gone, "--unseen", "--yes", "--data", crawled)
    assert not (crawled / "recordings" / gone[:2] / f"{gone}.opus").exists(), "a takedown reaches them too"
    crawl(crawled, more)
    assert voicesieve("doctor", "--json", "--data", crawled).json["newer_than_copy"] == []


@pytest.mark.parametrize("attack", ["link", "path"])
def test_links_and_hostile_paths_touch_nothing_outside(tmp_path: Path, crawled: Path, audio: Path, attack: str) -> None:
    victim = tmp_path / "victim.opus"
    victim.write_bytes(CHILD)
    stored = crawled / "recordings" / STORED
    if attack == "link":
        stored.unlink()
        stored.symlink_to(victim)
    else:
        with closing(sqlite3.connect(crawled / "catalog.sqlite3")) as catalog, catalog:
            catalog.execute("UPDATE recording SET path = '../../victim.opus'")
            catalog.execute("INSERT INTO deletion VALUES ('../../victim.opus', 0)")
    one_paragraph(voicesieve("export", "jsonl", tmp_path / "c", "--data", crawled, "--quiet", code=1), "not inside")
    outside = voicesieve("doctor", "--fix", "--json", "--data", crawled).json["outside"]
    assert all(("is a link to" if attack == "link" else "../../victim.opus") in text for text in outside)
    assert outside
    crawl(crawled, audio)
    assert victim.read_bytes() == CHILD
    assert not stored.is_symlink()
    assert stored.read_bytes() == CHILD
    assert voicesieve("doctor", "--json", "--data", crawled).json["outside"] == []


def test_a_takedown_of_a_linked_recording_reports_what_it_could_not_delete(tmp_path: Path, crawled: Path) -> None:
    elsewhere = tmp_path / "elsewhere.opus"
    stored = crawled / "recordings" / STORED
    shutil.move(stored, elsewhere)
    stored.symlink_to(elsewhere)
    message = one_paragraph(voicesieve("withdraw", "recording", SHA256, "--yes", "--data", crawled, code=1))
    assert str(elsewhere) in message
    assert elsewhere.read_bytes() == CHILD


@pytest.mark.parametrize("name", ["run.lock", "catalog.turnstile", "logs/voicesieve.jsonl", "logs/metrics.prom"])
def test_nothing_is_written_through_a_link(tmp_path: Path, crawled: Path, audio: Path, name: str) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_bytes(b"years of work")
    (crawled / name).unlink()
    (crawled / name).symlink_to(mine)
    ended = voicesieve("crawl", "--source", f"folder:{audio}", "--quiet", "--data", crawled, settings=QUICK, code=None)
    assert mine.read_bytes() == b"years of work"
    if name == "logs/metrics.prom":
        assert ended.code == 0, "it is replaced, as every file that is written whole"
    else:
        assert ended.code in (1, 3)
        assert name in one_paragraph(ended)


def test_an_older_data_folder_gets_its_mark(crawled: Path, audio: Path) -> None:
    (crawled / MARK).unlink()
    (crawled / "list.txt").write_text("mine")
    voicesieve("status", "--data", crawled)
    assert (crawled / MARK).is_file()


def test_copies_of_another_catalog_are_not_rotated_away(tmp_path: Path, crawled: Path, audio: Path) -> None:
    other, copies = tmp_path / "other", tmp_path / "copies"
    voicesieve("crawl", "--no-fetch", "--source", f"folder:{audio}", "--quiet", "--data", other)
    for number in range(3):
        backup_catalog(other / "catalog.sqlite3", copies, keep=2, now=1_000_000_000.0 + number)
    assert len(backups_in(copies)) == 2
    for number in range(3):
        backup_catalog(crawled / "catalog.sqlite3", copies, keep=2, now=1_100_000_000.0 + number)
    assert len(backups_in(copies)) == 4


def test_an_export_with_foreign_files_is_not_replaced(tmp_path: Path, crawled: Path) -> None:
    corpus = tmp_path / "corpus"
    voicesieve("export", "jsonl", corpus, "--data", crawled)
    voicesieve("removed", corpus, "--data", crawled)
    voicesieve("export", "jsonl", corpus, "--update", "--data", crawled)
    (corpus / ".git").mkdir()
    (corpus / ".git" / "HEAD").write_text("mine")
    for how in ("--update", "--replace"):
        one_paragraph(
            voicesieve("export", "jsonl", corpus, how, "--data", crawled, code=1), ".git/HEAD", "Move them away"
        )
    assert (corpus / ".git" / "HEAD").read_text() == "mine"
