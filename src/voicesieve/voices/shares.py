"""How much of a stretch is not speech, and how much of it may be two voices at once, from stored window scores."""

from __future__ import annotations

import numpy as np

from voicesieve.voices.scores import CHILD, MAN, NONSPEECH, WOMAN, WindowScores

BOTH = 0.25
"""A window in which child and adult both reach this probability is no clear case of one voice."""


def shares(scores: WindowScores, start: float, end: float) -> dict[str, float]:
    """Columns of the stretch from ``start`` to ``end`` seconds, each 0..1.

    ``nonspeech_share`` is the mean probability of music, noise or silence; what no window covers is not speech.
    ``overlap_share`` is the share of windows that fit a child and an adult alike: both speak, or the detector doubts.
    """
    length = end - start
    first, last = np.searchsorted(scores.ends, start, "right"), np.searchsorted(scores.starts, end, "left")
    chosen = slice(int(first), int(last))
    inside = np.minimum(scores.ends[chosen], end) - np.maximum(scores.starts[chosen], start)
    inside = np.maximum(inside, 0.0)
    total = float(inside.sum())
    if length <= 0 or total <= 0:
        return {"nonspeech_share": 1.0, "overlap_share": 0.0}
    probabilities = np.exp(scores.log_probabilities[chosen])
    speech = 1.0 - probabilities[:, NONSPEECH]
    adult = probabilities[:, WOMAN] + probabilities[:, MAN]
    both = (probabilities[:, CHILD] >= BOTH) & (adult >= BOTH)
    covered = min(1.0, total / length)
    return {
        "nonspeech_share": round(float(1.0 - covered * (inside @ speech) / total), 4),
        "overlap_share": round(float(inside[both].sum() / total), 4),
    }
