"""How well scores distinguish children from others, and how far the figures could move with other speakers.

Everything takes weights, so that one sorting of the scores serves each draw of the bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2_000
DRAWS_AT_A_TIME = 100
LEAST_SPEAKERS = 5
"""With fewer speakers in a class there is no interval: drawing four voices again says nothing about the fifth."""
BINS = 15
SEED = 20_260
Z_95 = 1.959964


@dataclass(frozen=True)
class Figure:
    """A value with the middle 95 % of what other speakers would give. ``None`` where it cannot be said."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, eq=False)
class Sample:
    """Scored examples: ``scores`` (n,), higher = more like a child, ``child`` bool (n,), ``speakers`` (n,) int.

    A speaker is a number of his own in each class. Scores may be -inf, never NaN.
    """

    scores: np.ndarray
    child: np.ndarray
    speakers: np.ndarray

    def __post_init__(self) -> None:
        if np.isnan(self.scores).any():
            raise ValueError("a score is not a number")
        if not len(self.scores) == len(self.child) == len(self.speakers):
            raise ValueError("scores, classes and speakers must be as many")

    @property
    def has_both(self) -> bool:
        return bool(self.child.any() and not self.child.all())


Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Masses of children and of others at each distinct score, ascending, (draws, k) each -> a value for each draw."""


def auc(child: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Probability that a child scores above another, ties counting half (Mann and Whitney 1947)."""
    below = np.cumsum(other, axis=1) - other / 2
    return np.asarray((child * below).sum(axis=1) / (child.sum(axis=1) * other.sum(axis=1)))


def recall_at(false_positives: float) -> Statistic:
    """Largest share of children at or above a threshold that at most this share of the others reaches."""

    def recall(child: np.ndarray, other: np.ndarray) -> np.ndarray:
        hits, alarms = _above(child), _above(other)
        return np.asarray(np.where(alarms <= false_positives + 1e-12, hits, 0.0).max(axis=1))

    return recall


