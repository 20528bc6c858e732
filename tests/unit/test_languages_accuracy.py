"""Evidence of the language against labels of people."""

from __future__ import annotations

from voicesieve.domain.languages import LanguageEvidence, SpokenLanguage
from voicesieve.languages.accuracy import SURE, TOGETHER, accuracy_by_kind, answer_of


def language(code: str, **pieces: tuple[str, float]) -> SpokenLanguage:
    return SpokenLanguage(code, tuple(LanguageEvidence(c, kind, sure) for kind, (c, sure) in pieces.items()))


def test_each_kind_is_counted_by_what_it_says_alone() -> None:
    accuracies = accuracy_by_kind(
        [
            ("vi", language("vi", text=("en", 0.9), asr_captions=("vi", 0.97))),
            ("vi", language("und", text=("vi", SURE - 0.01))),
            ("en", language("vi", text=("vi", 0.9))),
        ]
    )
    counts = {kind: (a.asked, a.right, a.wrong, a.abstained) for kind, a in accuracies.items()}
    assert counts == {TOGETHER: (3, 1, 1, 1), "asr_captions": (3, 1, 0, 2), "text": (3, 0, 2, 1)}
    assert accuracies["text"].confusions == {("vi", "en"): 1, ("en", "vi"): 1}
    assert accuracies[TOGETHER].accuracy == 0.5
    assert accuracy_by_kind([("vi", language("und"))])[TOGETHER].accuracy is None


def test_the_surest_piece_of_a_kind_is_its_answer() -> None:
    votes = (LanguageEvidence("en", "whisper", 0.7), LanguageEvidence("vi", "whisper", 0.9))
    assert answer_of(SpokenLanguage("vi", votes), "whisper") == "vi"
    assert answer_of(SpokenLanguage("vi", votes), "text") == "und"
