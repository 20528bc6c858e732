"""Published wav2vec 2.0 classifiers as detectors: windows of sound that hold speech, many at once, on a GPU if there.

Their class scores are taken as probabilities. An age that a model estimates is never used: an estimate of 20 years is
no confidence in anything.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from voicesieve.domain.verdicts import Model
from voicesieve.voices.scores import CHILD, CLASSES, MAN, NONSPEECH, WOMAN, WindowScores
from voicesieve.voices.speech import Sliding, scores_of, slide

if TYPE_CHECKING:
    import torch

HOP_CHUNKS, CONTEXT_CHUNKS = 60, 30
"""Windows follow each other every 1.92 s and look 0.96 s to either side: these models were trained on whole clips of a
few seconds, and their cost grows with what is scored twice."""
NONSPEECH_PROBABILITY = 0.01
"""The models have no such class; the voice-activity network has decided that the window is speech."""
LEAST_SAMPLES = 4_000
"""0.25 s; the receptive field of wav2vec 2.0 is 400 samples, but less than a syllable says nothing."""
BATCH = 16
AUDEERING_CLASSES = ("female", "male", "child")
"""Order of the gender head (README of audeering/w2v2-age-gender-how-to)."""

_SLIDING = Sliding(hop=HOP_CHUNKS, context=CONTEXT_CHUNKS, page=480, describe=lambda sound: sound, row_samples=1)


@dataclass(frozen=True, eq=False)
class SoundWindow:
    """A window that holds speech: ``start`` and ``end`` in seconds, and its ``sound``, float32 (n,), with context."""

    start: float
    end: float
    sound: np.ndarray


class Wav2VecDetector:
    """See the module's text. Satisfies `voicesieve.voices.detector.Detector`."""

    def __init__(self, classifier: Any, model: Model) -> None:
        """``classifier``: float32 tensor (batch, samples) to log-probabilities (batch, 4)."""
        import torch

        self._model = model
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._classifier = classifier.to(self._device).eval()

    @property
    def model(self) -> Model:
        return self._model

    def windows(self, blocks: Iterable[np.ndarray]) -> WindowScores:
        """Scores of each window with speech in it. Memory holds a page of sound and one batch."""
        spans: list[tuple[float, float]] = []
        scores: list[np.ndarray] = []
        windows = speech_windows(blocks)
        while batch := list(itertools.islice(windows, BATCH)):
            spans += [(window.start, window.end) for window in batch]
            scores.append(self._log_probabilities([window.sound for window in batch]))
        return scores_of(spans, scores)

    def _log_probabilities(self, sounds: Sequence[np.ndarray]) -> np.ndarray:
        """Windows of one length go together: padding would change the scores."""
        import torch

        scores = np.empty((len(sounds), len(CLASSES)), np.float32)
        lengths = np.array([len(sound) for sound in sounds])
        with torch.inference_mode():
            for length in np.unique(lengths):
                which = np.flatnonzero(lengths == length).tolist()
                batch = torch.from_numpy(np.stack([standardised(sounds[index]) for index in which]))
                scores[which] = self._classifier(batch.to(self._device)).float().cpu().numpy()
        return scores


def four_classes(logits: torch.Tensor, names: Sequence[str]) -> torch.Tensor:
    """Log-probabilities (batch, 4) over `CLASSES` from logits (batch, n) of classes with these names.

    Adults without a gender are women and men in equal parts. ValueError for names that say neither child nor adult.
    """
    import torch

    places = [_place(name) for name in names]
    if CHILD not in [place for columns in places for place in columns] or len(names) < 2 or () in places:
        raise ValueError(f"its classes are {', '.join(names)[:200]}, which are not children and adults")
    logs = torch.log_softmax(logits.float(), dim=1)
    scores = torch.full((len(logits), len(CLASSES)), -torch.inf, device=logits.device)
    for column, columns in enumerate(places):
        for place in columns:
            share = logs[:, column] - float(np.log(len(columns)))
            scores[:, place] = torch.logaddexp(scores[:, place], share)
    scores = scores.clamp(min=-60) + float(np.log1p(-NONSPEECH_PROBABILITY))
    scores[:, NONSPEECH] = float(np.log(NONSPEECH_PROBABILITY))
    return scores


def standardised(sound: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance, as all of these models were trained; float32."""
    sound = sound.astype(np.float64)
    return np.asarray((sound - sound.mean()) / np.sqrt(sound.var() + 1e-7), np.float32)


def speech_windows(blocks: Iterable[np.ndarray]) -> Iterator[SoundWindow]:
    """The windows that hold speech, each with its sound and the context around it."""
    for windows in slide(blocks, _SLIDING):
        for window in windows:
            sound = window.rows[: window.samples]
            yield SoundWindow(window.start, window.end, np.pad(sound, (0, max(0, LEAST_SAMPLES - len(sound)))))


def _place(name: str) -> tuple[int, ...]:
    """The columns of `CLASSES` that a published class name stands for."""
    word = name.strip().lower()
    columns = {"child": (CHILD,), "children": (CHILD,), "kid": (CHILD,), "adult": (WOMAN, MAN)}
    return (columns | {"female": (WOMAN,), "woman": (WOMAN,), "male": (MAN,), "man": (MAN,)}).get(word, ())
