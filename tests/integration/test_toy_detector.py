"""Adding a detector: its own file and its record in the registry, and the whole command line knows it."""

from __future__ import annotations

from pathlib import Path

from toys import Record, Toy, changed, house_with

from demo.clips import CLIPS

TOY = Toy(
    "detector.py",
    "voices/toy.py",
    (
        Record(
            "voices/registry.py",
            behind="DETECTORS = (",
            line='    DetectorKind("toy", "all children", "voicesieve.voices.toy:load_toy"),',
        ),
    ),
)


def test_a_detector_is_added_by_its_file_and_its_record(tmp_path: Path) -> None:
    house = house_with(tmp_path / "house", TOY)
    data, clip = tmp_path / "data", CLIPS / "adult-man-news.opus"
    chosen = {"VOICESIEVE_ANALYSIS__DETECTOR": "toy"}

    refused = house.voicesieve("analyse", clip, settings={"VOICESIEVE_ANALYSIS__DETECTOR": "toys"}, code=1).err
    analysed = house.voicesieve("analyse", clip, "--json", settings=chosen).json
    house.voicesieve("init", "--data", data)

    assert changed(house) == {"voices/toy.py", "voices/registry.py"}
    assert "there are: audeering-24, audeering-6, bookbot, floor, network, toy" in " ".join(refused.split())
    assert analysed["model"] == {"name": "toy", "revision": "1"}
    assert analysed["verdict"] == "child"
    assert "toy (all children)" in (data / "voicesieve.toml").read_text()
