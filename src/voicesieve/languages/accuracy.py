"""How often the evidence of the spoken language was right, against labels of people: pure counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from voicesieve.domain.languages import UNDETERMINED, SpokenLanguage

TOGETHER = "all together"
"""Name of the weighed answer among the kinds of evidence."""
SURE = 0.5
"""A kind of evidence answers where one language has this probability by it alone."""


@dataclass
class KindAccuracy:
    """Answers of one kind of evidence. ``asked``: videos with a label; the rest abstained or had no such evidence.

    ``confusions`` counts wrong answers by (label, answer).
    """

    asked: int = 0
    right: int = 0
    wrong: int = 0
    confusions: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def abstained(self) -> int:
        return self.asked - self.right - self.wrong

    @property
    def accuracy(self) -> float | None:
        """Share of the answers that are right; ``None`` without an answer."""
        answers = self.right + self.wrong
        return self.right / answers if answers else None


def accuracy_by_kind(labelled: Iterable[tuple[str, SpokenLanguage]]) -> Mapping[str, KindAccuracy]:
    """Accuracy of each kind of evidence and of the weighed answer, given each video's label and what was concluded."""
    pairs = list(labelled)
    kinds = sorted({piece.source for _, language in pairs for piece in language.evidence})
    accuracies = {kind: KindAccuracy() for kind in (TOGETHER, *kinds)}
    for label, language in pairs:
        _count(accuracies[TOGETHER], label, language.code)
        for kind in kinds:
            _count(accuracies[kind], label, answer_of(language, kind))
    return accuracies


def answer_of(language: SpokenLanguage, kind: str) -> str:
    """What one kind of evidence says by itself: its surest piece, or ``und``."""
    pieces = [piece for piece in language.evidence if piece.source == kind and piece.probability >= SURE]
    surest = max(pieces, default=None, key=lambda piece: (piece.probability, piece.code))
    return surest.code if surest else UNDETERMINED


def _count(accuracy: KindAccuracy, label: str, answer: str) -> None:
    accuracy.asked += 1
    if answer == label:
        accuracy.right += 1
    elif answer != UNDETERMINED:
        accuracy.wrong += 1
        accuracy.confusions[label, answer] += 1
