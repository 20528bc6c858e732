"""``voicesieve why``: the story of a video, or of a query."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from voicesieve.api.catalog import story_in
from voicesieve.api.opening import settings_for
from voicesieve.catalog.reads import queries
from voicesieve.catalog.store import Catalog
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, print_json
from voicesieve.cli.report import print_queries, print_why
from voicesieve.cli.wiring import opened_catalog, query_named
from voicesieve.operations.status import with_cost
from voicesieve.sources.registry import as_known


def why(
    video: Annotated[str, typer.Argument(help="Id or URL of a video, or a query such as folder:./recordings.")],
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """For a video: each attempt, score, rule and revision that led to its state.

    For a query, such as folder:./recordings: what it found, and what it passed over.
    """
    with opened_catalog(data, settings_for(data, config)) as catalog:
        query = _query_facts(catalog, video)
        story = story_in(catalog, video).to_dict() if query is None else query
    if as_json:
        print_json(story)
    elif query is None:
        print_why(story)
    else:
        print_queries([query])


def _query_facts(catalog: Catalog, text: str) -> dict[str, Any] | None:
    """What the catalog says of the query that ``text`` names; ``None`` if it names none, such as the id of a video."""
    wanted = query_named(text)
    if wanted is None:
        return None
    with catalog.read() as connection:
        registered = [row.query for row in queries.all_queries(connection)]
        facts = queries.find_query(connection, as_known(wanted, registered))
    return None if facts is None else with_cost(facts)
