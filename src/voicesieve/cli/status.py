"""``voicesieve status``: the funnel of a catalog."""

from __future__ import annotations

from voicesieve.api.opening import settings_for
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, note, print_json
from voicesieve.cli.report import print_status
from voicesieve.cli.wiring import opened_catalog, quotas_of
from voicesieve.datafolder.folder import DataFolder
from voicesieve.operations.status import status_facts


def status(data: Data = DEFAULT_DATA, config: Config = None, as_json: AsJson = False) -> None:
    """Also shows what each query found, what is left of today's quotas, and paused hosts."""
    settings = settings_for(data, config)
    with opened_catalog(data, settings) as catalog:
        facts = status_facts(catalog, quotas_of(settings))
    if warning := DataFolder(data).open_to_others():
        note(f"Warning: {warning}")
    if as_json:
        print_json(facts)
    else:
        print_status(facts)