def equal_error_rate(child: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where as large a share of children is missed as of others is called children; linear between thresholds."""
    misses, alarms = 1 - _above(child), _above(other)
    crossed = (misses >= alarms).argmax(axis=1)  # thresholds ascend: misses rise, alarms fall, and end at 1 and 0
    rows = np.arange(len(child))
    before = np.maximum(crossed - 1, 0)
    gap_before = alarms[rows, before] - misses[rows, before]
    gap_after = misses[rows, crossed] - alarms[rows, crossed]
    total = gap_before + gap_after
    part = np.where((crossed > 0) & (total > 0), gap_before / np.where(total > 0, total, 1), 1.0)
    low, high = misses[rows, before], misses[rows, crossed]
    return np.asarray(low + part * (high - low))


def roc(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """False-positive and true-positive rates from the strictest threshold to the laxest, both starting at 0."""
    child, other = _Places.of(sample).masses(np.ones((1, len(sample.scores))))
    return _above(other)[0, ::-1], _above(child)[0, ::-1]


def figures(sample: Sample, statistics: Mapping[str, Statistic], draws: int = DRAWS) -> dict[str, Figure]:
    """Values and their intervals over speakers, drawn again within each class (Efron 1979). Always the same draws."""
    if not sample.has_both:
        return dict.fromkeys(statistics, Figure(None))
    places = _Places.of(sample)
    once = places.masses(np.ones((1, len(sample.scores))))
    values = {name: float(statistic(*once)[0]) for name, statistic in statistics.items()}
    if not _has_interval(sample):
        return {name: Figure(value) for name, value in values.items()}
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in statistics}
    for weights in _redrawn(sample, draws):
        masses = places.masses(weights)
        for name, statistic in statistics.items():
            drawn[name].append(statistic(*masses))
    return {name: _with_interval(value, drawn[name]) for name, value in values.items()}


def calibration(sample: Sample, draws: int = DRAWS) -> Figure:
    """Expected calibration error of ``scores`` as log-odds, 15 equal bins (Naeini et al. 2015), classes weighing alike.

    Examples without a score (-inf) are left out: nothing was claimed of them.
    """
    finite = np.isfinite(sample.scores)
    sample = Sample(sample.scores[finite], sample.child[finite], sample.speakers[finite])
    if not sample.has_both:
        return Figure(None)
    chances = probability(sample.scores)
    bins = _bins(chances)

    def error(weights: np.ndarray) -> np.ndarray:
        share = _balanced(sample, weights)
        gaps = share * (chances - sample.child)
        sums = np.stack([gaps[:, bins == index].sum(axis=1) for index in range(BINS)])
        return np.asarray(np.abs(sums).sum(axis=0))

    value = float(error(np.ones((1, len(chances))))[0])
    if not _has_interval(sample):
        return Figure(value)
    return _with_interval(value, [error(weights) for weights in _redrawn(sample, draws)])


def reliability(sample: Sample) -> list[tuple[float, float, float]]:
    """For each bin that holds anything: mean probability, share of children, share of all; classes weighing alike."""
    finite = np.isfinite(sample.scores)
    sample = Sample(sample.scores[finite], sample.child[finite], sample.speakers[finite])
    if not sample.has_both:
        return []
    chances = probability(sample.scores)
    bins, share = _bins(chances), _balanced(sample, np.ones((1, len(chances))))[0]
    rows = []
    for index in range(BINS):
        mass = share[bins == index].sum()
        if mass > 0:
            inside = bins == index
            rows.append(
                (
                    float((share * chances)[inside].sum() / mass),
                    float((share * sample.child)[inside].sum() / mass),
                    float(mass),
                )
            )
    return rows


def wilson(hits: int, total: int) -> Figure:
    """A share and its 95 % interval (Wilson 1927); the examples must be independent of each other."""
    if total == 0:
        return Figure(None)
    share, z2 = hits / total, Z_95**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    reach = Z_95 * np.sqrt(share * (1 - share) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    return Figure(share, float(max(0.0, middle - reach)), float(min(1.0, middle + reach)))


def probability(log_odds: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * np.asarray(log_odds, float)))


def numbered(names: Sequence[object]) -> np.ndarray:
    """The names as numbers from 0 on, in the order in which they are first met."""
    seen: dict[object, int] = {}
    return np.array([seen.setdefault(name, len(seen)) for name in names], int)


def _bins(chances: np.ndarray) -> np.ndarray:
    return np.asarray(np.minimum((chances * BINS).astype(int), BINS - 1))


def _balanced(sample: Sample, weights: np.ndarray) -> np.ndarray:
    """Weights (draws, n) such that children and others each sum to a half in every draw."""
    child = weights * sample.child
    other = weights * ~sample.child
    return np.asarray(0.5 * child / child.sum(axis=1, keepdims=True) + 0.5 * other / other.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class _Places:
    """The examples sorted by score once; ``starts`` are where each distinct score begins in ``order``."""

    child: np.ndarray
    order: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, sample: Sample) -> _Places:
        _, place = np.unique(sample.scores, return_inverse=True)
        order = np.argsort(place, kind="stable")
        return cls(sample.child[order], order, np.flatnonzero(np.diff(place[order], prepend=-1)))

    def masses(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (draws, n) of children and of others, summed at each distinct score, ascending: (draws, k) each."""
        sorted_weights = weights[:, self.order]
        child = np.add.reduceat(sorted_weights * self.child, self.starts, axis=1)
        return child, np.add.reduceat(sorted_weights * ~self.child, self.starts, axis=1)


def _above(mass: np.ndarray) -> np.ndarray:
    """Share at or above each distinct score, then 0 for a threshold beyond all: (draws, k + 1)."""
    from_above = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1] / mass.sum(axis=1, keepdims=True)
    return np.concatenate([from_above, np.zeros((len(mass), 1))], axis=1)


def _has_interval(sample: Sample) -> bool:
    return all(len(np.unique(sample.speakers[kind])) >= LEAST_SPEAKERS for kind in (sample.child, ~sample.child))


def _with_interval(value: float, drawn: Sequence[np.ndarray]) -> Figure:
    low, high = np.percentile(np.concatenate(drawn), (2.5, 97.5))
    return Figure(value, float(low), float(high))


def _redrawn(sample: Sample, draws: int) -> Iterator[np.ndarray]:
    """How often each example counts when as many speakers of each class are drawn with replacement, (some, n)."""
    rng = np.random.default_rng(SEED)
    for done in range(0, draws, DRAWS_AT_A_TIME):
        count = min(DRAWS_AT_A_TIME, draws - done)
        weights = np.zeros((count, len(sample.scores)))
        for of_class in (sample.child, ~sample.child):
            present, whose = np.unique(sample.speakers[of_class], return_inverse=True)
            drawn = rng.integers(len(present), size=(count, len(present)))
            counts = np.zeros((count, len(present)))
            np.add.at(counts, (np.arange(count)[:, np.newaxis], drawn), 1)
            weights[:, of_class] = counts[:, whose]
        yield weights
