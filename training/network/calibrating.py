"""Probabilities from scores, fitted on people whom the weights never saw.

Too few were kept from the training for that alone, and they are easy: so all speakers of the test calibrate what
ships, and to be measured they are halved, each half judged by a calibration that did not hear it.
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
from voicesieve.voices.detector import CHILD, Detector

CALIBRATION_SHARE = 0.15
"""Of the training speakers, kept from the weights for the calibration."""


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
    return [*score(lambda group: raw, clips, unchanged), *score(lambda group: raw, clips, equaliser(music))]


def calibration(scored: Sequence[Scored]) -> tuple[float, float]:
    """Platt's scale and shift, every speaker weighing the same and children as much as adults."""
    odds = [one.log_odds for one in scored]
    groups = np.repeat([one.clip.group for one in scored], [len(part) for part in odds])
    is_child = np.repeat([one.clip.classes == {CHILD} for one in scored], [len(part) for part in odds])
    weights = np.zeros(len(groups))
    for label in (True, False):
        speakers = set(groups[is_child == label])
        for speaker in speakers:
            own = (groups == speaker) & (is_child == label)
            weights[own] = 0.5 * len(groups) / len(speakers) / own.sum()
    return platt(np.concatenate(odds), is_child, weights)
