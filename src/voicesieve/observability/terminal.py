"""Remote text on a terminal: shown, never interpreted."""

from __future__ import annotations

import json
import re
from typing import Any

from voicesieve.domain.text import escaped, is_unsafe

_NOT_PLAIN = re.compile(r"[^\x20-\x7e\n]")

_MAX_LINE = 4_000
"""Longest line that is shown; a longer message is an attack or a mistake."""


def safe_text(text: str, *, limit: int = 200) -> str:
    """``text`` in one line of at most ``limit`` characters, each unsafe one replaced by its escape."""
    shown = escaped(text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def safe_json(value: Any, **options: Any) -> str:
    """``value`` as JSON that is readable and harmless on a terminal: what moves, hides or reorders text is written as
    \\u....

    ``options`` are those of `json.dumps`.
    """
    text = json.dumps(value, **{**options, "ensure_ascii": False})
    return _NOT_PLAIN.sub(lambda match: _json_escape(match[0]) if is_unsafe(match[0]) else match[0], text)


def ascii_json(text: str) -> str:
    """The same JSON in ASCII, for output that has no other letters."""
    return _NOT_PLAIN.sub(lambda match: _json_escape(match[0]), text)


def safe_lines(text: str) -> str:
    """``text`` with its line feeds, each other unsafe character replaced by its escape."""
    return "\n".join(safe_text(line, limit=_MAX_LINE) for line in text.split("\n"))


def _json_escape(char: str) -> str:
    """As JSON writes it: two escapes for what is beyond the first 65,536 characters."""
    return json.dumps(char)[1:-1] if ord(char) > 0x7F else f"\\u{ord(char):04x}"
