"""Remote text on a terminal: shown, never obeyed."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories that move the cursor, colour, hide or reorder text."""


_REORDERING = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON itself may leave as it is: C1 controls, line separators, marks of direction, half surrogate pairs."""


def safe_text(text: str, *, limit: int = 200) -> str:
    """``text`` in one line of at most ``limit`` characters, each unsafe one replaced by its escape."""
    shown = "".join(_escape(char) for char in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def safe_json(value: Any, **options: Any) -> str:
    """``value`` as JSON that is readable and harmless on a terminal: what moves or reorders text is written as \\u....

    ``options`` are those of `json.dumps`.
    """
    return _REORDERING.sub(
        lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, **{**options, "ensure_ascii": False})
    )


def _escape(char: str) -> str:
    if unicodedata.category(char) not in _UNSAFE:
        return char
    return char.encode("unicode_escape").decode("ascii")
