"""Fit a calibration on reviewed clips, and measure by speakers left out whether it is one for the better."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from voicesieve.domain.errors import VoicesieveError
from voicesieve.domain.verdicts import Model
from voicesieve.evaluation import statistics
from voicesieve.evaluation.statistics import Sample
from voicesieve.voices.calibration import Calibration

RIDGE = 100.0
"""Penalty on the weights of the standardised embedding, for a sample that weighs 100 in total. Measured on 200 clips of
children and women of speechocean762 in a changed room over a telephone, 20 divisions of the speakers: between 50 and
200 it makes no difference; 10 and less overfits speakers."""
SCALE_PENALTY = 10.0
"""Pull of the scale towards 1 and of the offset towards 0: the network's own judgement, unless clips say otherwise.
With 1 the loss on other speakers rises by a third, with 30 it is the same."""
SAMPLE_WEIGHT = 100.0
FOLDS = 5
ROUNDS = 4
"""Divisions of the speakers into folds, each other than the last; scores of left-out speakers are their mean."""
AUC_NOISE = 0.01
"""A change of the AUC that other divisions of the speakers could bring as well."""
LEAST_SPEAKERS, LEAST_CLIPS = 4, 20
"""Of each class."""
NEWTON_STEPS = 30


class TooFewError(VoicesieveError, ValueError):
    """There is too little to learn from; the message says what is missing."""


@dataclass(frozen=True, eq=False)
class Clips:
    """Reviewed clips: mean log-odds (n,) and embedding (n, d) over their speech, class and speaker."""

    odds: np.ndarray
    embeddings: np.ndarray
    child: np.ndarray
    speakers: np.ndarray

    def chosen(self, which: np.ndarray) -> Clips:
        return Clips(self.odds[which], self.embeddings[which], self.child[which], self.speakers[which])


@dataclass(frozen=True)
class Refit:
    """A calibration with what speakers that it was not fitted on say: figures before and after.

    ``auc``: of children against adults, within each fold. ``loss``: mean surprise in nats.
    """

    calibration: Calibration
    auc_before: float
    auc_after: float
    loss_before: float
    loss_after: float

    @property
    def is_better(self) -> bool:
        """Whether children and adults are distinguished better, or as well with better probabilities."""
        gain = self.auc_after - self.auc_before
        return gain > AUC_NOISE or (gain >= -AUC_NOISE and self.loss_after < self.loss_before)


def refit(clips: Clips, base: Model) -> Refit:
    """Fit on all clips, with figures from fits that leave out speakers. Raises `TooFewError`.

    The last step makes probabilities right (Platt 1999) on scores of left-out speakers; ``loss_after`` is measured on
    the same scores, so it is a little too good.
    """
    _check(clips)
    odds = np.zeros((ROUNDS, len(clips.odds)))
    aucs: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        for inside in _folds(clips, np.random.default_rng([statistics.SEED, number])):
            left_out = clips.chosen(inside)
            odds[number, inside] = calibrated_odds(left_out, *fit(clips.chosen(~inside)))
            aucs.append((_auc(left_out, left_out.odds), _auc(left_out, odds[number, inside])))
    unseen = Clips(odds.mean(axis=0), np.zeros((len(clips.odds), 0)), clips.child, clips.speakers)
    stretch, shift, _ = fit(unseen)
    scale, offset, weights = fit(clips)
    before, after = np.mean(aucs, axis=0)
    return Refit(
        Calibration(base, stretch * scale, stretch * offset + shift, stretch * weights),
        auc_before=float(before),
        auc_after=float(after),
        loss_before=_loss(clips, clips.odds),
        loss_after=_loss(clips, stretch * unseen.odds + shift),
    )


def fit(clips: Clips) -> tuple[float, float, np.ndarray]:
    """Scale, offset and weights of the penalised logistic regression, by Newton's method.

    Children and adults weigh alike, and so do the speakers of each.
    """
    weights = _weights(clips)
    middle, spread = _standard(clips.embeddings, weights)
    inputs = np.column_stack([clips.odds, np.ones(len(clips.odds)), (clips.embeddings - middle) / spread])
    prior = np.zeros(inputs.shape[1])
    prior[0] = 1.0
    pull = np.full(inputs.shape[1], RIDGE)
    pull[:2] = SCALE_PENALTY
    solution = prior.copy()
    for _ in range(NEWTON_STEPS):
        chances = statistics.probability(inputs @ solution)
        slope = inputs.T @ (weights * (clips.child - chances)) - pull * (solution - prior)
        curve = (inputs * (weights * chances * (1 - chances))[:, np.newaxis]).T @ inputs + np.diag(pull)
        step = np.linalg.solve(curve, slope)
        solution = solution + step * min(1.0, 5 / (np.abs(step).max() + 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    slopes = solution[2:] / spread
    return float(solution[0]), float(solution[1] - slopes @ middle), slopes


def calibrated_odds(clips: Clips, scale: float, offset: float, weights: np.ndarray) -> np.ndarray:
    return np.asarray(scale * clips.odds + clips.embeddings @ weights + offset)


def _check(clips: Clips) -> None:
    for name, which in (("children", clips.child), ("adults", ~clips.child)):
        speakers, count = len(np.unique(clips.speakers[which])), int(which.sum())
        if speakers < LEAST_SPEAKERS or count < LEAST_CLIPS:
            raise TooFewError(
                f"{count} clips of {speakers} {name} with speech in them; at least {LEAST_CLIPS} clips of "
                f"{LEAST_SPEAKERS} speakers are needed of children and of adults, better 100 clips of 20"
            )


def _folds(clips: Clips, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Masks of the clips of each fold; no speaker is in two, and each has speakers of both classes."""
    fold = np.zeros(len(clips.odds), int)
    for which in (clips.child, ~clips.child):
        names = rng.permutation(np.unique(clips.speakers[which]))
        for place, name in enumerate(names):
            fold[which & (clips.speakers == name)] = place % min(FOLDS, LEAST_SPEAKERS)
    for number in np.unique(fold):
        yield fold == number


def _weights(clips: Clips) -> np.ndarray:
    """Of each clip, such that all weigh `SAMPLE_WEIGHT`, each class half of it, each speaker of a class alike."""
    weights = np.zeros(len(clips.odds))
    for which in (clips.child, ~clips.child):
        _, whose, counts = np.unique(clips.speakers[which], return_inverse=True, return_counts=True)
        weights[which] = SAMPLE_WEIGHT / 2 / len(counts) / counts[whose]
    return weights


def _standard(embeddings: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle = np.average(embeddings, axis=0, weights=weights)
    spread = np.sqrt(np.average((embeddings - middle) ** 2, axis=0, weights=weights))
    return middle, np.maximum(spread, 1e-3 * max(float(spread.max(initial=0.0)), 1e-6))


def _auc(clips: Clips, odds: np.ndarray) -> float:
    sample = Sample(odds, clips.child, clips.speakers)
    value = statistics.figures(sample, {"auc": statistics.auc}, draws=1)["auc"].value
    return float(value or 0.0)


def _loss(clips: Clips, odds: np.ndarray) -> float:
    """Mean surprise in nats, classes and speakers weighing alike."""
    surprise = np.logaddexp(0, np.where(clips.child, -odds, odds))
    return float(np.average(surprise, weights=_weights(clips)))
