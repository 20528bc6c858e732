"""``voicesieve refresh``: descriptions from the YouTube Data API are renewed, or deleted."""

from __future__ import annotations

import dataclasses
import time
from typing import Annotated

import typer

from voicesieve.api.opening import settings_for
from voicesieve.catalog.store import Catalog
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, note, print_json
from voicesieve.cli.progress import Steps, steps
from voicesieve.cli.wiring import client_of, opened_catalog, paces_of, quotas_of, youtube_of
from voicesieve.domain.errors import EXIT_OK, EXIT_OPERATOR
from voicesieve.engines.loop import run_loop
from voicesieve.operations.refresh import Refreshed
from voicesieve.operations.refresh import refresh as renew_lent
from voicesieve.settings import Settings

DAY_S = 86_400.0


def refresh(
    within: Annotated[float, typer.Option(min=0, help="Renew descriptions that expire within this many days.")] = 7.0,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """A description may be kept for 30 days. One that is not renewed in time is deleted."""
    settings = settings_for(data, config)
    with opened_catalog(data, settings) as catalog, steps(quiet=as_json) as progress:
        done = run_loop(_renew(catalog, settings, within * DAY_S, progress))
    if as_json:
        print_json(dataclasses.asdict(done))
    else:
        if done.renewed or done.forgotten or done.left:
            note(f"{done.renewed:,} descriptions renewed, {done.forgotten:,} deleted.")
        else:
            note(f"Nothing to renew: no description expires within {within:g} days.")
        if done.left:
            note(f"{done.left:,} more expire within {within:g} days and were not renewed: {done.hindrance}.")
    raise typer.Exit(EXIT_OPERATOR if done.left else EXIT_OK)


async def _renew(catalog: Catalog, settings: Settings, within_s: float, progress: Steps) -> Refreshed:
    async with client_of(settings) as client:
        return await renew_lent(
            catalog,
            client,
            youtube_of(settings).access,
            paces=paces_of(settings),
            limits=quotas_of(settings),
            within_s=within_s,
            clock=time.time,
            progressed=lambda done, total: progress("refreshing", done, total),
        )
