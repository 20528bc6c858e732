"""The frontier of one run: the order in which videos are taken, and what is learnt on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlalchemy import Connection

from voicesieve.catalog.reads import worth
from voicesieve.catalog.rows import candidate_of
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import choosing
from voicesieve.catalog.writes.choosing import YieldOrder
from voicesieve.crawl.context import Run
from voicesieve.crawl.rules import FrontierRules
from voicesieve.domain.candidates import Candidate
from voicesieve.frontier import costs
from voicesieve.frontier.facts import ArmFacts, Lesson, Lessons, Worth
from voicesieve.frontier.learning import Knowledge, due
from voicesieve.frontier.valuing import learn, value
from voicesieve.frontier.words import words_of

LESSONS = 50_000
"""Words are learnt from at most this many decisions, the newest: enough for each word that matters, a second of
work."""

MERIT_BATCH = 500
ARM_BATCH = 200
"""Rows in one step of the committer, so that relearning delays other steps by no more than some milliseconds."""


class Frontier:
    """What one run has learnt from the catalog. It is stored there, and the next run starts with it."""

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
        """Load what earlier runs have learnt."""
        stored = worth.knowledge(connection)
        if stored is not None:
            self.knowledge = Knowledge.from_json(stored)


async def enrol_all(run: Run, frontier: Frontier) -> None:
    """Give every video of an older catalog its place; a new catalog has nothing to do."""
    while await run.committer.run(choosing.enrol_missing, frontier.merit):
        pass


async def learn_when_due(run: Run, catalog: Catalog, frontier: Frontier) -> None:
    """Learn anew from all decisions once they have grown enough."""
    before = frontier.knowledge
    decisions = await run.committer.run(worth.decisions)
    if not due(decisions, before.decisions):
        return
    frontier.knowledge = await asyncio.to_thread(_learn, catalog, before, decisions)
    await run.committer.run(choosing.keep_knowledge, frontier.knowledge.to_json(), run.clock())
    if frontier.rules.by_yield:
        await _revalue(run, frontier)
    run.events.emit("frontier_learnt", decisions=decisions, words=len(frontier.knowledge.words))


def _learn(catalog: Catalog, before: Knowledge, decisions: int) -> Knowledge:
    with catalog.read() as connection:
        judged = worth.judged_arms(connection)
        places = {key: place for place, (key, _) in enumerate(judged)}
        lessons = Lessons(
            Lesson(places[row.arm], words_of(candidate_of(row)), row.merit, row.state == "accepted")
            for row in worth.decided_with_arm(connection, LESSONS)
            if row.arm in places
        )
    if not judged:
        return before
    return learn([facts for _, facts in judged], lessons, before, decisions)


async def _revalue(run: Run, frontier: Frontier) -> None:
    """Give what waits its new merit and every arm its new worth, in small steps beside the crawl."""
    last = 0
    while rows := await run.committer.run(worth.waiting_after, last, MERIT_BATCH):
        merits = {row.key: frontier.merit(candidate_of(row)) for row in rows}
        changed = {row.key: merits[row.key] for row in rows if abs(merits[row.key] - row.merit) > 1e-6}
        await run.committer.run(choosing.set_merits, changed)
        last = rows[-1].key
    order = frontier.order
    while order is not None and await run.committer.run(choosing.refresh, order, ARM_BATCH) > 0:
        pass
