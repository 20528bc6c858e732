"""Reading the earlier crawler's files: fields and their aliases, damaged manifests, paths, cut ids."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest

from tests import legacy_trees
from tests.legacy_trees import TreeBuilder, fingerprint, v2_record, video_id, watch
from voicesieve.domain.text import clean_text
from voicesieve.legacy.identities import KnownIds, identify
from voicesieve.legacy.manifests import CorruptManifestError, backups_of, load_records, read_manifest
from voicesieve.legacy.plan import Ending, Plan, make_plan
from voicesieve.legacy.records import interpret
from voicesieve.legacy.tree import AudioIndex, id_in_name, path_parts, survey

ONE, TWO = video_id(1), video_id(2)


def plan_of(root: Path) -> Plan:
    return make_plan(survey(root))


def endings(plan: Plan) -> list[str]:
    """How each item ended, or ``open``."""
    return [item.ending.value if item.ending else "open" for item in plan.items]


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"containing_children_voice": True}, "child"),
        ({"has_children_voice": True}, "child"),
        ({"children_voice": "true"}, "child"),
        ({"containing_children_voice": None, "children_voice": 1}, "child"),
        ({"containing_children_voice": False, "voice_analysis_confidence": 0.7}, "no_child"),
        ({"containing_children_voice": False, "voice_analysis_confidence": 0.0}, "no_child_or_failed"),
        ({"containing_children_voice": None, "classified": True}, "accepted_unjudged"),
        ({"classified": False}, "none"),
        ({"containing_children_voice": "perhaps"}, "none"),
    ],
)
def test_verdicts_are_kept_under_names_that_say_what_they_are_worth(fields: dict[str, object], verdict: str) -> None:
    assert interpret(fields, "here", "v2").evidence["verdict"] == verdict


def test_fields_that_were_renamed_are_read_and_the_real_confidence_is_preferred() -> None:
    record = interpret(
        {"voice_analysis_confidence": 0.8, "voice_analysis_confident": 0.0, "classification_date": "2025-10-01"},
        "here",
        "v2",
    )
    assert record.evidence["confidence"] == 0.8
    assert record.evidence["classified_at"] == "2025-10-01"
    assert interpret({"voice_analysis_confident": 0.3}, "here", "v2").evidence["confidence"] == 0.3


def test_values_of_every_wrong_type_cost_nothing() -> None:
    for value in (None, [], {}, 3, -1e999, float("nan"), True, "\ud800\0\x1b[31m", "x" * 10_000_000, 10**400):
        record = interpret(dict.fromkeys(v2_record(1), value), "here", "v2")
        json.dumps(dict(record.evidence), allow_nan=False).encode()
        assert len(record.title) <= 1_000 and "\x1b" not in record.title


@pytest.mark.parametrize("title", [f"Video {ONE}", f"Recovered Video {ONE[:8]}", "NoTitle"])
def test_placeholder_titles_are_none(title: str) -> None:
    assert interpret({"title": title}, "here", "v2").title == ""


@pytest.mark.parametrize("raw", [None, "text", 3, [], True])
def test_what_is_no_record_is_refused(raw: object) -> None:
    with pytest.raises(TypeError, match="not a record but"):
        interpret(raw, "here", "v1")


RECORDS = [{"video_id": ONE}, {"video_id": TWO}]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(RECORDS),
        json.dumps({"total_duration_seconds": 1.0, "records": RECORDS, "date_created": None}),
        "\ufeff" + json.dumps(RECORDS),
        json.dumps(RECORDS)[:-1] + ', {"duration_seconds": NaN}]',
    ],
)
def test_bare_and_wrapped_manifests_are_read(tmp_path: Path, text: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(text)
    manifest = read_manifest(file)
    assert manifest.records[:2] == tuple(RECORDS)
    assert manifest.readable and manifest.notes == ()


def test_utf_16_and_bad_bytes_do_not_cost_the_manifest(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(RECORDS), encoding="utf-16")
    assert load_records(file) == tuple(RECORDS)
    file.write_bytes(b'[{"title": "B\xe9"}]')
    assert load_records(file) == ({"title": "B\ufffd"},)


@pytest.mark.parametrize("text", ["", "{", "null", '{"records": 3}', "[" * 100_000, "\0" * 4_096])
def test_without_a_backup_a_corrupt_manifest_is_reported_as_unreadable(tmp_path: Path, text: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(text)
    manifest = read_manifest(file)
    assert (manifest.records, manifest.readable) == ((), False)
    assert "no backup" in manifest.notes[-1]
    with pytest.raises(CorruptManifestError):
        load_records(file)


def test_records_before_the_damage_are_saved_and_the_newest_good_backup_stands_in(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({"total_duration_seconds": 1, "records": RECORDS}, indent=2)[:-20])
    backups = tmp_path / "backups"
    backups.mkdir()
    (backups / "manifest_backup_20251018_120000.json").write_text(json.dumps([{"video_id": "old"}]))
    (backups / "manifest_backup_phase_clean_20251019_120000.json").write_text(json.dumps([{"video_id": "newer"}]))
    (tmp_path / "manifest.json.backup_20251020_120000").write_text("[{")
    (tmp_path / "manifest.json.backup.tmp").write_text("[]")
    assert [path.name[-20:-5] for path in backups_of(file)][1:] == ["20251019_120000", "20251018_120000"]
    manifest = read_manifest(file)
    assert manifest.records == (RECORDS[0], {"video_id": "newer"})
    notes = " ".join(manifest.notes)
    assert (
        "1 records were saved" in notes
        and "phase_clean_20251019" in notes
        and "backup_20251020_120000: is damaged" in notes
    )


def test_a_manifest_of_which_only_backups_are_left_is_read(tmp_path: Path) -> None:
    TreeBuilder(tmp_path).write_json("final_audio/backups/manifest_backup_20251018_120000.json", [v2_record(1)])
    plan = plan_of(tmp_path)
    assert endings(plan) == ["open"] and any("is missing" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        (r"D:\crawl\final_audio_files\0001_a.wav", ["crawl", "final_audio_files", "0001_a.wav"]),
        (r"output\final_audio\vi\a.wav", ["output", "final_audio", "vi", "a.wav"]),
        ("/home/na/../na/./a.wav", ["home", "na", "na", "a.wav"]),
        (r"\\server\share\a.wav", ["server", "share", "a.wav"]),
        ("C:/mixed\\a.wav", ["mixed", "a.wav"]),
        ("", []),
    ],
)
def test_paths_of_either_machine_are_taken_apart(written: str, parts: list[str]) -> None:
    assert path_parts(written) == parts


def test_audio_is_found_by_what_is_left_of_its_path() -> None:
    paths = ["final_audio/vi/a.wav", "final_audio/en/a.wav", "final_audio/vi/b.mp3", "final_audio/backups/x/c.wav"]
    index = AudioIndex(tuple(map(PurePosixPath, paths)))
    assert index.find(r"D:\crawl\final_audio\en\a.wav") == PurePosixPath("final_audio/en/a.wav")
    assert index.find("elsewhere/a.wav") is None, "two may be meant"
    assert index.find("final_audio/unclassified/b.wav") == PurePosixPath("final_audio/vi/b.mp3"), "converted and moved"
    assert index.find("c.wav") == PurePosixPath("final_audio/backups/x/c.wav")
    assert index.find("../../../etc/passwd") is None


def test_audio_is_found_whatever_cleaning_took_from_its_recorded_path() -> None:
    file = PurePosixPath("final_audio/vi/be\u0301 \u202etnet\u200b .wav")
    index = AudioIndex((file, PurePosixPath("final_audio/vi/other.wav")))
    assert index.find(str(file)) == file
    assert index.find(clean_text(str(file))) == file


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("0001_abcdefgh_NoTitle.wav", "abcdefgh"),
        ("0012_a_b-c_d-_Some_Title.mp3", "a_b-c_d-"),
        ("12345________-___.m4a", "_______-"),
        ("0001_short_x.wav", ""),
        ("recording.wav", ""),
    ],
)
def test_an_id_in_a_file_name_may_hold_the_separator(name: str, start: str) -> None:
    assert id_in_name(name) == start


def test_a_cut_id_is_completed_only_if_one_video_begins_so() -> None:
    known_ids = KnownIds()
    known_ids.add(["abcdefghXYZ", ONE])
    record = interpret({"video_id": "abcdefgh"}, "here", "v2")
    identity = identify(record, known_ids)
    assert identity is not None and identity.native_id == "abcdefghXYZ"
    known_ids.add(["abcdefghQRS"])
    assert identify(record, known_ids) is None


def test_of_two_names_the_file_decides_or_nobody() -> None:
    said = {"video_id": ONE, "url": watch(TWO)}
    named = interpret({**said, "output_path": f"x/0001_{TWO[:8]}_t.wav"}, "here", "v2")
    identity = identify(named, KnownIds())
    assert identity is not None and identity.native_id == TWO
    assert identify(interpret(said, "here", "v2"), KnownIds()) is None


@pytest.mark.parametrize("build", [legacy_trees.build_v1, legacy_trees.build_v1_5, legacy_trees.build_v2])
def test_each_record_becomes_one_item(build: legacy_trees.Build, tmp_path: Path) -> None:
    expected = build(tmp_path)
    before = fingerprint(tmp_path)
    plan = plan_of(tmp_path)
    assert len(plan.items) == expected.records
    assert endings(plan).count("duplicate") == expected.duplicate
    assert endings(plan).count("refused") == expected.refused
    assert sum(item.ending is None and item.audio is not None for item in plan.items) == expected.imported
    assert fingerprint(tmp_path) == before


def test_no_path_leads_out_of_the_tree(tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(legacy_trees.sound(1))
    root = tmp_path / "old"
    tree = TreeBuilder(root)
    paths = ["../../secret.wav", str(secret), "link.wav", "final_audio/linked/secret.wav"]
    tree.write_json("final_audio/manifest.json", [v2_record(n, output_path=path) for n, path in enumerate(paths)])
    (root / "final_audio" / "link.wav").symlink_to(secret)
    (root / "final_audio" / "linked").symlink_to(tmp_path)
    plan = plan_of(root)
    assert [item.audio for item in plan.items] == [None] * 4


def test_one_file_is_the_audio_of_one_video(tmp_path: Path) -> None:
    """Two records name the same file: it belongs to the one whose id its name carries."""
    tree = TreeBuilder(tmp_path)
    name = legacy_trees.file_name(2)
    tree.audio(f"final_audio/vi/{name}", 2)
    tree.write_json("final_audio/manifest.json", [v2_record(n, output_path=f"final_audio/vi/{name}") for n in (1, 2)])
    first, second = plan_of(tmp_path).items
    assert first.audio is None
    assert second.audio == PurePosixPath("final_audio/vi") / name


def test_of_two_records_of_a_video_the_one_with_audio_counts(tmp_path: Path) -> None:
    tree = TreeBuilder(tmp_path)
    tree.audio(f"final_audio/vi/{legacy_trees.file_name(1)}", 1)
    tree.write_json("final_audio/manifest.json", [v2_record(1, output_path="gone.wav", title="first"), v2_record(1)])
    first, second = plan_of(tmp_path).items
    assert (first.ending, second.ending) == (Ending.DUPLICATE, None)
    assert second.audio is not None and first.note == f"see {second.where}"


def test_api_descriptions_name_what_the_manifest_does_not(tmp_path: Path) -> None:
    tree = TreeBuilder(tmp_path)
    tree.write_json("final_audio/manifest.json", [v2_record(1)])
    described = {"video_id": ONE, "title": "Bé kể", "channel_title": "Kênh", "published_at": "2025-01-02T03:04:05Z"}
    tree.write_json("url_outputs/discovered_videos.json", [{**described, "view_count": 3, "description": "x"}, 7])
    item, doubled, refused = plan_of(tmp_path).items
    assert item.candidate is not None
    assert (item.candidate.title, item.candidate.channel) == ("Bé kể", "Kênh")
    assert item.candidate.published_at == 1735787045.0
    assert "view_count" not in str(item.candidate), "statistics of the API are not taken over"
    assert (doubled.ending, refused.ending) == (Ending.DUPLICATE, Ending.REFUSED)


def test_an_empty_folder_is_empty(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    tree = survey(tmp_path)
    assert tree.empty and tree.passed_over == 1
