"""Text from outside, made harmless at the boundary."""

from __future__ import annotations

import re
import unicodedata

from voicesieve.domain.candidates import MAX_TITLE_CHARS
from voicesieve.domain.names import composed
from voicesieve.domain.passwords import without_password

_SHOWN_CHARS = 80  # a message with the offending text still fits two lines of a terminal
_CONTROL_OR_SURROGATE = ("Cc", "Cs")
_WHITE_SPACE = re.compile(r"\s+")


def clean_text(value: object, limit: int = MAX_TITLE_CHARS) -> str:
    """``value`` as one composed line of at most ``limit`` characters, without control characters and lone surrogates.

    Anything but a string gives the empty string: parsers of foreign formats hand out all sorts of things.
    """
    if not isinstance(value, str):
        return ""
    # Cut first: a title of 20 MB should not cost more than a title. Folding and dropping only make it shorter.
    folded = _WHITE_SPACE.sub(" ", composed(value.strip()[: 4 * limit]))
    kept = "".join(char for char in folded if unicodedata.category(char) not in _CONTROL_OR_SURROGATE)
    return kept[:limit].strip()


def shown(text: str) -> str:
    """``text`` in quotes, shortened, with all that does not print as an escape: for use in messages.

    What may be a password in an address is left out, before the text is cut in the middle of one.
    """
    text = without_password(text)
    short = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
    escaped = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in short)
    return f"“{escaped}”"
