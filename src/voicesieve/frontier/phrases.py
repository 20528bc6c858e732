"""New search phrases from accepted videos: word sequences that accepted videos share and others do not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from voicesieve.domain.names import name_key
from voicesieve.frontier.words import tokens

LENGTHS = range(2, 5)
"""Words of a phrase. Single words search too widely; Vietnamese writes most words as two."""

LEAST_CHANNELS = 2
"""A phrase of only one channel is its own name or series."""


@dataclass(frozen=True)
class Titled:
    """Title and tags of a decided video, and the channel that they come from."""

    channel: str
    texts: tuple[str, ...]
    accepted: bool


@dataclass(frozen=True)
class Suggestion:
    """A phrase, and of the decided videos that have it how many were accepted, by how many channels."""

    phrase: str
    accepted: int
    decided: int
    channels: int


def suggest(videos: Iterable[Titled], queries: Collection[str], limit: int) -> list[Suggestion]:
    """The ``limit`` phrases that best mark accepted videos, none of which is in ``queries`` already.

    Ordered by the lower end of the 95 % interval of the share accepted (Wilson 1927), so that a phrase of two lucky
    videos does not come before one of fifty.
    """
    accepted: Counter[str] = Counter()
    decided: Counter[str] = Counter()
    channels: dict[str, set[str]] = {}
    for video in videos:
        for phrase in {phrase for text in video.texts for phrase in _phrases(text)}:
            decided[phrase] += 1
            accepted[phrase] += video.accepted
            if video.accepted:
                channels.setdefault(phrase, set()).add(name_key(video.channel))
    taken = {" ".join(tokens(phrase)) for phrase in queries}
    suggestions = [
        Suggestion(phrase, accepted[phrase], decided[phrase], len(channels[phrase]))
        for phrase in channels
        if len(channels[phrase]) >= LEAST_CHANNELS and phrase not in taken
    ]
    suggestions.sort(key=lambda suggestion: (-_lower(suggestion), -len(suggestion.phrase), suggestion.phrase))
    return _without_parts(suggestions)[:limit]


def _phrases(text: str) -> Iterable[str]:
    words = tokens(text)[:40]
    for length in LENGTHS:
        for start in range(len(words) - length + 1):
            yield " ".join(words[start : start + length])


def _lower(suggestion: Suggestion) -> float:
    share, count, z = suggestion.accepted / suggestion.decided, suggestion.decided, 1.96
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (centre - spread) / (1 + z * z / count)


def _without_parts(suggestions: list[Suggestion]) -> list[Suggestion]:
    """Leave out a phrase that lies within a longer one of the same videos, or that contains one that was better."""
    chosen: list[Suggestion] = []
    for suggestion in suggestions:
        if not any(
            f" {suggestion.phrase} " in f" {other.phrase} " and other.accepted >= suggestion.accepted
            for other in chosen
        ):
            chosen.append(suggestion)
    return chosen
