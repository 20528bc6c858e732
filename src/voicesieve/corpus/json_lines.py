"""JSON as exports hold it: the types of its values, and tables of one object a line in UTF-8."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
Row: TypeAlias = dict[str, Json]
"""A row of a table: its columns in order."""


def encoded(value: Mapping[str, Json], indent: int | None = None) -> bytes:
    """JSON in UTF-8; half a surrogate pair in remote text is written as its escape."""
    return json.dumps(value, ensure_ascii=False, indent=indent).encode("utf-8", "backslashreplace")


def line(row: Mapping[str, Json]) -> bytes:
    """One line of JSON."""
    return encoded(row) + b"\n"


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, one at a time."""
    with path.open("rb") as lines:
        for text in lines:
            yield json.loads(text)
