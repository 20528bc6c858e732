"""From a verdict to a decision."""

from __future__ import annotations

import dataclasses

import pytest

from voicesieve.domain.decisions import Outcome
from voicesieve.domain.languages import SpokenLanguage
from voicesieve.domain.verdicts import Model, OperatingPoint, Verdict, VerdictLabel
from voicesieve.policy.acceptance import AcceptanceRules, decide

POINT = OperatingPoint("corpus", 0.7, 0.3, 0.5, 1.0, 1, 0.5)
RULES = AcceptanceRules(POINT, pooling="1", min_score=0.5, min_child_s=2.0, min_child_share=0.25)
VI = SpokenLanguage("vi")
GOOD = Verdict(
    Model("floor", "r1"), "corpus", VerdictLabel.CHILD, 10.0, 8.0, child_s=2.0, child_share=0.25, child_runs=2,
    score=0.5, segments=(),
)  # fmt: skip


def outcome(**facts: object) -> tuple[Outcome, list[str]]:
    decision = decide(dataclasses.replace(GOOD, **facts), RULES, VI)  # type: ignore[arg-type]
    return decision.outcome, [reason.rule for reason in decision.reasons]


def test_a_verdict_that_meets_every_threshold_is_accepted_with_its_figures() -> None:
    decision = decide(GOOD, RULES, VI)
    assert decision.outcome is Outcome.ACCEPTED
    assert decision.reasons[0].message == "2.0 s of child speech in 2 runs, score 0.50"
    assert decision.policy_revision == RULES.revision


@pytest.mark.parametrize(
    ("facts", "rule"),
    [({"score": 0.499}, "min_score"), ({"child_s": 1.9}, "min_child_s"), ({"child_share": 0.24}, "min_child_share")],
)
def test_each_threshold_rejects_by_its_name(facts: dict[str, object], rule: str) -> None:
    assert outcome(**facts) == (Outcome.REJECTED, [rule])


def test_every_threshold_that_was_missed_is_reported_with_its_value() -> None:
    verdict = dataclasses.replace(GOOD, score=0.4, child_s=1.0)
    reasons = decide(verdict, RULES, VI).reasons
    assert [reason.message for reason in reasons] == [
        "score 0.40, needed 0.50",
        "1.0 s of child speech, needed 2.0",
    ]


def test_what_the_model_denies_is_rejected_whatever_its_score() -> None:
    assert outcome(label=VerdictLabel.NO_CHILD, score=0.99) == (Outcome.REJECTED, ["no_child"])
    assert outcome(label=VerdictLabel.NO_CHILD, speech_s=0.0) == (Outcome.REJECTED, ["no_speech"])


def test_what_the_model_doubts_goes_to_review() -> None:
    assert outcome(label=VerdictLabel.UNSURE, score=0.1) == (Outcome.UNSURE, ["verdict_unsure"])


@pytest.mark.parametrize("field", ["score", "child_s", "child_share", "speech_s"])
def test_a_model_that_fails_is_neither_a_yes_nor_a_no(field: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        outcome(**{field: float("nan")})


def test_the_revision_of_a_decision_changes_with_each_threshold() -> None:
    changed = [
        dataclasses.replace(RULES, min_score=0.51),
        dataclasses.replace(RULES, pooling="2"),
        dataclasses.replace(RULES, operating_point=dataclasses.replace(POINT, min_run_s=0.6)),
    ]
    assert len({RULES.revision, *(rules.revision for rules in changed)}) == 4
