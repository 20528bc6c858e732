"""What a child-voice detector is: sound in, `voicesieve.voices.scores.WindowScores` out. Imports nothing heavy.

To add one, write a file with a detector and a function that loads it, and add its record to
`voicesieve.voices.registry.DETECTORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from voicesieve.domain.verdicts import Model

if TYPE_CHECKING:
    import numpy as np

    from voicesieve.voices.scores import WindowScores


class Detector(Protocol):
    """Scores windows of sound. Instances hold weights only and may be used for one recording after another.

    ::

        detector = load_detector("network")
        scores = detector.windows(decode_blocks(path))
        verdict = pool(scores, duration_s, OPERATING_POINTS["corpus"], detector.model)
    """

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


@dataclass(frozen=True)
class Published:
    """Where the files of a detector that others have published come from, and under which licence."""

    repository: str
    licence: str
    commercial: bool
    about: str

    @property
    def notice(self) -> str:
        return f"{self.repository}: {self.licence}. {self.about}"


@dataclass(frozen=True)
class DetectorKind:
    """A detector that can be chosen by ``name``, before any of it is loaded.

    ``about``: a few words for help and documentation. ``load``: ``module:function``, imported only when the detector is
    wanted; the function takes this record and a `DetectorChoice`, and raises ValueError, with what to do, for what is
    missing. ``extra``: the optional part of this package that it needs. ``published``: where its files come from,
    ``None`` for one that ships with this package. ``facts``: a file of this package with its revision and what was
    measured of it. ``takes_calibration``: whether its last layer can be refitted.
    """

    name: str
    about: str
    load: str
    extra: str = ""
    published: Published | None = None
    facts: str = ""
    takes_calibration: bool = False

    def loaded(self, choice: DetectorChoice) -> Detector:
        """The detector. Raises ValueError, with what to do, if something that it needs is missing."""
        module, _, function = self.load.partition(":")
        load: Callable[[DetectorKind, DetectorChoice], Detector] = getattr(import_module(module), function)
        return load(self, choice)
