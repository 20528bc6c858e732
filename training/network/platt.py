"""Probabilities from scores by a logistic curve."""

from __future__ import annotations

import numpy as np


def platt(log_odds: np.ndarray, is_child: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Scale and shift that make ``log_odds`` (n,) calibrated (Platt 1999), by Newton's method on weighted examples."""
    inputs = np.stack([log_odds, np.ones_like(log_odds)], axis=1)
    solution = np.array([1.0, 0.0])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-inputs @ solution))
        slope = inputs.T @ (weights * (is_child - chance)) - 1e-3 * (solution - [1.0, 0.0])
        curve = (inputs * (weights * chance * (1 - chance))[:, None]).T @ inputs + 1e-3 * np.eye(2)
        solution = solution + np.linalg.solve(curve, slope)
    return float(solution[0]), float(solution[1])
