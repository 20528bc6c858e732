"""Remote text on a terminal: shown, never obeyed."""

from __future__ import annotations

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories that move the cursor, colour, hide or reorder text."""


def safe_text(text: str, *, limit: int = 200) -> str:
    """``text`` in one line of at most ``limit`` characters, each unsafe one replaced by its escape."""
    shown = "".join(_escape(char) for char in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _escape(char: str) -> str:
    if unicodedata.category(char) not in _UNSAFE:
        return char
    return char.encode("unicode_escape").decode("ascii")
