"""Screening a video that is about to be taken, and again when its platform has described it in full."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from voicesieve.catalog.records import Claim
from voicesieve.catalog.writes import leases, results
from voicesieve.crawl.context import RunContext
from voicesieve.crawl.failing import OpenAttempt
from voicesieve.domain.candidates import TAKEN, Candidate
from voicesieve.domain.decisions import Reason
from voicesieve.policy.revision import revision_of
from voicesieve.policy.screening import governing_platform, screen


def objection(context: RunContext, claim: Claim) -> Reason | None:
    """The rule of today that keeps out a video that an earlier day has let in."""
    return screen(_described(claim, claim.facts), context.rules.screening)


def full_screen(context: RunContext, claim: Claim) -> Callable[[Mapping[str, object]], Reason | None] | None:
    """What judges a video by its full description, before any media is fetched; ``None`` where no platform is."""
    rules = context.rules.screening
    if governing_platform(claim.source, claim.url, rules) is None:
        return None
    return lambda facts: screen(_described(claim, {**claim.facts, **facts, TAKEN: True}), rules)


async def screen_out(
    context: RunContext, claim: Claim, reason: Reason, facts: Mapping[str, object], attempt: OpenAttempt | None
) -> None:
    """Keep a video out, with what was learnt of it, and tell why. Nothing has failed."""
    await context.committer.run(_screen_out, context, claim, reason, facts, attempt)
    context.events.emit(
        "video_screened_out",
        video=claim.video,
        title=str(facts.get("title") or claim.title),
        url=claim.url,
        rule=reason.rule,
        reason=reason.message,
    )


def _screen_out(
    connection: Connection,
    context: RunContext,
    claim: Claim,
    reason: Reason,
    facts: Mapping[str, object],
    attempt: OpenAttempt | None,
) -> None:
    now = context.clock()
    revision = revision_of(context.rules.screening)
    results.screen_out(connection, claim, reason, facts, revision, now)
    if attempt is not None:
        said = f"kept out by the rule {reason.rule} before any media was fetched"
        leases.finish_attempt(connection, attempt.id, now, screened_out=True, next_sentence=said)


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
