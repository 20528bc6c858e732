"""``voicesieve doctor``: rows compared with files, and what can be fixed."""

from __future__ import annotations

import dataclasses
import time
from typing import Annotated, Any

import typer

from voicesieve.api.opening import backup_rules_of, settings_for
from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.reads import stored
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, note, print_json
from voicesieve.cli.progress import steps
from voicesieve.cli.wiring import opened_catalog
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.errors import EXIT_OK, EXIT_OPERATOR
from voicesieve.observability.terminal import safe_text
from voicesieve.operations.doctor import examine
from voicesieve.operations.doctor import fix as apply_fixes

SHOWN = 20
"""Findings of each kind that are listed for a person."""

_MEANINGS = {
    "rows_without_file": "named in the catalog, but the file is missing",
    "bad_hash": "damaged: the content is not what was stored",
    "outside": "nothing there is read or touched",
    "files_without_row": "named by no row of the catalog",
    "withdrawn_files": "withdrawn, but the file still exists",
    "stale_scratch": "left in scratch by a run that crashed",
    "unfinished": "left unfinished by a program that crashed",
    "bad_backups": "a damaged copy of the catalog: it cannot be restored",
    "open_to_others": "other users of this machine can read it",
    "newer_than_copy": "newer than the restored copy of the catalog",
    "not_ours": "not made by voicesieve; it is not changed",
}

_FIXES = {
    "unnamed and damaged files are in quarantine": ("files_without_row", "bad_hash", "bad_backups"),
    "lost recordings are queued, `voicesieve crawl` fetches them again": ("rows_without_file", "bad_hash", "outside"),
    "withdrawn files are deleted": ("withdrawn_files",),
    "unfinished files are removed": ("stale_scratch", "unfinished"),
    "other users can no longer read the data folder": ("open_to_others",),
}
"""What ``doctor --fix`` has done, by the findings that it answers."""


def doctor(
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Move stray and damaged files to quarantine, and queue lost recordings to be fetched again."
        ),
    ] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Every recording is read and its hash compared. Files that no row of the catalog names are listed, too. The exit
    code is 1 if anything differs.
    """
    folder = DataFolder(data)
    settings = settings_for(data, config)
    # Both need the lock: while a run works, a file is stored a moment before its row.
    with opened_catalog(data, settings) as catalog, folder.exclusive(), steps(quiet=as_json) as progress:
        store = RecordingStore(folder.recordings)
        with catalog.read() as connection:
            total = stored.recording_count(connection)
        report = examine(
            folder,
            catalog,
            store,
            backups=backup_rules_of(folder, settings).folder,
            progressed=lambda done: progress("hashing", done, total),
        )
        if fix and not report.ok:
            apply_fixes(folder, catalog, store, report, time.time())
    facts = {"ok": report.ok, **dataclasses.asdict(report)}
    if as_json:
        print_json(facts)
    else:
        _print_doctor(facts)
    raise typer.Exit(EXIT_OK if report.ok else EXIT_OPERATOR)


def _print_doctor(facts: dict[str, Any]) -> None:
    for text in facts["catalog_damage"]:
        print(f"catalog: {safe_text(text)}")
    for name, meaning in _MEANINGS.items():
        for path in facts[name][:SHOWN]:
            print(f"{safe_text(path)}: {meaning}")
        count, size = len(facts[name]), facts["bytes"].get(name)
        if count:
            held = "" if size is None else f", {size / 1e6:.3f} MB"
            more = "; --json lists all" if count > SHOWN else ""
            note(f"{count} in all{held}: {meaning}{more}.")
    if facts["quarantined"]:
        note(f"{facts['quarantined']} files, {facts['quarantined_bytes'] / 1e6:.3f} MB, are in quarantine.")
    if facts["newer_than_copy"]:
        note("Recordings newer than the catalog are kept. Start your crawls again: they assign them to their videos.")
    for remark in facts["remarks"]:
        note(f"Note: {remark}.")
    note(f"{facts['checked']} recordings checked. " + _advice(facts))


def _advice(facts: dict[str, Any]) -> str:
    if facts["catalog_damage"]:
        return (
            "The catalog itself is damaged: `voicesieve restore` lists its copies. "
            "--fix changes nothing while the catalog is damaged."
        )
    if facts["fixed"]:
        done = [what for what, names in _FIXES.items() if any(facts[name] for name in names)]
        return f"Fixed: {'; '.join(done)}." if done else "Fixed."
    return "All is well." if facts["ok"] else "`voicesieve doctor --fix` fixes this."
