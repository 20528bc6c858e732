"""Labelled stretches of a file through detectors. Plain functions of plain data, run in worker processes."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from voicesieve.audio.decode import decode_blocks
from voicesieve.domain.failures import FailureError, FailureKind
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.voices.detector import Detector, DetectorChoice
from voicesieve.voices.network import NetworkDetector
from voicesieve.voices.registry import load_detector
from voicesieve.voices.scores import NONSPEECH, WindowScores, child_log_odds

DURATIONS_S = (1.0, 2.0, 4.0, 8.0)
CUTS = 3
"""So many pieces of each duration are cut from the joined stretches of a speaker."""
CUT_FROM_S = CUTS * max(DURATIONS_S)
BEYOND_S = 0.5
"""A stretch may end so much after the recording: labelling tools round up."""

Span = tuple[float, float | None]


@dataclass(frozen=True)
class SpansOrder:
    """Order to score spans of one file, in seconds, with each detector."""

    path: Path
    spans: tuple[Span, ...]
    detectors: tuple[DetectorChoice, ...]
    max_duration_s: float


@dataclass(frozen=True)
class ScoredSpan:
    """``windows``: `WindowScores.to_bytes` by detector, times from the span's start. Or why it was not scored."""

    duration_s: float
    windows: tuple[bytes, ...]
    problem: str = ""


@dataclass(frozen=True)
class EmbeddedSpan:
    """Mean log-odds and embedding over the speech of a span; ``None`` where there is no speech. Or a problem."""

    odds: float | None
    embedding: tuple[float, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class CutsOrder:
    """Order to join stretches of one speaker and to score pieces of fixed length of them."""

    stretches: tuple[tuple[Path, Span], ...]
    detectors: tuple[DetectorChoice, ...]
    max_duration_s: float


ScoredCuts = dict[float, list[tuple[bytes, ...]]]
"""By duration in seconds, for each piece its windows by detector."""


@dataclass
class _Open:
    index: int
    first: int
    last: float
    parts: list[np.ndarray] = field(default_factory=list)


def score_spans(order: SpansOrder) -> list[ScoredSpan]:
    """Every span in its order, in one pass over the file. Raises FailureError as `decode_blocks` does."""
    detectors = [_detector(choice) for choice in order.detectors]
    scored: list[ScoredSpan | None] = [None] * len(order.spans)
    for index, sound in cut(order.path, order.spans, order.max_duration_s):
        if isinstance(sound, str):
            scored[index] = ScoredSpan(0.0, (), sound)
        else:
            windows = tuple(detector.windows([sound]).to_bytes() for detector in detectors)
            scored[index] = ScoredSpan(len(sound) / SAMPLE_RATE, windows)
    return [span for span in scored if span is not None]


def embed_spans(order: SpansOrder) -> list[EmbeddedSpan]:
    """What a calibration is fitted on, of every span in its order. Raises FailureError as `decode_blocks` does."""
    network = NetworkDetector.embedded()
    embedded = [EmbeddedSpan(None)] * len(order.spans)
    for index, sound in cut(order.path, order.spans, order.max_duration_s):
        if isinstance(sound, str):
            embedded[index] = EmbeddedSpan(None, (), sound)
            continue
        logs, embeddings = network.base_outputs([sound])
        speech = logs[:, NONSPEECH] < np.log(0.5)
        if speech.any():
            odds = float(child_log_odds(logs[speech].astype(float)).mean())
            embedded[index] = EmbeddedSpan(odds, tuple(embeddings[speech].astype(float).mean(axis=0).tolist()))
    return embedded


def score_cuts(order: CutsOrder) -> ScoredCuts:
    """Pieces of `DURATIONS_S` of a speaker's first `CUT_FROM_S` seconds. Raises as `score_spans` does."""
    detectors = [_detector(choice) for choice in order.detectors]
    joined = np.zeros(0, np.float32)
    for path, span in order.stretches:
        for _, sound in cut(path, (span,), order.max_duration_s):
            if not isinstance(sound, str):
                joined = np.concatenate([joined, sound])
        if len(joined) >= CUT_FROM_S * SAMPLE_RATE:
            break
    scored: ScoredCuts = {}
    for duration_s in DURATIONS_S:
        size = int(duration_s * SAMPLE_RATE)
        pieces = [joined[start : start + size] for start in range(0, len(joined) - size + 1, size)][:CUTS]
        scored[duration_s] = [tuple(detector.windows([piece]).to_bytes() for detector in detectors) for piece in pieces]
    return scored


def cut(path: Path, spans: Sequence[Span], max_duration_s: float) -> Iterator[tuple[int, np.ndarray | str]]:
    """Number and sound (n,) of each span, as soon as it is complete; or why there is none. Ends when all are.

    Holds no more than the spans that are open at a time.
    """
    waiting = [
        _Open(index, round(start * SAMPLE_RATE), math.inf if end is None else round(end * SAMPLE_RATE))
        for index, (start, end) in sorted(enumerate(spans), key=lambda item: item[1][0], reverse=True)
    ]
    opened: list[_Open] = []
    position = 0
    for block in decode_blocks(path, max_duration_s=max_duration_s):
        after = position + len(block)
        while waiting and waiting[-1].first < after:
            opened.append(waiting.pop())
        for span in opened:
            part = block[max(0, span.first - position) : int(min(span.last, after)) - position]
            span.parts.append(part.copy())
        position = after
        yield from ((span.index, np.concatenate(span.parts)) for span in opened if span.last <= position)
        opened = [span for span in opened if span.last > position]
        if not waiting and not opened:
            return
    for span in opened:
        if span.last == math.inf or span.last <= position + BEYOND_S * SAMPLE_RATE:
            yield span.index, np.concatenate(span.parts)
        else:
            yield span.index, f"ends at {span.last / SAMPLE_RATE:g} s, after the recording ({_seconds(position)})"
    for span in waiting:
        yield span.index, f"starts at {span.first / SAMPLE_RATE:g} s, after the recording ({_seconds(position)})"


def speech_odds(scores: WindowScores) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds of a child against an adult in each window that is speech, and the window's seconds: (n,) each."""
    logs = scores.log_probabilities.astype(float)
    odds = child_log_odds(logs)
    seconds = (scores.ends - scores.starts).astype(float)
    speech = (logs[:, NONSPEECH] < np.log(0.5)) & (seconds > 0)
    return odds[speech], seconds[speech]


def mean_log_odds(parts: Iterable[WindowScores]) -> float:
    """Mean over all speech of ``parts``, by its seconds; -inf where there is no speech."""
    pairs = [speech_odds(scores) for scores in parts]
    odds = np.concatenate([np.zeros(0), *(pair[0] for pair in pairs)])
    seconds = np.concatenate([np.zeros(0), *(pair[1] for pair in pairs)])
    return float(np.average(odds, weights=seconds)) if len(odds) else -math.inf


def explained(error: BaseException) -> str:
    """Why a file could not be scored, for a person."""
    if isinstance(error, FailureError):
        kind = error.failure.kind
        return error.failure.message if kind is FailureKind.INTERNAL_ERROR else f"{kind}: {error.failure.message}"
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def _seconds(samples: int) -> str:
    return f"{samples / SAMPLE_RATE:.2f} s"


@functools.cache
def _detector(choice: DetectorChoice) -> Detector:
    """Loaded once in each worker."""
    return load_detector(choice)
