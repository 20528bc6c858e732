"""``import-legacy`` as a person runs it, on folders of all three generations."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from crawling import PROGRAM, environment, status, voicesieve, why
from sqlalchemy import select

from tests import legacy_trees
from tests.legacy_trees import TreeBuilder, fingerprint, v2_record, video_id, watch
from voicesieve.catalog import schema
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.reads.status import catalog_counts

BUILDERS = {"v1": legacy_trees.build_v1, "v1.5": legacy_trees.build_v1_5, "v2": legacy_trees.build_v2}
NUMBERS = ("imported", "imported_without_audio", "duplicate", "refused")
MANIFEST = "output/final_audio/manifest.json"


def import_legacy(tree: Path, data: Path, *more: str, code: int = 0, **settings: str) -> dict[str, Any]:
    facts: dict[str, Any] = voicesieve(
        "import-legacy", tree, "--data", data, "--json", *more, code=code, settings=settings
    ).json
    assert facts["records"] == sum(facts[name] for name in NUMBERS)
    for of_file in facts["files"].values():
        assert set(of_file) == set(NUMBERS)
    assert facts["records"] == sum(sum(of_file.values()) for of_file in facts["files"].values())
    assert facts["refused"] == len(facts["refusals"]) and all(r["reason"] and r["message"] for r in facts["refusals"])
    return facts


def holdings(data: Path) -> dict[str, tuple[str, str | None]]:
    """State and recording of every video."""
    catalog = open_catalog(data, create=False)
    with catalog.read() as connection:
        rows = connection.execute(select(schema.video.c.id, schema.video.c.state, schema.video.c.recording)).all()
    catalog.close()
    return {row.id: (row.state, row.recording) for row in rows}


def stored(data: Path) -> set[str]:
    return {path.stem for path in (data / "recordings").rglob("*") if path.is_file()}


def read_only(root: Path) -> None:
    for path in [*root.rglob("*"), root]:
        path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.mark.parametrize("generation", BUILDERS)
def test_every_record_of_a_generation_ends_once_and_the_old_tree_is_untouched(generation: str, tmp_path: Path) -> None:
    tree, data = tmp_path / "old", tmp_path / "data"
    expected = BUILDERS[generation](tree)
    read_only(tree)
    before = fingerprint(tree)
    dry = import_legacy(tree, data, "--dry-run")
    assert not data.exists(), "a dry run writes nothing"
    facts = import_legacy(tree, data)
    assert {name: facts[name] for name in expected.counts} == expected.counts
    assert {**dry, "dry_run": False} == facts, "the dry run says what the import does"
    assert fingerprint(tree) == before
    held = holdings(data)
    assert {id_: held[id_] for id_ in expected.audio} == {id_: ("fetched", sha) for id_, sha in expected.audio.items()}
    assert len(stored(data)) == expected.imported
    assert list((data / "scratch").iterdir()) == []
    again = import_legacy(tree, data)
    counts = (expected.imported + expected.imported_without_audio + expected.duplicate, expected.refused)
    assert (again["duplicate"], again["refused"]) == counts
    assert holdings(data) == held
    assert voicesieve("doctor", "--data", data).code == 0


def test_what_was_imported_is_measured_anew_explained_and_judged_by_our_own_model(tmp_path: Path) -> None:
    tree, data = tmp_path / "old", tmp_path / "data"
    builder = TreeBuilder(tree)
    name = f"output/final_audio/vi/{legacy_trees.file_name(1)}"
    builder.audio(name, 1)
    builder.write_json(MANIFEST, [v2_record(1, duration_seconds=9.73, title="Bé \x1b[31mhát")])
    import_legacy(tree, data)
    story = why(data, f"youtube:{video_id(1)}")
    assert story["state"] == "fetched" and story["verdict"] is None and story["decision"] is None
    assert story["recording"]["duration_s"] == pytest.approx(1.5, abs=0.15)
    assert story["recording"]["codec"] == "mp3" and story["recording"]["path"].endswith(".mp3"), "not the .wav it said"
    assert story["licence"] is None and story["title"] == "Bé [31mhát"
    legacy = story["legacy"]
    assert (legacy["verdict"], legacy["confidence"], legacy["stated_duration_s"]) == ("child", 0.41, 9.73)
    assert legacy["written_at"] == "2025-10-18T09:30:00.123456Z", "local time marked Z is kept as it was written"
    (attempt,) = story["attempts"]
    assert (attempt["stage"], attempt["method"], attempt["outcome"]) == ("fetch", "import", "ok")
    voicesieve("crawl", "--analyse-only", "--data", data, "--quiet")
    story = why(data, f"youtube:{video_id(1)}")
    assert story["decision"]["outcome"] == "rejected", "a tone is no child, whatever the old verdict was"
    assert story["legacy"]["verdict"] == "child"
    (entry,) = [json.loads(line) for line in voicesieve("audit", "--json", "--data", data).out.splitlines()]
    assert (entry["action"], entry["subject"]) == ("import", str(tree))
    assert entry["details"]["imported"] == 1


def test_what_the_data_api_lent_the_earlier_crawler_has_its_time(tmp_path: Path) -> None:
    tree, data = tmp_path / "old", tmp_path / "data"
    builder = TreeBuilder(tree)
    builder.audio(f"output/final_audio/vi/{legacy_trees.file_name(1)}", 1)
    builder.write_json(MANIFEST, [v2_record(1), v2_record(2)])
    described = [{"video_id": video_id(n), "title": f"title {n}", "channel_title": "Kênh"} for n in (1, 2)]
    lists = builder.write_json("output/url_outputs/discovered_videos.json", described)
    os.utime(lists, (1_760_000_000, 1_760_000_000))
    import_legacy(tree, data)
    catalog = open_catalog(data, create=False)
    with catalog.read() as connection:
        rows = connection.execute(select(schema.video).order_by(schema.video.c.title)).all()
    catalog.close()
    assert [(row.title, row.lent, row.lent_until) for row in rows] == [
        (f"title {n}", ["title", "channel"], 1_760_000_000 + 30 * 86_400) for n in (1, 2)
    ]


def test_youtube_is_fetched_again_only_with_a_stated_basis(tmp_path: Path) -> None:
    tree, data = tmp_path / "old", tmp_path / "data"
    TreeBuilder(tree).write_json(MANIFEST, [v2_record(1)])
    import_legacy(tree, data)
    voicesieve("crawl", "--data", data, "--quiet")
    story = why(data, f"youtube:{video_id(1)}")
    assert (story["state"], story["reasons"][0]["rule"]) == ("screened_out", "rights_basis_missing")


def test_the_operators_ground_is_kept_with_what_he_holds(tmp_path: Path) -> None:
    tree, data = tmp_path / "old", tmp_path / "data"
    builder = TreeBuilder(tree)
    builder.audio(f"output/final_audio/vi/{legacy_trees.file_name(1)}", 1)
    builder.write_json(MANIFEST, [v2_record(1)])
    basis = {"VOICESIEVE_RIGHTS__BASIS": "own_channel", "VOICESIEVE_RIGHTS__STATEMENT": "our own channel"}
    import_legacy(tree, data, **basis)
    story = why(data, f"youtube:{video_id(1)}")
    assert (story["rights_basis"], story["rights_statement"]) == ("own_channel", "our own channel")


def test_tombstones_of_id_channel_and_audio_are_obeyed(tmp_path: Path) -> None:
    tree, data = tmp_path / "old", tmp_path / "data"
    builder = TreeBuilder(tree)
    records = []
    for number in range(1, 5):
        builder.audio(f"output/final_audio/vi/{legacy_trees.file_name(number)}", number)
        records.append(v2_record(number))
    described = {"video_id": video_id(2), "title": "x", "channel_title": "Kênh Bé"}
    builder.write_json("output/url_outputs/discovered_videos.json", [described])
    builder.write_json(MANIFEST, records[:1])
    import_legacy(tree, data)
    audio = legacy_trees.hashlib.sha256(legacy_trees.sound(3)).hexdigest()
    for kind, name in (("video", watch(video_id(1))), ("channel", "Kênh Bé"), ("recording", audio)):
        voicesieve("withdraw", kind, name, "--unseen", "--yes", "--data", data)
    before = holdings(data)
    builder.write_json(MANIFEST, records)
    for more in (("--dry-run",), ()):
        facts = import_legacy(tree, data, *more)
        assert (facts["imported"], facts["reasons"]["refused"]) == (1, {"withdrawn": 3})
    held = holdings(data)
    assert {id_ for id_ in held if id_ not in before} == {f"youtube:{video_id(4)}"}
    assert stored(data) == {legacy_trees.hashlib.sha256(legacy_trees.sound(4)).hexdigest()}


def test_audio_that_cannot_be_used_is_left_to_be_fetched_or_refused(tmp_path: Path) -> None:
    tree, data = tmp_path / "old", tmp_path / "data"
    builder = TreeBuilder(tree)
    folder = "output/final_audio/vi"
    builder.write(f"{folder}/{legacy_trees.file_name(1)}", b"")
    builder.write(f"{folder}/{legacy_trees.file_name(2)}", os.urandom(4_000))
    builder.write(f"{folder}/{legacy_trees.file_name(3)}", legacy_trees.sound(3, seconds=0.2))
    builder.write(f"{folder}/nobody.wav", b"<html>")
    builder.write_json(MANIFEST, [v2_record(number) for number in (1, 2, 3)])
    facts = import_legacy(tree, data)
    assert {name: facts[name] for name in NUMBERS} == dict(zip(NUMBERS, (0, 2, 0, 2), strict=True))
    assert facts["reasons"]["refused"] == {"too_short": 1, "undecodable": 1}
    assert stored(data) == set() and list((data / "scratch").iterdir()) == []


def test_audio_found_later_completes_a_video_that_failed(tmp_path: Path) -> None:
    tree, data = tmp_path / "old", tmp_path / "data"
    builder = TreeBuilder(tree)
    builder.write_json(MANIFEST, [v2_record(1)])
    assert import_legacy(tree, data)["imported_without_audio"] == 1
    voicesieve("crawl", "--data", data, "--quiet")
    builder.audio(f"output/final_audio/vi/{legacy_trees.file_name(1)}", 1)
    assert import_legacy(tree, data)["imported"] == 1
    assert holdings(data)[f"youtube:{video_id(1)}"][0] == "fetched"


def test_a_corrupt_manifest_is_reported_and_its_backup_is_read(tmp_path: Path) -> None:
    tree, data = tmp_path / "old", tmp_path / "data"
    builder = TreeBuilder(tree)
    builder.audio(f"output/final_audio/vi/{legacy_trees.file_name(1)}", 1)
    builder.write(MANIFEST, '{"records": [')
    unreadable = voicesieve("import-legacy", tree, "--data", data, "--dry-run", code=1)
    assert "manifest.json: is damaged" in unreadable.err and "no backup beside it can be read" in unreadable.err
    builder.write_json("output/final_audio/backups/manifest_backup_20251018_120000.json", [v2_record(1), v2_record(2)])
    facts = import_legacy(tree, data)
    assert (facts["imported"], facts["imported_without_audio"]) == (1, 1)
    assert "stands in with 2 records" in facts["notes"][-1]


def test_an_import_that_was_killed_resumes_and_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    tree, data, other = tmp_path / "old", tmp_path / "data", tmp_path / "undisturbed"
    expected = legacy_trees.build_large(tree, 400)
    before = fingerprint(tree)
    import_legacy(tree, other)
    command = [*PROGRAM, "import-legacy", str(tree), "--data", str(data), "--quiet"]
    for wanted in (0, 128):
        run = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_videos(data, wanted, run)
        run.send_signal(signal.SIGKILL)
        run.wait()
    facts = import_legacy(tree, data)
    assert facts["duplicate"] >= 128 and facts["imported"] < expected.imported
    assert holdings(data) == holdings(other)
    assert stored(data) == stored(other)
    assert list((data / "scratch").iterdir()) == []
    assert fingerprint(tree) == before
    voicesieve("doctor", "--data", data)


def wait_for_videos(data: Path, wanted: int, run: subprocess.Popen[bytes]) -> None:
    """Until more than ``wanted`` videos are committed (0: until the first file is stored)."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and run.poll() is None:
        if wanted == 0 and (data / "recordings").is_dir() and stored(data):
            return
        if wanted and (data / "catalog.sqlite3").exists() and len(holdings(data)) >= wanted:
            return
        time.sleep(0.02)
    raise AssertionError("the import ended, or never got there")


