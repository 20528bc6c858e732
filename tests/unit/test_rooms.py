"""The picture of the rooms in docs/design.md is drawn from the imports."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DRAWING: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "rooms.py"))
picture: Callable[..., str] = DRAWING["picture"]


def test_the_picture_of_the_rooms_is_up_to_date() -> None:
    stored = DRAWING["PICTURE"].read_text(encoding="utf-8")
    assert stored == picture(), "draw it again: python docs/rooms.py"


def test_every_room_says_in_two_lines_what_it_is_for() -> None:
    purposes = {room: DRAWING["purpose"](room) for room in DRAWING["rooms"]()}
    assert {room: text for room, text in purposes.items() if not 10 <= len(text) <= 58} == {}


def test_a_circle_of_rooms_cannot_be_drawn(tmp_path: Path) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / f"{name}.py").write_text(f'"""A room of a circle."""\n\nfrom voicesieve.{other} import thing\n')
    with pytest.raises(RecursionError):
        picture(tmp_path)


def test_the_core_can_be_read_along_the_path_that_the_design_names() -> None:
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    path = re.findall(r"^\d\. `(.+\.py)`", design, flags=re.MULTILINE)
    assert len(path) == 7
    files = [ROOT / "src" / "voicesieve" / name for name in path]
    introductions = {file.name: ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "" for file in files}
    assert [name for name, text in introductions.items() if "crash" not in text] == [], "what does a crash cost here?"
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) < 1_750
