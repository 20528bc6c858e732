"""Evidence of the language that is spoken, and what it adds up to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LanguageEvidence:
    """One piece of evidence for the spoken language: a primary BCP-47 tag, and where it comes from."""

    code: str
    source: str


@dataclass(frozen=True)
class SpokenLanguage:
    """The weighed answer: a primary BCP-47 tag, or ``und`` when the evidence does not carry one."""

    code: str
    evidence: tuple[LanguageEvidence, ...] = ()
