"""Platt's fit on the scores that networks give."""

from __future__ import annotations

import numpy as np
import pytest

from training.network.platt import platt


def drawn(scale: float, shift: float, count: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    odds = rng.normal(0, 3, count)
    return odds, rng.random(count) < 1 / (1 + np.exp(-(scale * odds + shift)))


def test_the_curve_that_scores_were_drawn_from_is_found() -> None:
    odds, is_child = drawn(0.4, 0.5)
    assert platt(odds, is_child, np.ones(len(odds))) == pytest.approx((0.4, 0.5), abs=0.05)


def test_overconfident_scores_do_not_send_the_fit_away() -> None:
    """Newton's whole steps left for a scale of millions where certain scores are often wrong."""
    odds, is_child = drawn(0.05, 0.0)
    assert platt(10 * odds, is_child, np.ones(len(odds))) == pytest.approx((0.005, 0.0), abs=0.02)


def test_weights_count_as_repeated_examples() -> None:
    odds, is_child = drawn(0.7, -1.0, 500)
    twice = platt(np.concatenate([odds, odds[:100]]), np.concatenate([is_child, is_child[:100]]), np.ones(600))
    weights = np.where(np.arange(500) < 100, 2.0, 1.0)
    assert platt(odds, is_child, weights) == pytest.approx(twice, abs=1e-6)


def test_separated_speakers_get_a_bounded_scale() -> None:
    odds = np.array([-3.0, -2.0, 2.0, 3.0])
    scale, shift = platt(odds, odds > 0, np.ones(4))
    assert 1 < scale < 10 and abs(shift) < 1e-6
