"""Durations as feeds write them."""

from __future__ import annotations

import pytest

from voicesieve.sources.durations import parse_duration, plausible_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3723", 3723.0),
        ("3723.5", 3723.5),
        ("3723,5", 3723.5),
        ("62:03", 3723.0),
        ("1:02:03", 3723.0),
        ("01:02:03", 3723.0),
        ("1:02:03.5", 3723.5),
        (" 0:09 ", 9.0),
        ("90:00", 5400.0),
        ("PT1H2M3S", 3723.0),
        ("pt90m", 5400.0),
        ("P1DT1S", 86401.0),
    ],
)
def test_known_forms(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "0", "0:00", "-5", "1:2:3:4", "nan", "inf", "1e9", "about an hour", "P", "PT", "9" * 400, "1:" * 50, "٣"],
)
def test_everything_else_is_unknown(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize("text", ["12:99", "1:75:00", "0:61:61"])
def test_an_impossible_clock_time_is_unknown(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3723", 3723.0), ("2:00:00", 7200.0), ("5:30:01", 19801.0), ("0:90:30", 5430.0), ("43200.5", None), ("", None)]
    + [(slip, None) for slip in ("45:30:00", "29:27:00", "5:30:00", "3723000", "29000", "0.5", "PT45H30M", "P2D")],
)
def test_a_duration_stated_by_mistake_is_unknown(text: str, seconds: float | None) -> None:
    assert plausible_duration(text) == seconds
