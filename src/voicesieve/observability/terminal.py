"""Remote text on a terminal: shown, never obeyed."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories that move the cursor, colour, hide or reorder text."""

_NOT_PLAIN = re.compile(r"[^\x20-\x7e\n]")

_MAX_LINE = 4_000
"""Characters of a line that is shown; a message that is longer is an attack or a mistake."""


def safe_text(text: str, *, limit: int = 200) -> str:
    """``text`` in one line of at most ``limit`` characters, each unsafe one replaced by its escape."""
    shown = "".join(_escape(char) for char in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def safe_json(value: Any, **options: Any) -> str:
    """``value`` as JSON that is readable and harmless on a terminal: what moves, hides or reorders text is written as
    \\u....

    ``options`` are those of `json.dumps`.
    """
    text = json.dumps(value, **{**options, "ensure_ascii": False})
    return _NOT_PLAIN.sub(lambda found: _json_escape(found[0]) if _is_unsafe(found[0]) else found[0], text)


def ascii_json(text: str) -> str:
    """The same JSON in ASCII, for output that has no other letters."""
    return _NOT_PLAIN.sub(lambda found: _json_escape(found[0]), text)


def safe_lines(text: str) -> str:
    """``text`` with its line feeds, each unsafe character else replaced by its escape."""
    return "\n".join(safe_text(line, limit=_MAX_LINE) for line in text.split("\n"))


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii") if _is_unsafe(char) else char


def _is_unsafe(char: str) -> bool:
    return unicodedata.category(char) in _UNSAFE


def _json_escape(char: str) -> str:
    """As JSON writes it: two escapes for what is beyond the first 65,536 characters."""
    return json.dumps(char)[1:-1] if ord(char) > 0x7F else f"\\u{ord(char):04x}"
