"""``voicesieve queries``: the file of search phrases, and phrases that a person may add to it."""

from __future__ import annotations

from typing import Annotated

import typer

from voicesieve.cli.options import DEFAULT_DATA, AsJson, Config, Data


def register(app: typer.Typer) -> None:
    queries = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Search phrases: the file, and new ones.")
    queries.command("init")(init)
    queries.command("suggest")(suggest)
    app.add_typer(queries, name="queries")


def init(
    data: Data = DEFAULT_DATA, force: Annotated[bool, typer.Option(help="Replace an existing file.")] = False
) -> None:
    """Write queries.toml with starter phrases in Vietnamese and English into the data folder."""
    from voicesieve.cli.output import OperatorError, note
    from voicesieve.datafolder.folder import DataFolder
    from voicesieve.files import write_text
    from voicesieve.sources.phrases import FILE, template

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
    """Propose phrases that accepted videos share in titles and tags. Nothing is added: that is for you to decide."""
    import dataclasses

    from voicesieve.catalog.reads import frontier
    from voicesieve.cli.output import note, print_json
    from voicesieve.cli.wiring import opened_catalog, settings_for
    from voicesieve.frontier.phrases import suggest as propose
    from voicesieve.observability.terminal import safe_text
    from voicesieve.sources.phrases import FILE, read_phrases

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
