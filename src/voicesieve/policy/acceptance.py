"""From a verdict to a decision, by named thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from voicesieve.domain.decisions import Decision, Outcome, Reason
from voicesieve.domain.verdicts import OperatingPoint, Verdict, VerdictLabel
from voicesieve.policy.revision import revision_of


@dataclass(frozen=True)
class AcceptanceRules:
    """What a recording needs to enter the corpus.

    The operating point turns window scores into child seconds and a label, by the pooling of revision ``pooling``;
    the other three are held against the verdict that results. ``min_score`` is a calibrated probability,
    ``min_child_s`` seconds, ``min_child_share`` child seconds over speech seconds.
    """

    operating_point: OperatingPoint
    pooling: str
    min_score: float
    min_child_s: float
    min_child_share: float

    @property
    def revision(self) -> str:
        return revision_of(self)


def decide(verdict: Verdict, rules: AcceptanceRules) -> Decision:
    """Accept what every rule accepts, reject what the verdict denies, and send the doubtful to review.

    Raises `ValueError` for a verdict that holds NaN: an error of a model is neither a yes nor a no.
    """
    if any(math.isnan(value) for value in (verdict.score, verdict.child_s, verdict.child_share, verdict.speech_s)):
        raise ValueError("the verdict holds a value that is not a number")
    reasons = tuple(_reasons(verdict, rules))
    if not reasons:
        found = f"{verdict.child_s:.1f} s of child speech in {verdict.child_runs} runs, score {verdict.score:.2f}"
        return Decision(Outcome.ACCEPTED, (Reason("child_speech", found),), rules.revision)
    outcome = Outcome.UNSURE if reasons[0].rule == "verdict_unsure" else Outcome.REJECTED
    return Decision(outcome, reasons, rules.revision)


def _reasons(verdict: Verdict, rules: AcceptanceRules) -> list[Reason]:
    point = verdict.operating_point
    if verdict.label is VerdictLabel.NO_CHILD:
        if verdict.speech_s == 0.0:
            return [Reason("no_speech", f"no speech in {verdict.duration_s:.1f} s")]
        heard = f"{verdict.child_s:.1f} s of child speech in {verdict.speech_s:.1f} s of speech"
        return [Reason("no_child", f"{heard}, score {verdict.score:.2f}, at operating point {point}")]
    if verdict.label is VerdictLabel.UNSURE:
        heard = f"{verdict.child_s:.1f} s of child speech"
        return [Reason("verdict_unsure", f"{heard}, score {verdict.score:.2f}, at operating point {point}")]
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
