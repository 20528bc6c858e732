"""The worth of taking one more video of a channel, in accepted child-seconds per unit of cost.

A channel's *index* is the finite-horizon Gittins index of its belief: the certain acceptance rate that would be as good
as this channel, which may be left at any time (Gittins 1979; Whittle 1980). It exceeds the expected rate by the value
of learning, which grows with the number of videos that the channel has left. The look-ahead is exact for `DEPTH`
decisions; after them the channel is either taken whole or left.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voicesieve.frontier.rates import RATES

Array = npt.NDArray[np.float64]

DEPTH = 3
HALVINGS = 8
LISTED_AGAINST = 0.5
"""Share of the best fetch that the videos of a listing are held against: among many the best by metadata are taken."""

_RATES = np.array(RATES)
_LOG_RATES, _LOG_MISSES = np.log(_RATES), np.log1p(-_RATES)
_LEVELS = [
    np.exp(np.outer(np.arange(level + 1), _LOG_RATES) + np.outer(level - np.arange(level + 1), _LOG_MISSES))
    for level in range(DEPTH + 1)
]
"""Likelihood of ``s`` acceptances in ``level`` videos at each rate."""


def belief(prior: Array, evidence: Array, pending: Array | None = None) -> Array:
    """Posterior weights over the grid, (channels, rates).

    ``prior``: weights, (channels, rates) or (rates,). ``evidence``: summed log-likelihoods, (channels, rates).
    ``pending``: videos taken and not yet decided, (channels,); each counts as a miss meanwhile, so that parallel
    workers spread over channels that look alike (virtual loss, Segal 2010).
    """
    logs = np.log(np.maximum(prior, 1e-12)) + evidence
    if pending is not None:
        logs = logs + np.minimum(pending, 50.0)[:, None] * _LOG_MISSES
    weights: Array = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def index(weights: Array, left: Array) -> Array:
    """Index of each channel, 0..1. ``weights``: (channels, rates); ``left``: videos it has left, (channels,), >= 1."""
    chances, masses = [], []
    for likelihood in _LEVELS:
        mass = weights @ likelihood.T
        masses.append(mass)
        chances.append((weights @ (likelihood * _RATES).T) / np.maximum(mass, 1e-300))
    after = np.maximum(left - DEPTH, 0.0)[:, None]
    deep = np.minimum(left, DEPTH)[:, None]
    low: Array = chances[0][:, 0].copy()
    high: Array = np.full(len(weights), 1.0)
    for _ in range(HALVINGS):
        price = ((low + high) / 2)[:, None]
        value = after * np.maximum(chances[DEPTH] - price, 0.0)
        for level in range(DEPTH - 1, -1, -1):
            chance = chances[level]
            go_on = chance - price + chance * value[:, 1:] + (1.0 - chance) * value[:, :-1]
            value = np.where(level < deep, go_on if level == 0 else np.maximum(go_on, 0.0), 0.0)
        worth = value[:, 0] >= 0.0
        low, high = np.where(worth, price[:, 0], low), np.where(worth, high, price[:, 0])
    return low


def with_merit(rate: Array, merit: Array) -> Array:
    """The chance of a video whose metadata shifts the log-odds of its channel's ``rate`` by ``merit``."""
    odds = rate / np.maximum(1.0 - rate, 1e-9) * np.exp(merit)
    chance: Array = odds / (1.0 + odds)
    return chance


def page_gain(weights: Array, videos: Array | float, worth: float, best: float) -> Array:
    """Child seconds that a page of about ``videos`` more videos should bring above what fetching brings already.

    ``weights``: beliefs about the channels on each page, (pages, rates). ``worth``: child seconds of an accepted
    video. ``best``: child seconds per unit of cost of the best fetch at hand, 0 when nothing waits. A page pays when
    this exceeds its cost times ``best``.
    """
    gain: Array = videos * (weights @ np.maximum(_RATES * worth - best, 0.0))
    return gain
