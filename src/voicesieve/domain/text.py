"""Text from outside: the one form in which it is stored, and the one in which it is shown.

Titles, channels, file names and the words of other people's servers may hold characters that move the cursor, colour,
hide or reorder what stands beside them. What is stored is free of them (`clean_text`); what is shown to a person has
each of them as an escape (`escaped`), so that a message about a strange name can still be acted on.
"""

from __future__ import annotations

import re
import unicodedata

from voicesieve.domain.candidates import MAX_TITLE_CHARS
from voicesieve.domain.names import composed
from voicesieve.domain.passwords import without_password

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories that move the cursor, colour, hide or reorder text: controls, formats such as the switches of
direction (U+202E), lone surrogates, private use, separators of lines and paragraphs."""

_SPELLING = re.compile("[\u200c\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
"""Formats that are part of how words are written: the joiners of Persian, Hindi and emoji, and Unicode's
Prepended_Concatenation_Mark (PropList.txt, 16.0), which are seen."""

_CUT_FACTOR = 4
"""A text is cut to this many times its limit before it is cleaned: one of 20 MB costs no more than a title, and one
that is mostly blanks and formats still keeps its words."""

QUOTED_CHARS = 80
"""A message with the offending text still fits two lines of a terminal."""


def clean_text(value: object, limit: int = MAX_TITLE_CHARS) -> str:
    """``value`` as it is stored: one composed line (NFC) of at most ``limit`` characters, blanks single.

    Left out is what `escaped` would escape, but for the joiners and marks by which words are spelled. Anything but a
    string gives the empty string: parsers of foreign formats hand out all sorts of things.

    >>> clean_text(" Bé\\u202e  kể\\nchuyện\\x1b ")
    'Bé kể chuyện'
    """
    if not isinstance(value, str):
        return ""
    text = value.strip()[: _CUT_FACTOR * limit]
    if not text.isprintable():
        text = "".join(char for char in text if char.isspace() or not is_unsafe(char) or _SPELLING.match(char))
    return " ".join(composed(text).split())[:limit].strip()


def escaped(text: str) -> str:
    """``text`` as it is shown to a person: each unsafe character replaced by its escape, such as ``\\u202e``."""
    if text.isprintable():
        return text
    return "".join(escape_of(char) if is_unsafe(char) else char for char in text)


def escape_of(char: str) -> str:
    """``char`` as Python would write it, such as ``\\u202e``."""
    return char.encode("unicode_escape").decode("ascii")


def quoted(text: str) -> str:
    """``text`` in quotes, shortened to `QUOTED_CHARS`, for use in messages.

    Each character that does not print is an escape, so that a person sees which one it is.

    A possible password in an address is removed first, so that shortening cannot leave half of it.
    """
    text = without_password(text)
    short = text if len(text) <= QUOTED_CHARS else text[:QUOTED_CHARS] + "…"
    return f"“{''.join(char if char.isprintable() else escape_of(char) for char in short)}”"


def is_unsafe(char: str) -> bool:
    """Whether ``char`` moves the cursor, colours, hides or reorders text."""
    return unicodedata.category(char) in _UNSAFE
