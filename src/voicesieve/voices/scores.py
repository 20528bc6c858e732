"""Window scores: what a child-voice detector says of a recording, as log-probabilities of four classes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

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

    A second in which a child surely speaks, then one in which most likely a woman does:

    >>> scores = WindowScores(
    ...     starts=np.array([0.0, 1.0], np.float32),
    ...     ends=np.array([1.0, 2.0], np.float32),
    ...     log_probabilities=np.log(np.array([[0.97, 0.01, 0.01, 0.01], [0.1, 0.7, 0.1, 0.1]], np.float32)),
    ... )
    >>> [CLASSES[column] for column in scores.log_probabilities.argmax(axis=1)]
    ['child', 'woman']
    >>> WindowScores.from_bytes(scores.to_bytes()) == scores
    True

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


def child_log_odds(log_probabilities: np.ndarray) -> np.ndarray:
    """Of log-probabilities (n, 4) the log-odds of a child against an adult, (n,)."""
    adult = np.logaddexp(log_probabilities[:, WOMAN], log_probabilities[:, MAN])
    return np.asarray(log_probabilities[:, CHILD] - adult)
