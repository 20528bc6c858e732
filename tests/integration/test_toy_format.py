"""An export format is its own file and its lines in the registry: help, card, Croissant and updates know it by then."""

from __future__ import annotations

import json
from pathlib import Path

from export_world import ExportWorld, Spoken
from toys import Record, Toy, changed, house_with

from voicesieve.catalog.opening import open_catalog

REGISTRY = "corpus/formats/registry.py"
TOY = Toy(
    "format.py",
    "corpus/formats/toy.py",
    (
        Record(REGISTRY, behind="from voicesieve.corpus.formats import (", line="    toy,"),
        Record(REGISTRY, behind="ALL = (", line="    toy.FORMAT,"),
    ),
)


def test_a_format_is_its_file_and_its_record(tmp_path: Path) -> None:
    house = house_with(tmp_path / "house", TOY)
    assert changed(house) == {"corpus/formats/toy.py", REGISTRY}
    data, target = tmp_path / "data", tmp_path / "corpus"
    data.mkdir()
    catalog = open_catalog(data, create=True)
    world = ExportWorld(catalog, data)
    for name in ("a", "b"):
        world.accept(Spoken(name, 7.0, [(0.5, 2.0, "child"), (3.0, 5.0, "child")]))
    catalog.close()

    assert "toy (a toy)" in " ".join(house.voicesieve("export", "--help").out.split())
    exported = house.voicesieve("export", "toy", target, "--data", data, "--json")
    assert exported.json["items"] == 4
    rows = [line.split("\t") for line in (target / "clips.tsv").read_text().splitlines()]
    assert len(rows) == 4
    assert all((target / file).is_file() for _, _, file in rows)
    assert 'open("DEST/clips.tsv")' in (target / "README.md").read_text()
    described = {entry["@id"] for entry in json.loads((target / "croissant.json").read_text())["distribution"]}
    assert described == {"clips.tsv", "sound"}
    assert house.voicesieve("export", "toy", target, "--data", data, "--update", "--json").json["kept"] == 2
    assert house.voicesieve("export", "toy", target, "--data", data, "--verify", "--json").json["ok"] is True
