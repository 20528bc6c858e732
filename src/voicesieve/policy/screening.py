"""Which candidates may be fetched at all.

Judged when they are discovered, before any request for them; again when they are claimed, by the rules of that day; and
once more when the platform has described the video in full, before any media are fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from voicesieve.domain.candidates import Candidate
from voicesieve.domain.decisions import Reason
from voicesieve.domain.platforms import platform_of
from voicesieve.policy.platforms import PlatformRules, platform_reasons


@dataclass(frozen=True)
class ScreeningRules:
    """``rights_basis`` is the operator's legal basis, empty when none is stated. Durations in seconds.

    ``platform`` holds for videos of ``sources_needing_basis``, whichever source listed their address.
    """

    rights_basis: str
    sources_needing_basis: tuple[str, ...]
    min_duration_s: float
    max_duration_s: float
    platform: PlatformRules = field(default_factory=PlatformRules)


def screen(candidate: Candidate, rules: ScreeningRules) -> Reason | None:
    """The rule that keeps ``candidate`` out, or ``None`` when it may be fetched."""
    platform = governing_platform(candidate.source, candidate.url, rules)
    if platform and not rules.rights_basis:
        return Reason(
            "rights_basis_missing",
            f"{platform} needs your legal basis: set rights.basis and rights.statement in the settings",
        )
    duration = candidate.duration_s
    if duration is not None and duration > rules.max_duration_s:
        return Reason("too_long", f"declared {duration:.0f} s, the limit is {rules.max_duration_s:.0f} s")
    if duration is not None and duration < rules.min_duration_s:
        return Reason("too_short", f"declared {duration:.1f} s, the least is {rules.min_duration_s:.1f} s")
    if platform:
        return next(platform_reasons(candidate, rules.platform), None)
    return None


def governing_platform(source: str, url: str, rules: ScreeningRules) -> str | None:
    """The platform whose rules hold for a video of ``source`` at ``url``, if any."""
    return next((name for name in (source, platform_of(url)) if name in rules.sources_needing_basis), None)
