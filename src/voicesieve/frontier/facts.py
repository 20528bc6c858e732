"""What the frontier is told of a channel, and what it answers. Light, so that the catalog can name it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ArmFacts:
    """A channel on a host, by counts of its videos.

    ``evidence``: summed log-likelihoods (`rates.evidence`). ``query``: which found it first. ``pending``: taken and
    not decided. ``left``: still to be had, so far as is known. ``top_merit``: of the best video that waits, ``None``
    when none does. ``child_s``: child seconds of all accepted. ``lost``: could not be fetched.
    """

    evidence: Sequence[float]
    query: int | None
    pending: int
    left: int
    top_merit: float | None
    judged: int
    accepted: int
    lost: int
    child_s: float


@dataclass(frozen=True)
class Worth:
    """``rate``: the index of the channel, 0..1. ``score``: child seconds per unit of cost of its best waiting video."""

    rate: float
    score: float


@dataclass(frozen=True)
class Lesson:
    """A decided video to learn from: its place in the list of channels, hashed words, merit when taken, outcome."""

    arm: int
    words: tuple[int, ...]
    merit: float
    accepted: bool
