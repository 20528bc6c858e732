"""What is at the destination of an export already, and when it must not be replaced."""

from __future__ import annotations

import json
import time
from pathlib import Path

from voicesieve.corpus.errors import ExportError
from voicesieve.corpus.index import read_index
from voicesieve.corpus.marker import MARKER, read_marker
from voicesieve.corpus.options import ExportOptions
from voicesieve.corpus.plan import read_plan


def describe(folder: Path) -> str:
    """What the export in ``folder`` is, for a person who might lose it: name, format, size and day."""
    marker = read_marker(folder)
    try:
        items = sum(len(entry.places) for entry in read_index(folder))
        size = f"{items:,} {marker.options.get('unit', 'items')}"
    except ExportError:
        size = "an index that cannot be read"
    day = time.strftime("%Y-%m-%d", time.gmtime((folder / MARKER).stat().st_mtime))
    name = f"{marker.name!r}, " if marker.name is not None else ""
    return f"{name}{marker.format}, {size}, written on {day}"


def refuse_to_replace(folder: Path) -> None:
    """Raise `ExportError` if ``folder`` holds an export: a person must decide what happens to it."""
    if not (folder / MARKER).is_file():
        return
    raise ExportError(
        f"{folder} already holds a corpus: {_described(folder)}. Use --update to bring it up to date with the same "
        "options, --replace to write another one in its place, or name another folder. Nothing was changed."
    )


def _described(folder: Path) -> str:
    try:
        return describe(folder)
    except ExportError as error:  # what cannot be described may be valuable all the same
        return str(error).rstrip(".")


def refuse_other_options(folder: Path, options: ExportOptions) -> None:
    """Raise `ExportError` with the difference if the export in ``folder`` was made with other options."""
    was, now = read_marker(folder).options, json.loads(json.dumps(options.as_json()))
    different = sorted(name for name in {*was, *now} if was.get(name) != now.get(name))
    if different:
        changes = "; ".join(
            f"{name}: {json.dumps(was.get(name))} then, {json.dumps(now.get(name))} now" for name in different
        )
        raise ExportError(
            f"{folder} was exported with other options ({changes}). Use the same, or export without --update."
        )


def refuse_stranger(folder: Path, plan: Path) -> None:
    """Raise `ExportError` if the export in ``folder`` shares no recording with ``plan``: another catalog made it."""
    exported = (entry.sha256 for entry in read_index(folder) if entry.places)
    planned = (row.sha256 for row in read_plan(plan))
    mine, theirs = next(exported, None), next(planned, None)
    if mine is None:
        return
    while mine is not None and theirs is not None and mine != theirs:
        if mine < theirs:
            mine = next(exported, None)
        else:
            theirs = next(planned, None)
    if mine is None or theirs is None:
        raise ExportError(
            f"{folder} holds {describe(folder)}, and the catalog accepts none of its recordings any more. "
            "Check --data; if all of it was withdrawn or rejected, delete the folder. Nothing was changed."
        )
