"""The figures against answers that are known: worked by hand, by brute force, or by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicesieve.evaluation import statistics
from voicesieve.evaluation.statistics import Figure, Sample, Statistic

scores = st.lists(st.integers(-3, 3), min_size=1, max_size=12)


def sample(child: list[float], other: list[float]) -> Sample:
    count = len(child) + len(other)
    return Sample(np.array([*child, *other], float), np.arange(count) < len(child), np.arange(count))


def figure(sample: Sample, statistic: Statistic, draws: int = statistics.DRAWS) -> Figure:
    return statistics.figures(sample, {"it": statistic}, draws)["it"]


@given(scores, scores)
@settings(max_examples=60, deadline=None)
def test_auc_is_the_share_of_pairs_in_order(child: list[float], other: list[float]) -> None:
    pairs = [(c > o) + 0.5 * (c == o) for c in child for o in other]
    assert figure(sample(child, other), statistics.auc, draws=1).value == pytest.approx(np.mean(pairs))


@given(scores, scores, st.sampled_from([0.0, 0.01, 0.05, 0.3, 1.0]))
@settings(max_examples=60, deadline=None)
def test_recall_is_the_best_of_all_thresholds(child: list[float], other: list[float], allowed: float) -> None:
    best = 0.0
    for threshold in {*child, *other, 99}:
        if np.mean(np.array(other) >= threshold) <= allowed:
            best = max(best, float(np.mean(np.array(child) >= threshold)))
    assert figure(sample(child, other), statistics.recall_at(allowed), draws=1).value == pytest.approx(best)


def test_equal_error_rate_by_hand() -> None:
    assert figure(sample([1, 2, 3, 4], [-1, -2, -3]), statistics.equal_error_rate, draws=1).value == 0
    assert figure(sample([1, 2, 3, 4], [0, 0.5, 1.5, 3.5]), statistics.equal_error_rate, draws=1).value == 0.25
    assert figure(sample([0], [1]), statistics.equal_error_rate, draws=1).value == 1
    assert figure(sample([5, 5], [5, 5]), statistics.equal_error_rate, draws=1).value == 0.5


def test_equal_error_rate_of_two_normal_distributions() -> None:
    rng = np.random.default_rng(1)
    rate = figure(sample(rng.normal(1, 1, 4000), rng.normal(-1, 1, 4000)), statistics.equal_error_rate, draws=1)
    assert rate.value == pytest.approx(0.1587, abs=0.012)  # the normal distribution beyond one deviation


def test_a_roc_starts_at_nothing_and_ends_at_all_and_holds_the_area() -> None:
    rng = np.random.default_rng(2)
    drawn = sample(list(rng.integers(0, 9, 40)), list(rng.integers(-3, 6, 50)))
    alarms, hits = statistics.roc(drawn)
    assert (alarms[0], hits[0], alarms[-1], hits[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(hits, alarms) == pytest.approx(figure(drawn, statistics.auc, draws=1).value)


def test_clips_without_speech_are_the_least_childlike() -> None:
    assert figure(sample([-np.inf, 2], [0, 1]), statistics.auc, draws=1).value == 0.5
    with pytest.raises(ValueError, match="not a number"):
        sample([np.nan], [0])


def test_one_class_alone_has_no_figure() -> None:
    assert figure(sample([1, 2], []), statistics.auc) == Figure(None)
    assert statistics.calibration(sample([], [1])) == Figure(None)


def test_few_speakers_have_no_interval() -> None:
    scored = Sample(np.arange(40.0), np.arange(40) >= 20, np.arange(40) // 5)
    assert figure(scored, statistics.auc) == Figure(1.0)


def test_intervals_are_the_same_each_time_and_hold_the_value() -> None:
    rng = np.random.default_rng(3)
    drawn = sample(rng.normal(1, 1, 30), rng.normal(0, 1, 30))
    area = figure(drawn, statistics.auc)
    assert area == figure(drawn, statistics.auc)
    assert area.low is not None and area.high is not None and area.value is not None
    assert area.low < area.value < area.high


def test_the_interval_is_that_of_the_speakers_not_of_their_clips() -> None:
    """Ten copies of each clip are no more evidence."""
    rng = np.random.default_rng(4)
    once = sample(rng.normal(1, 1, 20), rng.normal(0, 1, 20))
    copies = Sample(np.repeat(once.scores, 10), np.repeat(once.child, 10), np.repeat(once.speakers, 10))
    single, tenfold = figure(once, statistics.auc), figure(copies, statistics.auc)
    assert (tenfold.value, tenfold.low, tenfold.high) == pytest.approx((single.value, single.low, single.high))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Over 120 experiments of 25 and 25 speakers whose true AUC is known: 0.7602 at one deviation apart."""
    held = 0
    for seed in range(120):
        rng = np.random.default_rng([5, seed])
        area = figure(sample(rng.normal(1, 1, 25), rng.normal(0, 1, 25)), statistics.auc, draws=300)
        held += area.low <= 0.7602 <= area.high  # type: ignore[operator]
    assert 0.87 <= held / 120 <= 1.0


def test_wilson_against_published_values() -> None:
    """Newcombe 1998, table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (hits, total), (low, high) in published.items():
        share = statistics.wilson(hits, total)
        assert (share.low, share.high) == pytest.approx((low, high), abs=1e-4)
    assert statistics.wilson(0, 0) == Figure(None)


def test_calibration_error_by_hand() -> None:
    """Two bins: at 0.9 half are children, at 0.1 none is; both classes weigh a half."""
    odds = float(np.log(9))
    scored = sample([odds, odds], [odds, odds, -odds, -odds])
    # Children 0.25 each, others 0.125 each. Bin 0.9: 0.5 * -0.1 + 0.25 * 0.9 = 0.175; bin 0.1: 0.25 * 0.1 = 0.025.
    assert statistics.calibration(scored).value == pytest.approx(0.2)
    assert statistics.reliability(scored) == [
        (pytest.approx(0.1), pytest.approx(0.0), pytest.approx(0.25)),
        (pytest.approx(0.9), pytest.approx(2 / 3), pytest.approx(0.75)),
    ]


def test_scores_that_are_probabilities_are_calibrated() -> None:
    rng = np.random.default_rng(6)
    odds = rng.normal(0, 2, 20_000)
    child = rng.random(20_000) < statistics.probability(odds)
    scored = Sample(odds, child, np.arange(20_000))
    assert statistics.calibration(scored, draws=1).value == pytest.approx(0, abs=0.02)
    overconfident = Sample(3 * odds, child, np.arange(20_000))
    assert statistics.calibration(overconfident, draws=1).value > 0.08  # type: ignore[operator]


def test_what_was_not_scored_claims_nothing() -> None:
    with_unheard = sample([2.0, -np.inf], [-2.0, -np.inf])
    assert statistics.calibration(with_unheard) == statistics.calibration(sample([2.0], [-2.0]))
