"""Belief about a channel's acceptance rate: weights over a fixed grid of rates, so that a prior of any shape fits.

A video's *merit* is the log-odds by which its metadata makes acceptance likelier than its channel's rate alone does.
The evidence of a decided video about its channel is its log-likelihood at each rate of the grid given that merit. These
add up, and what was added can be taken back exactly: a decision that changes or a takedown corrects the belief.
"""

from __future__ import annotations

import math

RATES = (0.001, 0.004, 0.01, 0.02, 0.04, 0.07, 0.11, 0.16, 0.23, 0.31, 0.4, 0.5, 0.61, 0.73, 0.85, 0.95)
"""Acceptance rates, 0..1. Denser where channels are many: most hold no child at all."""

LOGITS = tuple(math.log(rate / (1.0 - rate)) for rate in RATES)

NOTHING = (0.0,) * len(RATES)
"""The evidence of a channel of which no video is decided."""

MAX_MERIT = 4.0
"""Metadata alone never changes the odds of a video by more than 55 to 1, so that decisions can still correct it."""


def evidence(*, accepted: bool, merit: float) -> tuple[float, ...]:
    """Log-likelihood of one decided video at each rate of `RATES`."""
    sign = -1.0 if accepted else 1.0
    return tuple(-_softplus(sign * (logit + merit)) for logit in LOGITS)


def _softplus(x: float) -> float:
    return x + math.log1p(math.exp(-x)) if x > 0 else math.log1p(math.exp(x))
