"""What a video's metadata says before it is fetched, as numbers of hashed words."""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from voicesieve.domain.candidates import Candidate

SPACE = 1 << 18
"""Words are identified by their hash; 2^18 places keep collisions of the few thousand that matter rare."""

MOST = 64
"""Words of one video that are used: a title of 1,000 characters must not outweigh all others."""

_WORD = re.compile(r"[^\W_]{1,40}")
_DURATIONS_S = (15.0, 60.0, 180.0, 600.0, 1800.0, 3600.0)
_FLAGS = ("category", "made_for_kids", "audio_language", "live_status", "age_limit")


def words_of(candidate: Candidate) -> tuple[int, ...]:
    """Numbers below `SPACE` for title, pairs in it, tags, description, duration, category and languages."""
    named = dict.fromkeys(_named(candidate))
    return tuple(dict.fromkeys(zlib.crc32(name.encode("utf-8", "replace")) % SPACE for name in list(named)[:MOST]))


def tokens(text: str) -> list[str]:
    """Words of ``text`` in composed lower case. Vietnamese writes a word as several of them, hence the pairs."""
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())


def _named(candidate: Candidate) -> Iterator[str]:
    facts = candidate.metadata
    yield f"duration {_bucket(candidate.duration_s)}"
    yield f"language {candidate.language}"
    for flag in _FLAGS:
        if facts.get(flag) not in (None, ""):
            yield f"{flag} {facts[flag]}"
    for code in _texts(facts, "caption_languages"):
        yield f"caption {code}"
    title = tokens(candidate.title)[:24]
    yield from (f"t {word}" for word in title)
    for tag in _texts(facts, "tags")[:12]:
        yield f"tag {' '.join(tokens(tag))}"
    yield from (f"t {first} {second}" for first, second in pairwise(title))
    yield from (f"d {word}" for word in tokens(str(facts.get("description") or ""))[:30])


def _bucket(duration_s: float | None) -> int:
    if duration_s is None or math.isnan(duration_s):
        return -1
    return sum(duration_s >= edge for edge in _DURATIONS_S)


def _texts(facts: Mapping[str, object], key: str) -> Sequence[str]:
    value = facts.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []
