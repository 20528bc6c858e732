"""One table of events: what is emitted, what the table says and what the document says are the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import voicesieve
from voicesieve.observability.events import EVENTS, Event, Events

SOURCE = Path(voicesieve.__file__).parent
DOCUMENT = Path(__file__).parents[2] / "docs" / "observability.md"


def emitted() -> list[tuple[str, str, set[str] | None]]:
    """Each call of ``emit`` in the source: where it stands, its event, its fields (``None`` where they are spread)."""
    calls = []
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "emit":
                (name,) = node.args
                assert isinstance(name, ast.Constant), f"{file.name}, line {node.lineno}: not a plain name"
                fields = {keyword.arg for keyword in node.keywords}
                plain = None if None in fields else {field for field in fields if field}
                calls.append((f"{file.name}, line {node.lineno}", str(name.value), plain))
    return calls


def test_every_event_that_is_emitted_is_in_the_table_with_its_fields() -> None:
    wrong = [
        (where, name)
        for where, name, fields in emitted()
        if name not in EVENTS or (fields is not None and fields != set(EVENTS[name].fields))
    ]
    assert wrong == []


def test_every_event_of_the_table_is_emitted() -> None:
    assert {name for _, name, _ in emitted()} == set(EVENTS)


def test_no_event_is_missing_from_the_document() -> None:
    """Each row: event, level, meaning, and its fields in the order of the table, with remarks in brackets."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| ([^|]+) \| (.+) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
    )
    written = {name: (level, meaning, _fields(cell)) for name, level, meaning, cell in rows}
    assert written == {kind.name: (kind.level, kind.meaning, list(kind.fields)) for kind in EVENTS.values()}


def _fields(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", cell))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("run_finished", {"ending": "done"}),
        ("run_ended", {}),
        ("run_ended", {"ending": "done", "why": "because"}),
        ("host_paused", {"host": "a", "until": "b", "raeson": "c"}),
    ],
)
def test_an_event_or_field_that_is_not_in_the_table_is_refused(name: str, fields: dict[str, Any]) -> None:
    seen: list[Event] = []
    with pytest.raises(TypeError, match=name):
        Events([seen.append]).emit(name, **fields)
    assert seen == []


def test_each_sink_gets_each_event() -> None:
    first: list[Event] = []
    second: list[Event] = []
    Events([first.append, second.append]).emit("run_ended", ending="done")
    assert first == second == [Event("run_ended", {"ending": "done"})]
    assert first[0].level == "info"
