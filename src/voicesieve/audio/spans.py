"""Parts of a recording as sound, in memory that grows with the parts and not with the recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from voicesieve.audio.decode import decode_blocks
from voicesieve.domain.sound import SAMPLE_RATE


def read_spans(path: Path, groups: Sequence[Sequence[tuple[float, float]]]) -> list[np.ndarray]:
    """For each group of (start, end) seconds its sound laid end to end: float32 (n,), 16 kHz mono.

    What lies beyond the end of the recording is left out. Decoding stops after the last span. Raises as
    `audio.decode.decode_blocks` does.
    """
    pieces: list[list[np.ndarray]] = [[] for _ in groups]
    last = max((round(end * SAMPLE_RATE) for group in groups for _, end in group), default=0)
    first = 0
    for block in decode_blocks(path):
        for piece, group in zip(pieces, groups, strict=True):
            for start_s, end_s in group:
                start, end = (round(seconds * SAMPLE_RATE) - first for seconds in (start_s, end_s))
                if start < len(block) and end > 0:
                    piece.append(block[max(0, start) : end].copy())
        first += len(block)
        if first >= last:
            break
    return [np.concatenate(piece) if piece else np.zeros(0, np.float32) for piece in pieces]
