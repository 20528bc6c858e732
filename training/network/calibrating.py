"""Probabilities from scores, fitted on people whom the weights never saw.

Too few were kept from the training for that alone, and they are easy: so all speakers of the test calibrate what
ships, and to be measured they are halved, each half judged by a calibration fitted on the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.corpora import Clip, share
from training.network.changes import equaliser, unchanged
from training.network.measures import score
from training.network.platt import platt
from training.network.scores import Scored
from training.network.shortcuts import speaker_share
from voicesieve.voices.detector import Detector
from voicesieve.voices.scores import CHILD, MAN, WOMAN

CALIBRATION_SHARE = 0.15
"""Of the training speakers, kept from the weights for the calibration."""
KIND_WEIGHTS = {CHILD: 0.5, WOMAN: 0.25, MAN: 0.25}


def is_for_calibration(group: str) -> bool:
    """Whether a group is kept from the weights. Synthetic voices never are: nobody calibrates for them."""
    return not group.startswith("kokoro:") and speaker_share(group) < CALIBRATION_SHARE


def calibrates(clip: Clip) -> bool:
    """People of the two corpora whose weights never saw them. The prompts' readers are left to the measures."""
    return clip.group.startswith(("so:", "cv:")) and (clip.held_out or is_for_calibration(clip.group))


def half_of_group(group: str) -> int:
    return int(share(f"half {group}") < 0.5)


def half_of(clip: Clip) -> int | None:
    """Of the held-out speakers, in which of two halves; None for those who are never measured."""
    return half_of_group(clip.group) if clip.held_out else None


def calibration_scores(raw: Detector, clips: Sequence[Clip], music: Sequence[np.ndarray]) -> list[Scored]:
    """Half of them as recorded, half through another channel."""
    return [*score(raw, clips, unchanged), *score(raw, clips, equaliser(music))]


def calibration(scored: Sequence[Scored]) -> tuple[float, float]:
    """Platt's scale and shift. Children weigh as much as adults, women as much as men, speakers of a kind the same:
    women are what children are mistaken for, and would count for little among the many men."""
    odds = np.concatenate([result.log_odds for result in scored])
    lengths = [len(result.log_odds) for result in scored]
    groups = np.repeat([result.clip.group for result in scored], lengths)
    kinds = np.repeat([_kind(result.clip) for result in scored], lengths)
    weights = np.zeros(len(odds))
    for kind, mass in KIND_WEIGHTS.items():
        speakers = set(groups[kinds == kind])
        for speaker in speakers:
            own = (groups == speaker) & (kinds == kind)
            weights[own] = mass / len(speakers) / own.sum()
    return platt(odds, kinds == CHILD, weights)


def _kind(clip: Clip) -> int:
    """Adults of undeclared gender count as men: of those who declare it in Common Voice, 17 are men and 5 women."""
    return next(iter(clip.classes)) if len(clip.classes) == 1 else MAN
