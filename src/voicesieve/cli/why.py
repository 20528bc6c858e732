"""``voicesieve why``: the story of a video, or of a query."""

from __future__ import annotations

from typing import Annotated

import typer

from voicesieve.catalog.reads import queries
from voicesieve.catalog.reads.why import story_of
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, print_json
from voicesieve.cli.report import print_queries, print_why
from voicesieve.cli.wiring import opened_catalog, query_named, settings_for, with_cost
from voicesieve.sources.identity import video_named
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
    with opened_catalog(data, settings_for(data, config)) as catalog, catalog.read() as connection:
        wanted = query_named(video)
        registered = [row.query for row in queries.all_queries(connection)]
        query = None if wanted is None else queries.find_query(connection, as_known(wanted, registered))
        query = None if query is None else with_cost(query)
        story = story_of(connection, video, video_named(video)) if query is None else query
    if as_json:
        print_json(story)
    elif query is None:
        print_why(story)
    else:
        print_queries([query])
