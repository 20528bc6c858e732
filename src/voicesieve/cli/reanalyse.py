"""``voicesieve reanalyse``: stored recordings for another model."""

from __future__ import annotations

import dataclasses
import time
from typing import Annotated

import typer

from voicesieve.api.opening import actor, settings_for
from voicesieve.cli.detectors import configured_model, detector_choice
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, note, print_json
from voicesieve.cli.wiring import opened_catalog
from voicesieve.observability.terminal import safe_text
from voicesieve.operations.redecide import reanalyse as queue_again


def reanalyse(
    model: Annotated[
        str | None,
        typer.Option(help="Revision or name of the configured model: all recordings that it has not analysed."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All decided recordings, including those that the model has analysed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show how many.")] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """The next `voicesieve crawl --analyse-only` analyses them by the configured model.

    Old verdicts and decisions stay valid until the new verdict is stored. Nothing is fetched.
    """
    settings = settings_for(data, config)
    if (model is None) == (not every):
        raise OperatorError("Say what to analyse again: --model REVISION, or --all.")
    configured = configured_model(detector_choice(settings, data))
    if model is not None and model not in (configured.revision, configured.name):
        raise OperatorError(
            f"--model {safe_text(model)}: the configured model is {configured.name} {configured.revision}, and no "
            "other would analyse the recordings. Set analysis.detector first."
        )
    with opened_catalog(data, settings) as catalog:
        result = queue_again(catalog, configured, time.time(), every=every, dry_run=dry_run, actor=actor())
    if as_json:
        print_json({**dataclasses.asdict(result), "model": dataclasses.asdict(configured), "dry_run": dry_run})
        return
    verb = "would be" if dry_run else "are"
    lost = f" {result.purged} more cannot be: retention purged their audio." if result.purged else ""
    if result.queued:
        note(f"{result.queued} videos {verb} due for {configured.name} {configured.revision}.{lost}")
    else:
        note(f"Nothing to analyse again: no stored recording is due for {configured.name} {configured.revision}.{lost}")
