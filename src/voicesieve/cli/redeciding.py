"""``redecide`` and ``reanalyse``: other thresholds, another model, and nothing fetched for either."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicesieve.cli.options import DEFAULT_DATA, AsJson, Config, Data

if TYPE_CHECKING:
    from voicesieve.operations.redecide import Redecided
    from voicesieve.settings import Settings


_DECIDING = ("policy", "language", "language_weights")
"""Sections of the settings that a decision rests on."""


def register(app: typer.Typer) -> None:
    app.command()(redecide)
    app.command()(reanalyse)


def redecide(
    policy: Annotated[
        Path | None, typer.Option(help="TOML file with a [policy] section to use instead of the settings.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Apply the thresholds of the settings to stored scores: nothing is fetched or analysed.

    What a person decided stays as it is. With --policy, copy the section into your settings to keep it: the next crawl
    decides by the settings.
    """
    import dataclasses
    import time

    from voicesieve.cli.actor import actor
    from voicesieve.cli.bars import bar
    from voicesieve.cli.output import print_json
    from voicesieve.cli.wiring import acceptance_of, fusion_of, opened_catalog, settings_for
    from voicesieve.operations.redecide import redecide as decide_again

    settings = settings_for(data, config)
    tried = settings if policy is None else _with_policy(policy, data, config)
    with opened_catalog(data, settings) as catalog, bar("re-deciding", quiet=as_json) as shown:
        with catalog.read() as connection:
            total = _decided(connection)
        task = shown.add_task("videos", total=total)
        found = decide_again(
            catalog,
            acceptance_of(tried),
            fusion_of(tried),
            time.time(),
            listens=bool(tried.language.model),
            dry_run=dry_run,
            actor=actor(),
            progressed=lambda seen: shown.update(task, completed=seen),
        )
    if as_json:
        print_json({**dataclasses.asdict(found), "dry_run": dry_run})
    else:
        _print(found, dry_run=dry_run)


def _decided(connection: Any) -> int:
    from voicesieve.catalog.reads import status
    from voicesieve.domain.states import DECIDED

    videos = status.catalog_counts(connection)["videos"]
    return sum(videos[state] for state in DECIDED)


def _with_policy(file: Path, data: Path, config: Path | None) -> Settings:
    """The settings of the data folder with the policy of ``file`` in their place."""
    from voicesieve.cli.output import OperatorError
    from voicesieve.cli.wiring import settings_for
    from voicesieve.settings import SettingsError, read_toml

    tree = read_toml(file)
    others = sorted({*tree} - set(_DECIDING)) + [name for name, values in tree.items() if not isinstance(values, dict)]
    if others or not tree:
        allowed = ", ".join(f"[{name}]" for name in _DECIDING)
        raise OperatorError(f"{file}: may hold {allowed} and nothing else; found {', '.join(others) or 'nothing'}.")
    try:
        return settings_for(data, config, tree)
    except SettingsError as error:
        raise SettingsError(str(error).replace("command line:", f"{file}:")) from error


def _print(found: Redecided, *, dry_run: bool) -> None:
    from voicesieve.cli.output import note
    from voicesieve.observability.terminal import safe_text

    for move, count in sorted(found.moved.items()):
        hours = found.moved_child_s[move] / 3600
        examples = ", ".join(found.examples[move])
        print(safe_text(f"{move}: {count} videos, {hours:.2f} h of child speech, such as {examples}", limit=600))
    if not found.seen:
        note("Nothing to decide again: no decision of a policy is in the catalog yet." + _of_persons(found))
        return
    before, after = found.child_s_before / 3600, found.child_s_after / 3600
    print(f"accepted child speech: {before:.2f} h -> {after:.2f} h")
    verb = "would move" if dry_run else "moved"
    moved = f"{sum(found.moved.values())} of {found.seen} decided videos {verb} by policy {found.policy_revision}."
    note(moved + _of_persons(found))


def _of_persons(found: Redecided) -> str:
    return f" {found.by_person} more were decided by a person and stay." if found.by_person else ""


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
    """Queue stored recordings for the model of the settings to hear again; `crawl --analyse-only` does it.

    Old verdicts and decisions stand until the new verdict is stored. Nothing is fetched.
    """
    import dataclasses
    import time

    from voicesieve.cli.actor import actor
    from voicesieve.cli.detectors import configured_model, detector_choice
    from voicesieve.cli.output import OperatorError, note, print_json
    from voicesieve.cli.wiring import opened_catalog, settings_for
    from voicesieve.observability.terminal import safe_text
    from voicesieve.operations.redecide import reanalyse as queue

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
        found = queue(catalog, configured, time.time(), every=every, dry_run=dry_run, actor=actor())
    if as_json:
        print_json({**dataclasses.asdict(found), "model": dataclasses.asdict(configured), "dry_run": dry_run})
        return
    verb = "would be" if dry_run else "are"
    lost = f" {found.purged} more cannot be: retention purged their audio." if found.purged else ""
    if found.queued:
        note(f"{found.queued} videos {verb} due for {configured.name} {configured.revision}.{lost}")
    else:
        note(f"Nothing to analyse again: no stored recording waits for {configured.name} {configured.revision}.{lost}")
