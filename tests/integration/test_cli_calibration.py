"""``voicesieve calibrate`` from reviewed clips to runs that use it, and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from crawling import CLIPS, one_paragraph, stories_of, voicesieve

LENGTHS = {"child-vi-story": 16, "child-vi-counting": 19, "child-en-zoo": 16}
LENGTHS |= {"adult-man-news": 12, "adult-woman-recipe": 11, "adult-man-reading": 12}


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stretches of 1.5 s of the demo's voices; the halves of each clip stand for two speakers."""
    folder = tmp_path_factory.mktemp("reviewed")
    rows = ["path,start,end,label,speaker"]
    for name, seconds in LENGTHS.items():
        (folder / f"{name}.opus").write_bytes(CLIPS[name].body)
        for number in range(int(seconds / 1.5)):
            half = int(number >= seconds / 3)
            start = number * 1.5
            rows.append(f"{name}.opus,{start},{start + 1.5},{name.split('-')[0]},{name}{half}")
    (folder / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


@pytest.mark.timeout(600)  # nine commands, one after another
def test_a_calibration_is_made_used_compared_and_removed(reviewed: Path, tmp_path: Path) -> None:
    data, clip = tmp_path / "data", reviewed / "child-en-zoo.opus"
    labels = reviewed / "labels.csv"
    plain = voicesieve("analyse", clip, "--json", "--data", data).json["model"]
    made = voicesieve("calibrate", labels, "--name", "home", "--force", "--json", "--quiet", "--data", data)
    facts = made.json
    assert facts["stored"] is True
    assert facts["base"] == plain["revision"]
    assert (facts["child_speakers"], facts["adult_speakers"]) == (6, 6)
    assert "network@home" in made.err
    assert voicesieve("analyse", clip, "--json", "--data", data).json["model"] == plain
    settings = {"VOICESIEVE_VOICES__CALIBRATION": "home"}
    used = voicesieve("analyse", clip, "--json", "--data", data, settings=settings).json["model"]
    assert used["revision"] == f"{plain['revision']}+{facts['revision']}"
    listed = voicesieve("calibrate", "--list", "--json", "--data", data).json
    assert (listed["name"], listed["state"], listed["revision"]) == ("home", "usable", facts["revision"])
    (reviewed / "two.csv").write_text("path,label\nchild-en-zoo.opus,child\nadult-man-news.opus,man\n", "utf-8")
    both = ("--detector", "network", "--detector", "network@home", "--json", "--quiet", "--data", data)
    compared = voicesieve("eval", reviewed / "two.csv", *both).json["detectors"]
    assert [detector["revision"] for detector in compared] == [plain["revision"], used["revision"]]
    voicesieve("calibrate", "--remove", "home", "--data", data)
    refused = voicesieve("analyse", clip, "--data", data, code=1, settings=settings)
    one_paragraph(refused, "voices.calibration", "calibrate --list")
    assert voicesieve("calibrate", "--list", "--json", "--data", data).out == ""


@pytest.mark.timeout(600)
def test_a_crawl_scores_with_the_calibration_that_the_settings_name(reviewed: Path, tmp_path: Path) -> None:
    data, audio = tmp_path / "data", tmp_path / "audio"
    audio.mkdir()
    (audio / "zoo.opus").write_bytes(CLIPS["child-en-zoo"].body)
    voicesieve("calibrate", reviewed / "labels.csv", "--name", "home", "--force", "--quiet", "--data", data)
    settings = {"VOICESIEVE_VOICES__CALIBRATION": "home"}
    voicesieve("crawl", "--source", f"folder:{audio}", "--data", data, "--quiet", settings=settings)
    stored = json.loads((data / "calibrations" / "home.json").read_text("utf-8"))
    (story,) = stories_of(data).values()
    assert f"+{stored['revision']}" in json.dumps(story)


def test_too_few_clips_are_refused_with_what_is_needed(reviewed: Path, tmp_path: Path) -> None:
    file = reviewed / "few.csv"
    file.write_text("path,label\nchild-en-zoo.opus,child\nadult-man-news.opus,man\n", encoding="utf-8")
    ended = voicesieve("calibrate", file, "--quiet", "--data", tmp_path / "data", code=1)
    one_paragraph(ended, "few.csv", "at least 20 clips of 4 speakers", "better 100 clips of 20")
    assert not (tmp_path / "data" / "calibrations").exists()


@pytest.mark.parametrize("name", ["../escape", "", "a/b", "x" * 65, "a.b"])
def test_a_name_that_could_be_a_path_is_refused(reviewed: Path, tmp_path: Path, name: str) -> None:
    ended = voicesieve("calibrate", reviewed / "labels.csv", "--name", name, "--data", tmp_path / "data", code=1)
    one_paragraph(ended, "is not a name for a calibration")


def test_removing_a_missing_calibration_is_refused(tmp_path: Path) -> None:
    one_paragraph(voicesieve("calibrate", "--remove", "home", "--data", tmp_path, code=1), "no calibration 'home'")


def test_no_labels_file_is_wrong_usage(tmp_path: Path) -> None:
    assert "labels file" in voicesieve("calibrate", "--data", tmp_path, code=2).err
