"""Which candidates may be fetched at all."""

from __future__ import annotations

import dataclasses

import pytest

from voicesieve.domain.candidates import Candidate
from voicesieve.policy.revision import revision_of
from voicesieve.policy.screening import ScreeningRules, screen

RULES = ScreeningRules(rights_basis="", sources_needing_basis=("youtube",), min_duration_s=1.0, max_duration_s=3_600.0)


def video(source: str = "url", duration_s: float | None = None, url: str = "https://a.example/1") -> Candidate:
    return Candidate(source, "1", url, duration_s=duration_s)


def test_a_platforms_rules_hold_for_its_addresses_whichever_source_names_them() -> None:
    """An earlier release stored addresses of kids.youtube.com as ordinary ones."""
    hidden = video(url="https://kids.youtube.com/watch?v=abcdefghijk")
    reason = screen(hidden, RULES)
    assert reason is not None
    assert reason.rule == "rights_basis_missing"
    unlicensed = dataclasses.replace(hidden, licence="Standard YouTube License")
    reason = screen(unlicensed, dataclasses.replace(RULES, rights_basis="own_channel"))
    assert reason is not None
    assert reason.rule == "licence"


def test_a_platform_is_disabled_until_a_basis_is_stated() -> None:
    reason = screen(video("youtube"), RULES)
    assert reason is not None
    assert reason.rule == "rights_basis_missing"
    assert "rights.basis" in reason.message
    assert screen(video("youtube"), dataclasses.replace(RULES, rights_basis="own_channel")) is None
    assert screen(video("rss"), RULES) is None


@pytest.mark.parametrize(
    ("duration_s", "rule"),
    [
        (None, None),
        (0.99, "too_short"),
        (1.0, None),
        (3_600.0, None),
        (3_600.1, "too_long"),
        (float("inf"), "too_long"),
    ],
)
def test_a_declared_duration_is_held_against_both_limits(duration_s: float | None, rule: str | None) -> None:
    reason = screen(video(duration_s=duration_s), RULES)
    assert (reason and reason.rule) == rule


def test_equal_rules_have_equal_revisions_and_others_have_others() -> None:
    assert revision_of(RULES) == revision_of(dataclasses.replace(RULES))
    others = {
        revision_of(dataclasses.replace(RULES, **change))
        for change in ({"rights_basis": "own_channel"}, {"min_duration_s": 2.0}, {"sources_needing_basis": ()})
    }
    assert len(others | {revision_of(RULES)}) == 4
    with pytest.raises(TypeError):
        revision_of(ScreeningRules)
    with pytest.raises(TypeError):
        revision_of({"min_duration_s": 1})
