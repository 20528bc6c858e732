"""Text from outside in messages."""

from __future__ import annotations

from voicesieve.domain.passwords import without_password
from voicesieve.domain.text import escaped

_SHOWN_CHARS = 80  # a message with the offending text still fits two lines of a terminal


def shown(text: str) -> str:
    """``text`` in quotes, shortened, with unsafe characters as escapes: for use in messages.

    What may be a password in an address is left out, before the text is cut in the middle of one.
    """
    text = without_password(text)
    short = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
    return f"“{escaped(short)}”"
