"""Language codes at the boundary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesieve.languages.codes import normalise


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("vi", "vi"),
        ("vi-VN", "vi"),
        ("VIE", "vi"),
        (" en_us ", "en"),
        ("eng", "en"),
        ("zh-Hans", "zh"),
        ("zh-Hant-TW", "zh"),
        ("chi", "zh"),
        ("cmn", "zh"),
        ("yue", "yue"),
        ("ger", "de"),
        ("deu", "de"),
        ("iw", "he"),
        ("in", "id"),
        ("ji", "yi"),
        ("jw", "jv"),
        ("fil", "fil"),
        ("hmn", "hmn"),
        ("mtq", "mtq"),
        ("de-CH-1996", "de"),
        ("und", None),
        ("mul", None),
        ("zxx", None),
        ("mis", None),
        ("xx", None),
        ("abc", None),
        ("x-klingon", None),
        ("english", None),
        ("en, vi", None),
        ("en-", None),
        ("vi\n", "vi"),
        ("", None),
        (None, None),
    ],
)
def test_a_code_becomes_its_short_form_or_nothing(code: str | None, expected: str | None) -> None:
    assert normalise(code) == expected


@given(st.text(max_size=20))
def test_whatever_comes_the_answer_is_stable(text: str) -> None:
    code = normalise(text)

    assert code is None or (normalise(code) == code and 2 <= len(code) <= 3)
