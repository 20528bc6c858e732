"""Train, dev and test without leakage: everything of one channel, with all its re-uploads, is in one part.

The part depends only on a hash of the channel. So it never changes when the corpus grows, no earlier export has to be
remembered, and on average every language and length is spread over the parts in the same proportions. Large channels
make the shares of the parts inexact: the card states the result.
"""

from __future__ import annotations

import hashlib

from voicesieve.domain.names import name_key

WHOLE = "train"
"""Name of the only part of a corpus that is not split."""

_SALT = "voicesieve split 1"
"""Changing it would move channels between the parts of published corpora."""


def split_of(group: str, split: tuple[tuple[str, float], ...]) -> str:
    """The part of ``group``, such as a channel; ``split`` is names with percentages, in order."""
    if not split:
        return WHOLE
    digest = hashlib.sha256(f"{_SALT}\0{group}".encode("utf-8", "surrogatepass")).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64 * 100
    for name, share in split:
        if position < share:
            return name
        position -= share
    return next(name for name, share in reversed(split) if share > 0)


def group_of(source: str, channel: str, sha256: str) -> str:
    """What a split never divides: a channel of a source, or a recording without a channel."""
    return f"{source}\0{name_key(channel)}" if channel else f"recording\0{sha256}"
