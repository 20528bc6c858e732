"""Screening a video that is about to be taken, and again when its platform has described it in full.

A crash before the commit costs nothing but the work: the video is judged again when it is taken next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from voicesieve.catalog.records import Claim
from voicesieve.catalog.writes import results
from voicesieve.crawl.context import Run
from voicesieve.domain.candidates import TAKEN, Candidate
from voicesieve.domain.decisions import Reason
from voicesieve.policy.revision import revision_of
from voicesieve.policy.screening import ScreeningRules, governing_platform, screen


def objection(claim: Claim, rules: ScreeningRules) -> Reason | None:
    """The rule that keeps a video out now, though earlier rules let it in."""
    return screen(_described(claim, claim.facts), rules)


def full_screen(claim: Claim, rules: ScreeningRules) -> Callable[[Mapping[str, object]], Reason | None] | None:
    """Judges a video by its full description, before any media is fetched; ``None`` for a video of no platform."""
    if governing_platform(claim.source, claim.url, rules) is None:
        return None
    return lambda facts: screen(_described(claim, {**claim.facts, **facts, TAKEN: True}), rules)


async def screen_out(
    run: Run,
    claim: Claim,
    reason: Reason,
    rules: ScreeningRules,
    facts: Mapping[str, object],
    *,
    attempt: int | None = None,
) -> None:
    """Keep a video out, with what was learnt of it, and report why. Nothing has failed.

    ``attempt`` is the attempt that learnt it and ends with it, if one was open.
    """
    await run.committer.run(results.screen_out, claim, reason, facts, revision_of(rules), run.clock(), attempt=attempt)
    run.events.emit(
        "video_screened_out",
        video=claim.video,
        title=str(facts.get("title") or claim.title),
        url=claim.url,
        rule=reason.rule,
        reason=reason.message,
    )


def _described(claim: Claim, facts: Mapping[str, object]) -> Candidate:
    duration = facts.get("duration_s")
    licence = facts.get("licence")
    return Candidate(
        source=claim.source,
        native_id=claim.video.removeprefix(f"{claim.source}:"),
        url=claim.url,
        title=claim.title,
        channel=claim.channel,
        duration_s=float(duration) if isinstance(duration, int | float) else claim.declared_duration_s,
        language=claim.declared_language,
        licence=licence if isinstance(licence, str) and licence else claim.licence,
        metadata={**claim.metadata, **facts, **({TAKEN: True} if facts else {})},
    )
