"""The embedded network: log-mel features of what the voice-activity network calls speech, then four classes.

Weights and constants are made by ``training/network``. A window is 2.56 s wide and scored for its inner 0.96 s, so
each stretch of speech is judged once, with context from both sides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from voicesieve.domain.verdicts import Model
from voicesieve.voices import floor, logmel
from voicesieve.voices.activity import CHUNK, WEIGHTS_FILE, VoiceActivity
from voicesieve.voices.detector import CLASSES, WindowScores

if TYPE_CHECKING:
    import onnxruntime  # type: ignore[import-untyped]

    from voicesieve.voices.calibration import Calibration

HOP_CHUNKS = 30
"""Windows follow each other every 0.96 s, a whole number of chunks and of frames..."""
CONTEXT_CHUNKS = 25
"""...and look 0.8 s to either side, together `logmel.WINDOW_FRAMES`."""
MIN_SPEECH_CHUNKS = floor.MIN_SPEECH_CHUNKS
PAGE_CHUNKS = 16 * HOP_CHUNKS
"""15.36 s are taken at a time, wherever the caller cuts its blocks."""

EMBEDDING = "embedding"
"""Name of the network's second output, what its last layer sees."""

_CHUNK_S = CHUNK / logmel.SAMPLE_RATE
_HOP_FRAMES = HOP_CHUNKS * CHUNK // logmel.HOP
_CONTEXT_FRAMES = CONTEXT_CHUNKS * CHUNK // logmel.HOP
_MARGIN_CHUNKS = CONTEXT_CHUNKS + floor.PAD_CHUNKS


