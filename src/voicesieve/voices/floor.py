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
from voicesieve.voices import features
from voicesieve.voices.activity import CHUNK, WEIGHTS_FILE, VoiceActivity
from voicesieve.voices.detector import CLASSES, WindowScores

ON_PROBABILITY, OFF_PROBABILITY = 0.3, 0.2
"""Speech starts and ends at these; the network's own default of 0.5 loses more children (docs/accuracy.md)."""
MIN_SPEECH_CHUNKS = 8
"""A window needs 250 ms of speech to be scored: less is a click, and too little to tell a voice by."""
PAD_CHUNKS = 3
"""100 ms kept before and after speech: the network needs some chunks to rise."""
HOP_CHUNKS = 32
"""Windows follow each other every 1.024 s..."""
CONTEXT_CHUNKS = 16
"""...and look 0.512 s to either side: the longer the context, the more phonemes are averaged over."""
CLIP = 4.0
"""Standard deviations beyond which a feature says no more: an odd channel must not outvote everything else."""

_PAGE_CHUNKS = 16 * HOP_CHUNKS
_MARGIN_CHUNKS = CONTEXT_CHUNKS + PAD_CHUNKS
_CHUNK_S = CHUNK / features.SAMPLE_RATE


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
            if len(vectors) == _PAGE_CHUNKS:
                scores.append(self._softmax.log_probabilities(np.array(vectors)))
                vectors = []
        if vectors:
            scores.append(self._softmax.log_probabilities(np.array(vectors)))
        if not spans:
            return WindowScores.empty()
        times = np.array(spans, np.float32)
        return WindowScores(times[:, 0].copy(), times[:, 1].copy(), np.concatenate(scores))


def speech_windows(blocks: Iterable[np.ndarray]) -> Iterator[tuple[float, float, np.ndarray]]:
    """Start and end in seconds and the feature vector of each window that holds speech.

    A window's span is trimmed to the speech inside it; its features also look at the context around it.
    """
    activity = VoiceActivity()
    last_sound = np.zeros(features.FRAME - features.HOP, np.float32)
    frames = np.zeros((0, features.FRAME_FEATURES), np.float32)
    probabilities = np.zeros(0, np.float32)
    speech = np.zeros(0, bool)
    first = 0  # number of the first chunk that is still held
    window = 0  # number of the first chunk of the next window
    length_s = 0.0
    for page, is_last in _pages(blocks):
        length_s += len(page) / features.SAMPLE_RATE
        sound = np.pad(page, (0, -len(page) % CHUNK))
        new_probabilities = activity.probabilities(sound.reshape(-1, CHUNK))
        frames = np.concatenate([frames, features.frame_features(np.concatenate([last_sound, sound]))])
        probabilities = np.concatenate([probabilities, new_probabilities])
        new_speech = speech_chunks(new_probabilities, open_before=bool(speech[-1:].any()))
        speech = np.concatenate([speech, new_speech])
        last_sound = sound[-len(last_sound) :]
        padded = _widen(speech)
        held = first + len(speech)
        while window < held if is_last else window + HOP_CHUNKS + _MARGIN_CHUNKS <= held:
            own = slice(window - first, window - first + HOP_CHUNKS)
            if np.count_nonzero(speech[own]) >= MIN_SPEECH_CHUNKS:
                inside = window + np.flatnonzero(padded[own])
                around = slice(max(0, own.start - CONTEXT_CHUNKS), own.stop + CONTEXT_CHUNKS)
                chosen = padded[around]
                vector = features.summarise(frames[around][chosen], probabilities[around][chosen])
                yield inside[0] * _CHUNK_S, min((inside[-1] + 1) * _CHUNK_S, length_s), vector
            window += HOP_CHUNKS
        drop = max(0, window - _MARGIN_CHUNKS - first)
        first += drop
        frames, probabilities, speech = frames[drop:], probabilities[drop:], speech[drop:]


def speech_chunks(
    probabilities: np.ndarray, on: float = ON_PROBABILITY, off: float = OFF_PROBABILITY, *, open_before: bool = False
) -> np.ndarray:
    """Which chunks are speech, bool (n,): from the first that reaches ``on`` until one falls below ``off``."""
    speech = np.zeros(len(probabilities), bool)
    is_open = open_before
    for index, probability in enumerate(probabilities.tolist()):
        is_open = probability >= (off if is_open else on)
        speech[index] = is_open
    return speech


def _widen(speech: np.ndarray) -> np.ndarray:
    """``speech`` (n,) with `PAD_CHUNKS` more on either side of each stretch."""
    return np.convolve(speech, np.ones(2 * PAD_CHUNKS + 1), mode="full")[PAD_CHUNKS:-PAD_CHUNKS] > 0


def _pages(blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
    """The same sound in pages of fixed length, each with whether it is the last. Nothing at all for no sound."""
    size = _PAGE_CHUNKS * CHUNK
    pending = np.zeros(0, np.float32)
    for block in blocks:
        pending = np.concatenate([pending, block])
        while len(pending) > size:
            yield pending[:size], False
            pending = pending[size:]
    if len(pending):
        yield pending, True


def _revision(arrays: Mapping[str, np.ndarray]) -> str:
    """Twelve hex digits over the weights and every constant of the path from sound to score."""
    constants = (
        features.NAMES,
        (features.HOP, features.FRAME, features.BANDS, features.BAND_LIMITS_HZ, features.VOICED_CLARITY),
        (features.MIN_F0_HZ, features.MAX_F0_HZ, features.PEAK_SHARE, WEIGHTS_FILE),
        (ON_PROBABILITY, OFF_PROBABILITY, MIN_SPEECH_CHUNKS, PAD_CHUNKS, HOP_CHUNKS, CONTEXT_CHUNKS, CLIP),
    )
    digest = hashlib.sha256(repr(constants).encode())
    for name in _ARRAYS:
        digest.update(np.ascontiguousarray(arrays[name], "<f4").tobytes())
    return digest.hexdigest()[:12]
