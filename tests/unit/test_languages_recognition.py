"""Which parts of a recording a recogniser is given, and what its answer means."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicesieve.domain.languages import LanguageEvidence, SpokenLanguage
from voicesieve.domain.verdicts import Label, Segment
from voicesieve.languages.fusion import FusionRules, fuse
from voicesieve.languages.recognition import LEAST_SPEECH_S, VOTE_S, evidence_of, restricted, votes_of

WHISPER = {"vi": 0.3, "en": 0.5, "km": 0.15, "th": 0.05}


def child(start: float, end: float, score: float = 0.9, label: Label = Label.CHILD) -> Segment:
    return Segment(start, end, label, score)


def seconds(spans: tuple[tuple[float, float], ...]) -> float:
    return sum(end - start for start, end in spans)


def vote(distribution: dict[str, float], start: float = 0.0, end: float = 20.0) -> LanguageEvidence:
    piece = evidence_of([(start, end)], distribution, "tiny")
    assert piece is not None
    return piece


def test_three_votes_share_the_child_speech_in_order_of_time() -> None:
    votes = votes_of([child(10, 20), child(40, 50), child(70, 80)], 3)
    assert votes == (((10, 20),), ((40, 50),), ((70, 80),))


def test_a_long_segment_is_cut_into_votes() -> None:
    assert votes_of([child(0, 60)], 3) == (((0, 20),), ((20, 40),), ((40, 60),))


def test_the_surest_speech_is_recognised_first_and_no_more_than_whisper_takes() -> None:
    votes = votes_of([child(0, 500, 0.93), child(600, 630, 0.99)], 3)
    assert [seconds(spans) for spans in votes] == pytest.approx([VOTE_S] * 3)
    assert votes[-1] == ((600, 630),)


def test_little_speech_makes_fewer_votes_and_almost_none_makes_none() -> None:
    assert len(votes_of([child(0, 4), child(8, 12)], 3)) == 1
    assert votes_of([child(0, LEAST_SPEECH_S / 2)], 3) == ()
    assert votes_of([], 3) == ()
    assert votes_of([child(0, 30, label=Label.ADULT)], 3) == ()


def test_without_a_sure_child_segment_the_unsure_ones_are_recognised() -> None:
    unsure = child(0, 10, 0.6, Label.UNSURE)
    assert votes_of([unsure], 1) == (((0, 10),),)
    assert votes_of([unsure, child(20, 30)], 1) == (((20, 30),),)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.1, 60), st.floats(0.1, 40), st.floats(0, 1)), max_size=30),
    st.integers(1, 9),
)
def test_votes_are_parts_of_the_segments_in_order_and_of_bounded_length(
    lengths: list[tuple[float, float, float]], count: int
) -> None:
    segments, at = [], 0.0
    for gap, length, score in lengths:
        segments.append(child(at + gap, at + gap + length, score))
        at += gap + length
    votes = votes_of(segments, count)
    spans = [span for piece in votes for span in piece]
    assert len(votes) <= count
    assert spans == sorted(spans)
    assert all(seconds(piece) <= VOTE_S + 1e-6 for piece in votes)
    assert all(any(s.start - 1e-6 <= a < b <= s.end + 1e-6 for s in segments) for a, b in spans)


def test_codes_of_the_recogniser_are_normalised_and_joined() -> None:
    piece = evidence_of([(1.0, 2.0), (5.0, 9.0)], {"jw": 0.3, "jv": 0.3, "nonsense": 0.4}, "tiny")
    assert piece is not None
    assert (piece.code, piece.probability, piece.start, piece.end) == ("jv", 0.6, 1.0, 9.0)
    assert evidence_of([(1.0, 2.0)], {"nonsense": 1.0}, "tiny") is None


def test_a_wanted_language_is_likelier_before_recognition() -> None:
    piece = vote(WHISPER)
    assert restricted(piece, (), 0.1) == ("en", 0.5)
    assert restricted(piece, ("vi",), 1.0) == ("en", 0.5)
    code, probability = restricted(piece, ("vi",), 0.1)
    assert (code, probability) == ("vi", pytest.approx(0.3 / (0.3 + 0.07)))
    code, probability = restricted(piece, ("vi", "en"), 0.0)
    assert (code, probability) == ("en", pytest.approx(0.5 / 0.8))


def test_one_wanted_language_alone_is_not_certain_whatever_is_spoken() -> None:
    code, probability = restricted(vote({"en": 0.97, "vi": 0.001}), ("vi",), 0.1)
    assert (code, probability > 0.9) == ("en", True)


def test_other_wanted_languages_apply_to_stored_evidence_without_recognising_again() -> None:
    votes = [vote(WHISPER), vote(WHISPER, 30.0, 50.0)]
    wanted = fuse(votes, FusionRules(wanted=("vi",)))
    assert wanted.code == "vi"
    assert fuse(wanted.evidence, FusionRules()).code == fuse(votes, FusionRules()).code
    assert fuse(wanted.evidence, FusionRules()).evidence[0].code == "en"


def test_a_part_that_is_surely_in_another_language_keeps_it() -> None:
    votes = (vote({"vi": 0.95}), vote({"vi": 0.95}, 30, 50), vote({"en": 0.95}, 60, 80), vote({"fr": 0.5}, 90, 99))
    language = fuse(votes, FusionRules())
    assert language.code == "vi"
    assert [language.at(5, 9), language.at(58, 70), language.at(85, 95), language.at(200, 210)] == [
        "vi", "en", "vi", "vi",
    ]  # fmt: skip
    assert SpokenLanguage("und").at(0, 1) == "und"
