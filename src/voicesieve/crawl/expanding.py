"""Channels that have proved to hold children become queries of their own, and pages are read only when they pay."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from voicesieve.catalog.reads import frontier as frontier_views
from voicesieve.catalog.records import QueryRow
from voicesieve.catalog.writes import discovery, frontier
from voicesieve.crawl.context import RunContext
from voicesieve.domain.candidates import Page
from voicesieve.frontier import costs
from voicesieve.frontier.scoring import LISTED_AGAINST, page_gain
from voicesieve.frontier.valuing import beliefs
from voicesieve.policy.expansion import sampled
from voicesieve.sources.registry import channel_query, page_cost

AT_ONCE = 20
"""Channels that become queries in one step."""


async def expand(context: RunContext, kinds: Collection[str]) -> list[QueryRow]:
    """New queries for channels with accepted videos, of sources of ``kinds``. Each channel is expanded once."""
    if not context.frontier.rules.expand_channels:
        return []
    rows: list[QueryRow] = []
    while True:
        seen, fresh = await context.committer.run(_expand, kinds, context.clock())
        if not seen:
            return rows
        rows += fresh
        for row in fresh:
            context.events.emit("channel_expanded", query=str(row.query))


def _expand(connection: Connection, kinds: Collection[str], now: float) -> tuple[int, list[QueryRow]]:
    """Mark and register in one transaction: a crash neither forgets a channel nor asks for it twice."""
    rows = []
    found = frontier_views.unexpanded(connection, kinds, AT_ONCE)
    for arm, kind in found:
        frontier.mark_expanded(connection, arm)
        wanted = channel_query(kind, frontier_views.metadata_of(connection, arm))
        if wanted is None:
            continue
        row = discovery.register_query(connection, wanted, now, expands=arm)
        if row.expands == arm and not row.exhausted:
            rows.append(row)
    return len(found), rows


def bounded(connection: Connection, row: QueryRow, page: Page, bound: int) -> Page:
    """What of a page of an expanded channel is taken; without a cursor once the channel has its share."""
    if row.expands is None:
        return page
    found = frontier_views.found(connection, row.id)
    kept = sampled(page.candidates, found, bound)
    return replace(page, candidates=kept, cursor=None if found + len(kept) >= bound else page.cursor)


async def page_pays(context: RunContext, row: QueryRow) -> bool:
    """Whether the next page of a query should bring more than its cost buys by fetching what is known."""
    price = page_cost(row.query)
    if price == 0.0 or not context.frontier.rules.by_yield:
        return True
    return await context.committer.run(_pays, context, row, price)


def _pays(connection: Connection, context: RunContext, row: QueryRow, price: float) -> bool:
    best = frontier_views.best_score(connection, context.clock())
    if best == 0.0:
        return True
    knowledge = context.frontier.knowledge
    channel = None if price == costs.SEARCH_PAGE else frontier_views.arm_of_query(connection, row)
    if channel is not None:
        weights = beliefs([channel], knowledge, with_pending=False)
        gain = page_gain(weights, costs.PAGE_VIDEOS, knowledge.child_s, LISTED_AGAINST * best)
    else:
        videos = costs.VIDEOS_OF_A_CHANNEL * frontier_views.new_channels(connection, row.id)
        gain = page_gain(np.stack([knowledge.prior_of(row.id)]), videos, knowledge.child_s, best)
    return bool(gain[0] > price * best)
