"""The short commands: each reads or changes the catalog and says what it found."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.reads import lookup, queries, stored
from voicesieve.catalog.reads.why import story_of
from voicesieve.catalog.writes import discovery, languages, results
from voicesieve.cli.bars import bar as _bar
from voicesieve.cli.output import EXIT_OK, EXIT_OPERATOR, OperatorError, note, print_json
from voicesieve.cli.report import print_queries, print_status, print_why
from voicesieve.cli.rights import ask_for_basis, with_basis
from voicesieve.cli.wiring import backup_rules_of, opened_catalog, settings_for, status_facts, with_cost
from voicesieve.datafolder.folder import DataFolder
from voicesieve.datafolder.permissions import is_open_to_others
from voicesieve.domain.candidates import Query
from voicesieve.domain.failures import FailureKind
from voicesieve.files import write_text
from voicesieve.observability.terminal import safe_text
from voicesieve.settings import Settings, commented_template, read_toml, secrets_in
from voicesieve.sources.identity import video_named
from voicesieve.sources.registry import as_known, parse_query


def init(data: Path, *, force: bool) -> None:
    file = DataFolder(data).settings
    if file.exists() and not force:
        raise OperatorError(f"{file} exists already. Edit it, or replace it with --force.")
    basis = ask_for_basis()
    DataFolder(data).claim(among_others=True)
    try:
        write_text(file, with_basis(commented_template(), basis))
    except OSError as error:
        raise OperatorError(f"{file} cannot be written: {error.strerror}.") from error
    note(f"Wrote {file}. Every line shows a default; `voicesieve config check --data {data}` checks your changes.")


def config_check(data: Path, config: Path | None, *, as_json: bool) -> None:
    settings = settings_for(data, config)
    changed = _differences(settings)
    _warn_of_open_secrets(config or DataFolder(data).settings)
    if as_json:
        print_json({"ok": True, "changed": changed})
        return
    for key, value in changed.items():
        print(safe_text(f"{key} = {value}", limit=2000))
    note(f"The settings are right; {len(changed)} differ from the defaults.")


def _warn_of_open_secrets(file: Path) -> None:
    """Tell of a settings file with a secret in it that others can read."""
    if not file.exists() or not is_open_to_others(file):
        return
    if secrets := secrets_in(read_toml(file)):
        note(f"Warning: other users of this machine can read {file}, which holds {', '.join(secrets)}: chmod 600 it.")


def _differences(settings: Settings) -> dict[str, Any]:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    changed = {}
    for section, default in defaults.items():
        given = getattr(settings, section)
        for key, value in given.model_dump(mode="json").items():
            if value != default.model_dump(mode="json")[key]:
                changed[f"{section}.{key}"] = value
    return changed


def status(data: Path, config: Path | None, *, as_json: bool) -> None:
    settings = settings_for(data, config)
    with opened_catalog(data, settings) as catalog:
        facts = status_facts(catalog, settings)
    if warning := DataFolder(data).open_to_others():
        note(f"Warning: {warning}")
    if as_json:
        print_json(facts)
    else:
        print_status(facts)


def why(video: str, data: Path, config: Path | None, *, as_json: bool) -> None:
    """The story of a video; or, for ``KIND:ARGUMENT``, that of a query."""
    with opened_catalog(data, settings_for(data, config)) as catalog, catalog.read() as connection:
        wanted = _query_named(video)
        known = [row.query for row in queries.all_queries(connection)]
        query = None if wanted is None else queries.find_query(connection, as_known(wanted, known))
        query = None if query is None else with_cost(query)
        story = story_of(connection, video, video_named(video)) if query is None else query
    if as_json:
        print_json(story)
    elif query is None:
        print_why(story)
    else:
        print_queries([query])


def _query_named(text: str) -> Query | None:
    try:
        return parse_query(text)
    except ValueError:  # an id or an address of a video
        return None


def retry(
    videos: list[str], kind: str | None, data: Path, config: Path | None, *, every: bool, language: bool = False
) -> None:
    if language:
        if videos or kind or every:
            raise OperatorError("--language takes every video whose language could not be heard; give it alone.")
        with opened_catalog(data, settings_for(data, config)) as catalog, catalog.write() as connection:
            count = languages.listen_again(connection, time.time())
        if count:
            note(
                f"{count} videos are due for analysis again, from their stored scores; "
                "`voicesieve crawl` takes them up."
            )
        else:
            note("Nothing to retry: no video was decided without its language. Nothing was changed.")
        return
    if not (videos or kind or every):
        raise OperatorError("Say what to retry: ids of videos, sources, --kind KIND, --language, or --all.")
    if kind is not None and kind not in list(FailureKind):
        raise OperatorError(f"--kind {kind}: no such failure. Kinds: {', '.join(FailureKind)}.")
    now = time.time()
    with opened_catalog(data, settings_for(data, config)) as catalog, catalog.write() as connection:
        known = {row.query for row in queries.all_queries(connection)}
        named = {text: query for text in videos if (query := _query(text)) in known}
        ids = [lookup.find_video(connection, text, video_named(text)).id for text in videos if text not in named]
        count = results.retry(connection, now, ids=ids, kind=kind) if ids or not videos else 0
        asked = discovery.retry(connection, now, queries=[*named.values()], kind=kind) if named or not videos else 0
    if not (count or asked):
        by = f" by {kind}" if kind else ""
        message = f"Nothing to retry: {'none of those named' if videos else 'no video or source'} has failed{by}."
        if videos:
            raise OperatorError(f"{message} Nothing was changed; `voicesieve why ID` shows the state of each.")
        note(f"{message} Nothing was changed.")
        return
    sources = f" and {asked} sources" if asked else ""
    left = len(videos) - count - asked if videos else 0
    others = f" {left} of those named had not failed and stay as they are." if left > 0 else ""
    note(f"{count} videos{sources} are due again; `voicesieve crawl` takes them up.{others}")


def _query(text: str) -> Query | None:
    """The query that ``text`` names as ``--source`` would."""
    try:
        return parse_query(text)
    except ValueError:
        return None


def doctor(data: Path, config: Path | None, *, fix: bool, as_json: bool) -> int:
    from voicesieve.operations import doctor as checking

    folder = DataFolder(data)
    settings = settings_for(data, config)
    # Both need the lock: while a run works, a file is stored a moment before its row.
    with opened_catalog(data, settings) as catalog, folder.exclusive(), _bar("hashing", quiet=as_json) as bar:
        store = RecordingStore(folder.recordings)
        with catalog.read() as connection:
            total = stored.recording_count(connection)
        task = bar.add_task("recordings", total=total)
        report = checking.examine(
            folder,
            catalog,
            store,
            backups=backup_rules_of(folder, settings).folder,
            progressed=lambda done: bar.update(task, completed=done),
        )
        if fix and not report.ok:
            checking.fix(folder, catalog, store, report, time.time())
    facts = {"ok": report.ok, **dataclasses.asdict(report)}
    if as_json:
        print_json(facts)
    else:
        _print_doctor(facts)
    return EXIT_OK if report.ok else EXIT_OPERATOR


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
        note(f"{facts['quarantined']} files, {facts['quarantined_bytes'] / 1e6:.3f} MB, lie in quarantine.")
    if facts["newer_than_copy"]:
        note("Recordings newer than the catalog stay. Start your crawls again: they assign them to their videos.")
    for remark in facts["remarks"]:
        note(f"Note: {remark}.")
    note(f"{facts['checked']} recordings checked. " + _advice(facts))


SHOWN = 20
"""Findings of each kind that are listed for a person."""

_MEANINGS = {
    "rows_without_file": "named in the catalog, but the file is missing",
    "bad_hash": "damaged: the content is not what was stored",
    "outside": "nothing there is read or touched",
    "files_without_row": "named by no row of the catalog",
    "withdrawn_files": "taken down, but the file is still there",
    "stale_scratch": "left in scratch by a run that died",
    "unfinished": "left unfinished by a program that died",
    "bad_backups": "a copy of the catalog that is damaged and could not be put back",
    "open_to_others": "other users of this machine can read it",
    "newer_than_copy": "newer than the copy of the catalog that was put back",
    "not_ours": "not made by voicesieve; it is left as it is",
}

_FIXES = {
    "unnamed and damaged files are in quarantine": ("files_without_row", "bad_hash", "bad_backups"),
    "lost recordings are queued, `voicesieve crawl` fetches them again": ("rows_without_file", "bad_hash", "outside"),
    "files that were taken down are deleted": ("withdrawn_files",),
    "unfinished files are removed": ("stale_scratch", "unfinished"),
    "other users can no longer read what is ours": ("open_to_others",),
}
"""What ``doctor --fix`` has done, by the findings that it answers."""


def _advice(facts: dict[str, Any]) -> str:
    if facts["catalog_damage"]:
        return (
            "The catalog itself is damaged: `voicesieve restore` lists its copies. --fix changes nothing while it is."
        )
    if facts["fixed"]:
        done = [what for what, names in _FIXES.items() if any(facts[name] for name in names)]
        return f"Fixed: {'; '.join(done)}." if done else "Fixed."
    return "All is well." if facts["ok"] else "`voicesieve doctor --fix` fixes this."
