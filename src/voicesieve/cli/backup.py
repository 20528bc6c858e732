"""``voicesieve backup``: a copy of the catalog."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from voicesieve.api.opening import backup_rules_of, settings_for
from voicesieve.catalog import backups
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, note, print_json
from voicesieve.cli.progress import steps
from voicesieve.cli.wiring import opened_catalog, refuse_postgres
from voicesieve.datafolder.folder import DataFolder
from voicesieve.operations.backup import backup as copy_now


def backup(
    target: Annotated[Path | None, typer.Argument(metavar="DIR", help="Folder for the copy [backup.folder].")] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """The copy is opened and checked. Only the newest copies are kept: backup.keep in the settings says how many."""
    settings = settings_for(data, config)
    refuse_postgres(settings, "pg_dump --format=custom --file=catalog.dump DATABASE")
    folder = DataFolder(data)
    rules = backup_rules_of(folder, settings)
    rules = rules if target is None else replace(rules, folder=target)
    with opened_catalog(data, settings) as catalog, steps(quiet=as_json) as progress:
        made = copy_now(folder, catalog, rules, time.time(), lambda done, total: progress("copying", done, total))
    facts = backups.examine(made.path)
    if as_json:
        print_json({"path": str(made.path), "bytes": made.bytes, "videos": facts.videos, "accepted": facts.accepted})
        return
    held = f"{facts.videos:,} videos, {facts.accepted:,} accepted, {made.bytes / 1e6:.1f} MB"
    note(f"Wrote {made.path}: {held}, opened and checked. The newest {rules.keep} copies are kept.")
