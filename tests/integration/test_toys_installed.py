"""A source, a detector, an export format and a command, each added by two files, in a wheel as people install it."""

from __future__ import annotations

from pathlib import Path

from test_cli_toy import TALLY
from test_toy_detector import TOY as DETECTOR
from test_toy_format import TOY as FORMAT
from test_toy_source import SOURCE
from toys import changed, house_with

from demo.clips import CLIPS

ADDITIONS = (SOURCE, DETECTOR, FORMAT, TALLY)


def test_an_installed_wheel_has_whatever_was_added_by_two_files(tmp_path: Path) -> None:
    house = house_with(tmp_path / "house", *ADDITIONS)
    assert len(changed(house)) == 2 * len(ADDITIONS)
    program = house.install(tmp_path / "installed")
    data, corpus = tmp_path / "data", tmp_path / "corpus"
    chosen = {"VOICESIEVE_ANALYSIS__DETECTOR": "toy"}

    clip = f"toy:{CLIPS / 'adult-man-news.opus'}"
    crawled = program.voicesieve("crawl", "--source", clip, "--data", data, "--json", settings=chosen).json
    exported = program.voicesieve("export", "toy", corpus, "--data", data, "--json", settings=chosen).json
    counted = program.voicesieve("tally", "--data", data).json

    assert crawled["videos"]["accepted"] == 1, "the detector of the toy takes every voice for a child's"
    assert exported["items"] > 0
    assert len((corpus / "clips.tsv").read_text().splitlines()) == exported["items"]
    assert counted == {"videos": 1}
