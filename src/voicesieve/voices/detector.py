"""What a child-voice detector is: windows of a recording in, log-probabilities of four classes out."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from voicesieve.domain.verdicts import Model

CLASSES = ("child", "woman", "man", "nonspeech")
"""Columns of the scores. Child: at most 12 years old and speaking; woman and man: 18 and older."""

CHILD, WOMAN, MAN, NONSPEECH = range(len(CLASSES))

_MAGIC = b"VSWS"
_VERSION = 1
_HEADER = struct.Struct("<4sHHI")
_TIME = np.dtype("<f4")
_SCORE = np.dtype("<f4")


@dataclass(frozen=True, eq=False)
class WindowScores:
    """Scores of the windows of one recording, in time order.

    ``starts`` and ``ends``: float32 (n,), seconds. ``log_probabilities``: float32 (n, 4), natural logarithms over
    `CLASSES`. Windows may overlap; stretches that no window covers hold no speech.
    """

    starts: np.ndarray
    ends: np.ndarray
    log_probabilities: np.ndarray

    def __post_init__(self) -> None:
        count = len(self.starts)
        if self.ends.shape != (count,) or self.log_probabilities.shape != (count, len(CLASSES)):
            raise ValueError("window scores need as many ends and rows of four log-probabilities as starts")

    def __len__(self) -> int:
        return len(self.starts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WindowScores) and self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    @classmethod
    def empty(cls) -> WindowScores:
        return cls(np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros((0, len(CLASSES)), np.float32))

    def to_bytes(self) -> bytes:
        """Header (magic, version, classes, count) and three little-endian float32 arrays: 24 bytes for each window."""
        header = _HEADER.pack(_MAGIC, _VERSION, len(CLASSES), len(self))
        arrays = (self.starts.astype(_TIME), self.ends.astype(_TIME), self.log_probabilities.astype(_SCORE))
        return header + b"".join(array.tobytes() for array in arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> WindowScores:
        """Inverse of `to_bytes`. ValueError for anything else."""
        if len(data) < _HEADER.size:
            raise ValueError("stored window scores are cut off")
        magic, version, classes, count = _HEADER.unpack_from(data)
        if (magic, version, classes) != (_MAGIC, _VERSION, len(CLASSES)):
            raise ValueError("stored window scores are of an unknown version; analyse the recording again")
        if len(data) != _HEADER.size + count * (2 * _TIME.itemsize + classes * _SCORE.itemsize):
            raise ValueError("stored window scores are cut off or too long")
        times = np.frombuffer(data, _TIME, 2 * count, _HEADER.size).astype(np.float32)
        scores = np.frombuffer(data, _SCORE, offset=_HEADER.size + 2 * count * _TIME.itemsize).astype(np.float32)
        return cls(times[:count], times[count:], scores.reshape(count, classes))


class Detector(Protocol):
    """Scores windows of sound. Instances hold weights only and may be used for one recording after another."""

    @property
    def model(self) -> Model: ...

    def windows(self, blocks: Iterable[np.ndarray]) -> WindowScores:
        """Scores for one recording given as float32 blocks (n,) of 16 kHz mono sound that follow one another.

        The result does not depend on where the sound is cut into blocks.
        """
        ...


@dataclass(frozen=True)
class DetectorChoice:
    """A detector by name, with what loading it needs. Plain data, so that it travels to workers.

    ``calibration``: a file of `voicesieve.voices.calibration`, ``None`` for the detector as it is. ``weights``: the
    folder of a published detector's files, ``None`` for the hub's at ``commit``; ``weights_sha256`` says what its
    weights must be.
    """

    name: str
    calibration: Path | None = None
    weights: Path | None = None
    weights_sha256: str = ""
    accept_noncommercial: bool = False
    commit: str = ""


def load_detector(choice: DetectorChoice | str) -> Detector:
    """The detector that is chosen, or the one of that name as it is.

    ValueError, with what to do, if there is none of that name or what it needs is missing.
    """
    chosen = DetectorChoice(choice) if isinstance(choice, str) else choice
    try:
        load = LOADERS[chosen.name]
    except KeyError:
        message = f"there is no detector {chosen.name[:60]!r}; there are: {', '.join(sorted(LOADERS))}"
        raise ValueError(message) from None
    if chosen.calibration is not None and chosen.name not in CALIBRATED:
        raise ValueError(f"the detector {chosen.name} takes no calibration; {', '.join(sorted(CALIBRATED))} does")
    return load(chosen)


def _load_floor(choice: DetectorChoice) -> Detector:
    from voicesieve.voices.floor import FloorDetector

    return FloorDetector.embedded()


def _load_network(choice: DetectorChoice) -> Detector:
    from voicesieve.voices.calibration import read_calibration
    from voicesieve.voices.network import NetworkDetector

    return NetworkDetector.embedded(read_calibration(choice.calibration) if choice.calibration else None)


def _load_wav2vec(choice: DetectorChoice) -> Detector:
    from voicesieve.voices.wav2vec import load_wav2vec

    return load_wav2vec(choice)


CALIBRATED = frozenset({"network"})
"""Detectors whose last layer can be refitted."""

LOADERS: dict[str, Callable[[DetectorChoice], Detector]] = {
    "floor": _load_floor,
    "network": _load_network,
    "bookbot": _load_wav2vec,
    "audeering-6": _load_wav2vec,
    "audeering-24": _load_wav2vec,
}
