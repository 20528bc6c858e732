"""``status``: how far a catalog is, with what its queries cost and what is left of today's quotas."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from voicesieve.catalog.reads import status
from voicesieve.catalog.store import Catalog
from voicesieve.domain.candidates import Query
from voicesieve.frontier.costs import FETCH
from voicesieve.sources.registry import page_cost


def status_facts(catalog: Catalog, quotas: Mapping[str, int]) -> dict[str, Any]:
    """What `voicesieve status` shows, and a crawl while it runs. ``quotas`` are units a day by bucket."""
    now = time.time()
    left = quota_facts(catalog, quotas, now)
    with catalog.read() as connection:
        counts = status.catalog_counts(connection)
        return {
            **counts,
            "queries": [with_cost(facts) for facts in counts["queries"]],
            "paused_hosts": status.paused_hosts(connection, now),
            "quotas": left,
        }


def quota_facts(catalog: Catalog | None, quotas: Mapping[str, int], now: float) -> list[dict[str, Any]]:
    """Today's quotas with what is left of them; an unused bucket is full, and so is each without a catalog."""
    used: dict[str, dict[str, Any]] = {}
    if catalog is not None:
        with catalog.read() as connection:
            used = {quota["bucket"]: quota for quota in status.quotas(connection, now)}
    rows = []
    for bucket, limit in quotas.items():
        spent, closed = used.get(bucket, {}).get("used", 0), used.get(bucket, {}).get("closed", False)
        left = 0 if closed else max(0, limit - spent)
        rows.append({"bucket": bucket, "used": spent, "limit": limit, "left": left, "resets": status.reset_at(now)})
    return rows


def with_cost(facts: dict[str, Any]) -> dict[str, Any]:
    """What the catalog says of a query, with what its videos and pages cost (unit: `voicesieve.frontier.costs`)."""
    source, _, argument = facts["query"].partition(":")
    pages = facts["requests"] * page_cost(Query(source, argument))
    return {**facts, "cost": round(facts["fetched"] * FETCH + pages, 2)}
