"""The embedded network: log-mel features of what the voice-activity network calls speech, then four classes.

Weights and constants are made by ``training/network``. A window is 2.56 s wide and scored for its inner 0.96 s, so
each stretch of speech is judged once, with context from both sides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from voicesieve.domain.verdicts import Model
from voicesieve.voices import logmel, speech
from voicesieve.voices.activity import CHUNK, WEIGHTS_FILE
from voicesieve.voices.calibration import Calibration, read_calibration
from voicesieve.voices.detector import DetectorChoice, DetectorKind
from voicesieve.voices.scores import CLASSES, WindowScores
from voicesieve.voices.speech import Sliding, SpeechWindow, scores_of, slide

if TYPE_CHECKING:
    import onnxruntime  # type: ignore[import-untyped]

HOP_CHUNKS = 30
"""Windows follow each other every 0.96 s, a whole number of chunks and of frames..."""
CONTEXT_CHUNKS = 25
"""...and look 0.8 s to either side, together `logmel.WINDOW_FRAMES`."""
EMBEDDING = "embedding"
"""Name of the network's second output, what its last layer sees."""

_SLIDING = Sliding(
    hop=HOP_CHUNKS,
    context=CONTEXT_CHUNKS,
    page=16 * HOP_CHUNKS,
    describe=logmel.frame_features,
    row_samples=logmel.HOP,
    row_shape=(logmel.BANDS,),
    past=logmel.PAST,
    filled=True,
)


class NetworkDetector:
    """See the module's text. Satisfies `voicesieve.voices.detector.Detector`."""

    def __init__(self, network: bytes, calibration: Calibration | None = None) -> None:
        """``network``: an ONNX file as the recipe writes it. ValueError if it is not one, or not the calibration's."""
        self._session = _session(network)
        self._base = Model("network", _revision(network))
        self._calibration = calibration
        if calibration is not None:
            calibration.check(self._base)

    @classmethod
    def embedded(cls, calibration: Calibration | None = None) -> NetworkDetector:
        """The network of this package. ValueError if its file and its card, or its calibration, do not fit it."""
        folder = files("voicesieve.voices")
        detector = cls(folder.joinpath("network.onnx").read_bytes(), calibration)
        card = json.loads(folder.joinpath("network.json").read_text("utf-8"))
        if card["revision"] != detector.base.revision:
            raise ValueError("network.onnx and network.json are of different trainings; install the package again")
        return detector

    @property
    def model(self) -> Model:
        return self._base if self._calibration is None else self._calibration.model

    @property
    def base(self) -> Model:
        """The network as it is, whatever refits its last layer."""
        return self._base

    def windows(self, blocks: Iterable[np.ndarray]) -> WindowScores:
        """Scores of each window with speech in it. Memory holds some pages and 24 bytes for each window."""
        refitted = None if self._calibration is None else self._calibration.log_probabilities
        spans: list[tuple[float, float]] = []
        scores: list[np.ndarray] = []
        for windows in slide(blocks, _SLIDING):
            spans += [(window.start, window.end) for window in windows]
            logs, embeddings = self._outputs(windows)
            scores.append(logs if refitted is None else refitted(logs, embeddings))
        return scores_of(spans, scores)

    def base_outputs(self, blocks: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Log-probabilities (n, 4) before any calibration and embeddings (n, d) of each window with speech in it.

        ``d`` is 0 for a network that gives no embedding.
        """
        outputs = [self._outputs(windows) for windows in slide(blocks, _SLIDING)]
        if not outputs:
            return np.zeros((0, len(CLASSES)), np.float32), np.zeros((0, 0), np.float32)
        return np.concatenate([logs for logs, _ in outputs]), np.concatenate([inside for _, inside in outputs])

    def _outputs(self, windows: list[SpeechWindow]) -> tuple[np.ndarray, np.ndarray]:
        spectra, spoken = zip(*map(_inputs, windows), strict=True)
        inputs = {"spectra": np.stack(spectra), "speech": np.stack(spoken)}
        given = [output.name for output in self._session.get_outputs()]
        outputs = dict(zip(given, self._session.run(None, inputs), strict=True))
        embeddings = outputs.get(EMBEDDING, np.zeros((len(windows), 0)))
        return np.asarray(outputs[given[0]], np.float32), np.asarray(embeddings, np.float32)


def chunk_of_frame(frames: int) -> np.ndarray:
    """For each of ``frames`` frames the number of the chunk that its middle falls into, int (frames,)."""
    middles = np.arange(frames) * logmel.HOP + logmel.HOP - logmel.FRAME // 2
    return np.asarray(np.maximum(middles, 0) // CHUNK)


def _inputs(window: SpeechWindow) -> tuple[np.ndarray, np.ndarray]:
    """Normalised frames (BANDS, WINDOW_FRAMES), and 1 for each of them that is speech, else 0: both float32."""
    spoken = window.speech[chunk_of_frame(logmel.WINDOW_FRAMES)]
    spectra = logmel.normalised(window.rows, spoken)
    return np.ascontiguousarray(spectra.T), spoken.astype(np.float32)


def load_network(_kind: DetectorKind, choice: DetectorChoice) -> NetworkDetector:
    """The network of this package, with the calibration that is chosen. ValueError if it does not fit."""
    return NetworkDetector.embedded(read_calibration(choice.calibration) if choice.calibration else None)


def _session(network: bytes) -> onnxruntime.InferenceSession:
    import onnxruntime  # here, so that a broken installation is reported as the detector's and not as a crash
    from onnxruntime.capi import onnxruntime_pybind11_state as reasons  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except (reasons.InvalidProtobuf, reasons.InvalidArgument, reasons.InvalidGraph, reasons.Fail) as error:
        raise ValueError("the network's file is not an ONNX model; install the package again") from error


def _revision(network: bytes) -> str:
    """Twelve hex digits over the network and every constant of the path from sound to score."""
    constants = (
        (logmel.HOP, logmel.FRAME, logmel.TRANSFORM, logmel.BANDS, logmel.BAND_LIMITS_HZ, logmel.FLOOR, logmel.CLIP),
        (speech.ON_PROBABILITY, speech.OFF_PROBABILITY, speech.PAD_CHUNKS, WEIGHTS_FILE),
        (speech.MIN_SPEECH_CHUNKS, HOP_CHUNKS, CONTEXT_CHUNKS, CLASSES),
    )
    return hashlib.sha256(repr(constants).encode() + network).hexdigest()[:12]