@dataclass(frozen=True, eq=False)
class _Window:
    """``spectra``: normalised frames (BANDS, WINDOW_FRAMES). ``speech``: 0 or 1 for each of them."""

    start: float
    end: float
    spectra: np.ndarray
    speech: np.ndarray


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
        for page in _speech_windows(blocks):
            spans += [(window.start, window.end) for window in page]
            logs, embeddings = self._outputs(page)
            scores.append(logs if refitted is None else refitted(logs, embeddings))
        if not spans:
            return WindowScores.empty()
        times = np.array(spans, np.float32)
        return WindowScores(times[:, 0].copy(), times[:, 1].copy(), np.concatenate(scores))

    def base_outputs(self, blocks: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Log-probabilities (n, 4) before any calibration and embeddings (n, d) of each window with speech in it.

        ``d`` is 0 for a network that gives no embedding.
        """
        found = [self._outputs(page) for page in _speech_windows(blocks)]
        if not found:
            return np.zeros((0, len(CLASSES)), np.float32), np.zeros((0, 0), np.float32)
        return np.concatenate([logs for logs, _ in found]), np.concatenate([inside for _, inside in found])

    def _outputs(self, windows: list[_Window]) -> tuple[np.ndarray, np.ndarray]:
        inputs = {
            "spectra": np.stack([window.spectra for window in windows]),
            "speech": np.stack([window.speech for window in windows]),
        }
        given = [output.name for output in self._session.get_outputs()]
        outputs = dict(zip(given, self._session.run(None, inputs), strict=True))
        embeddings = outputs.get(EMBEDDING, np.zeros((len(windows), 0)))
        return np.asarray(outputs[given[0]], np.float32), np.asarray(embeddings, np.float32)


def widened(speech: np.ndarray) -> np.ndarray:
    """``speech``, bool (n,), with 100 ms more on either side of each stretch."""
    reach = np.ones(2 * floor.PAD_CHUNKS + 1)
    return np.convolve(speech, reach, mode="full")[floor.PAD_CHUNKS : len(speech) + floor.PAD_CHUNKS] > 0


def chunk_of_frame(frames: int) -> np.ndarray:
    """For each of ``frames`` frames the number of the chunk that its middle falls into, int (frames,)."""
    middles = np.arange(frames) * logmel.HOP + logmel.HOP - logmel.FRAME // 2
    return np.asarray(np.maximum(middles, 0) // CHUNK)


def _speech_windows(blocks: Iterable[np.ndarray]) -> Iterator[list[_Window]]:
    """The windows that hold speech, some at a time. Their spans are trimmed to the speech inside."""
    activity = VoiceActivity()
    past = np.zeros(logmel.PAST, np.float32)
    frames = np.zeros((_CONTEXT_FRAMES, logmel.BANDS), np.float32)  # as if silence came before the recording
    speech = np.zeros(CONTEXT_CHUNKS, bool)
    first = -CONTEXT_CHUNKS  # number of the first chunk that is still held
    window = 0  # number of the first chunk that the next window is scored for
    length_s = 0.0
    for page, is_last in pages(blocks):
        length_s += len(page) / logmel.SAMPLE_RATE
        sound = np.pad(page, (0, PAGE_CHUNKS * CHUNK - len(page)))
        new = floor.speech_chunks(activity.probabilities(sound.reshape(-1, CHUNK)), open_before=bool(speech[-1]))
        if is_last:
            new[-(-len(page) // CHUNK) :] = False
        frames = np.concatenate([frames, logmel.frame_features(np.concatenate([past, sound]))])
        speech = np.concatenate([speech, new])
        past = sound[-logmel.PAST :]
        held = first + len(speech)
        if is_last:
            frames = np.pad(frames, ((0, _CONTEXT_FRAMES), (0, 0)))
            speech = np.pad(speech, (0, CONTEXT_CHUNKS))
        padded = widened(speech)
        found = []
        while window < held if is_last else window + HOP_CHUNKS + _MARGIN_CHUNKS <= held:
            start = window - first
            if np.count_nonzero(speech[start : start + HOP_CHUNKS]) >= MIN_SPEECH_CHUNKS:
                around = slice(start - CONTEXT_CHUNKS, start + HOP_CHUNKS + CONTEXT_CHUNKS)
                found.append(_window(frames, padded, around, first, length_s))
            window += HOP_CHUNKS
        if found:
            yield found
        drop = window - HOP_CHUNKS - first
        if drop > 0:
            first += drop
            speech, frames = speech[drop:], frames[drop * CHUNK // logmel.HOP :]


def _window(frames: np.ndarray, padded: np.ndarray, around: slice, first: int, length_s: float) -> _Window:
    inner = np.flatnonzero(padded[around][CONTEXT_CHUNKS : CONTEXT_CHUNKS + HOP_CHUNKS])
    inner_start = first + around.start + CONTEXT_CHUNKS
    chosen = padded[around][chunk_of_frame(logmel.WINDOW_FRAMES)]
    from_frame = around.start * CHUNK // logmel.HOP
    spectra = logmel.normalised(frames[from_frame : from_frame + logmel.WINDOW_FRAMES], chosen)
    return _Window(
        start=(inner_start + int(inner[0])) * _CHUNK_S,
        end=min((inner_start + int(inner[-1]) + 1) * _CHUNK_S, length_s),
        spectra=np.ascontiguousarray(spectra.T),
        speech=chosen.astype(np.float32),
    )


def pages(blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
    """The same sound in pages of fixed length, each with whether it is the last. Nothing at all for no sound."""
    size = PAGE_CHUNKS * CHUNK
    pending = np.zeros(0, np.float32)
    for block in blocks:
        pending = np.concatenate([pending, block])
        while len(pending) > size:
            yield pending[:size], False
            pending = pending[size:]
    if len(pending):
        yield pending, True


def _session(network: bytes) -> onnxruntime.InferenceSession:
    import onnxruntime
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
        (floor.ON_PROBABILITY, floor.OFF_PROBABILITY, floor.PAD_CHUNKS, WEIGHTS_FILE),
        (MIN_SPEECH_CHUNKS, HOP_CHUNKS, CONTEXT_CHUNKS, CLASSES),
    )
    return hashlib.sha256(repr(constants).encode() + network).hexdigest()[:12]
