"""What the frontier is given about a channel, and what it returns. Light, so that the catalog can import it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ArmFacts:
    """A channel on a host, by counts of its videos.

    ``evidence``: summed log-likelihoods (`rates.evidence`). ``query``: which found it first. ``pending``: taken and
    not decided. ``left``: still to be had, as far as is known. ``top_merit``: of the best video that waits, ``None``
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


@dataclass(frozen=True, slots=True)
class Lesson:
    """A decided video to learn from: its place in the list of channels, hashed words, merit when taken, outcome."""

    arm: int
    words: tuple[int, ...]
    merit: float
    accepted: bool


class Lessons:
    """Many lessons, packed: the lessons of a long crawl are most of its memory.

    Column by column; ``words`` are those of all lessons in a row, ``lengths`` how many each has.
    """

    def __init__(self, lessons: Iterable[Lesson]) -> None:
        self.arms, self.lengths, self.words = array("I"), array("I"), array("I")
        self.merits, self.accepted = array("d"), array("B")
        for lesson in lessons:
            self.arms.append(lesson.arm)
            self.lengths.append(len(lesson.words))
            self.words.extend(lesson.words)
            self.merits.append(lesson.merit)
            self.accepted.append(lesson.accepted)

    def __len__(self) -> int:
        return len(self.arms)
