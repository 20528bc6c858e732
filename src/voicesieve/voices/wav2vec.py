"""Published wav2vec 2.0 classifiers as detectors: windows of sound that hold speech, many at once, on a GPU if there.

Their class scores are taken as probabilities. An age that a model estimates is never used: an estimate of 20 years is
no confidence in anything.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voicesieve.audio.decode import SAMPLE_RATE
from voicesieve.domain.extras import how_to_install
from voicesieve.domain.verdicts import Model
from voicesieve.voices import floor
from voicesieve.voices.activity import CHUNK, WEIGHTS_FILE, VoiceActivity
from voicesieve.voices.detector import CHILD, CLASSES, MAN, NONSPEECH, WOMAN, DetectorChoice, WindowScores
from voicesieve.voices.hub import CONFIG, PUBLISHED, files_of
from voicesieve.voices.network import pages, widened

if TYPE_CHECKING:
    import torch

HOP_CHUNKS, CONTEXT_CHUNKS = 60, 30
"""Windows follow each other every 1.92 s and look 0.96 s to either side: these models were trained on whole clips of a
few seconds, and their cost grows with what is heard twice."""
NONSPEECH_PROBABILITY = 0.01
"""The models have no such class; the voice-activity network has decided that the window is speech."""
LEAST_SAMPLES = 4_000
"""0.25 s; the receptive field of wav2vec 2.0 is 400 samples, but less than a syllable says nothing."""
BATCH = 16
AUDEERING_CLASSES = ("female", "male", "child")
"""Order of the gender head (README of audeering/w2v2-age-gender-how-to)."""

_CHUNK_S = CHUNK / SAMPLE_RATE


@dataclass(frozen=True, eq=False)
class _Window:
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
        waiting = speech_windows(blocks)
        while some := list(itertools.islice(waiting, BATCH)):
            spans += [(window.start, window.end) for window in some]
            scores.append(self._log_probabilities([window.sound for window in some]))
        if not spans:
            return WindowScores.empty()
        times = np.array(spans, np.float32)
        return WindowScores(times[:, 0].copy(), times[:, 1].copy(), np.concatenate(scores))

    def _log_probabilities(self, sounds: Sequence[np.ndarray]) -> np.ndarray:
        """Windows of one length go together: padding would change what the models hear."""
        import torch

        found = np.empty((len(sounds), len(CLASSES)), np.float32)
        lengths = np.array([len(sound) for sound in sounds])
        with torch.inference_mode():
            for length in np.unique(lengths):
                which = np.flatnonzero(lengths == length).tolist()
                batch = torch.from_numpy(np.stack([standardised(sounds[index]) for index in which]))
                found[which] = self._classifier(batch.to(self._device)).float().cpu().numpy()
        return found


def load_wav2vec(choice: DetectorChoice) -> Wav2VecDetector:
    """ValueError, with what to do, for missing libraries or files, a licence not accepted, or other weights."""
    folder, sha256 = files_of(choice)
    try:
        import torch
        import transformers
        from safetensors import SafetensorError
    except ImportError as error:
        advice = how_to_install("transformers")
        raise ValueError(f"the detector {choice.name} needs torch and transformers; {advice}") from error
    from voicesieve.voices.wav2vec_heads import one_head, two_heads

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if not torch.cuda.is_available():
        torch.set_num_threads(1)  # one worker for each core already
    build = two_heads if PUBLISHED[choice.name].heads else one_head
    try:
        classifier = build(folder)
    except (OSError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise ValueError(f"{folder} does not hold a model that {choice.name} can be: {error}") from error
    return Wav2VecDetector(classifier, Model(choice.name, _revision(folder, sha256)))


def four_classes(logits: torch.Tensor, names: Sequence[str]) -> torch.Tensor:
    """Log-probabilities (batch, 4) over `CLASSES` from logits (batch, n) of classes with these names.

    Adults without a gender are women and men in equal parts. ValueError for names that say neither child nor adult.
    """
    import torch

    places = [_place(name) for name in names]
    if CHILD not in [place for some in places for place in some] or len(names) < 2 or () in places:
        raise ValueError(f"its classes are {', '.join(names)[:200]}, which are not children and adults")
    logs = torch.log_softmax(logits.float(), dim=1)
    found = torch.full((len(logits), len(CLASSES)), -torch.inf, device=logits.device)
    for column, some in enumerate(places):
        for place in some:
            share = logs[:, column] - float(np.log(len(some)))
            found[:, place] = torch.logaddexp(found[:, place], share)
    found = found.clamp(min=-60) + float(np.log1p(-NONSPEECH_PROBABILITY))
    found[:, NONSPEECH] = float(np.log(NONSPEECH_PROBABILITY))
    return found


def standardised(sound: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance, as all of these models were trained; float32."""
    sound = sound.astype(np.float64)
    return np.asarray((sound - sound.mean()) / np.sqrt(sound.var() + 1e-7), np.float32)


