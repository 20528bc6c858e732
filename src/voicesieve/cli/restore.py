"""``voicesieve restore``: the copies of the catalog, and putting one back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from voicesieve.api.opening import actor, backup_rules_of, settings_for
from voicesieve.catalog import backups
from voicesieve.catalog.backups import BackupError
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, note, print_json
from voicesieve.cli.wiring import refuse_postgres
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.times import iso
from voicesieve.observability.terminal import safe_text
from voicesieve.operations.restore import restore as put_back


def restore(
    copy: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Copy to put back; without it, all copies are listed.")
    ] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """The current catalog is set aside, and its takedowns stay in force."""
    settings = settings_for(data, config)
    refuse_postgres(settings, "pg_restore --clean --dbname=DATABASE catalog.dump")
    folder = DataFolder(data)
    if copy is None:
        _list(backup_rules_of(folder, settings).folder, as_json=as_json)
        return
    if not folder.root.is_dir():
        raise OperatorError(f"{folder.root} does not exist. Name the data folder with --data.")
    folder.claim()
    with folder.exclusive():
        done = put_back(folder, copy, actor(), time.time())
    if as_json:
        aside = None if done.aside is None else str(done.aside)
        print_json(
            {
                "restored": str(copy),
                "aside": aside,
                "videos": done.videos,
                "withdrawn": done.withdrawn,
                "newer": done.newer,
            }
        )
        return
    note(f"{copy} is the catalog now: {done.videos:,} videos, {done.accepted:,} accepted.")
    if done.aside is not None:
        note(f"The earlier catalog is in {done.aside}; delete it when you no longer need it.")
    if done.withdrawn is None:
        note("Its takedowns could not be read. Withdraw again what was withdrawn since that copy was made.")
    elif done.withdrawn:
        note(f"{done.withdrawn} videos that were withdrawn since are withdrawn in it too.")
    if done.newer:
        note(
            f"{done.newer} recordings are newer than this copy. They are kept; later crawls assign "
            "them to their videos."
        )
    note(
        "Start your crawls again: what was decided since is discovered and fetched again, and matched with the files "
        f"that are there. Then `voicesieve doctor --data {data}` compares rows and files."
    )


def _list(folder: Path, *, as_json: bool) -> None:
    rows: list[dict[str, Any]] = []
    for made in backups.backups_in(folder):
        row: dict[str, Any] = {"path": str(made.path), "made": iso(made.made_at), "bytes": made.bytes}
        row["before_update_to"] = made.before
        try:
            facts = backups.examine(made.path)
            row |= {"videos": facts.videos, "accepted": facts.accepted, "revision": facts.revision, "error": None}
        except BackupError as error:
            row |= {"videos": None, "accepted": None, "revision": None, "error": str(error)}
        rows.append(row)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        held = row["error"] or f"{row['videos']:,} videos, {row['accepted']:,} accepted, {row['bytes'] / 1e6:.1f} MB"
        update = f", before the update to {row['before_update_to']}" if row["before_update_to"] else ""
        print(safe_text(f"{row['path']}: made {row['made']}, {held}{update}"))
    advice = "`voicesieve restore FILE` puts one back." if rows else "`voicesieve backup` makes one."
    note(f"{len(rows)} copies in {folder}. {advice}")
