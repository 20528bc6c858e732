"""Evidence of the language that is spoken, and what it adds up to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LanguageEvidence:
    """One piece of evidence for the spoken language: BCP-47 code, probability 0..1, and where it comes from."""

    code: str
    probability: float
    source: str


@dataclass(frozen=True)
class SpokenLanguage:
    """The weighed answer: a BCP-47 code, or ``und`` when the evidence does not carry one."""

    code: str
    probability: float
    evidence: tuple[LanguageEvidence, ...] = ()


UNDETERMINED = SpokenLanguage("und", 0.0)
