"""The commands and their options. Bodies import what they need, so that ``--help`` stays instant."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from voicesieve.cli import backups, evaluating, language, legacy, queries, takedown
from voicesieve.cli.export import export
from voicesieve.cli.options import DEFAULT_DATA, AsJson, Config, Data
from voicesieve.cli.output import OperatorError
from voicesieve.cli.redeciding import register as register_redeciding
from voicesieve.cli.retention import register as register_retention
from voicesieve.domain.addresses import HAS_CREDENTIALS
from voicesieve.domain.passwords import password_in, without_passwords
from voicesieve.sources.registry import NAMES

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find children's speech in public audio, prove it, and turn it into a corpus.\n\n"
    "Start with `voicesieve crawl --source folder:DIR` on audio of your own.\n\n"
    "Exit codes: 0 done, 1 something you can mend, 2 wrong usage, 3 stopped by a fault (full disk, catalog), "
    "130 interrupted.",
)
config_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at the settings.")
app.add_typer(config_app, name="config")
app.command()(export)


@app.command()
def init(
    data: Data = DEFAULT_DATA, force: Annotated[bool, typer.Option(help="Replace an existing file.")] = False
) -> None:
    """Write a commented settings file into the data folder."""
    from voicesieve.cli import commands

    commands.init(data, force=force)


@app.command()
def crawl(
    source: Annotated[
        list[str] | None,
        typer.Option(help=f"KIND:ARGUMENT, repeatable: {', '.join(NAMES)}; see the guide."),
    ] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    wait: Annotated[float, typer.Option(min=0, help="Also wait for work scheduled within this many seconds.")] = 0.0,
    limit: Annotated[int | None, typer.Option(min=1, help="Take up at most this many videos.")] = None,
    analyse_only: Annotated[bool, typer.Option("--analyse-only", help="Analyse what is fetched already.")] = False,
    no_fetch: Annotated[bool, typer.Option("--no-fetch", help="Discover and screen, but fetch nothing.")] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Show events; twice for all.")] = 0,
) -> None:
    """Discover, fetch, analyse and decide. Without --source, go on with what is in the catalog.

    Ctrl-C once finishes what is in hand, twice stops now; the same command goes on where it stopped.
    """
    from voicesieve.cli.crawl import CrawlOptions
    from voicesieve.cli.crawl import crawl as run_crawl

    options = CrawlOptions(
        data, config, tuple(source or ()), wait, limit, analyse_only, no_fetch, as_json, quiet, verbose
    )
    raise typer.Exit(run_crawl(options))


@app.command()
def plan(
    source: Annotated[list[str] | None, typer.Option(help="As for crawl; without one, the open queries.")] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say what a crawl would ask for and cost, and what today's quotas have left. Asks nobody."""
    from voicesieve.cli.plan import plan as print_plan

    print_plan(source or [], data, config, as_json=as_json)


@app.command()
def refresh(
    within: Annotated[float, typer.Option(min=0, help="Renew what ends within this many days.")] = 7.0,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Renew what the YouTube Data API said of videos: it may be kept for 30 days, then it is forgotten."""
    from voicesieve.cli.refresh import refresh as renew

    raise typer.Exit(renew(data, config, within, as_json=as_json))


@app.command()
def status(data: Data = DEFAULT_DATA, config: Config = None, as_json: AsJson = False) -> None:
    """Show the funnel: how many videos are in which state, and what failed."""
    from voicesieve.cli import commands

    commands.status(data, config, as_json=as_json)


@app.command()
def why(
    video: Annotated[str, typer.Argument(help="Id or URL of a video, or a query such as folder:./recordings.")],
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Explain a video's state: each attempt, score, rule and revision that led there; or what a query passed over."""
    from voicesieve.cli import commands

    commands.why(video, data, config, as_json=as_json)


@app.command()
def retry(
    videos: Annotated[list[str] | None, typer.Argument(help="Ids of failed videos, or sources as for crawl.")] = None,
    kind: Annotated[str | None, typer.Option(help="All that failed this way, such as server_error.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All failed and given-up videos, and failed sources.")] = False,
    language: Annotated[
        bool, typer.Option("--language", help="All decided while a language detector could not run.")
    ] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
) -> None:
    """Make failed videos and sources due again with fresh budgets; the next crawl takes them up."""
    from voicesieve.cli import commands

    commands.retry(videos or [], kind, data, config, every=every, language=language)


@app.command()
def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Move stray and damaged files to quarantine, queue lost ones.")
    ] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Compare every row with its file by hash, and find files that no row names."""
    from voicesieve.cli import commands

    raise typer.Exit(commands.doctor(data, config, fix=fix, as_json=as_json))


@app.command()
def analyse(
    files: Annotated[list[str], typer.Argument(help="Audio files; - reads paths from standard input.")],
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
) -> None:
    """Score local files without a catalog; results appear as they are ready."""
    from voicesieve.cli.analyse import analyse as run_analyse

    raise typer.Exit(run_analyse(files, data, config, as_json=as_json))


@config_app.command("check")
def config_check(data: Data = DEFAULT_DATA, config: Config = None, as_json: AsJson = False) -> None:
    """Read the settings, say what is wrong with them, and show those that differ from the defaults."""
    from voicesieve.cli import commands

    commands.config_check(data, config, as_json=as_json)


register_redeciding(app)
register_retention(app)
backups.register(app)
evaluating.register(app)
language.register(app)
takedown.register(app)
legacy.register(app)
queries.register(app)


def run() -> None:
    """Entry point: every error that a person can act on is one paragraph and an exit code."""
    from voicesieve.cli.errors import explained

    # Python's ssl would write the keys of every connection there, from the first import of a client on.
    os.environ.pop("SSLKEYLOGFILE", None)
    with explained():
        _refuse_passwords(sys.argv[1:])
        app()
    sys.exit(0)


def _refuse_passwords(arguments: Sequence[str]) -> None:
    """Before anything prints an argument that it does not understand, or stores one that it does."""
    for argument in arguments:
        if password_in(argument):
            raise OperatorError(f"{without_passwords(argument)}: {HAS_CREDENTIALS}.")
