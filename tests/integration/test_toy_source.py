"""Adding a kind of source: its own file and its record in the registry, and the whole command line knows it."""

from __future__ import annotations

from pathlib import Path

from toys import Record, Toy, changed, house_with

from demo.clips import CLIPS

REGISTRY = "sources/registry.py"
SOURCE = Toy(
    "source.py",
    "sources/toy.py",
    (
        Record(REGISTRY, behind="from voicesieve.sources import folder", line="from voicesieve.sources import toy"),
        Record(REGISTRY, behind="    api.KIND,", line="    toy.KIND,"),
    ),
)


def test_a_source_is_added_by_its_file_and_its_record(tmp_path: Path) -> None:
    house = house_with(tmp_path / "house", SOURCE)
    data, clip = tmp_path / "data", CLIPS / "child-vi-counting.opus"

    shown = house.voicesieve("crawl", "--help").out
    planned = house.voicesieve("plan", "--source", f"toy:{clip}", "--data", data, "--json").json
    refused = house.voicesieve("crawl", "--source", "toys:x", "--data", data, code=1).err
    crawled = house.voicesieve("crawl", "--source", f"toy:{clip}", "--data", data, "--json").json

    assert changed(house) == {"sources/toy.py", "sources/registry.py"}
    assert "toy" in shown
    assert planned["queries"] == [{"query": f"toy:{clip}", "state": "new", "most": {}, "passed_over": []}]
    assert "did you mean toy:?" in refused
    assert "toy: one recording, for example toy:one.wav" in refused
    assert crawled["videos"]["accepted"] == 1
    assert crawled["source_failures"] == {}
