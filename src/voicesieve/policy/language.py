"""What the spoken language means for a recording: wanted, not wanted, or not known well enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voicesieve.domain.decisions import Outcome, Reason
from voicesieve.domain.languages import LanguageState, SpokenLanguage

Undetermined = Literal["accept", "review", "reject"]

_OUTCOMES: dict[str, Outcome] = {"accept": Outcome.ACCEPTED, "review": Outcome.UNSURE, "reject": Outcome.REJECTED}


@dataclass(frozen=True)
class LanguageRules:
    """``wanted``: primary BCP-47 tags; empty means any language, known or not.

    ``min_probability`` is what a wanted language needs, and ``undetermined`` what happens to recordings whose language
    is ``und`` or less likely than that. ``fusion`` names the weights that turned evidence into a language.
    """

    wanted: tuple[str, ...] = ()
    min_probability: float = 0.6
    undetermined: Undetermined = "review"
    fusion: str = ""


def judge_language(language: SpokenLanguage, rules: LanguageRules) -> tuple[Outcome, Reason | None]:
    """What the language alone would decide, and why; no reason if no language is wanted.

    A detector that could not run never leads to a silent acceptance and never to a rejection; where no language is
    wanted it changes nothing.
    """
    outcome, reason = _judge(language, rules)
    if not language.unavailable:
        return outcome, reason
    failed = "; ".join(f"{name} could not run: {why}" for name, why in language.unavailable)
    if outcome is Outcome.ACCEPTED and language.state is LanguageState.SETTLED:
        return outcome, Reason("language_unavailable", f"{failed}; other evidence says {_named(language)}")
    if outcome is Outcome.ACCEPTED and not rules.wanted:
        return outcome, Reason("language_unavailable", f"{failed}; no language is wanted")
    return Outcome.UNSURE, Reason("language_unavailable", failed)


def _judge(language: SpokenLanguage, rules: LanguageRules) -> tuple[Outcome, Reason | None]:
    if language.state is LanguageState.CONTRADICTED:
        named = ", ".join(f"{piece.source}={piece.code}" for piece in language.evidence)
        return Outcome.UNSURE, Reason("language_contradicted", f"the evidence names different languages: {named}")
    if not rules.wanted:
        return Outcome.ACCEPTED, None
    asked = f"wanted {', '.join(rules.wanted)} with at least {rules.min_probability:.2f}"
    reason = Reason("language", f"{_named(language)}; {asked}")
    if language.state is LanguageState.UNDETERMINED or language.probability < rules.min_probability:
        return _OUTCOMES[rules.undetermined], Reason("language_undetermined", reason.message)
    if language.code in rules.wanted:
        return Outcome.ACCEPTED, reason
    return Outcome.REJECTED, Reason("language_not_wanted", reason.message)


def _named(language: SpokenLanguage) -> str:
    if language.state is LanguageState.SETTLED:
        return f"{language.code} with {language.probability:.2f}"
    return f"{language.code}, the likeliest language has {language.probability:.2f}"
