"""``voicesieve removed``: a list of what was withdrawn, for those who hold earlier exports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicesieve.api.opening import settings_for
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, Since, note, print_json, since_epoch
from voicesieve.cli.wiring import opened_catalog
from voicesieve.corpus.removed import write_removed


def removed(
    target: Annotated[Path, typer.Argument(metavar="DEST", help="File to write, or folder for REMOVED.csv.")],
    since: Since = "",
    replace: Annotated[bool, typer.Option("--replace", help="Replace an earlier list even if it names more.")] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Send it to everybody who holds an earlier export: they must delete what it names."""
    with opened_catalog(data, settings_for(data, config)) as catalog:
        file, rows = write_removed(catalog, target, since=since_epoch(since), replace=replace)
    if as_json:
        print_json({"path": str(file), "rows": rows})
        return
    if rows == 0:
        note(f"Wrote {file}, which names nothing: no takedown removed anything{' since then' if since else ''}.")
        return
    note(f"Wrote {file}: {rows} removed. Delete these recordings and videos from every copy of the corpus.")
