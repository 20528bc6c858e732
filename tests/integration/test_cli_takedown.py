"""Takedown as a person does it: withdraw, tell others, read the log."""

from __future__ import annotations

import csv
import json
import shutil
import unicodedata
from pathlib import Path

import pytest
from crawling import status, voicesieve

from demo.clips import CLIPS


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name in ("child-vi-story.opus", "child-en-zoo.opus", "adult-man-news.opus"):
        (folder / name).write_bytes((CLIPS / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def crawled(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalog that each test gets a copy of."""
    folder = tmp_path_factory.mktemp("crawled") / "data"
    voicesieve("crawl", "--source", f"folder:{clips}", "--data", folder, "--quiet")
    return folder


@pytest.fixture
def data(crawled: Path, tmp_path: Path) -> Path:
    return shutil.copytree(crawled, tmp_path / "data")


def recordings(data: Path, target: Path) -> list[dict[str, str]]:
    voicesieve("export", "jsonl", target, "--data", data, "--quiet")
    return [json.loads(line) for line in (target / "recordings.jsonl").read_text().splitlines()]


def test_a_withdrawn_recording_is_listed_and_never_crawled_again(data: Path, clips: Path, tmp_path: Path) -> None:
    first, *others = recordings(data, tmp_path / "corpus")
    withdrawn = voicesieve(
        "withdraw", "recording", first["id"], "--yes", "--reason", "asked by\n\x1b[31mthe family", "--data", data
    )
    assert "1 videos withdrawn" in withdrawn.err
    voicesieve("removed", tmp_path / "corpus", "--data", data)
    (row,) = csv.DictReader((tmp_path / "corpus" / "REMOVED.csv").open())
    assert (row["recording"], row["video"]) == (first["id"], first["video"])
    voicesieve("crawl", "--source", f"folder:{clips}", "--data", data, "--quiet")
    assert recordings(data, tmp_path / "again") == others
    shown = voicesieve("audit", "--action", "withdraw", "--data", data).out
    assert "withdraw recording" in shown and "\x1b" not in shown and len(shown.splitlines()) == 1
    (line,) = voicesieve("audit", "--action", "withdraw", "--json", "--data", data).out.splitlines()
    logged = json.loads(line)
    assert logged["reason"] == "asked by\n\x1b[31mthe family"
    assert logged["actor"].count("@") == 1 and logged["details"] == {"kind": "recording", "videos": 1}


def test_what_was_never_seen_can_be_kept_out(data: Path, clips: Path) -> None:
    later = clips / "later.opus"
    later.write_bytes((CLIPS / "child-vi-counting.opus").read_bytes())
    try:
        unknown = voicesieve("withdraw", "video", later.as_uri(), "--yes", "--data", data, code=1)
        assert "No video" in unknown.err and "--unseen" in unknown.err
        noted = voicesieve("withdraw", "video", later.as_uri(), "--yes", "--unseen", "--data", data)
        assert noted.err.startswith("0 videos withdrawn") and "deleted" not in noted.err
        before = status(data)
        voicesieve("crawl", "--source", f"folder:{clips}", "--data", data, "--quiet")
        assert status(data)["videos"] == before["videos"]
    finally:
        later.unlink()


def test_a_channel_that_matches_nothing_is_an_error_and_another_spelling_matches(clips: Path, tmp_path: Path) -> None:
    """It once said "0 videos withdrawn: audio and results are deleted", and ended with exit code 0."""
    name = "Bé Na kể"
    decomposed = tmp_path / "audio" / unicodedata.normalize("NFD", name)
    shutil.copytree(clips, decomposed)
    data = tmp_path / "data"
    voicesieve("crawl", "--no-fetch", "--source", f"folder:{tmp_path / 'audio'}", "--data", data, "--quiet")
    for typo in ("Bé Na", "bé na kể", "Be Na ke"):
        refused = voicesieve("withdraw", "channel", typo, "--yes", "--data", data, code=1)
        assert f"Did you mean channel {name!r}?" in refused.err
        assert "deleted." in refused.err and "Nothing was withdrawn or deleted" in refused.err
    assert "channel" in voicesieve("withdraw", "video", name, "--yes", "--data", data, code=1).err
    assert voicesieve("audit", "--action", "withdraw", "--data", data).out == ""
    assert status(data)["videos"]["withdrawn"] == 0
    ahead = voicesieve("withdraw", "channel", "be na", "--unseen", "--yes", "--data", data)
    assert ahead.err.startswith("0 videos withdrawn: the catalog holds nothing of channel be na.")
    asked = voicesieve("withdraw", "channel", unicodedata.normalize("NFC", name), "--data", data, stdin=b"y\n")
    assert "(3 videos, 0 audio files)" in asked.out
    assert "3 videos withdrawn: their results are deleted" in asked.err
    again = voicesieve("withdraw", "channel", name, "--yes", "--data", data)
    assert "was withdrawn on 20" in again.err and "deleted" not in again.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("withdraw", "everything", "x"), "Kinds: video, channel, recording"),
        (("withdraw", "a", "b", "c"), "Name one thing"),
        (("withdraw", "recording", "0123456"), "No recording '0123456' is in the catalog"),
        (("withdraw", "recording", "f" * 64), "Nothing was withdrawn or deleted"),
        (("audit", "--action", "party"), "no such action"),
        (("audit", "--since", "yesterday"), "is not a day or time"),
    ],
)
def test_wrong_input_is_explained(crawled: Path, arguments: tuple[str, ...], message: str) -> None:
    confirmed = ("--yes",) if arguments[0] == "withdraw" else ()
    assert message in voicesieve(*arguments, *confirmed, "--data", crawled, code=1).err
