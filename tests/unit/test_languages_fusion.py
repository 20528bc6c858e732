"""Many pieces of evidence, one language or the admission that there is none."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicesieve.domain.languages import EvidenceKind, LanguageEvidence, LanguageState
from voicesieve.languages.fusion import KNOWS_WHAT_IS_SPOKEN, WEIGHTS, FusionRules, fuse
from voicesieve.languages.spoken import ASR_CAPTIONS, AUDIO_TRACK, DECLARED_AUDIO, FEED_LANGUAGE

RULES = FusionRules()
STRONG = {
    EvidenceKind.ASR_CAPTIONS: ASR_CAPTIONS,
    EvidenceKind.AUDIO_TRACK: AUDIO_TRACK,
    EvidenceKind.DECLARED_AUDIO: DECLARED_AUDIO,
    EvidenceKind.WHISPER: 0.9,
}
WEAK = sorted(set(EvidenceKind) - KNOWS_WHAT_IS_SPOKEN)

codes = st.sampled_from(["vi", "en", "fr", "zh"])
probabilities = st.floats(0.0, 1.0)
pieces = st.builds(LanguageEvidence, codes, st.sampled_from(list(EvidenceKind)), probabilities)


def piece(kind: EvidenceKind, code: str, probability: float = 0.97) -> LanguageEvidence:
    return LanguageEvidence(code, kind, probability)


@settings(deadline=None)
@given(st.sampled_from(WEAK), probabilities, st.sampled_from(sorted(STRONG)))
def test_no_single_weak_piece_outvotes_a_strong_one(weak: EvidenceKind, sure: float, strong: EvidenceKind) -> None:
    answer = fuse([piece(weak, "en", sure), piece(strong, "vi", STRONG[strong])], RULES)
    assert answer.code in ("vi", "und")
    assert answer.state is not LanguageState.CONTRADICTED
    assert fuse([piece(strong, "vi", STRONG[strong])], RULES).code == "vi"


@settings(deadline=None)
@given(st.lists(pieces, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_the_evidence_does_not_matter(evidence: list[LanguageEvidence], rng: random.Random) -> None:
    shuffled = evidence.copy()
    rng.shuffle(shuffled)
    assert fuse(shuffled, RULES) == fuse(evidence, RULES)


@settings(deadline=None)
@given(st.lists(pieces, min_size=1, max_size=8), st.sampled_from(list(EvidenceKind)), probabilities)
def test_agreeing_evidence_never_lowers_the_probability(
    evidence: list[LanguageEvidence], kind: EvidenceKind, probability: float
) -> None:
    before = fuse(evidence, FusionRules(min_probability=0.0, contradiction=1.0))
    after = fuse([*evidence, piece(kind, before.code, probability)], RULES)
    assert after.probability >= before.probability * (1 - 1e-12)


@settings(deadline=None)
@given(st.lists(pieces, max_size=8))
def test_an_answer_is_a_probability_and_names_only_what_the_evidence_named(evidence: list[LanguageEvidence]) -> None:
    answer = fuse(evidence, RULES)
    assert 0.0 <= answer.probability <= 1.0
    assert answer.code in {piece.code for piece in evidence} | {"und"}
    assert (answer.code == "und") == (answer.state is not LanguageState.SETTLED)
    assert sorted(map(str, evidence)) != [] or answer.code == "und"
    assert len(answer.evidence) == len(evidence)


@pytest.mark.parametrize("kind", sorted(STRONG))
def test_a_piece_of_full_weight_alone_keeps_its_probability(kind: EvidenceKind) -> None:
    answer = fuse([piece(kind, "vi", 0.9)], FusionRules(weights={kind: 1.0}))
    assert math.isclose(answer.probability, 0.9)


def test_without_evidence_the_language_is_undetermined() -> None:
    answer = fuse([], RULES)
    assert (answer.code, answer.probability, answer.state) == ("und", 0.0, LanguageState.UNDETERMINED)


def test_captions_and_whisper_that_name_different_languages_contradict_each_other() -> None:
    answer = fuse([piece(EvidenceKind.ASR_CAPTIONS, "vi"), piece(EvidenceKind.WHISPER, "en", 0.9)], RULES)
    assert (answer.code, answer.state) == ("und", LanguageState.CONTRADICTED)


def test_a_doubtful_whisper_does_not_contradict_the_captions() -> None:
    answer = fuse([piece(EvidenceKind.ASR_CAPTIONS, "vi"), piece(EvidenceKind.WHISPER, "en", 0.6)], RULES)
    assert (answer.code, answer.state) == ("vi", LanguageState.SETTLED)


def test_a_title_in_another_language_than_the_speech_contradicts_nothing() -> None:
    answer = fuse([piece(EvidenceKind.ASR_CAPTIONS, "vi"), piece(EvidenceKind.TEXT, "en", 0.98)], RULES)
    assert answer.code == "vi"


def test_two_languages_in_one_video_are_no_contradiction_of_sources() -> None:
    votes = [
        LanguageEvidence("vi", EvidenceKind.WHISPER, 0.95, start=0.0, end=20.0),
        LanguageEvidence("vi", EvidenceKind.WHISPER, 0.95, start=30.0, end=50.0),
        LanguageEvidence("en", EvidenceKind.WHISPER, 0.95, start=60.0, end=80.0),
    ]
    answer = fuse(votes, RULES)
    assert (answer.code, answer.state) == ("vi", LanguageState.SETTLED)


def test_the_copy_that_a_platform_makes_of_its_captions_counts_half() -> None:
    answer = fuse([piece(EvidenceKind.ASR_CAPTIONS, "vi"), piece(EvidenceKind.AUDIO_TRACK, "vi", 0.95)], RULES)
    assert {item.source: item.weight for item in answer.evidence} == {
        "asr_captions": WEIGHTS["asr_captions"],
        "audio_track": WEIGHTS["audio_track"] / 2,
    }


def test_evidence_of_an_unknown_kind_weighs_nothing() -> None:
    answer = fuse([LanguageEvidence("vi", "telepathy", 1.0)], RULES)
    assert answer.code == "und"
    assert answer.evidence[0].weight == 0.0


def test_a_channel_alone_settles_nothing_so_that_it_cannot_talk_itself_into_a_language() -> None:
    assert fuse([piece(EvidenceKind.CHANNEL, "vi", 0.99)], RULES).code == "und"


@pytest.mark.parametrize("kind", [EvidenceKind.TEXT, EvidenceKind.FEED_LANGUAGE])
def test_where_nothing_else_is_known_a_clear_title_or_a_feed_is_enough(kind: EvidenceKind) -> None:
    assert fuse([piece(kind, "vi", FEED_LANGUAGE)], RULES).probability > 0.5
    assert fuse([piece(kind, "vi", 0.97)], RULES).code == "vi"


def test_another_weight_is_another_revision() -> None:
    other = FusionRules(weights={**WEIGHTS, "text": 0.1})
    assert RULES.revision == FusionRules().revision != other.revision