def test_many_records_in_one_import(tmp_path: Path) -> None:
    """`benchmarks/import_legacy.py` times ten thousand with their audio."""
    tree = tmp_path / "old"
    TreeBuilder(tree).write_json(MANIFEST, [v2_record(number) for number in range(2_000)])
    facts = import_legacy(tree, tmp_path / "data")
    assert facts["imported_without_audio"] == 2_000
    assert status(tmp_path / "data")["videos"]["discovered"] == 2_000


@pytest.mark.parametrize("place", ["missing", "file", "empty"])
def test_a_folder_that_is_not_of_the_earlier_crawler_is_reported(tmp_path: Path, place: str) -> None:
    tree = tmp_path / "old"
    if place == "file":
        tree.write_text("x")
    elif place == "empty":
        tree.mkdir()
    message = voicesieve("import-legacy", tree, "--data", tmp_path / "data", code=1).err
    assert ("holds no manifest.json" if place == "empty" else "cannot be read") in message
    assert not (tmp_path / "data").exists()


def test_the_data_folder_may_not_lie_in_the_old_tree(tmp_path: Path) -> None:
    legacy_trees.build_v1_5(tmp_path)
    before = fingerprint(tmp_path)
    message = voicesieve("import-legacy", tmp_path, "--data", tmp_path / "data", code=1).err
    assert "never written to" in message and fingerprint(tmp_path) == before


