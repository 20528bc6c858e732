"""An order of channels by what is known about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from voicesieve.frontier.costs import FETCH
from voicesieve.frontier.facts import ArmFacts, Lessons, Worth
from voicesieve.frontier.learning import Knowledge, fit_priors, fit_words, offsets
from voicesieve.frontier.rates import evidence
from voicesieve.frontier.scoring import Array, belief, index, with_merit

LENGTH_STRENGTH = 10.0
"""Accepted videos that the mean length of all counts as; lengths are lognormal, the mean of a few is noise."""

LOSS_STRENGTH = 4.0
"""Videos that count as fetched before the first one of a channel is lost."""


def beliefs(arms: Sequence[ArmFacts], knowledge: Knowledge, *, with_pending: bool = True) -> Array:
    """Weights over the grid of rates for each arm, (arms, rates)."""
    priors = np.stack([knowledge.prior_of(arm.query) for arm in arms])
    said = np.array([arm.evidence for arm in arms])
    return belief(priors, said, np.array([arm.pending for arm in arms], dtype=np.float64) if with_pending else None)


def value(arms: Sequence[ArmFacts], knowledge: Knowledge) -> list[Worth]:
    """What one more fetch from each arm is worth. Arms in which nothing waits score 0."""
    if not arms:
        return []
    left = np.array([max(arm.left, 1) for arm in arms], dtype=np.float64)
    rates = index(beliefs(arms, knowledge), left)
    merits = np.array([arm.top_merit or 0.0 for arm in arms])
    scores = with_merit(rates, merits) * np.array([_seconds(arm, knowledge) * _reached(arm) for arm in arms]) / FETCH
    return [
        Worth(float(rate), 0.0 if arm.top_merit is None else float(score))
        for arm, rate, score in zip(arms, rates, scores, strict=True)
    ]


def _seconds(arm: ArmFacts, knowledge: Knowledge) -> float:
    """Child seconds to expect of an accepted video of the arm."""
    return (arm.child_s + LENGTH_STRENGTH * knowledge.child_s) / (arm.accepted + LENGTH_STRENGTH)


def _reached(arm: ArmFacts) -> float:
    """Share of the arm's videos that can be fetched at all."""
    return (arm.judged + LOSS_STRENGTH) / (arm.judged + arm.lost + LOSS_STRENGTH)


BLOCK = 500
"""Lessons whose channels are computed together, which bounds the memory that their rows of rates take."""


def _beside(lessons: Lessons, block: slice, said: Array, priors: Array) -> Array:
    """Log-odds of each lesson's channel as its other videos show it; ``said`` and ``priors`` are (channels, rates)."""
    outcomes = zip(lessons.accepted[block], lessons.merits[block], strict=True)
    own = np.array([evidence(accepted=bool(accepted), merit=merit) for accepted, merit in outcomes])
    places = np.array(lessons.arms[block])
    return offsets(priors[places], said[places] - own)


def learn(arms: Sequence[ArmFacts], lessons: Lessons, before: Knowledge, decisions: int) -> Knowledge:
    """Knowledge from all arms with decided videos and from single decisions (`Lesson.arm` counts in ``arms``)."""
    said = np.array([arm.evidence for arm in arms])
    knowledge = fit_priors(said, [arm.query for arm in arms])
    accepted = sum(arm.accepted for arm in arms)
    child_s = (sum(arm.child_s for arm in arms) + Knowledge().child_s) / (accepted + 1)
    words = before.words
    if lessons:
        priors = np.stack([knowledge.prior_of(arm.query) for arm in arms])
        beside = [_beside(lessons, slice(at, at + BLOCK), said, priors) for at in range(0, len(lessons), BLOCK)]
        words = fit_words(lessons, np.concatenate(beside), before.words)
    return replace(knowledge, words=words, child_s=child_s, decisions=decisions)
