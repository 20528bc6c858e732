"""``voicesieve plan``: the requests and quota that a crawl would use, and what is left of today's quotas."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from voicesieve.api.opening import settings_for
from voicesieve.catalog.reads import status
from voicesieve.catalog.reads.queries import all_queries
from voicesieve.catalog.records import Paces, QueryRow
from voicesieve.cli.crawl import parsed_source
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, print_json
from voicesieve.cli.report import passed_over_lines, quota_lines
from voicesieve.cli.rights import closed_platforms, missing_basis
from voicesieve.cli.wiring import opened_catalog, paces_of, quota_facts, quotas_of, source_settings_of
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.candidates import Query
from voicesieve.domain.times import iso
from voicesieve.observability.terminal import safe_text
from voicesieve.settings import Settings
from voicesieve.sources.registry import as_known, kind_named, platform_of_query


def plan(
    source: Annotated[
        list[str] | None,
        typer.Option(help="Source as for crawl; without it, all queries that are not read to their end."),
    ] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Makes no requests. Also shows what is left of today's quotas, and which videos wait to be fetched."""
    settings = settings_for(data, config)
    queries = list(dict.fromkeys(parsed_source(text) for text in source or ()))
    facts = _facts(settings, queries, data)
    if as_json:
        print_json(facts)
    else:
        _print(facts)


def _facts(settings: Settings, queries: list[Query], data: Path) -> dict[str, Any]:
    now = time.time()
    stored: dict[Query, QueryRow] = {}
    quotas: list[dict[str, Any]] = []
    waiting: dict[str, int] = {}
    paused: list[dict[str, Any]] = []
    with ExitStack() as stack:
        if settings.catalog.url.get_secret_value() or (DataFolder(data).root / "catalog.sqlite3").exists():
            catalog = stack.enter_context(opened_catalog(data, settings))
            connection = stack.enter_context(catalog.read())
            stored = {row.query: row for row in all_queries(connection)}
            quotas = quota_facts(catalog, settings, now)
            waiting = status.waiting_by_host(connection)
            paused = status.paused_hosts(connection, now)
        else:
            reset = status.reset_at(now)
            quotas = [
                {"bucket": bucket, "used": 0, "limit": limit, "left": limit, "resets": reset}
                for bucket, limit in quotas_of(settings).items()
            ]
    named = list(dict.fromkeys(as_known(query, stored) for query in queries))
    asked = named or [row.query for row in stored.values() if not row.exhausted]
    lines = [_query_facts(settings, query, stored.get(query), now) for query in asked]
    total: Counter[str] = Counter()
    for line in lines:
        total.update(line["most"])
    return {
        "queries": lines,
        "most": dict(total),
        "quotas": quotas,
        "waiting": _downloads(waiting, paces_of(settings)),
        "paused_hosts": paused,
    }


def _query_facts(settings: Settings, query: Query, row: QueryRow | None, now: float) -> dict[str, Any]:
    state = "new"
    most: dict[str, int] = {}
    kind, source_settings = kind_named(query.source), source_settings_of(settings)
    if platform_of_query(query) in closed_platforms(settings):
        state = f"disabled: {missing_basis(settings.rights)}"
    elif missing := kind.missing(source_settings):
        state = f"off: {missing}"
    elif row is not None and row.exhausted and row.due_at > now:
        state = f"read to its end, read again from {iso(row.due_at)}"
    else:
        cursor = None if row is None or row.exhausted else row.cursor
        state = "new" if row is None else "read again" if row.exhausted else "resumes" if cursor else "begins"
        most = kind.estimate(query.argument, cursor, source_settings)
    passed_over = [] if row is None else list(row.passed_over)
    return {"query": str(query), "state": state, "most": most, "passed_over": passed_over}


def _downloads(waiting: dict[str, int], paces: Paces) -> list[dict[str, Any]]:
    """Videos that wait for each host, and how long its pace takes over them (seconds; jitter by its mean)."""
    rows = []
    for name, count in waiting.items():
        pace = paces.of(name)
        seconds = 0.0 if name == "" else count * pace.interval_s * (1 + pace.jitter / 2)
        rows.append({"host": name, "videos": count, "at_least_s": round(seconds)})
    return rows


def _print(facts: dict[str, Any]) -> None:
    console = Console(highlight=False)

    def line(text: str) -> None:
        console.print(Text(safe_text(text, limit=400)), soft_wrap=True)

    buckets = {quota["bucket"] for quota in facts["quotas"]}
    for query in facts["queries"]:
        most = ", ".join(f"{count:,} {_unit(name, buckets)}" for name, count in query["most"].items())
        line(f"{query['query']}: {query['state']}" + (f", at most {most}" if most else ""))
        for text in passed_over_lines(query["passed_over"]):
            console.print(Text(text), soft_wrap=True)
    if not facts["queries"]:
        line("No query is open. Name one with --source.")
    for text in quota_lines(facts["quotas"]):
        line(text)
    for quota in facts["quotas"]:
        wanted = facts["most"].get(quota["bucket"], 0)
        if wanted > quota["left"]:
            line(
                f"These queries may need {wanted:,} {quota['bucket']}; what exceeds today's quota waits for the reset."
            )
    for host in facts["waiting"]:
        took = f", {host['at_least_s'] / 3600:.1f} h or more at its pace" if host["at_least_s"] else ""
        line(f"{host['videos']:,} videos wait to be fetched from {host['host'] or 'this machine'}{took}")
    for host in facts["paused_hosts"]:
        line(f"{host['host']} is paused until {host['until']}: {host['reason']}")


def _unit(name: str, buckets: Collection[str]) -> str:
    return name if name in buckets else f"requests to {name}"
