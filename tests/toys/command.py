"""``voicesieve tally``: how many videos the catalog holds."""

from __future__ import annotations

from voicesieve.api.opening import settings_for
from voicesieve.catalog.reads.status import catalog_counts
from voicesieve.cli.output import DEFAULT_DATA, Config, Data, print_json
from voicesieve.cli.wiring import opened_catalog


def tally(data: Data = DEFAULT_DATA, config: Config = None) -> None:
    """Videos in every state are counted."""
    with opened_catalog(data, settings_for(data, config)) as catalog, catalog.read() as connection:
        print_json({"videos": sum(catalog_counts(connection)["videos"].values())})
