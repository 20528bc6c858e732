"""Window scores of labelled clips, and what the score of a whole recording should be of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.corpora import Clip
from training.network.platt import platt
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.domain.verdicts import Model
from voicesieve.voices.pooling import DISCOVER, SCORE_OFFSET, SCORE_SLOPE, pool
from voicesieve.voices.scores import CHILD, MAN, NONSPEECH, WOMAN, WindowScores

PAUSE_S = 1.0
"""Between the clips of a speaker that are joined into a recording."""


@dataclass(frozen=True, eq=False)
class Scored:
    clip: Clip
    scores: WindowScores

    @property
    def log_odds(self) -> np.ndarray:
        """Child against adult in each window of speech, (n,)."""
        logs = self.scores.log_probabilities
        odds = logs[:, CHILD] - np.logaddexp(logs[:, WOMAN], logs[:, MAN])
        return np.asarray(odds[logs[:, NONSPEECH] < np.log(0.5)])


CalibrationOf = Callable[[str], tuple[float, float]]
"""Scale and shift for a group: of a calibration that never heard it."""


def calibrated(scored: Sequence[Scored], calibration_of: CalibrationOf) -> list[Scored]:
    """The same windows as if the network had been written with each group's calibration (`exporting.to_onnx`)."""
    results = []
    for result in scored:
        scale, shift = calibration_of(result.clip.group)
        logits = result.scores.log_probabilities * scale
        logits[:, CHILD] += shift
        logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        results.append(replace(result, scores=WindowScores(result.scores.starts, result.scores.ends, logs)))
    return results


def score_of_a_recording(scored: Sequence[Scored]) -> dict[str, float]:
    """What `voicesieve.voices.pooling.SCORE_SLOPE` and ``SCORE_OFFSET`` should be: Platt's fit on one recording of each
    speaker, of all of their clips with a pause between, where as many hold children as not."""
    by_speaker: dict[str, list[Scored]] = defaultdict(list)
    for result in scored:
        if result.clip.group.startswith(("so:", "cv:")):
            by_speaker[result.clip.group].append(result)
    evidence, is_child = [], []
    for clips in by_speaker.values():
        ends = np.cumsum([len(result.clip.sound) / SAMPLE_RATE + PAUSE_S for result in clips])
        begins = np.repeat(np.concatenate([[0.0], ends[:-1]]), [len(result.scores) for result in clips])
        joined = WindowScores(
            np.concatenate([result.scores.starts for result in clips]) + begins,
            np.concatenate([result.scores.ends for result in clips]) + begins,
            np.concatenate([result.scores.log_probabilities for result in clips]),
        )
        score = pool(joined, float(ends[-1]), DISCOVER, Model("measured", "")).score
        if 0 < score < 1:
            evidence.append((np.log(score / (1 - score)) - SCORE_OFFSET) / SCORE_SLOPE)
            is_child.append(clips[0].clip.classes == {CHILD})
    children = np.array(is_child)
    weights = np.where(children, 0.5 / max(1, children.sum()), 0.5 / max(1, (~children).sum())) * len(children)
    slope, offset = platt(np.array(evidence), children, weights)
    return {"slope": round(slope, 2), "offset": round(offset, 2), "recordings": len(children)}
