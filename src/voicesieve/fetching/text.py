"""Text from outside, made fit for JSON, logs and terminals."""

from __future__ import annotations

import unicodedata

from voicesieve.domain.names import composed

_DIRECTION_SWITCHES = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Bidirectional classes (Unicode annex 9) that can make a line read differently from what it says."""


def clean(text: str, max_chars: int) -> str:
    """``text`` composed, on one line of ``max_chars``: no control characters, direction switches or surrogates."""
    # Cut first, so that a huge text costs no more than a short one.
    kept = (" " if character.isspace() else character for character in text[:max_chars] if _harmless(character))
    return composed("".join(kept)).strip()


def _harmless(character: str) -> bool:
    if unicodedata.bidirectional(character) in _DIRECTION_SWITCHES:
        return False
    return character.isspace() or unicodedata.category(character) not in ("Cc", "Cs")