def speech_windows(blocks: Iterable[np.ndarray]) -> Iterator[_Window]:
    """Windows that hold speech with the sound around them; spans are trimmed to the speech inside."""
    activity = VoiceActivity()
    sound = np.zeros(0, np.float32)
    speech = np.zeros(0, bool)
    first = 0  # number of the first chunk that is still held
    window = 0  # number of the first chunk that the next window is scored for
    for page, is_last in pages(blocks):
        whole = np.pad(page, (0, -len(page) % CHUNK))
        opened = bool(speech[-1]) if len(speech) else False
        new = floor.speech_chunks(activity.probabilities(whole.reshape(-1, CHUNK)), open_before=opened)
        speech = np.concatenate([speech, new])
        sound = np.concatenate([sound, page])
        held = first + len(speech)
        padded = widened(speech)
        while window < held if is_last else window + HOP_CHUNKS + CONTEXT_CHUNKS + floor.PAD_CHUNKS <= held:
            start = window - first
            if np.count_nonzero(speech[start : start + HOP_CHUNKS]) >= floor.MIN_SPEECH_CHUNKS:
                inner = start + np.flatnonzero(padded[start : start + HOP_CHUNKS])
                around = sound[max(0, start - CONTEXT_CHUNKS) * CHUNK : (start + HOP_CHUNKS + CONTEXT_CHUNKS) * CHUNK]
                end_s = min((int(inner[-1]) + 1) * _CHUNK_S, len(sound) / SAMPLE_RATE)
                yield _Window(
                    start=first * _CHUNK_S + int(inner[0]) * _CHUNK_S,
                    end=first * _CHUNK_S + end_s,
                    sound=np.pad(around, (0, max(0, LEAST_SAMPLES - len(around)))),
                )
            window += HOP_CHUNKS
        drop = max(0, window - CONTEXT_CHUNKS - floor.PAD_CHUNKS - first)
        first += drop
        speech, sound = speech[drop:], sound[drop * CHUNK :]


def _place(name: str) -> tuple[int, ...]:
    """The columns of `CLASSES` that a published class name stands for."""
    word = name.strip().lower()
    known = {"child": (CHILD,), "children": (CHILD,), "kid": (CHILD,), "adult": (WOMAN, MAN)}
    return (known | {"female": (WOMAN,), "woman": (WOMAN,), "male": (MAN,), "man": (MAN,)}).get(word, ())


def _revision(folder: Path, sha256: str) -> str:
    """Twelve hex digits over weights, configuration and every constant of the path from sound to score."""
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    constants = (
        (HOP_CHUNKS, CONTEXT_CHUNKS, NONSPEECH_PROBABILITY, LEAST_SAMPLES, CLASSES),
        (floor.ON_PROBABILITY, floor.OFF_PROBABILITY, floor.PAD_CHUNKS, floor.MIN_SPEECH_CHUNKS, WEIGHTS_FILE),
    )
    text = f"{sha256} {json.dumps(config, sort_keys=True)} {constants!r}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
