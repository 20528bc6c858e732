"""Every procedure of docs/recovery.md, done as it says; those that have a test elsewhere are named there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from crawling import CLIPS
from injection import Victim, catalog_of, corpus_of, holds_its_promises, nothing_is_left

ROOT = Path(__file__).parents[2]
UNFINISHED_COPY = "catalog-20251126T101112.123Z.sqlite3.tmp-0123456789ab"


@pytest.fixture
def crawled(program: Victim, tmp_path: Path) -> Path:
    audio = tmp_path / "audio"
    audio.mkdir()
    for name in ("child-vi-story", "child-en-zoo", "adult-man-news"):
        (audio / f"{name}.opus").write_bytes(CLIPS[name].body)
    crawl(program, tmp_path / "data")
    return tmp_path / "data"


def crawl(program: Victim, data: Path) -> None:
    source = f"folder:{data.parent / 'audio'}"
    program.run("crawl", "--source", source, "--wait", "30", "--quiet", "--data", data)


def test_every_procedure_names_a_test_that_there_is() -> None:
    text = (ROOT / "docs" / "recovery.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| what happened")]
    without = [row for row in rows if not re.search(r"`test_\w+`", row)]
    assert without == []
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    names = set(re.findall(r"`(test_\w+)`", text))
    assert [name for name in sorted(names) if f"def {name}(" not in sources] == []
    assert len(names) > 10


def test_files_that_no_row_names_are_found_and_quarantined(program: Victim, crawled: Path) -> None:
    stray = crawled / "recordings" / "ab" / f"{'ab' * 32}.opus"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"stored, and then the power went")
    report = program.run("doctor", "--json", "--data", crawled, code=1).json
    assert report["files_without_row"] == [f"ab/{stray.name}"]
    program.run("doctor", "--fix", "--data", crawled)
    assert not stray.exists()
    (quarantined,) = (crawled / "quarantine").iterdir()
    assert quarantined.read_bytes() == b"stored, and then the power went"
    assert quarantined.stat().st_mode & 0o777 == 0o600
    nothing_is_left(program, crawled)


def test_what_dead_programs_left_unfinished_is_found_and_removed(program: Victim, crawled: Path) -> None:
    (crawled / "backups").mkdir()
    left = [crawled / "logs" / "metrics.prom.tmp-0123456789ab", crawled / "backups" / UNFINISHED_COPY]
    for path in left:
        path.write_bytes(b"half")
    report = program.run("doctor", "--json", "--data", crawled, code=1).json
    assert sorted(report["unfinished"]) == sorted(str(path.relative_to(crawled)) for path in left)
    program.run("doctor", "--fix", "--data", crawled)
    assert [path for path in left if path.exists()] == []
    nothing_is_left(program, crawled)


def test_after_an_outage_what_was_given_up_is_retried(program: Victim, crawled: Path) -> None:
    before = corpus_of(program, crawled, crawled.parent)
    shutil.rmtree(crawled)
    audio = crawled.parent / "audio"
    program.run("crawl", "--no-fetch", "--source", f"folder:{audio}", "--quiet", "--data", crawled)
    away = audio.rename(audio.with_name("away"))
    program.run("crawl", "--quiet", "--wait", "5", "--data", crawled)
    assert program.run("status", "--json", "--data", crawled).json["videos"]["given_up"] == 3
    away.rename(audio)
    program.run("retry", "--kind", "gone", "--data", crawled)
    program.run("crawl", "--quiet", "--wait", "5", "--data", crawled)
    assert corpus_of(program, crawled, crawled.parent) == before


def test_a_lost_catalog_without_a_copy_is_made_again_by_the_same_crawls(program: Victim, crawled: Path) -> None:
    before = corpus_of(program, crawled, crawled.parent)
    stored = sorted((crawled / "recordings").rglob("*.opus"))
    for file in crawled.glob("catalog.sqlite3*"):
        file.unlink()
    crawl(program, crawled)
    assert corpus_of(program, crawled, crawled.parent) == before
    assert sorted((crawled / "recordings").rglob("*.opus")) == stored, "fetched files fell onto those that were there"
    nothing_is_left(program, crawled)


def test_a_data_folder_can_be_moved_or_copied_while_nothing_works_in_it(program: Victim, crawled: Path) -> None:
    before = corpus_of(program, crawled, crawled.parent)
    elsewhere = crawled.parent / "elsewhere"
    shutil.copytree(crawled, elsewhere / "data")
    shutil.rmtree(crawled)
    holds_its_promises(elsewhere / "data")
    assert corpus_of(program, elsewhere / "data", crawled.parent) == before
    nothing_is_left(program, elsewhere / "data")


def test_a_catalog_whose_companions_were_left_behind_still_opens(program: Victim, crawled: Path) -> None:
    """A run that was killed leaves its log beside the catalog; both must travel together."""
    audio = crawled.parent / "audio"
    (audio / "new.opus").write_bytes(CLIPS["child-vi-counting"].body)
    source = f"folder:{audio}"
    recorded = program.record("crawl", "--source", source, "--quiet", "--data", crawled.parent / "undisturbed")
    program.run("crawl", "--source", source, "--quiet", "--data", crawled, at=recorded.count * 3 // 4, code=None)
    moved = crawled.parent / "moved"
    shutil.copytree(crawled, moved)
    crawl(program, crawled)
    program.run("crawl", "--quiet", "--data", moved)
    assert corpus_of(program, moved, crawled.parent) == corpus_of(program, crawled, crawled.parent)


def test_a_damaged_page_is_found_by_the_doctor(program: Victim, crawled: Path) -> None:
    """Damage that no command has met yet: one page of the catalog in the middle of the file."""
    with catalog_of(crawled) as catalog:
        page = catalog.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'finding'").fetchone()[0]
        size = catalog.execute("PRAGMA page_size").fetchone()[0]
        catalog.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (crawled / "catalog.sqlite3").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x5a" * size)
    stray = crawled / "recordings" / "ab" / f"{'ab' * 32}.opus"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"of a row that the damage took")
    for fix in ((), ("--fix",)):
        examined = program.run("doctor", *fix, "--data", crawled, code=None)
        assert examined.code in (1, 3), examined.err
        assert "voicesieve restore" in examined.err
        assert "Traceback" not in examined.err
    assert stray.exists(), "nothing is deleted by the word of a damaged catalog"


def test_the_doctor_remarks_what_is_not_wrong_yet(program: Victim, crawled: Path) -> None:
    message = program.run("doctor", "--data", crawled).err
    assert "no copy of the catalog" in message
    copy = program.run("backup", "--json", "--data", crawled).json["path"]
    program.run("restore", copy, "--data", crawled)
    message = program.run("doctor", "--data", crawled).err
    assert "set-aside-" in message
    assert "no copy" not in message
    assert message.strip().endswith("All is well.")
