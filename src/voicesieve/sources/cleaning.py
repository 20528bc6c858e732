"""Remote text in messages."""

from __future__ import annotations

from voicesieve.domain.passwords import without_password
from voicesieve.domain.text import escape_of

_SHOWN_CHARS = 80  # a message with the offending text still fits two lines of a terminal


def shown(text: str) -> str:
    """``text`` in quotes, shortened, for use in messages: each character that does not print is an escape.

    A possible password in an address is removed first, so that shortening cannot leave half of it.
    """
    text = without_password(text)
    short = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
    printable = "".join(char if char.isprintable() else escape_of(char) for char in short)
    return f"“{printable}”"
