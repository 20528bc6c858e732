"""A command is its file and its record."""

from __future__ import annotations

from pathlib import Path

from toys import Record, Toy, changed, house_with

TALLY = Toy(
    "command.py",
    "cli/tally.py",
    (
        Record(
            "cli/table.py",
            behind="COMMANDS = (",
            line='    Command("tally", "tally:tally", "Count the videos of the catalog."),',
        ),
    ),
)


def test_a_command_is_added_by_two_files(tmp_path: Path) -> None:
    house = house_with(tmp_path / "house", TALLY)
    assert changed(house) == {"cli/tally.py", "cli/table.py"}
    data = tmp_path / "data"
    (tmp_path / "empty").mkdir()
    assert "tally          Count the videos of the catalog." in house.voicesieve("--help").out
    text = house.voicesieve("tally", "--help").out
    assert "Count the videos of the catalog.\n\n  Videos in every state are counted." in text
    house.voicesieve("crawl", "-q", "--source", f"folder:{tmp_path / 'empty'}", "--data", data)
    assert house.voicesieve("tally", "--data", data).json == {"videos": 0}
