"""``voicesieve queries``: the file of search phrases, and phrases that a person may add to it."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from voicesieve.catalog.reads import frontier
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, note, print_json
from voicesieve.cli.wiring import opened_catalog, settings_for
from voicesieve.datafolder.folder import DataFolder
from voicesieve.files import write_text
from voicesieve.frontier.phrases import suggest as propose
from voicesieve.observability.terminal import safe_text
from voicesieve.sources.phrases import FILE, read_phrases, template


def init(
    data: Data = DEFAULT_DATA, force: Annotated[bool, typer.Option(help="Replace an existing file.")] = False
) -> None:
    """The file is written into the data folder, for you to edit."""
    file = data / FILE
    if file.exists() and not force:
        raise OperatorError(f"{file} exists already. Edit it, or replace it with --force.")
    DataFolder(data).claim(among_others=True)
    try:
        write_text(file, template())
    except OSError as error:
        raise OperatorError(f"{file} cannot be written: {error.strerror}.") from error
    note(f'Wrote {file}. Set source = "youtube" in it, and `voicesieve crawl` without --source asks its phrases.')


def suggest(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most phrases.")] = 20,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Their titles and tags are compared. Nothing is added: that is for you to decide."""
    with opened_catalog(data, settings_for(data, config)) as catalog, catalog.read() as connection:
        known = [*read_phrases(data / FILE), *frontier.query_arguments(connection)]
        found = propose(frontier.titled(connection), known, limit)
    if as_json:
        print_json({"suggestions": [dataclasses.asdict(one) for one in found]})
        return
    for one in found:
        told = f"{one.accepted} of {one.decided} decided videos accepted, {one.channels} channels"
        print(f"{safe_text(one.phrase, limit=120)}\t{told}")
    if found:
        note(f"Add the ones you like to {data / FILE}; `voicesieve crawl` asks them next time.")
    else:
        note("Nothing to propose yet: it takes accepted videos of at least two channels with words in common.")
