"""``voicesieve redecide``: other thresholds for scores that are stored already."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Annotated

import typer

from voicesieve.api.opening import actor, settings_for
from voicesieve.catalog.reads import status
from voicesieve.catalog.store import Catalog
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, note, print_json
from voicesieve.cli.progress import steps
from voicesieve.cli.wiring import acceptance_of, fusion_of, opened_catalog
from voicesieve.domain.states import DECIDED
from voicesieve.observability.terminal import safe_text
from voicesieve.operations.redecide import Redecided
from voicesieve.operations.redecide import redecide as decide_again
from voicesieve.settings import Settings, SettingsError, read_toml

_DECIDING = ("policy", "language", "language_weights")
"""Sections of the settings that a decision rests on."""


def redecide(
    policy: Annotated[
        Path | None, typer.Option(help="TOML file with a [policy] section to use instead of the settings.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Nothing is fetched or analysed, and decisions of a person are not changed.

    To keep thresholds that you tried with --policy, copy the section into your settings: crawls decide by the settings.
    """
    settings = settings_for(data, config)
    tried = settings if policy is None else _with_policy(policy, data, config)
    with opened_catalog(data, settings) as catalog, steps(quiet=as_json) as progress:
        total = _decided(catalog)
        result = decide_again(
            catalog,
            acceptance_of(tried),
            fusion_of(tried),
            time.time(),
            recognises=bool(tried.language.model),
            dry_run=dry_run,
            actor=actor(),
            progressed=lambda done: progress("re-deciding", done, total),
        )
    if as_json:
        print_json({**dataclasses.asdict(result), "dry_run": dry_run})
    else:
        _print(result, dry_run=dry_run)


def _decided(catalog: Catalog) -> int:
    with catalog.read() as connection:
        videos: dict[str, int] = status.catalog_counts(connection)["videos"]
    return sum(videos[state] for state in DECIDED)


def _with_policy(file: Path, data: Path, config: Path | None) -> Settings:
    """The settings of the data folder with the policy of ``file`` in their place."""
    tree = read_toml(file)
    others = sorted({*tree} - set(_DECIDING)) + [name for name, values in tree.items() if not isinstance(values, dict)]
    if others or not tree:
        allowed = ", ".join(f"[{name}]" for name in _DECIDING)
        raise OperatorError(f"{file}: may hold {allowed} and nothing else; found {', '.join(others) or 'nothing'}.")
    try:
        return settings_for(data, config, tree)
    except SettingsError as error:
        raise SettingsError(str(error).replace("command line:", f"{file}:")) from error


def _print(result: Redecided, *, dry_run: bool) -> None:
    for move, count in sorted(result.moved.items()):
        hours = result.moved_child_s[move] / 3600
        examples = ", ".join(result.examples[move])
        print(safe_text(f"{move}: {count} videos, {hours:.2f} h of child speech, such as {examples}", limit=600))
    if not result.seen:
        note("Nothing to decide again: the catalog holds no decision by a policy yet." + _of_persons(result))
        return
    before, after = result.child_s_before / 3600, result.child_s_after / 3600
    print(f"accepted child speech: {before:.2f} h -> {after:.2f} h")
    verb = "would move" if dry_run else "moved"
    moved = f"{sum(result.moved.values())} of {result.seen} decided videos {verb} by policy {result.policy_revision}."
    note(moved + _of_persons(result))


def _of_persons(result: Redecided) -> str:
    return f" {result.by_person} more were decided by a person and are not changed." if result.by_person else ""
