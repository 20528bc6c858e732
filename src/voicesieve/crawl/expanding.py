"""Channels with accepted videos become queries of their own, and pages are read only if they are worth their cost."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from voicesieve.catalog.reads import worth
from voicesieve.catalog.records import QueryRow
from voicesieve.catalog.writes import choosing, discovery
from voicesieve.crawl.context import Run
from voicesieve.crawl.ordering import Frontier
from voicesieve.domain.candidates import Page
from voicesieve.frontier import costs
from voicesieve.frontier.learning import Knowledge
from voicesieve.frontier.scoring import LISTED_AGAINST, page_gain
from voicesieve.frontier.valuing import beliefs
from voicesieve.policy.expansion import sampled
from voicesieve.sources.registry import channel_query, page_cost

AT_ONCE = 20
"""Channels that become queries in one step."""


async def expand(run: Run, frontier: Frontier, kinds: Collection[str]) -> list[QueryRow]:
    """New queries for channels with accepted videos, of sources of ``kinds``. Each channel is expanded once."""
    if not frontier.rules.expand_channels:
        return []
    rows: list[QueryRow] = []
    while True:
        seen, fresh = await run.committer.run(_expand, kinds, run.clock())
        if not seen:
            return rows
        rows += fresh
        for row in fresh:
            run.events.emit("channel_expanded", query=str(row.query))


def _expand(connection: Connection, kinds: Collection[str], now: float) -> tuple[int, list[QueryRow]]:
    """Mark and register in one transaction: a crash neither forgets a channel nor asks for it twice."""
    rows = []
    channels = worth.unexpanded(connection, kinds, AT_ONCE)
    for arm, kind in channels:
        choosing.mark_expanded(connection, arm)
        wanted = channel_query(kind, worth.metadata_of(connection, arm))
        if wanted is None:
            continue
        row = discovery.register_query(connection, wanted, now, expands=arm)
        if row.expands == arm and not row.exhausted:
            rows.append(row)
    return len(channels), rows


def bounded(connection: Connection, row: QueryRow, page: Page, bound: int) -> Page:
    """What of a page of an expanded channel is taken; without a cursor once the channel has its share."""
    if row.expands is None:
        return page
    before = worth.videos_found(connection, row.id)
    taken = sampled(page.candidates, before, bound)
    return replace(page, candidates=taken, cursor=None if before + len(taken) >= bound else page.cursor)


async def page_pays(run: Run, frontier: Frontier, row: QueryRow) -> bool:
    """Whether the next page of a query should bring more than its cost would by fetching videos in the queue."""
    price = page_cost(row.query)
    if price == 0.0 or not frontier.rules.by_yield:
        return True
    return await run.committer.run(_pays, frontier.knowledge, row, price, run.clock())


def _pays(connection: Connection, knowledge: Knowledge, row: QueryRow, price: float, now: float) -> bool:
    best = worth.best_score(connection, now)
    if best == 0.0:
        return True
    channel = None if price == costs.SEARCH_PAGE else worth.arm_of_query(connection, row)
    if channel is not None:
        weights = beliefs([channel], knowledge, with_pending=False)
        gain = page_gain(weights, costs.PAGE_VIDEOS, knowledge.child_s, LISTED_AGAINST * best)
    else:
        videos = costs.VIDEOS_OF_A_CHANNEL * worth.new_channels(connection, row.id)
        gain = page_gain(np.stack([knowledge.prior_of(row.id)]), videos, knowledge.child_s, best)
    return bool(gain[0] > price * best)
