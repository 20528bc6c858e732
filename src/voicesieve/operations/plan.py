"""``plan``: the requests and quota that a crawl would use, worked out without making any."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicesieve.catalog.reads import status
from voicesieve.catalog.reads.queries import all_queries
from voicesieve.catalog.records import Paces, QueryRow
from voicesieve.catalog.store import Catalog
from voicesieve.domain.candidates import Query
from voicesieve.domain.times import iso
from voicesieve.operations.status import quota_facts
from voicesieve.sources.kinds import SourceSettings
from voicesieve.sources.registry import as_known, kind_named, platform_of_query


@dataclass(frozen=True)
class PlanRules:
    """What a crawl would go by. ``closed`` says why each platform without a basis must not be contacted.

    ``quotas`` are units a day by bucket.
    """

    closed: Mapping[str, str]
    sources: SourceSettings
    paces: Paces
    quotas: Mapping[str, int]


def plan(catalog: Catalog | None, queries: Sequence[Query], rules: PlanRules) -> dict[str, Any]:
    """The facts of ``plan --json``: what ``queries``, or all that are not read to their end, would use at most."""
    now = time.time()
    stored: dict[Query, QueryRow] = {}
    waiting: dict[str, int] = {}
    paused: list[dict[str, Any]] = []
    if catalog is not None:
        with catalog.read() as connection:
            stored = {row.query: row for row in all_queries(connection)}
            waiting = status.waiting_by_host(connection)
            paused = status.paused_hosts(connection, now)
    named = list(dict.fromkeys(as_known(query, stored) for query in queries))
    planned = named or [row.query for row in stored.values() if not row.exhausted]
    lines = [_query_facts(query, stored.get(query), rules, now) for query in planned]
    total: Counter[str] = Counter()
    for line in lines:
        total.update(line["most"])
    return {
        "queries": lines,
        "most": dict(total),
        "quotas": quota_facts(catalog, rules.quotas, now),
        "waiting": _downloads(waiting, rules.paces),
        "paused_hosts": paused,
    }


def _query_facts(query: Query, row: QueryRow | None, rules: PlanRules, now: float) -> dict[str, Any]:
    kind = kind_named(query.source)
    most: dict[str, int] = {}
    if closed := rules.closed.get(platform_of_query(query) or ""):
        state = f"disabled: {closed}"
    elif missing := kind.missing(rules.sources):
        state = f"off: {missing}"
    elif row is not None and row.exhausted and row.due_at > now:
        state = f"read to its end, read again from {iso(row.due_at)}"
    else:
        cursor = None if row is None or row.exhausted else row.cursor
        state = "new" if row is None else "read again" if row.exhausted else "resumes" if cursor else "begins"
        most = kind.estimate(query.argument, cursor, rules.sources)
    passed_over = [] if row is None else list(row.passed_over)
    return {"query": str(query), "state": state, "most": most, "passed_over": passed_over}


def _downloads(waiting: Mapping[str, int], paces: Paces) -> list[dict[str, Any]]:
    """Videos that wait for each host, and how long its pace takes over them (seconds; jitter by its mean)."""
    rows = []
    for name, count in waiting.items():
        pace = paces.of(name)
        seconds = 0.0 if name == "" else count * pace.interval_s * (1 + pace.jitter / 2)
        rows.append({"host": name, "videos": count, "at_least_s": round(seconds)})
    return rows
