"""The examples of docs/api.md run as they stand, and its table names what the package offers."""

from __future__ import annotations

import doctest
import re
import shutil
from pathlib import Path

import pytest

import voicesieve
from voicesieve.cli.main import run

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "api.md"


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    for name in ("child-vi-story", "child-vi-counting", "silence"):
        shutil.copy(ROOT / "demo" / "clips" / f"{name}.opus", tmp_path / "clips")
    monkeypatch.setattr("sys.argv", ["voicesieve", "crawl", "--source", "folder:clips", "--quiet"])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 0
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS, encoding="utf-8")
    assert (failed, tried > 10) == (0, True)


def test_the_table_names_what_the_package_offers() -> None:
    table = PAGE.read_text(encoding="utf-8").split("## Names")[1]
    firsts = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for first in firsts for name in re.findall(r"`(\w+)", first)}
    assert named == set(voicesieve.__all__) - {"__version__"}
