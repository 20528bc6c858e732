"""The frontier of one run: in what order videos are taken, what is learnt on the way, and when to look for more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from voicesieve.catalog.reads import frontier
from voicesieve.catalog.rows import candidate_of
from voicesieve.catalog.writes import arms
from voicesieve.catalog.writes import frontier as transactions
from voicesieve.catalog.writes.frontier import YieldOrder
from voicesieve.domain.candidates import Candidate
from voicesieve.frontier import costs
from voicesieve.frontier.facts import ArmFacts, Lesson, Lessons, Worth
from voicesieve.frontier.learning import Knowledge, due
from voicesieve.frontier.valuing import learn, value
from voicesieve.frontier.words import words_of

if TYPE_CHECKING:
    from voicesieve.crawl.context import RunContext

LESSONS = 50_000
"""Most decisions that words are learnt from, the newest: enough for each word that matters, and a second of work."""

MERIT_BATCH = 500
ARM_BATCH = 200
"""Rows in one step of the committer, so that a relearning holds nobody up for more than some milliseconds."""


@dataclass(frozen=True)
class FrontierRules:
    """``by_yield``: choose by expected yield, else in order of discovery. ``max_videos_per_channel`` bounds what the
    crawl itself looks for in a channel, not what a person asks for."""

    by_yield: bool
    expand_channels: bool
    max_videos_per_channel: int


class Frontier:
    """What one run knows. It is learnt from the catalog and kept there; another run goes on with it."""

    def __init__(self, rules: FrontierRules) -> None:
        self.rules = rules
        self.knowledge = Knowledge()

    @property
    def order(self) -> YieldOrder | None:
        """The order of claims; ``None`` is the order of discovery."""
        if not self.rules.by_yield:
            return None
        return YieldOrder(self._value, costs.EXPLORE_EVERY, costs.PAGE_VIDEOS)

    def _value(self, facts: Sequence[ArmFacts]) -> list[Worth]:
        return value(facts, self.knowledge)

    def merit(self, candidate: Candidate) -> float:
        return self.knowledge.merit(words_of(candidate)) if self.knowledge.words else 0.0

    def open(self, connection: Connection) -> None:
        """Take up what earlier runs have learnt."""
        kept = frontier.knowledge(connection)
        if kept is not None:
            self.knowledge = Knowledge.from_json(kept)


async def enrol_all(context: RunContext) -> None:
    """Give every video of an older catalog its place; a new catalog has nothing to do."""
    while await context.committer.run(arms.enrol_missing, context.frontier.merit):
        pass


async def learn_when_due(context: RunContext) -> None:
    """Learn anew from all decisions once they have grown enough."""
    known = context.frontier.knowledge
    decisions = await context.committer.run(frontier.decisions)
    if not due(decisions, known.decisions):
        return
    context.frontier.knowledge = await asyncio.to_thread(_learn, context, known, decisions)
    kept = context.frontier.knowledge.to_json()
    await context.committer.run(transactions.keep_knowledge, kept, context.clock())
    if context.frontier.rules.by_yield:
        await _revalue(context)
    context.events.emit("frontier_learnt", decisions=decisions, words=len(context.frontier.knowledge.words))


def _learn(context: RunContext, known: Knowledge, decisions: int) -> Knowledge:
    with context.catalog.read() as connection:
        judged = frontier.judged_arms(connection)
        places = {key: place for place, (key, _) in enumerate(judged)}
        lessons = Lessons(
            Lesson(places[row.arm], words_of(candidate_of(row)), row.merit, row.state == "accepted")
            for row in frontier.decided_with_arm(connection, LESSONS)
            if row.arm in places
        )
    if not judged:
        return known
    return learn([facts for _, facts in judged], lessons, known, decisions)


async def _revalue(context: RunContext) -> None:
    """Give what waits its new merit and every arm its new worth, in small steps beside the crawl."""
    last = 0
    while True:
        rows = await context.committer.run(frontier.waiting_after, last, MERIT_BATCH)
        if not rows:
            break
        merits = {row.key: context.frontier.merit(candidate_of(row)) for row in rows}
        changed = {row.key: merits[row.key] for row in rows if abs(merits[row.key] - row.merit) > 1e-6}
        await context.committer.run(transactions.set_merits, changed)
        last = rows[-1].key
    order = context.frontier.order
    stale = order is not None
    while order is not None and stale:
        stale = await context.committer.run(transactions.refresh, order, ARM_BATCH) > 0
