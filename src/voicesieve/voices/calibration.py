"""A refitted last layer: the network's judgement of child against adult, moved by labels from a new domain.

The network stays as it is. Of its embedding a linear function is added to the log-odds of a child; how much a window
is speech at all, and woman against man, stay as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from voicesieve.domain.verdicts import Model
from voicesieve.voices.scores import CHILD, MAN, NONSPEECH, WOMAN, child_log_odds

FORMAT = "voicesieve calibration 1"
MAX_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class Calibration:
    """New log-odds of a child against an adult: ``scale`` * old + ``weights`` @ embedding + ``offset``.

    ``base`` is the network it was fitted on; ``facts`` say what it was fitted with, for people.
    """

    base: Model
    scale: float
    offset: float
    weights: np.ndarray
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def revision(self) -> str:
        """Twelve hex digits over everything that moves a score."""
        numbers = np.array([self.scale, self.offset, *self.weights], "<f8")
        return hashlib.sha256(f"{self.base.name} {self.base.revision}".encode() + numbers.tobytes()).hexdigest()[:12]

    @property
    def model(self) -> Model:
        return Model(self.base.name, f"{self.base.revision}+{self.revision}")

    def check(self, base: Model) -> None:
        """ValueError unless it was fitted on ``base``."""
        if base != self.base:
            raise ValueError(
                f"the calibration was made for {self.base.name} {self.base.revision}, but this is {base.name} "
                f"{base.revision}; make it anew with `voicesieve calibrate`, or leave it out"
            )

    def log_probabilities(self, logs: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
        """Refit (n, 4) log-probabilities of windows with the embeddings (n, d). ValueError for another ``d``."""
        if embeddings.shape[1] != len(self.weights):
            raise ValueError(f"the calibration has {len(self.weights)} weights for {embeddings.shape[1]} numbers")
        logs = logs.astype(float)
        odds = self.scale * child_log_odds(logs) + embeddings @ self.weights + self.offset
        adult = np.logaddexp(logs[:, WOMAN], logs[:, MAN])
        speech = np.logaddexp(logs[:, CHILD], adult)
        refitted = np.empty_like(logs)
        refitted[:, NONSPEECH] = logs[:, NONSPEECH]
        refitted[:, CHILD] = speech - np.logaddexp(0, -odds)
        for index in (WOMAN, MAN):
            refitted[:, index] = speech - np.logaddexp(0, odds) + logs[:, index] - adult
        return refitted.astype(np.float32)

    def to_json(self) -> str:
        numbers = {"scale": self.scale, "offset": self.offset, "weights": self.weights.tolist()}
        base = {"name": self.base.name, "revision": self.base.revision}
        head = {"format": FORMAT, "revision": self.revision, "base": base, "facts": dict(self.facts)}
        return json.dumps({**head, **numbers}, indent=1, ensure_ascii=False) + "\n"


def read_calibration(file: Path) -> Calibration:
    """ValueError, with what to do, if the file is missing, is no calibration, or was changed by hand."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        advice = "`voicesieve calibrate --list` shows those there are"
        raise ValueError(f"the calibration {file} cannot be read ({error.strerror}); {advice}") from error
    try:
        content = json.loads(data)
        calibration = Calibration(
            base=Model(str(content["base"]["name"]), str(content["base"]["revision"])),
            scale=float(content["scale"]),
            offset=float(content["offset"]),
            weights=np.array(content["weights"], float).reshape(-1),
            facts=dict(content["facts"]),
        )
        is_whole = content["format"] == FORMAT and content["revision"] == calibration.revision
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is not a calibration; make one with `voicesieve calibrate`") from error
    if not is_whole or not np.isfinite([calibration.scale, calibration.offset, *calibration.weights]).all():
        raise ValueError(f"{file} was changed or is of another version; make it anew with `voicesieve calibrate`")
    return calibration
