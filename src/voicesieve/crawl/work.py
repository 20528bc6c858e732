"""The work that touches untrusted media: plain functions of plain data, run only in worker processes.

Decoders and models are imported inside the functions: the driver imports this module too, and needs none of them."""

from __future__ import annotations

import errno
import functools
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import MediaInfo, SoundTrack
from voicesieve.domain.languages import LanguageEvidence
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.domain.verdicts import Model
from voicesieve.languages.recognition import Recogniser, Span, evidence_of
from voicesieve.voices.detector import Detector, DetectorChoice
from voicesieve.voices.registry import load_detector

if TYPE_CHECKING:
    from voicesieve.languages.whisper import LoadedWhisper

TRUNCATED_SHARE = 0.9
"""A file that holds less than this share of its stated duration is not whole; feeds round, but not by a tenth."""


LEVELS = ("rms_dbfs", "clipped_share", "packets", "bad_packets", "out_of_phase_s")
"""Facts about the sound that are stored beside the scores (see `voices.recordings.ScoredRecording`)."""


@dataclass(frozen=True)
class Examination:
    """Order to examine a fetched file. Durations in seconds.

    ``expected_s`` is what the source stated, ``None`` where that is unknown or was doubted once already.
    """

    path: Path
    expected_s: float | None
    min_duration_s: float
    max_duration_s: float


@dataclass(frozen=True)
class Examined:
    media: MediaInfo
    sha256: str
    bytes: int


def examine(order: Examination) -> Examined:
    """Prove that a file exists, decodes and is long enough, and name its content.

    Raises `FailureError`: ``undecodable``, ``no_audio``, ``too_short``, ``too_long`` or ``truncated``.
    """
    from voicesieve.audio.probe import probe
    from voicesieve.audio.store import sha256_of

    media = probe(order.path, max_duration_s=order.max_duration_s)
    if media.duration_s < order.min_duration_s:
        message = f"{media.duration_s:.2f} s of audio; the least is {order.min_duration_s:.1f} s"
        raise FailureError(Failure(FailureKind.TOO_SHORT, message))
    if order.expected_s and media.duration_s < TRUNCATED_SHARE * order.expected_s - 1.0:
        message = (
            f"{media.duration_s:.1f} s arrived of the {order.expected_s:.1f} s that the source stated; "
            "if it brings no more next time, this is what there is"
        )
        raise FailureError(Failure(FailureKind.TRUNCATED, message))
    return Examined(media, sha256_of(order.path), order.path.stat().st_size)


@dataclass(frozen=True)
class AnalysisOrder:
    """Order to analyse a stored file with a detector."""

    path: Path
    detector: DetectorChoice
    max_duration_s: float


@dataclass(frozen=True)
class Analysed:
    """Scores of a whole file. ``windows`` is `WindowScores.to_bytes`; ``levels`` are facts about its loudness."""

    model: Model
    duration_s: float
    windows: bytes
    levels: dict[str, float]


def analyse(order: AnalysisOrder) -> Analysed:
    """Score a file in blocks; memory does not grow with its length. Raises `FailureError` for media faults."""
    from voicesieve.voices.recordings import score_recording

    scored = score_recording(order.path, _detector(order.detector), max_duration_s=order.max_duration_s)
    levels = {name: float(getattr(scored, name)) for name in LEVELS}
    return Analysed(scored.model, scored.duration_s, scored.scores.to_bytes(), levels)


TRIAL_S = 1.0
"""Seconds of silence that a new worker scores: enough to load and run all that a recording needs."""


def prove_decoder() -> None:
    """Load what opens media; an error here is no file's fault."""
    import voicesieve.audio.probe  # noqa: F401 - loading it is the proof


def prove_detector(choice: DetectorChoice) -> None:
    """Load the decoder and the detector, and score a little silence; an error here is no recording's fault."""
    import numpy as np

    _detector(choice).windows([np.zeros(int(TRIAL_S * SAMPLE_RATE), dtype=np.float32)])


@dataclass(frozen=True)
class LocalFile:
    """Order to score a file that is not in any store."""

    path: Path
    detector: DetectorChoice
    max_duration_s: float


@dataclass(frozen=True)
class LocalResult:
    sha256: str
    analysed: Analysed
    tracks: tuple[SoundTrack, ...]


def analyse_local(order: LocalFile) -> LocalResult:
    """Hash and score a file where it is. Raises `FailureError` for media faults, `OSError` if it cannot be read."""
    from voicesieve.audio.probe import probe
    from voicesieve.audio.store import sha256_of

    if not stat.S_ISREG(order.path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file")  # opening a pipe would wait for its other end
    # A day of sound shows in its packets, long before it is decoded.
    media = probe(order.path, max_duration_s=order.max_duration_s)
    sha256 = sha256_of(order.path)
    return LocalResult(sha256, analyse(AnalysisOrder(order.path, order.detector, order.max_duration_s)), media.tracks)


@dataclass(frozen=True)
class RecognitionOrder:
    """Order to recognise the language spoken in parts of a stored file: for each vote its (start, end) seconds."""

    path: Path
    recogniser: Recogniser
    votes: tuple[tuple[Span, ...], ...]


@dataclass(frozen=True)
class Recognised:
    """One piece of evidence for each vote, or why there is none."""

    evidence: tuple[LanguageEvidence, ...] = ()
    unavailable: str | None = None
    chain: tuple[str, ...] = ()


def recognise_language(order: RecognitionOrder) -> Recognised:
    """Recognise the language that is spoken. Raises `FailureError` for media faults."""
    from voicesieve.audio.spans import read_spans
    from voicesieve.languages.whisper import RecogniserError

    try:
        whisper = _whisper(order.recogniser.folder, order.recogniser.device)
    except RecogniserError as error:
        return Recognised(unavailable=str(error), chain=Failure.from_exception(FailureKind.INTERNAL_ERROR, error).chain)
    pieces = []
    for spans, samples in zip(order.votes, read_spans(order.path, order.votes), strict=True):
        if len(samples):
            pieces.append(evidence_of(spans, whisper.languages(samples), order.recogniser.revision))
    return Recognised(tuple(piece for piece in pieces if piece is not None))


@functools.cache
def _whisper(folder: str, device: str) -> LoadedWhisper:
    """Loaded once in each worker."""
    from voicesieve.languages.whisper import LoadedWhisper

    return LoadedWhisper(folder, device)


@functools.cache
def _detector(choice: DetectorChoice) -> Detector:
    """Loaded once in each worker."""
    return load_detector(choice)
