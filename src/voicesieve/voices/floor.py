"""The floor: voice activity, a handful of acoustic features and a small softmax model. No network to download.

Whatever replaces it has to beat it. Its weights are made by ``training/floor.py``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from voicesieve.domain.verdicts import Model
from voicesieve.voices import features, speech
from voicesieve.voices.activity import WEIGHTS_FILE
from voicesieve.voices.detector import DetectorChoice, DetectorKind
from voicesieve.voices.scores import CLASSES, WindowScores
from voicesieve.voices.speech import Sliding, scores_of, slide

HOP_CHUNKS = 32
"""Windows follow each other every 1.024 s..."""
CONTEXT_CHUNKS = 16
"""...and look 0.512 s to either side: the longer the context, the more phonemes are averaged over."""
CLIP = 4.0
"""Standard deviations beyond which a feature says no more: an odd channel must not outvote everything else."""

BATCH = 512
"""Windows that are scored at a time."""

_SLIDING = Sliding(
    hop=HOP_CHUNKS,
    context=CONTEXT_CHUNKS,
    page=16 * HOP_CHUNKS,
    describe=features.frame_features,
    row_samples=features.HOP,
    row_shape=(features.FRAME_FEATURES,),
    past=features.FRAME - features.HOP,
)


@dataclass(frozen=True, eq=False)
class SoftmaxModel:
    """Standardisation and weights over `features.NAMES`, with a revision made of everything that moves a score."""

    mean: np.ndarray
    scale: np.ndarray
    hidden: np.ndarray
    hidden_bias: np.ndarray
    output: np.ndarray
    output_bias: np.ndarray
    revision: str

    @classmethod
    def from_json(cls, text: str) -> SoftmaxModel:
        """Read weights as `to_json` writes them. ValueError if they were made for other features or classes."""
        stored = json.loads(text)
        if tuple(stored["features"]) != features.NAMES or tuple(stored["classes"]) != CLASSES:
            raise ValueError("the floor detector's weights were trained for other features; run training/floor.py")
        arrays = {name: np.array(stored["weights"][name], np.float32) for name in _ARRAYS}
        return cls(**arrays, revision=_revision(arrays))

    @staticmethod
    def to_json(arrays: Mapping[str, np.ndarray], attribution: list[str]) -> str:
        """Weights, names and attribution as text: one line for each array so that changes can be read."""
        weights = {name: np.round(arrays[name].astype(float), 4).tolist() for name in _ARRAYS}
        head = {"features": features.NAMES, "classes": CLASSES, "attribution": attribution}
        lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
        body = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in weights.items()]
        return "{\n" + "\n".join(lines) + '\n "weights": {\n' + ",\n".join(body) + "\n }\n}\n"

    def log_probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Feature vectors (n, len(NAMES)) to natural log-probabilities (n, 4)."""
        standard = np.clip((vectors - self.mean) / self.scale, -CLIP, CLIP)
        logits = np.tanh(standard @ self.hidden + self.hidden_bias) @ self.output + self.output_bias
        logits = logits - logits.max(axis=1, keepdims=True)
        return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), np.float32)


_ARRAYS = ("mean", "scale", "hidden", "hidden_bias", "output", "output_bias")


class FloorDetector:
    """See the module's text. Satisfies `voicesieve.voices.detector.Detector`."""

    def __init__(self, softmax: SoftmaxModel) -> None:
        self._softmax = softmax

    @classmethod
    def embedded(cls) -> FloorDetector:
        return cls(SoftmaxModel.from_json(files("voicesieve.voices").joinpath("floor.json").read_text("utf-8")))

    @property
    def model(self) -> Model:
        return Model("floor", self._softmax.revision)

    def windows(self, blocks: Iterable[np.ndarray]) -> WindowScores:
        """Scores of each window with speech in it. Memory holds one page of 16 s and 24 bytes for each window."""
        spans: list[tuple[float, float]] = []
        vectors: list[np.ndarray] = []
        scores: list[np.ndarray] = []
        for start, end, vector in speech_windows(blocks):
            spans.append((start, end))
            vectors.append(vector)
            if len(vectors) == BATCH:
                scores.append(self._softmax.log_probabilities(np.array(vectors)))
                vectors = []
        if vectors:
            scores.append(self._softmax.log_probabilities(np.array(vectors)))
        return scores_of(spans, scores)


def speech_windows(blocks: Iterable[np.ndarray]) -> Iterator[tuple[float, float, np.ndarray]]:
    """Start and end in seconds and the feature vector of each window that holds speech."""
    for windows in slide(blocks, _SLIDING):
        for window in windows:
            vector = features.summarise(window.rows[window.speech], window.probability[window.speech])
            yield window.start, window.end, vector


def load_floor(_kind: DetectorKind, _choice: DetectorChoice) -> FloorDetector:
    """The detector whose weights ship with this package."""
    return FloorDetector.embedded()


def _revision(arrays: Mapping[str, np.ndarray]) -> str:
    """Twelve hex digits over the weights and every constant of the path from sound to score."""
    constants = (
        features.NAMES,
        (features.HOP, features.FRAME, features.BANDS, features.BAND_LIMITS_HZ, features.VOICED_CLARITY),
        (features.MIN_F0_HZ, features.MAX_F0_HZ, features.PEAK_SHARE, WEIGHTS_FILE),
        (
            *(speech.ON_PROBABILITY, speech.OFF_PROBABILITY, speech.MIN_SPEECH_CHUNKS, speech.PAD_CHUNKS),
            *(HOP_CHUNKS, CONTEXT_CHUNKS, CLIP),
        ),
    )
    digest = hashlib.sha256(repr(constants).encode())
    for name in _ARRAYS:
        digest.update(np.ascontiguousarray(arrays[name], "<f4").tobytes())
    return digest.hexdigest()[:12]
