"""What the spoken language means for a decision."""

from __future__ import annotations

import dataclasses

import pytest

from voicesieve.domain.decisions import Outcome
from voicesieve.domain.languages import LanguageEvidence, SpokenLanguage
from voicesieve.domain.verdicts import Model, OperatingPoint, Verdict, VerdictLabel
from voicesieve.policy.acceptance import AcceptanceRules, decide
from voicesieve.policy.language import LanguageRules

POINT = OperatingPoint("corpus", 0.7, 0.3, 0.5, 1.0, 1, 0.5)
GOOD = Verdict(Model("floor", "r1"), "corpus", VerdictLabel.CHILD, 10.0, 8.0, 4.0, 0.5, 2, 0.9, ())
VI = SpokenLanguage("vi", (LanguageEvidence("vi", "asr_captions", 0.97),), 0.97)
EN = dataclasses.replace(VI, code="en", evidence=(LanguageEvidence("en", "asr_captions", 0.97),))
UND = SpokenLanguage("und", probability=0.3)
CONTRADICTED = SpokenLanguage("und", (*VI.evidence, *EN.evidence), 0.5, contradicted=True)
BROKEN = (("whisper", "model.bin is missing"),)


def outcome(language: SpokenLanguage, verdict: Verdict = GOOD, **rules: object) -> tuple[Outcome, str]:
    of_language = LanguageRules(**rules)  # type: ignore[arg-type]
    decision = decide(verdict, AcceptanceRules(POINT, "1", 0.5, 2.0, 0.0, of_language), language)
    return decision.outcome, decision.reasons[0].rule


@pytest.mark.parametrize("language", [VI, EN, UND])
def test_where_no_language_is_wanted_any_will_do(language: SpokenLanguage) -> None:
    assert outcome(language) == (Outcome.ACCEPTED, "child_speech")


def test_a_wanted_language_is_accepted_and_reported() -> None:
    assert outcome(VI, wanted=("vi",)) == (Outcome.ACCEPTED, "child_speech")
    rules = AcceptanceRules(POINT, "1", 0.5, 2.0, 0.0, LanguageRules(("en", "vi")))
    assert decide(GOOD, rules, VI).reasons[1].message == "vi with 0.97; wanted en, vi with at least 0.60"


def test_a_language_that_is_not_wanted_is_rejected_by_name() -> None:
    assert outcome(EN, wanted=("vi",)) == (Outcome.REJECTED, "language_not_wanted")


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("accept", Outcome.ACCEPTED), ("review", Outcome.UNSURE), ("reject", Outcome.REJECTED)],
)
def test_what_is_undetermined_goes_where_the_setting_says(setting: str, expected: Outcome) -> None:
    unlikely = dataclasses.replace(VI, probability=0.59)
    for language in (UND, unlikely):
        actual, rule = outcome(language, wanted=("vi",), undetermined=setting)
        assert actual is expected
        assert rule == ("child_speech" if expected is Outcome.ACCEPTED else "language_undetermined")


@pytest.mark.parametrize("wanted", [(), ("vi",), ("en",)])
def test_contradictions_go_to_review_whatever_is_wanted(wanted: tuple[str, ...]) -> None:
    assert outcome(CONTRADICTED, wanted=wanted) == (Outcome.UNSURE, "language_contradicted")


@pytest.mark.parametrize("setting", ["accept", "review", "reject"])
def test_a_detector_that_could_not_run_never_rejects_and_never_passes_in_silence(setting: str) -> None:
    for language in (UND, EN, CONTRADICTED):
        broken = dataclasses.replace(language, unavailable=BROKEN)
        assert outcome(broken, wanted=("vi",), undetermined=setting) == (Outcome.UNSURE, "language_unavailable")


def test_a_detector_that_could_not_run_changes_nothing_where_no_language_is_asked_for() -> None:
    rules = AcceptanceRules(POINT, "1", 0.5, 2.0, 0.0, LanguageRules())
    for language in (UND, VI, EN):
        decision = decide(GOOD, rules, dataclasses.replace(language, unavailable=BROKEN))
        assert decision.outcome is decide(GOOD, rules, language).outcome is Outcome.ACCEPTED
        assert "whisper could not run" in decision.reasons[1].message, "it is said all the same"
    broken = dataclasses.replace(CONTRADICTED, unavailable=BROKEN)
    assert outcome(broken, wanted=())[0] is Outcome.UNSURE


def test_other_evidence_may_settle_what_a_broken_detector_could_not() -> None:
    rules = AcceptanceRules(POINT, "1", 0.5, 2.0, 0.0, LanguageRules(("vi",)))
    decision = decide(GOOD, rules, dataclasses.replace(VI, unavailable=BROKEN))
    assert decision.outcome is Outcome.ACCEPTED
    assert "whisper could not run: model.bin is missing; other evidence says vi" in decision.reasons[1].message


def test_where_the_voices_reject_the_language_is_not_asked() -> None:
    adult = dataclasses.replace(GOOD, label=VerdictLabel.NO_CHILD)
    assert outcome(dataclasses.replace(UND, unavailable=BROKEN), adult, wanted=("vi",)) == (
        Outcome.REJECTED,
        "no_child",
    )


def test_doubt_about_the_voices_stays_doubt_in_the_wanted_language_and_falls_in_another() -> None:
    doubtful = dataclasses.replace(GOOD, label=VerdictLabel.UNSURE)
    assert outcome(VI, doubtful, wanted=("vi",)) == (Outcome.UNSURE, "verdict_unsure")
    assert outcome(EN, doubtful, wanted=("vi",)) == (Outcome.REJECTED, "language_not_wanted")


def test_another_language_rule_is_another_policy() -> None:
    policies = {AcceptanceRules(POINT, "1", 0.5, 2.0, 0.0, rules).revision
                for rules in (LanguageRules(), LanguageRules(("vi",)), LanguageRules(fusion="2"))}  # fmt: skip
    assert len(policies) == 3
