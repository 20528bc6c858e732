"""Rules for videos of platforms: each has a name, a setting that turns it, and a reason."""

from __future__ import annotations

import dataclasses

import pytest

from voicesieve.domain.candidates import TAKEN, Candidate
from voicesieve.policy.platforms import PlatformRules, licence_class, platform_reasons
from voicesieve.settings import Youtube

CC = "creativeCommon"


def rules_against(rules: PlatformRules | None = None, licence: str | None = CC, **metadata: object) -> list[str]:
    candidate = Candidate("youtube", "1", "https://a.example/1", licence=licence, metadata=metadata)
    return [reason.rule for reason in platform_reasons(candidate, rules or PlatformRules())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("creativeCommon", "creative_commons"),
        ("Creative Commons Attribution license (reuse allowed)", "creative_commons"),
        ("https://creativecommons.org/licenses/by/4.0/", "creative_commons"),
        ("CC BY 4.0", "creative_commons"),
        ("youtube", "standard"),
        ("Standard YouTube License", "standard"),
        ("all rights reserved", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_licence_has_a_class(text: str | None, expected: str) -> None:
    assert licence_class(text) == expected


def test_no_stated_licence_is_neither_free_nor_standard_but_waits_until_the_page_was_read() -> None:
    assert rules_against(licence=None) == []
    assert rules_against(licence=None, **{TAKEN: True}) == ["licence"]
    assert rules_against(PlatformRules(licences=("standard",)), licence=None, **{TAKEN: True}) == ["licence"]
    assert rules_against(PlatformRules(licences=("unknown",)), licence=None, **{TAKEN: True}) == []


FACTS: list[tuple[str, dict[str, object], str]] = [
    ("made_for_kids", {"made_for_kids": True}, "allow_made_for_kids"),
    ("synthetic_media", {"synthetic_media": True}, "allow_synthetic_media"),
    ("live", {"live_status": "is_live"}, "allow_live"),
    ("live", {"live_status": "is_upcoming"}, "allow_live"),
    ("age_restricted", {"age_limit": 18}, "allow_age_restricted"),
    ("unlisted", {"availability": "unlisted"}, "allow_unlisted"),
]


@pytest.mark.parametrize(("rule", "facts", "setting"), FACTS)
def test_each_rule_can_be_turned_off_by_the_setting_that_it_names(
    rule: str, facts: dict[str, object], setting: str
) -> None:
    candidate = Candidate("youtube", "1", "https://a.example/1", licence=CC, metadata=facts)
    (reason,) = platform_reasons(candidate, PlatformRules())
    assert (reason.rule, f"youtube.{setting}" in reason.message) == (rule, True)
    assert rules_against(dataclasses.replace(PlatformRules(), **{setting: True}), **facts) == []


@pytest.mark.parametrize("availability", ["private", "needs_auth", "premium_only", "subscriber_only"])
def test_what_is_not_open_to_everybody_stays_out(availability: str) -> None:
    assert rules_against(availability=availability) == ["non_public"]


def test_past_broadcasts_are_accepted_unless_a_setting_refuses_them() -> None:
    assert rules_against(live_status="was_live") == []
    assert rules_against(PlatformRules(allow_past_live=False), live_status="was_live") == ["past_live"]


def test_regions_count_where_one_is_set() -> None:
    here = PlatformRules(region="VN")
    assert rules_against(regions_blocked=["VN"]) == []
    assert rules_against(here, regions_blocked=["DE", "VN"]) == ["region_blocked"]
    assert rules_against(here, regions_allowed=["DE"]) == ["region_blocked"]
    assert rules_against(here, regions_allowed=["VN"]) == []


def test_what_nobody_knows_keeps_nothing_out() -> None:
    assert rules_against(made_for_kids=None, age_limit=0, availability="public", live_status="not_live") == []


def test_rules_and_settings_have_the_same_names_and_defaults() -> None:
    settings = Youtube()
    for field in dataclasses.fields(PlatformRules):
        assert getattr(settings, field.name) == getattr(PlatformRules(), field.name)
