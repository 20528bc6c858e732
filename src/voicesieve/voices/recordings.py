"""One recording from its file to window scores, in memory that does not grow with its length. Runs in workers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voicesieve.audio.decode import DecodeTally, decode_blocks
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.domain.verdicts import Model
from voicesieve.voices.detector import Detector
from voicesieve.voices.scores import WindowScores

CLIPPED_AT = 0.999
"""Samples of at least this size are at the end of the 16-bit scale, give or take the resampler."""
SILENT_DBFS = -120.0
"""Level given for digital silence, below what 16 bits can hold."""


@dataclass(frozen=True)
class ScoredRecording:
    """Scores of one recording with facts about its sound.

    ``rms_dbfs``: level relative to a full-scale constant. ``clipped_share``: samples at full scale, 0..1.
    ``bad_packets`` of ``packets`` did not decode and were passed over. ``out_of_phase_s``: seconds in which a channel
    was left out of the mix because it would have cancelled another one.
    """

    duration_s: float
    scores: WindowScores
    model: Model
    rms_dbfs: float
    clipped_share: float
    packets: int
    bad_packets: int
    out_of_phase_s: float


@dataclass
class _Level:
    samples: int = 0
    squares: float = 0.0
    clipped: int = 0

    def watch(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            self.samples += len(block)
            self.squares += float(np.dot(block, block))
            self.clipped += int(np.count_nonzero(np.abs(block) >= CLIPPED_AT))
            yield block


def score_recording(path: Path, detector: Detector, *, max_duration_s: float = math.inf) -> ScoredRecording:
    """Decode ``path`` once and score it. Raises FailureError as `voicesieve.audio.decode.decode_blocks` does."""
    level, tally = _Level(), DecodeTally()
    scores = detector.windows(level.watch(decode_blocks(path, max_duration_s=max_duration_s, tally=tally)))
    mean_square = level.squares / level.samples
    return ScoredRecording(
        duration_s=level.samples / SAMPLE_RATE,
        scores=scores,
        model=detector.model,
        rms_dbfs=max(SILENT_DBFS, 10 * math.log10(mean_square)) if mean_square > 0 else SILENT_DBFS,
        clipped_share=level.clipped / level.samples,
        packets=tally.packets,
        bad_packets=tally.bad_packets,
        out_of_phase_s=tally.out_of_phase_s,
    )
