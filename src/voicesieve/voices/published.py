"""Loading detectors that others have published, of the two kinds that are known here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from voicesieve.domain.extras import how_to_install
from voicesieve.domain.verdicts import Model
from voicesieve.voices import speech, wav2vec
from voicesieve.voices.activity import WEIGHTS_FILE
from voicesieve.voices.detector import DetectorChoice, DetectorKind
from voicesieve.voices.hub import CONFIG, files_of
from voicesieve.voices.scores import CLASSES
from voicesieve.voices.wav2vec import Wav2VecDetector


def load_named_classes(kind: DetectorKind, choice: DetectorChoice) -> Wav2VecDetector:
    """A model with one head whose configuration names its classes. ValueError as for `load_age_gender`."""
    return _loaded(kind, choice, "one_head")


def load_age_gender(kind: DetectorKind, choice: DetectorChoice) -> Wav2VecDetector:
    """A model with a head for age and one for gender.

    ValueError, with what to do, for missing libraries or files, a licence not accepted, or other weights.
    """
    return _loaded(kind, choice, "two_heads")


def _loaded(kind: DetectorKind, choice: DetectorChoice, build: str) -> Wav2VecDetector:
    folder, sha256 = files_of(kind, choice)
    try:
        import torch
        import transformers
        from safetensors import SafetensorError

        from voicesieve.voices import wav2vec_heads  # imports torch
    except ImportError as error:
        advice = how_to_install(kind.extra)
        raise ValueError(f"the detector {kind.name} needs torch and transformers; {advice}") from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if not torch.cuda.is_available():
        torch.set_num_threads(1)  # one worker for each core already
    try:
        classifier = getattr(wav2vec_heads, build)(folder)
    except (OSError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise ValueError(f"{folder} does not hold a model that {kind.name} can be: {error}") from error
    return Wav2VecDetector(classifier, Model(kind.name, _revision(folder, sha256)))


def _revision(folder: Path, sha256: str) -> str:
    """Twelve hex digits over weights, configuration and every constant of the path from sound to score."""
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    constants = (
        (wav2vec.HOP_CHUNKS, wav2vec.CONTEXT_CHUNKS, wav2vec.NONSPEECH_PROBABILITY, wav2vec.LEAST_SAMPLES, CLASSES),
        (speech.ON_PROBABILITY, speech.OFF_PROBABILITY, speech.PAD_CHUNKS, speech.MIN_SPEECH_CHUNKS, WEIGHTS_FILE),
    )
    text = f"{sha256} {json.dumps(config, sort_keys=True)} {constants!r}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
