"""Probabilities from scores by a logistic curve."""

from __future__ import annotations

import numpy as np

STEPS = 100
RIDGE = 1e-3
"""Pulls towards scale 1 and shift 0, so that perfectly separated speakers do not make a scale without bound."""


def platt(log_odds: np.ndarray, is_child: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Scale and shift that make ``log_odds`` (n,) calibrated (Platt 1999), by Newton's method on weighted examples.

    A step that would not lower the loss is halved until it does: from far away the plain method overshoots for good."""
    inputs = np.stack([log_odds, np.ones_like(log_odds)], axis=1)
    weights = weights / weights.sum()
    start = np.array([1.0, 0.0])

    def loss(solution: np.ndarray) -> float:
        odds = inputs @ solution
        likely = np.logaddexp(0, np.where(is_child, -odds, odds))
        return float(weights @ likely + RIDGE * ((solution - start) ** 2).sum() / 2)

    solution = start
    for _ in range(STEPS):
        chance = np.exp(-np.logaddexp(0, -(inputs @ solution)))
        slope = inputs.T @ (weights * (chance - is_child)) + RIDGE * (solution - start)
        curve = (inputs * (weights * chance * (1 - chance))[:, None]).T @ inputs + RIDGE * np.eye(2)
        step = np.linalg.solve(curve, slope)
        while loss(solution - step) > loss(solution) and np.abs(step).max() > 1e-9:
            step = step / 2
        solution = solution - step
        if np.abs(step).max() < 1e-9:
            break
    return float(solution[0]), float(solution[1])
