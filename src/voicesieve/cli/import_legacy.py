"""``voicesieve import-legacy``: import of the folders of the earlier crawler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from voicesieve.api.opening import actor, settings_for
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, Quiet, note, print_json
from voicesieve.cli.progress import steps
from voicesieve.cli.wiring import has_catalog, opened_catalog, worker_count
from voicesieve.crawl import work
from voicesieve.datafolder.deletions import finish_deletions
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.errors import EXIT_OK, EXIT_OPERATOR
from voicesieve.engines.local import LocalEngine
from voicesieve.engines.loop import run_loop
from voicesieve.legacy.plan import Ending, Item, Plan, make_plan
from voicesieve.legacy.tree import survey
from voicesieve.observability.terminal import safe_text
from voicesieve.operations.import_legacy import Destination, ImportRules, import_plan
from voicesieve.settings import Settings

SHOWN = 20
"""At most this many refusals are listed on a terminal; ``--json`` has all."""


def import_legacy(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the earlier crawler.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report; write nothing.")] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Reads the manifests, address lists and audio of all its versions. DIR itself is never changed.

    Audio is examined and measured again. Old verdicts are kept as evidence only: `voicesieve crawl --analyse-only`
    decides anew. You can run the import again at any time: it resumes where it stopped, and imports nothing twice.
    """
    source = _checked(folder, data)
    tree = survey(source)
    if tree.empty:
        raise OperatorError(
            f"{folder} holds no manifest.json, crawler_manifest.json, discovered_urls.txt or audio. "
            "Name the folder that has final_audio/, final_audio_files/ or crawler_outputs/ below it."
        )
    plan = make_plan(tree)
    items = run_loop(_import(plan, data, config, dry_run=dry_run, quiet=quiet or as_json))
    _report(plan, items, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(EXIT_OPERATOR if plan.unreadable else EXIT_OK)


def _checked(folder: Path, data: Path) -> Path:
    try:
        source = folder.resolve(strict=True)
        next(source.iterdir(), None)
    except OSError as error:
        raise OperatorError(
            f"{folder} cannot be read ({error.strerror}). Name a folder of the earlier crawler."
        ) from error
    if data.resolve().is_relative_to(source):
        raise OperatorError(
            f"The data folder {data} would lie inside {folder}, which is never written to. "
            "Name another folder with --data."
        )
    return source


async def _import(plan: Plan, data: Path, config: Path | None, *, dry_run: bool, quiet: bool) -> list[Item]:
    settings = settings_for(data, config)
    target = DataFolder(data)
    with ExitStack() as stack:
        catalog = None
        if not dry_run:
            target.prepare()
            if warning := target.open_to_others():
                note(f"Warning: {warning}")
            stack.enter_context(target.exclusive())
            target.sweep_scratch()
        if not dry_run or has_catalog(data, settings):
            catalog = stack.enter_context(opened_catalog(data, settings, create=not dry_run))
        engine = LocalEngine(
            worker_count(settings),
            memory_mb=settings.analysis.memory_mb,
            preload=("voicesieve.crawl.work",),
            trial=work.prove_decoder,
        )
        progress = stack.enter_context(steps(quiet=quiet))
        destination = Destination(target, catalog, engine, _rules(settings), dry_run)
        try:
            items = await import_plan(
                plan, destination, actor(), lambda done: progress("importing", done, len(plan.items))
            )
        finally:
            await engine.close()
        if catalog is not None and not dry_run:
            finish_deletions(catalog, destination.store)
        return items


def _rules(settings: Settings) -> ImportRules:
    return ImportRules(
        min_duration_s=settings.fetching.min_duration_s,
        max_duration_s=settings.fetching.max_duration_s,
        deadline_s=settings.analysis.deadline_s,
        rights_basis=settings.rights.stated_basis,
        rights_statement=settings.rights.statement,
    )


def _report(plan: Plan, items: Sequence[Item], *, dry_run: bool, as_json: bool) -> None:
    refused = [
        {"file": item.file, "where": item.where, "reason": item.reason, "message": item.note}
        for item in items
        if item.ending is Ending.REFUSED
    ]
    by_file: dict[str, list[Item]] = {}
    for item in items:
        by_file.setdefault(item.file, []).append(item)
    facts: dict[str, Any] = {
        "dry_run": dry_run,
        "records": len(items),
        **_endings(items),
        "files": {file: _endings(of_file) for file, of_file in by_file.items()},
        "reasons": {
            ending.value: dict(Counter(item.reason for item in items if item.ending is ending and item.reason))
            for ending in Ending
        },
        "refusals": refused,
        "notes": plan.notes,
        "unreadable": plan.unreadable,
    }
    if as_json:
        print_json(facts)
    else:
        _print(facts)


def _endings(items: Sequence[Item]) -> dict[str, int]:
    return {ending.value: sum(item.ending is ending for item in items) for ending in Ending}


def _print(facts: dict[str, Any]) -> None:
    heads = ("records", "imported", "without audio", "duplicate", "refused")
    print("".join(f"{head:>15}" for head in heads))
    for file, counts in facts["files"].items():
        print("".join(f"{count:>15}" for count in (sum(counts.values()), *counts.values())) + f"  {safe_text(file)}")
    print("".join(f"{facts[key]:>15}" for key in ("records", *next(iter(facts["files"].values()), {}))) + "  in all")
    for ending, reasons in facts["reasons"].items():
        for reason, count in sorted(reasons.items()):
            print(safe_text(f"{ending}: {count} {reason}"))
    for refusal in facts["refusals"][:SHOWN]:
        print(safe_text(f"refused {refusal['where']}: {refusal['reason']}: {refusal['message']}", limit=300))
    if len(facts["refusals"]) > SHOWN:
        print(f"... and {len(facts['refusals']) - SHOWN} more; --json has them all")
    for line in facts["notes"]:
        note(safe_text(line, limit=300))
    if facts["dry_run"]:
        note("Nothing was written. Run the same command without --dry-run to import.")
    else:
        note(
            f"{facts['imported']} recordings wait for `voicesieve crawl --analyse-only`; "
            f"{facts['imported_without_audio']} videos without audio are screened and fetched by `voicesieve crawl`, "
            "those of YouTube only with rights.basis set."
        )
