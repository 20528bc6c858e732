"""Re-uploads: recordings with equal packets or equal sound enter a corpus once, with all their sources.

Of each group the recording that was discovered first stays, so that a copy discovered later changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

LEAST_PRINT_S = 10.0
PRINT_HZ = 7.8
"""Sub-fingerprints of Chromaprint for each second (4096 samples at 11,025 Hz, two thirds overlap)."""
LEAST_SHARED = 3
"""Equal sub-fingerprints that make two recordings worth a closer look: a re-encoded minute of speech has twenty and
more, two different ones have at most one (benchmarks/duplicates.py)."""
MAX_BIT_ERROR = 0.25
"""Mean share of different bits in the aligned prints: half way between re-encoded speech and the nearest two different
minutes of speech (benchmarks/duplicates.py)."""
MAX_LENGTH_RATIO = 1.1
"""Copies are equally long; a clip out of a longer recording is not a copy of it."""
MAX_COMMON = 50
"""A sub-fingerprint that more recordings share is silence or a jingle, and says nothing."""
_PASSES = 16


class Groups:
    """Disjoint sets over the numbers of recordings."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def find(self, number: int) -> int:
        root = number
        while root in self._parent:
            root = self._parent[root]
        while number != root:
            self._parent[number], number = root, self._parent[number]
        return root

    def join(self, a: int, b: int) -> None:
        a, b = self.find(a), self.find(b)
        if a != b:
            self._parent[max(a, b)] = min(a, b)

    def members(self) -> dict[int, list[int]]:
        """The groups of two and more: root to members, both in order."""
        groups: dict[int, set[int]] = defaultdict(set)
        for number in list(self._parent):
            root = self.find(number)
            groups[root] |= {root, number}
        return {root: sorted(numbers) for root, numbers in sorted(groups.items())}


def join_equal_packets(groups: Groups, hashes: Sequence[bytes]) -> None:
    """Join the recordings whose packet hashes (32 bytes; empty for those without) are equal."""
    hashed = [number for number, value in enumerate(hashes) if value]
    if not hashed:
        return
    array = np.array([hashes[number] for number in hashed], dtype="S32")
    order = np.argsort(array, kind="stable")
    same = np.flatnonzero(array[order[1:]] == array[order[:-1]])
    for place in same:
        groups.join(hashed[order[place]], hashed[order[place + 1]])


def join_equal_sound(groups: Groups, prints: Path, lengths: Sequence[int], durations: Sequence[float]) -> None:
    """Join the recordings whose fingerprints agree.

    ``prints`` holds the sub-fingerprints (uint32) of one recording after another, ``lengths`` their number for each.
    """
    if not sum(lengths):
        return
    values = np.memmap(prints, dtype=np.uint32, mode="r")
    ends = np.cumsum(lengths)
    starts = ends - np.asarray(lengths)
    for a, b in sorted(_candidates(values, ends)):
        if groups.find(a) == groups.find(b):
            continue
        shorter, longer = sorted((durations[a], durations[b]))
        if shorter < LEAST_PRINT_S or longer > MAX_LENGTH_RATIO * shorter + 1:
            continue
        if bit_error(values[starts[a] : ends[a]], values[starts[b] : ends[b]]) <= MAX_BIT_ERROR:
            groups.join(a, b)


def _candidates(values: np.ndarray, ends: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs that share several sub-fingerprints; each pass takes a sixteenth of the values, to limit memory."""
    shared: dict[tuple[int, int], int] = defaultdict(int)
    for number in range(_PASSES):
        places = np.flatnonzero((values & (_PASSES - 1)) == number)
        chosen = values[places]
        order = np.argsort(chosen, kind="stable")
        owners = np.searchsorted(ends, places[order], side="right")
        edges = np.flatnonzero(np.diff(chosen[order])) + 1
        for group in np.split(owners, edges):
            if len(group) < 2:
                continue
            different = np.unique(group)
            if not 2 <= len(different) <= MAX_COMMON:
                continue
            for a, b in combinations(different, 2):
                shared[int(a), int(b)] += 1
    yield from (pair for pair, count in shared.items() if count >= LEAST_SHARED)


def bit_error(print_a: np.ndarray, print_b: np.ndarray, max_shift: int = 40) -> float:
    """Least mean share of different bits over shifts of up to five seconds: encoders add silence at the start."""
    best = 1.0
    for shift in range(-max_shift, max_shift + 1):
        a = print_a[max(0, shift) :]
        b = print_b[max(0, -shift) :]
        length = min(len(a), len(b))
        if length < LEAST_PRINT_S * PRINT_HZ / 2:
            continue
        bits = np.unpackbits(np.bitwise_xor(a[:length], b[:length]).view(np.uint8))
        best = min(best, float(bits.mean()))
    return best
