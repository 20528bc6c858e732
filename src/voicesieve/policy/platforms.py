"""Rules for videos of platforms such as YouTube: each has a name, a setting, and a reason that is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from voicesieve.domain.candidates import TAKEN, Candidate
from voicesieve.domain.decisions import Reason

CREATIVE_COMMONS, STANDARD, UNKNOWN = "creative_commons", "standard", "unknown"

ADULT_AGE = 18
_CREATIVE_COMMONS = re.compile(r"creative\s*commons?|creativecommons|\bcc[ -]?(by|0)\b", re.IGNORECASE)
_STANDARD = re.compile(r"youtube|standard", re.IGNORECASE)
_RUNNING = frozenset({"is_live", "is_upcoming", "post_live"})
_CLOSED = frozenset({"private", "needs_auth", "premium_only", "subscriber_only"})


@dataclass(frozen=True)
class PlatformRules:
    """Which videos may be fetched. ``licences`` are classes of `licence_class`; ``region`` is a country or empty."""

    licences: tuple[str, ...] = (CREATIVE_COMMONS,)
    allow_made_for_kids: bool = False
    allow_live: bool = False
    allow_past_live: bool = True
    allow_age_restricted: bool = False
    allow_synthetic_media: bool = False
    allow_unlisted: bool = False
    region: str = ""


def licence_class(text: str | None) -> str:
    """The class of a licence as a platform writes it. None stated is ``unknown``: neither standard nor free."""
    if not text:
        return UNKNOWN
    if _CREATIVE_COMMONS.search(text):
        return CREATIVE_COMMONS
    return STANDARD if _STANDARD.search(text) else UNKNOWN


def platform_reasons(candidate: Candidate, rules: PlatformRules) -> Iterator[Reason]:
    """Every rule that keeps ``candidate`` out. What is not known yet keeps nothing out before the video is taken."""
    facts = candidate.metadata
    licence = licence_class(candidate.licence)
    undecided = licence == UNKNOWN and not candidate.licence and not facts.get(TAKEN)
    if licence not in rules.licences and not undecided:
        stated = f"it is {candidate.licence!r} ({licence})" if candidate.licence else "none is stated (unknown)"
        yield Reason("licence", f"{stated}; youtube.licences allows {', '.join(rules.licences)}")
    if facts.get("made_for_kids") is True and not rules.allow_made_for_kids:
        yield _not_allowed("made_for_kids", "marked as made for kids")
    if facts.get("synthetic_media") is True and not rules.allow_synthetic_media:
        yield _not_allowed("synthetic_media", "marked as altered or synthetic")
    live = facts.get("live_status")
    if live in _RUNNING and not rules.allow_live:
        yield _not_allowed("live", f"a broadcast that is not over ({live})")
    if live == "was_live" and not rules.allow_past_live:
        yield _not_allowed("past_live", "the recording of a broadcast")
    age = facts.get("age_limit")
    if isinstance(age, int | float) and age >= ADULT_AGE and not rules.allow_age_restricted:
        yield _not_allowed("age_restricted", f"restricted to viewers of {age:.0f} years and older")
    yield from _by_availability(candidate, rules)


def _by_availability(candidate: Candidate, rules: PlatformRules) -> Iterator[Reason]:
    facts = candidate.metadata
    availability = facts.get("availability")
    if availability in _CLOSED:
        yield Reason("non_public", f"not public ({availability})")
    if availability == "unlisted" and not rules.allow_unlisted:
        yield _not_allowed("unlisted", "unlisted: reached by its address only")
    if facts.get("upload_status"):
        yield Reason("non_public", f"its upload is not complete ({facts['upload_status']})")
    allowed, blocked = facts.get("regions_allowed"), facts.get("regions_blocked")
    if rules.region and isinstance(blocked, list) and rules.region in blocked:
        yield Reason("region_blocked", f"blocked in {rules.region} (youtube.region)")
    if rules.region and isinstance(allowed, list) and allowed and rules.region not in allowed:
        yield Reason("region_blocked", f"not shown in {rules.region} (youtube.region)")


def _not_allowed(rule: str, fact: str) -> Reason:
    return Reason(rule, f"{fact}; youtube.allow_{rule} is off")
