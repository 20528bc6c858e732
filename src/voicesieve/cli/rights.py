"""The operator's ground for fetching from YouTube: asked for, written down, and a condition of starting."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from voicesieve.cli.output import OperatorError
from voicesieve.pipeline.folder import DataFolder
from voicesieve.settings import Settings
from voicesieve.sources.registry import YOUTUBE_KINDS

GROUNDS = {
    "own_channel": "the videos are your own",
    "written_permission": "their makers, or YouTube, have permitted it in writing",
    "research_exception": "a statute permits text and data mining for your research",
    "open_licence": "you fetch only what an open licence permits",
}
"""What `rights.basis` may be, for people."""


def ground_is_stated(settings: Settings) -> bool:
    return bool(settings.rights.basis and settings.rights.statement.strip())


def refuse_without_ground(settings: Settings, kinds: Sequence[str], data: Path) -> None:
    """Raise `OperatorError` if one of ``kinds`` needs a ground and none is stated."""
    wanted = [kind for kind in kinds if kind in YOUTUBE_KINDS]
    if not wanted or ground_is_stated(settings):
        return
    missing = "rights.statement is empty" if settings.rights.basis else "rights.basis is not set"
    raise OperatorError(
        f"{wanted[0]}: stays off until you have stated your ground for fetching from YouTube ({missing}). Its terms "
        "forbid automated access and download unless it permits them or the law does, and whether that holds for you "
        f"is your decision. Set rights.basis ({', '.join(GROUNDS)}) and rights.statement, your ground in your own "
        f"words, in {DataFolder(data).settings} (`voicesieve init` asks and writes them), or as "
        "VOICESIEVE_RIGHTS__BASIS and VOICESIEVE_RIGHTS__STATEMENT. docs/guide.md says more."
    )


def ask_for_ground() -> dict[str, str]:
    """Ask a person at a terminal. Empty when there is none, or they want nothing from YouTube."""
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        return {}
    if not typer.confirm("Do you want to fetch from YouTube? It needs a ground of yours", default=False, err=True):
        return {}
    names = list(GROUNDS)
    for number, name in enumerate(names, start=1):
        typer.echo(f"  {number}  {name}: {GROUNDS[name]}", err=True)
    chosen = 0
    while not 1 <= chosen <= len(names):
        chosen = typer.prompt(f"Your ground (1 to {len(names)})", type=int, err=True)
    statement = ""
    while not statement.strip():
        statement = typer.prompt("In your own words (kept with each recording)", err=True)
    return {"basis": names[chosen - 1], "statement": statement.strip()}


def with_ground(template: str, ground: dict[str, str]) -> str:
    """The settings file with ``ground`` in its section."""
    lines = template.splitlines()
    place = lines.index("[rights]")
    for number in range(place + 1, len(lines)):
        key = lines[number].removeprefix("# ").partition(" = ")[0]
        if key in ground and lines[number].startswith(f"# {key} = "):
            # A string of JSON is a basic string of TOML.
            lines[number] = f"{key} = {json.dumps(ground[key], ensure_ascii=False)}"
        if lines[number].startswith("["):
            break
    return "\n".join(lines) + "\n"
