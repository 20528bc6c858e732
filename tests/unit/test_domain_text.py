"""One cleaner of text from outside: what it leaves out, and that everything shown escapes at least as much."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesieve.domain.text import clean_text, escaped, is_unsafe, quoted
from voicesieve.observability.terminal import safe_json, safe_text

RIGHT_TO_LEFT = "\u202e"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (" Tết\x00\n\x1b[31m\u202eevil\ud800\t🎈 ", "Tết [31mevil 🎈"),
        ("gnp.\u202egpj\u202c \u2066isolated\u2069", "gnp.gpj isolated"),
        ("a\u200bb\ufeffc\u2060d\u00ade", "abcde"),
        ("one\u2028two\u2029three\x85four\x0bfive", "one two three four five"),
        ("left\u200e right\u200f arabic\u061c", "left right arabic"),
        ("tag\U000e0041 private\ue000", "tag private"),
        ("e\u200b\u0301 Be\u0301", "é Bé"),
        (RIGHT_TO_LEFT * 10, ""),
        ("नमस्\u200dते", "नमस्\u200dते"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        (FAMILY, FAMILY),
        ("\u0600١٢", "\u0600١٢"),
    ],
)
def test_text_that_is_stored_moves_hides_and_reorders_nothing(text: str, stored: str) -> None:
    assert clean_text(text) == stored


@pytest.mark.parametrize("value", [None, 3, b"bytes", ["a"], object()])
def test_what_is_no_text_is_empty(value: object) -> None:
    assert clean_text(value) == ""


@given(st.text(max_size=400), st.integers(1, 300))
def test_stored_text_is_one_composed_line_within_its_limit_and_stays_as_it_is(text: str, limit: int) -> None:
    stored = clean_text(text, limit)
    assert len(stored) <= limit
    assert " ".join(stored.split()) == stored
    assert not [char for char in stored if unicodedata.category(char) in ("Cc", "Cs", "Co", "Zl", "Zp")]
    assert not [
        char for char in stored if unicodedata.bidirectional(char) in ("LRE", "RLE", "LRO", "RLO", "LRI", "RLI")
    ]
    assert clean_text(stored, limit) == stored


@given(st.text(max_size=40))
def test_every_way_to_show_text_escapes_the_same_characters(text: str) -> None:
    for line in (escaped(text), safe_text(text), safe_json(text), quoted(text)):
        assert not any(map(is_unsafe, line))


@pytest.mark.parametrize("text", ["\u202e", "x", " ", "e\u0301"])
def test_twenty_megabytes_of_a_title_cost_no_more_than_a_title(text: str) -> None:
    huge = text * (20_000_000 // len(text))
    started = time.process_time()
    for _ in range(20):
        clean_text(huge)
    assert time.process_time() - started < 2.0
