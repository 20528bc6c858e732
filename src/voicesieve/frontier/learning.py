"""Learning from what was decided: how rates are spread over channels, and which words indicate child speech.

Both are fitted again from all decisions whenever these have grown by a quarter (`due`), so the sum of all fits stays
in proportion to the decisions, and decisions that were changed or withdrawn are no longer part of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from voicesieve.frontier.facts import Lessons
from voicesieve.frontier.rates import MAX_MERIT, RATES
from voicesieve.frontier.scoring import Array, belief

FIRST_FIT = 20
"""Decisions before the first fit; fewer say nothing about words."""

GROWTH = 1.25
PRIOR_STRENGTH = 12.0
"""How many channels the prior before all data counts as, and the prior of all for one query."""

WORD_VARIANCE = 0.25
"""Variance of a word's weight before data: doubling the odds is about 1.4 standard deviations."""

EM_STEPS = 20
WORD_STEPS = 60
_RATES = np.array(RATES)


def _first_prior() -> Array:
    """Between uniform over the grid and what channels of a search look like: mean about 0.15."""
    weights = (_RATES + 0.02) ** -0.5
    return np.asarray(weights / weights.sum())


FIRST_PRIOR = _first_prior()


@dataclass(frozen=True)
class Knowledge:
    """What was learned: weights over the grid of rates for all channels, and by the query that found a channel first.

    ``words``: log-odds by hashed word. ``child_s``: mean child seconds of an accepted video. ``decisions``: how many
    were learned from.
    """

    prior: Array = field(default_factory=lambda: FIRST_PRIOR)
    by_query: Mapping[int, Array] = field(default_factory=dict)
    words: Mapping[int, float] = field(default_factory=dict)
    child_s: float = 60.0
    decisions: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "rates": list(RATES),
            "prior": _rounded(self.prior),
            "by_query": {str(query): _rounded(weights) for query, weights in self.by_query.items()},
            "words": {str(word): round(weight, 4) for word, weight in self.words.items()},
            "child_s": self.child_s,
            "decisions": self.decisions,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Knowledge:
        """Knowledge on another grid of rates is of no use: it is learned again at the next decision."""
        if value["rates"] != list(RATES):
            return cls()
        return cls(
            np.array(value["prior"]),
            {int(query): np.array(weights) for query, weights in value["by_query"].items()},
            {int(word): weight for word, weight in value["words"].items()},
            value["child_s"],
            value["decisions"],
        )

    def prior_of(self, query: int | None) -> Array:
        """Weights for a channel before its first decision."""
        return self.prior if query is None else self.by_query.get(query, self.prior)

    def merit(self, words: Sequence[int]) -> float:
        """Log-odds of a video's metadata, bounded by `MAX_MERIT`."""
        total = sum(self.words.get(word, 0.0) for word in words)
        return max(-MAX_MERIT, min(MAX_MERIT, total))


def _rounded(weights: Array) -> list[float]:
    return [float(f"{weight:.6g}") for weight in weights]


def due(decisions: int, learnt_from: int) -> bool:
    """Whether it is time for another fit."""
    return decisions >= max(FIRST_FIT, GROWTH * learnt_from)


def fit_priors(evidence: Array, queries: Sequence[int | None]) -> Knowledge:
    """How acceptance rates are spread over channels, in all and by the query that found them.

    ``evidence``: (channels, rates) of channels with decided videos. Nonparametric maximum likelihood by expectation
    maximisation (Laird 1978), held to `FIRST_PRIOR` with the strength of `PRIOR_STRENGTH` channels.
    """
    if len(evidence) == 0:
        return Knowledge()
    prior = FIRST_PRIOR
    for _ in range(EM_STEPS):
        prior = _pooled(belief(prior, evidence), FIRST_PRIOR)
    return Knowledge(prior, _by_group(belief(prior, evidence), queries, prior))


def _by_group(weights: Array, groups: Sequence[int | None], prior: Array) -> dict[int, Array]:
    places: dict[int, list[int]] = {}
    for place, group in enumerate(groups):
        if group is not None:
            places.setdefault(group, []).append(place)
    return {group: _pooled(weights[members], prior) for group, members in places.items()}


def _pooled(weights: Array, prior: Array) -> Array:
    total = weights.sum(axis=0) + PRIOR_STRENGTH * prior
    pooled: Array = total / total.sum()
    return pooled


def fit_words(lessons: Lessons, offsets: Array, start: Mapping[int, float]) -> dict[int, float]:
    """Weights of words by ridge logistic regression beside each video's channel.

    ``offsets``: log-odds of each video's channel as its *other* videos show it, so that words are credited only for
    what the channel does not explain. Accelerated gradient with a diagonal scale; a step of one over the words of a
    video is safe, since the Hessian lies below that many times its diagonal (Cauchy-Schwarz).
    """
    names, ids, rows, most = _index(lessons)
    if len(names) == 0:
        return {}
    truth = np.array(lessons.accepted, dtype=np.float64)
    ridge = 1.0 / WORD_VARIANCE
    weights = np.array([start.get(int(name), 0.0) for name in names])
    seen = np.bincount(ids, minlength=len(names)).astype(np.float64)
    base = float(np.clip(truth.mean(), 0.02, 0.98))
    scale = 1.0 / (most * seen * max(base * (1.0 - base), 0.05) * 1.5 + ridge)
    point, momentum = weights.copy(), 1.0
    intercept = 0.0
    for _ in range(WORD_STEPS):
        score = offsets + intercept + np.bincount(rows, weights=point[ids], minlength=len(truth))
        chance = 1.0 / (1.0 + np.exp(-np.clip(score, -30.0, 30.0)))
        wrong = truth - chance
        intercept += wrong.sum() / max((chance * (1.0 - chance)).sum(), 1.0)
        gradient = np.bincount(ids, weights=wrong[rows], minlength=len(names)) - ridge * point
        moved = point + scale * gradient
        following = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        point = moved + (momentum - 1.0) / following * (moved - weights)
        weights, momentum = moved, following
    weighty = np.abs(weights) > 0.01
    return {int(name): float(value) for name, value in zip(names[weighty], weights[weighty], strict=True)}


def _index(
    lessons: Lessons,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Distinct words, and for each occurrence the place of its word and its video; and the most words of a video."""
    lengths = np.array(lessons.lengths, dtype=np.int64)
    names, ids = np.unique(np.array(lessons.words, dtype=np.int64), return_inverse=True)
    return names, ids, np.repeat(np.arange(len(lessons)), lengths), int(lengths.max(initial=0))


def offsets(priors: Array, evidence_of_others: Array) -> Array:
    """Log-odds of the expected acceptance rate of each row's channel; (rows, rates) both."""
    mean = belief(priors, evidence_of_others) @ _RATES
    odds: Array = np.log(mean / (1.0 - mean))
    return odds
