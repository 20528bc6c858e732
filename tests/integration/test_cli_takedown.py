"""Takedown as a person does it: withdraw, tell others, read the log."""

from __future__ import annotations

import csv
import json
import shutil
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


def test_a_recording_is_withdrawn_told_and_never_crawled_again(data: Path, clips: Path, tmp_path: Path) -> None:
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
        assert "No video" in unknown.err
        voicesieve("withdraw", "video", later.as_uri(), "--yes", "--unseen", "--data", data)
        before = status(data)
        voicesieve("crawl", "--source", f"folder:{clips}", "--data", data, "--quiet")
        assert status(data)["videos"] == before["videos"]
    finally:
        later.unlink()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("withdraw", "everything", "x"), "Kinds: video, channel, recording"),
        (("withdraw", "a", "b", "c"), "Name one thing"),
        (("withdraw", "recording", "0123456"), "No recording '0123456' can be told"),
        (("withdraw", "recording", "f" * 64), "none has that SHA-256"),
        (("audit", "--action", "party"), "no such deed"),
        (("audit", "--since", "yesterday"), "is not a day or time"),
    ],
)
def test_wrong_input_is_explained(crawled: Path, arguments: tuple[str, ...], message: str) -> None:
    confirmed = ("--yes",) if arguments[0] == "withdraw" else ()
    assert message in voicesieve(*arguments, *confirmed, "--data", crawled, code=1).err
