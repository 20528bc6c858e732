"""A detector that takes every second for a child's: the least that a detector consists of."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.domain.verdicts import Model
from voicesieve.voices.detector import DetectorChoice, DetectorKind
from voicesieve.voices.scores import WindowScores


class ToyDetector:
    model = Model("toy", "1")

    def windows(self, blocks: Iterable[np.ndarray]) -> WindowScores:
        starts = np.arange(sum(map(len, blocks)) // SAMPLE_RATE, dtype=np.float32)
        scores = np.log(np.array([0.97, 0.01, 0.01, 0.01], np.float32))
        return WindowScores(starts, starts + 1, np.tile(scores, (len(starts), 1)))


def load_toy(kind: DetectorKind, choice: DetectorChoice) -> ToyDetector:
    return ToyDetector()
