"""Tables of JSON lines: one object a line, in UTF-8."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def line(row: Mapping[str, Any]) -> bytes:
    """One line of JSON; half a surrogate pair in remote text is written as its escape."""
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, one at a time."""
    with path.open("rb") as lines:
        for text in lines:
            yield json.loads(text)
