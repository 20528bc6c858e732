"""``voicesieve retry``: what failed is processed again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from voicesieve.api.opening import settings_for
from voicesieve.catalog.reads import lookup, queries
from voicesieve.catalog.writes import discovery, languages, results
from voicesieve.cli.output import DEFAULT_DATA, Config, Data, OperatorError, note
from voicesieve.cli.wiring import opened_catalog, query_named
from voicesieve.domain.failures import FailureKind
from voicesieve.sources.identity import video_named


def retry(
    videos: Annotated[list[str] | None, typer.Argument(help="Ids of failed videos, or sources as for crawl.")] = None,
    kind: Annotated[str | None, typer.Option(help="Everything that failed in this way, such as server_error.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All videos that failed or were given up, and all failed sources.")
    ] = False,
    language: Annotated[
        bool, typer.Option("--language", help="All videos decided while a language detector could not run.")
    ] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
) -> None:
    """Each gets a fresh retry budget, and the next `voicesieve crawl` processes it."""
    if language:
        if videos or kind or every:
            raise OperatorError("--language takes every video whose language could not be recognised; use it alone.")
        _retry_language(data, config)
        return
    if not (videos or kind or every):
        raise OperatorError("Name what to retry: ids of videos, sources, --kind KIND, --language, or --all.")
    if kind is not None and kind not in list(FailureKind):
        raise OperatorError(f"--kind {kind}: no such failure. Kinds: {', '.join(FailureKind)}.")
    _retry_failed(videos or [], kind, data, config)


def _retry_language(data: Path, config: Path | None) -> None:
    with opened_catalog(data, settings_for(data, config)) as catalog, catalog.write() as connection:
        count = languages.listen_again(connection, time.time())
    if count:
        note(f"{count} videos are due for analysis again, from their stored scores; `voicesieve crawl` processes them.")
    else:
        note("Nothing to retry: no video was decided without its language. Nothing was changed.")


def _retry_failed(videos: list[str], kind: str | None, data: Path, config: Path | None) -> None:
    """Those of ``videos`` that failed by ``kind``; all that did if none is named."""
    now = time.time()
    with opened_catalog(data, settings_for(data, config)) as catalog, catalog.write() as connection:
        registered = {row.query for row in queries.all_queries(connection)}
        named = {text: query for text in videos if (query := query_named(text)) in registered}
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
    others = f" {left} of those named had not failed and are not changed." if left > 0 else ""
    note(f"{count} videos{sources} are due again; `voicesieve crawl` processes them.{others}")
