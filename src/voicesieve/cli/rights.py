"""The operator's legal basis for fetching from platforms: `init` asks for it, and a crawl requires it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from voicesieve.cli.output import OperatorError
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.candidates import Query
from voicesieve.domain.platforms import DOMAINS
from voicesieve.settings import Rights, Settings
from voicesieve.sources.registry import platform_of_query

BASES = {
    "own_channel": "the videos are your own",
    "written_permission": "their makers, or YouTube, have permitted it in writing",
    "research_exception": "a statute permits text and data mining for your research",
    "open_licence": "you fetch only what an open licence permits",
}
"""What `rights.basis` may be, for people."""


def closed_platforms(settings: Settings) -> tuple[str, ...]:
    """The platforms that must not be contacted: all whose terms require a basis, while none is stated."""
    return () if settings.rights.stated_basis else tuple(DOMAINS)


def missing_basis(rights: Rights) -> str:
    """Which of the two settings is missing, as a message."""
    return "rights.statement says nothing in words" if rights.basis else "rights.basis is not set"


def refuse_without_basis(settings: Settings, queries: Sequence[Query], data: Path) -> None:
    """Raise `OperatorError` if one of ``queries`` reads a platform and no basis is stated."""
    closed = closed_platforms(settings)
    refused = next((query for query in queries if platform_of_query(query) in closed), None)
    if refused is None:
        return
    raise OperatorError(
        f"{refused.source}: is disabled for YouTube until you state your legal basis ({missing_basis(settings.rights)})"
        ". Its terms forbid automated access and download unless it permits them or the law does, and whether that "
        f"holds for you is your decision. Set rights.basis ({', '.join(BASES)}) and rights.statement, your basis in "
        f"your own words, in {DataFolder(data).settings} (`voicesieve init` asks and writes them), or as "
        "VOICESIEVE_RIGHTS__BASIS and VOICESIEVE_RIGHTS__STATEMENT. See docs/guide.md."
    )


def ask_for_basis() -> dict[str, str]:
    """Ask the person at the terminal. Empty without a terminal, or if they do not want YouTube."""
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        return {}
    if not typer.confirm("Do you want to fetch from YouTube? You need a legal basis", default=False, err=True):
        return {}
    names = list(BASES)
    for number, name in enumerate(names, start=1):
        typer.echo(f"  {number}  {name}: {BASES[name]}", err=True)
    chosen = 0
    while not 1 <= chosen <= len(names):
        chosen = typer.prompt(f"Your basis (1 to {len(names)})", type=int, err=True)
    answer = Rights(basis=names[chosen - 1])
    while not answer.stated_basis:
        statement = typer.prompt("In your own words (stored with each recording)", err=True)
        answer = Rights(basis=answer.basis, statement=statement.strip())
    return {"basis": answer.basis, "statement": answer.statement}


def with_basis(template: str, basis: dict[str, str]) -> str:
    """The settings file with ``basis`` in its section."""
    lines = template.splitlines()
    place = lines.index("[rights]")
    for number in range(place + 1, len(lines)):
        key = lines[number].removeprefix("# ").partition(" = ")[0]
        if key in basis and lines[number].startswith(f"# {key} = "):
            # A string of JSON is a basic string of TOML.
            lines[number] = f"{key} = {json.dumps(basis[key], ensure_ascii=False)}"
        if lines[number].startswith("["):
            break
    return "\n".join(lines) + "\n"
