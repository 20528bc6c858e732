"""What tells children from adults in the training set without any voice. A recipe that leaves much of it is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from training.corpora import share
from training.floor import auc
from training.network.batches import Batch, Batches
from training.network.learning import PAIRS
from voicesieve.voices.scores import CHILD, NONSPEECH

MAX_SILENCE_AUC, MAX_DURATION_AUC = 0.60, 0.55
DRAWS = 60
QUIET_SHARE = 0.1
RIDGE = 0.02


@dataclass(frozen=True)
class Shortcuts:
    """AUC of children against adults. ``unmoved``: among examples that keep their label, where no pair hides it."""

    silence: float
    duration: float
    silence_unmoved: float
    duration_unmoved: float
    examples: int

    @property
    def are_closed(self) -> bool:
        return self.silence <= MAX_SILENCE_AUC and self.duration <= MAX_DURATION_AUC


def find_shortcuts(batches: Batches) -> Shortcuts:
    """Look at the quietest tenth of the frames and at the length of speech of freshly drawn examples."""
    quiet, length, child, own, groups = [], [], [], [], []
    for _ in range(DRAWS):
        batch = batches.draw(PAIRS)
        speech = np.flatnonzero(batch.kinds != NONSPEECH)
        quiet.append(_quiet_spectra(batch)[speech])
        length.append(batch.speech.sum(dim=1).numpy()[speech])
        is_child = batch.allowed[:, CHILD].numpy()[speech] > 0
        child.append(is_child)
        own.append(is_child == (batch.kinds[speech] == CHILD))
        groups += [batch.groups[index] for index in speech]
    spectra, lengths = np.concatenate(quiet), np.concatenate(length)
    is_child, is_own, names = np.concatenate(child), np.concatenate(own), np.array(groups)
    return Shortcuts(
        silence=_linear_auc(spectra, is_child, names),
        duration=_either_way(lengths, is_child),
        silence_unmoved=_linear_auc(spectra[is_own], is_child[is_own], names[is_own]),
        duration_unmoved=_either_way(lengths[is_own], is_child[is_own]),
        examples=len(is_child),
    )


def refuse(shortcuts: Shortcuts) -> None:
    """SystemExit where a network would learn rooms or lengths rather than voices."""
    if not shortcuts.are_closed:
        raise SystemExit(
            "The training set tells children from adults by silence or duration, so nothing was trained. Silence: AUC "
            f"{shortcuts.silence}, at most {MAX_SILENCE_AUC} is allowed; duration: {shortcuts.duration}, at most "
            f"{MAX_DURATION_AUC}. Look at what makes them differ in training/network/channels.py and batches.py."
        )


def refuse_mixture(file: Path, shortcuts: Shortcuts) -> None:
    """SystemExit if the run whose figures are in ``kept``, if any, learned from another training set.

    The figures are of seeded draws: they change with the clips, the warps and the channels."""
    if file.exists() and json.loads(file.read_text("utf-8")) != asdict(shortcuts):
        raise SystemExit(
            f"{file.parent} holds weights that were learned from another training set, so nothing was trained. "
            "Choose an empty folder, or empty this one to begin anew."
        )


def speaker_share(name: str) -> float:
    """A number 0..1 that a name always gets."""
    return share(f"calibrate {name}")


def _quiet_spectra(batch: Batch) -> np.ndarray:
    """Mean log-mel of each example's quietest frames, relative to its own mean, (n, BANDS)."""
    frames = batch.frames
    order = np.argsort(frames.mean(axis=2), axis=1)[:, : int(QUIET_SHARE * frames.shape[1])]
    spectra = np.take_along_axis(frames, order[:, :, None], axis=1).mean(axis=1)
    return np.asarray(spectra - spectra.mean(axis=1, keepdims=True))


def _linear_auc(vectors: np.ndarray, is_child: np.ndarray, groups: Sequence[str]) -> float:
    """AUC of a linear discriminant fitted on one part of the speakers and scored on the others, mean of both ways."""
    part = np.array([speaker_share(group) < 0.58 for group in groups])  # calibration speakers lie below 0.15
    aucs = []
    for test in (part, ~part):
        x, y = vectors[~test], is_child[~test]
        spread = sum(np.cov(x[y == label].T) for label in (False, True))
        spread = spread + RIDGE * np.trace(spread) / len(spread) * np.eye(len(spread))
        scores = vectors[test] @ np.linalg.solve(spread, x[y].mean(axis=0) - x[~y].mean(axis=0))
        aucs.append(auc(scores[is_child[test]], scores[~is_child[test]]))
    return round(float(np.mean(aucs)), 3)


def _either_way(values: np.ndarray, is_child: np.ndarray) -> float:
    area = auc(values[is_child], values[~is_child])
    return round(max(area, 1 - area), 3)
