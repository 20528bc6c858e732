"""``voicesieve plan``: the requests and quota that a crawl would use, and what is left of today's quotas."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from voicesieve.api.opening import settings_for
from voicesieve.cli.crawl import parsed_source
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, print_json
from voicesieve.cli.report import passed_over_lines, quota_lines
from voicesieve.cli.rights import closed_platforms, missing_basis
from voicesieve.cli.wiring import has_catalog, opened_catalog, paces_of, quotas_of, source_settings_of
from voicesieve.observability.terminal import safe_text
from voicesieve.operations.plan import PlanRules
from voicesieve.operations.plan import plan as make_plan


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
    rules = PlanRules(
        closed=dict.fromkeys(closed_platforms(settings), missing_basis(settings.rights)),
        sources=source_settings_of(settings),
        paces=paces_of(settings),
        quotas=quotas_of(settings),
    )
    with opened_catalog(data, settings) if has_catalog(data, settings) else nullcontext() as catalog:
        facts = make_plan(catalog, queries, rules)
    if as_json:
        print_json(facts)
    else:
        _print(facts)


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
