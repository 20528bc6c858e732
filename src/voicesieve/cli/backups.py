"""``voicesieve backup`` and ``voicesieve restore``: copies of the catalog, and putting one back."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicesieve.cli.options import DEFAULT_DATA, AsJson, Config, Data

if TYPE_CHECKING:
    from rich.progress import Progress

    from voicesieve.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def backup(
    target: Annotated[Path | None, typer.Argument(metavar="DIR", help="Where to [backup.folder].")] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Copy the catalog while it is in use, prove the copy, and let the oldest copies go."""
    from voicesieve.catalog import backups
    from voicesieve.cli.output import note, print_json
    from voicesieve.cli.wiring import backup_rules_of, opened_catalog, settings_for
    from voicesieve.datafolder.folder import DataFolder
    from voicesieve.operations.backup import backup as copy_now

    settings = settings_for(data, config)
    _refuse_postgres(settings, "pg_dump --format=custom --file=catalog.dump DATABASE")
    folder = DataFolder(data)
    rules = backup_rules_of(folder, settings)
    rules = rules if target is None else replace(rules, folder=target)
    with opened_catalog(data, settings) as catalog, _bar(quiet=as_json) as bar:
        task = bar.add_task("pages", total=None)
        made = copy_now(
            folder,
            catalog,
            rules,
            time.time(),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    facts = backups.examine(made.path)
    if as_json:
        print_json({"path": str(made.path), "bytes": made.bytes, "videos": facts.videos, "accepted": facts.accepted})
        return
    held = f"{facts.videos:,} videos, {facts.accepted:,} accepted, {made.bytes / 1e6:.1f} MB"
    note(f"Wrote {made.path}: {held}, opened and checked. The newest {rules.keep} are kept.")


def restore(
    copy: Annotated[Path | None, typer.Argument(metavar="FILE", help="A copy; without it all are listed.")] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Put a copy of the catalog back. The present one is set aside, and its takedowns stay in force."""
    from voicesieve.cli.actor import actor
    from voicesieve.cli.output import OperatorError, note, print_json
    from voicesieve.cli.wiring import backup_rules_of, settings_for
    from voicesieve.datafolder.folder import DataFolder
    from voicesieve.operations.restore import restore as put_back

    settings = settings_for(data, config)
    _refuse_postgres(settings, "pg_restore --clean --dbname=DATABASE catalog.dump")
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
        note(f"The earlier catalog lies in {done.aside}; delete it when you do not need it any more.")
    if done.withdrawn is None:
        note("Its takedowns could not be read. Withdraw again what was withdrawn since that copy was made.")
    elif done.withdrawn:
        note(f"{done.withdrawn} videos that were withdrawn since are withdrawn in it too.")
    if done.newer:
        note(f"{done.newer} recordings are newer than this copy. They stay; later crawls assign them to their videos.")
    note(
        "Start your crawls again: what was decided since is found and fetched anew, and falls onto the files that are "
        f"there. Then `voicesieve doctor --data {data}` compares rows and files."
    )


def _list(folder: Path, *, as_json: bool) -> None:
    from voicesieve.catalog import backups
    from voicesieve.catalog.backups import BackupError
    from voicesieve.cli.output import note, print_json
    from voicesieve.domain.times import iso
    from voicesieve.observability.terminal import safe_text

    rows: list[dict[str, Any]] = []
    for made in backups.backups_in(folder):
        row: dict[str, Any] = {"path": str(made.path), "made": iso(made.made_at), "bytes": made.bytes}
        row["before_update_to"] = made.before
        try:
            found = backups.examine(made.path)
            row |= {"videos": found.videos, "accepted": found.accepted, "revision": found.revision, "error": None}
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


def _refuse_postgres(settings: Settings, instead: str) -> None:
    from voicesieve.cli.output import OperatorError

    if settings.catalog.url.get_secret_value():
        raise OperatorError(
            "The catalog lies in PostgreSQL (catalog.url), which has its own tools for this: "
            f"`{instead}`, or base backups with a write-ahead log archive. Nothing was done."
        )


def _bar(*, quiet: bool) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("copying"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet)
