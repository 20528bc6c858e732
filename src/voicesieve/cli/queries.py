"""``voicesieve queries``: the file of search phrases, and proposals for more."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from voicesieve.api.opening import settings_for
from voicesieve.catalog.reads import worth
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, note, print_json
from voicesieve.cli.wiring import opened_catalog
from voicesieve.datafolder.folder import DataFolder
from voicesieve.files import write_text
from voicesieve.frontier.phrases import suggest as propose
from voicesieve.observability.terminal import safe_text
from voicesieve.sources.phrases import FILE, read_phrases, template


def init(
    data: Data = DEFAULT_DATA, force: Annotated[bool, typer.Option(help="Replace an existing file.")] = False
) -> None:
    """The file is written into the data folder. Edit it as you like."""
    file = data / FILE
    if file.exists() and not force:
        raise OperatorError(f"{file} exists already. Edit it, or replace it with --force.")
    DataFolder(data).claim(among_others=True)
    try:
        write_text(file, template())
    except OSError as error:
        raise OperatorError(f"{file} cannot be written: {error.strerror}.") from error
    note(
        f'Wrote {file}. Set source = "youtube" in it, and `voicesieve crawl` without --source searches for its phrases.'
    )


def suggest(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Largest number of phrases.")] = 20,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Compares the titles and tags of accepted videos. Adds nothing to the file: that is your decision."""
    with opened_catalog(data, settings_for(data, config)) as catalog, catalog.read() as connection:
        present = [*read_phrases(data / FILE), *worth.query_arguments(connection)]
        proposals = propose(worth.titled(connection), present, limit)
    if as_json:
        print_json({"suggestions": [dataclasses.asdict(proposal) for proposal in proposals]})
        return
    for proposal in proposals:
        evidence = f"{proposal.accepted} of {proposal.decided} decided videos accepted, {proposal.channels} channels"
        print(f"{safe_text(proposal.phrase, limit=120)}\t{evidence}")
    if proposals:
        note(f"Add those that you like to {data / FILE}; the next `voicesieve crawl` searches for them.")
    else:
        note("No proposals yet: they need accepted videos from at least two channels with words in common.")
