"""From a verdict to a decision, by named thresholds.

Pure functions: a crash costs nothing here, and the same verdict gives the same decision again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

from voicesieve.domain.decisions import Decision, Outcome, Reason
from voicesieve.domain.languages import SpokenLanguage
from voicesieve.domain.verdicts import OperatingPoint, Verdict, VerdictLabel
from voicesieve.policy.language import LanguageRules, judge_language
from voicesieve.policy.revision import revision_of

_SEVERITY = {Outcome.ACCEPTED: 0, Outcome.UNSURE: 1, Outcome.REJECTED: 2}


@dataclass(frozen=True)
class AcceptanceRules:
    """What a recording needs to enter the corpus.

    The operating point turns window scores into child seconds and a label, by the pooling of revision ``pooling``;
    the other three are compared with the verdict that results. ``min_score`` is a calibrated probability,
    ``min_child_s`` seconds, ``min_child_share`` child seconds over speech seconds. ``language`` is judged last.
    """

    operating_point: OperatingPoint
    pooling: str
    min_score: float
    min_child_s: float
    min_child_share: float
    language: LanguageRules = field(default_factory=LanguageRules)

    @cached_property
    def revision(self) -> str:
        return revision_of(self)


def decide(verdict: Verdict, rules: AcceptanceRules, language: SpokenLanguage) -> Decision:
    """Accept what every rule accepts, reject what a rule rejects, and send the doubtful to review.

    The language is judged only where the voices did not reject. The rule that decided comes first.

    Raises `ValueError` for a verdict that holds NaN: an error of a model is neither a yes nor a no.
    """
    if any(math.isnan(value) for value in (verdict.score, verdict.child_s, verdict.child_share, verdict.speech_s)):
        raise ValueError("the verdict holds a value that is not a number")
    outcome, reasons = _judge_voices(verdict, rules)
    if outcome is not Outcome.REJECTED:
        of_language, reason = judge_language(language, rules.language)
        of_language_reasons = [] if reason is None else [reason]
        if _SEVERITY[of_language] > _SEVERITY[outcome]:
            outcome, reasons = of_language, of_language_reasons + reasons
        else:
            reasons = reasons + of_language_reasons
    return Decision(outcome, tuple(reasons), rules.revision)


def rejects_voices(verdict: Verdict, rules: AcceptanceRules) -> bool:
    """Whether the voices alone reject a recording, so that its language need not be known."""
    return _judge_voices(verdict, rules)[0] is Outcome.REJECTED


def _judge_voices(verdict: Verdict, rules: AcceptanceRules) -> tuple[Outcome, list[Reason]]:
    reasons = _reasons(verdict, rules)
    if not reasons:
        summary = f"{verdict.child_s:.1f} s of child speech in {verdict.child_runs} runs, score {verdict.score:.2f}"
        return Outcome.ACCEPTED, [Reason("child_speech", summary)]
    return (Outcome.UNSURE if reasons[0].rule == "verdict_unsure" else Outcome.REJECTED), reasons


def _reasons(verdict: Verdict, rules: AcceptanceRules) -> list[Reason]:
    point = verdict.operating_point
    if verdict.label is VerdictLabel.NO_CHILD:
        if verdict.speech_s == 0.0:
            return [Reason("no_speech", f"no speech in {verdict.duration_s:.1f} s")]
        speech = f"{verdict.child_s:.1f} s of child speech in {verdict.speech_s:.1f} s of speech"
        return [Reason("no_child", f"{speech}, score {verdict.score:.2f}, at operating point {point}")]
    if verdict.label is VerdictLabel.UNSURE:
        speech = f"{verdict.child_s:.1f} s of child speech"
        return [Reason("verdict_unsure", f"{speech}, score {verdict.score:.2f}, at operating point {point}")]
    reasons = []
    if verdict.score < rules.min_score:
        reasons.append(Reason("min_score", f"score {verdict.score:.2f}, needed {rules.min_score:.2f}"))
    if verdict.child_s < rules.min_child_s:
        reasons.append(
            Reason("min_child_s", f"{verdict.child_s:.1f} s of child speech, needed {rules.min_child_s:.1f}")
        )
    if verdict.child_share < rules.min_child_share:
        share = f"child share {verdict.child_share:.2f}, needed {rules.min_child_share:.2f}"
        reasons.append(Reason("min_child_share", share))
    return reasons
