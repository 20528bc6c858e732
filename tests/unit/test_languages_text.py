"""The language that titles are written in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicesieve.languages.text import CEILING, MAX_CHARS, languages_of


def codes(*texts: str) -> list[str]:
    return [language.code for language in languages_of(texts)]


@pytest.mark.parametrize(
    "title",
    [
        "Kể chuyện cho bé nghe trước khi đi ngủ",
        "BÉ HỌC MÀU SẮC CÙNG MẸ",
        "Be hoc tieng Anh cung co giao Trang",
        "PHIM HOAT HINH CHO BE YEU",
        "🎵🌈 Bé Na đi chợ cùng mẹ 🎉 #shorts #kids #learnenglish",
        "Bé hát cho em nghe - https://example.com/english-songs-for-kids @BabyEnglishSongs",
        "Be\u0301 ho\u0323c nói tiếng Việt",
    ],
)
def test_vietnamese_titles_as_people_write_them(title: str) -> None:
    assert codes(title) == ["vi"]


@pytest.mark.parametrize(
    "title",
    ["My son reads a story about a bear", "WHAT DID YOU DO AT SCHOOL TODAY", "Sing a song with the children at home"],
)
def test_english_titles(title: str) -> None:
    assert codes(title) == ["en"]


def test_a_title_in_two_languages_counts_for_both() -> None:
    languages = languages_of(["Bé học màu sắc và con số | Learn colours and numbers"])
    assert {language.code for language in languages} == {"vi", "en"}
    assert sum(language.probability for language in languages) <= 1.0
    assert all(language.probability < 0.8 for language in languages)


@pytest.mark.parametrize(
    "title",
    ["", " ", "\0", "🎵🎵🎵", "12:30 - 2024", "#shorts #fyp", "\ud800", "\x01\x02\x03\xff", "Вé", "🇻🇳", "‮‏"],
)
def test_titles_without_words_say_nothing(title: str) -> None:
    assert codes(title) == []


def test_words_of_look_alike_letters_are_passed_over() -> None:
    """Cyrillic В, е, о and с between Latin letters: not Russian, and not to be trusted as anything else."""
    assert codes("Вé hос сhо bе") == []
    assert codes("Вé học tiếng Việt cùng mẹ và cô giáo") == ["vi"]


MEGABYTES = [part * (1_000_000 // len(part)) for part in ("x", "Bé học ", "a@", "| ", "#", ".")]


@pytest.mark.parametrize("title", MEGABYTES)
def test_of_a_title_of_a_megabyte_only_the_beginning_is_read(title: str) -> None:
    assert languages_of([title]) == languages_of([title[:MAX_CHARS]])
    assert languages_of([title[:MAX_CHARS] + "Bé học tiếng Việt cùng mẹ " * 1_000]) == languages_of([title[:MAX_CHARS]])


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_a_clear_outcome(text: str) -> None:
    languages = languages_of([text])
    assert all(0.0 < language.probability <= CEILING for language in languages)
    assert [language.probability for language in languages] == sorted((f.probability for f in languages), reverse=True)


@pytest.mark.parametrize(
    "title",
    [
        "saya pergi ke pasar dengan ibu",
        "ang bata ay naglalaro sa labas",
        "ni hao wo shi zhong guo ren",
        "el gato come en la casa con su mama",
        "la mamma va a casa con me",
    ],
)
def test_other_languages_of_short_words_are_not_taken_for_vietnamese_without_diacritics(title: str) -> None:
    assert "vi" not in codes(title)