def test_what_a_person_reads_is_safe_for_the_terminal(tmp_path: Path) -> None:
    tree = tmp_path / "old"
    hostile = "vi\x1b[2J\n\u202e"
    builder = TreeBuilder(tree)
    builder.write(f"output/final_audio/{hostile}/bad.wav", b"no audio")
    builder.write_json(MANIFEST, [v2_record(1, title="\x1b[31m=1+1")])
    shown = voicesieve("import-legacy", tree, "--data", tmp_path / "data", "--dry-run")
    assert "\x1b" not in shown.out + shown.err and "\u202e" not in shown.out + shown.err
    assert "Nothing was written" in shown.err and "in all" in shown.out


@pytest.mark.postgres
def test_an_import_into_postgresql(tmp_path: Path, postgres: Any) -> None:
    tree, data = tmp_path / "old", tmp_path / "data"
    expected = legacy_trees.build_v2(tree)
    with postgres.database(template="blank_catalog") as url:
        facts = import_legacy(tree, data, VOICESIEVE_CATALOG__URL=url)
        assert {name: facts[name] for name in expected.counts} == expected.counts
        catalog = open_catalog(data, url, create=False)
        with catalog.read() as connection:
            assert catalog_counts(connection)["videos"]["fetched"] == expected.imported
        catalog.close()


def test_a_full_disk_stops_the_import_which_resumes_when_there_is_space(tmp_path: Path) -> None:
    tree, data = tmp_path / "old", tmp_path / "data"
    builder = TreeBuilder(tree)
    builder.write(f"output/final_audio/vi/{legacy_trees.file_name(1)}", legacy_trees.sound(1, "wav", 100.0))
    builder.write_json(MANIFEST, [v2_record(1)])
    open_catalog(make_folder(data), create=True).close()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    message = voicesieve("import-legacy", tree, "--data", data, code=3, before=limit).err
    assert "no space to write" in message and "Free some space" in message
    assert holdings(data) == {} and list((data / "scratch").iterdir()) == []
    assert import_legacy(tree, data)["imported"] == 1


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path
