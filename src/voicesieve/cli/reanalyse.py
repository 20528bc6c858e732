"""``voicesieve reanalyse``: stored recordings for another model."""

from __future__ import annotations

import dataclasses
import time
from typing import Annotated

import typer

from voicesieve.cli.detectors import configured_model, detector_choice
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, note, print_json
from voicesieve.cli.wiring import actor, opened_catalog, settings_for
from voicesieve.observability.terminal import safe_text
from voicesieve.operations.redecide import reanalyse as queue_again


def reanalyse(
    model: Annotated[
        str | None, typer.Option(help="Revision or name of the configured model: all that it has not heard.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything decided, also what the model has heard.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """The model is that of the settings, and `voicesieve crawl --analyse-only` does the work.

    Old verdicts and decisions stand until the new verdict is stored. Nothing is fetched.
    """
    settings = settings_for(data, config)
    if (model is None) == (not every):
        raise OperatorError("Say what to analyse again: --model REVISION, or --all.")
    configured = configured_model(detector_choice(settings, data))
    if model is not None and model not in (configured.revision, configured.name):
        raise OperatorError(
            f"--model {safe_text(model)}: the model of the settings is {configured.name} {configured.revision}, and no "
            "other would hear the recordings. Set analysis.detector first."
        )
    with opened_catalog(data, settings) as catalog:
        found = queue_again(catalog, configured, time.time(), every=every, dry_run=dry_run, actor=actor())
    if as_json:
        print_json({**dataclasses.asdict(found), "model": dataclasses.asdict(configured), "dry_run": dry_run})
        return
    verb = "would be" if dry_run else "are"
    lost = f" {found.purged} more cannot be: retention purged their audio." if found.purged else ""
    if found.queued:
        note(f"{found.queued} videos {verb} due for {configured.name} {configured.revision}.{lost}")
    else:
        note(f"Nothing to analyse again: no stored recording waits for {configured.name} {configured.revision}.{lost}")
