"""The program: its commands, made from their table, and how each of them ends."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from voicesieve.cli.output import OperatorError
from voicesieve.cli.table import COMMANDS, GROUPS, Command
from voicesieve.domain.addresses import HAS_CREDENTIALS
from voicesieve.domain.passwords import password_in, without_passwords


class LazyCommand(TyperCommand):
    """A command that is listed by its record; its module is loaded when the command is called."""

    def __init__(self, record: Command) -> None:
        super().__init__(record.name, short_help=record.summary)
        self._record = record

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        return self.loaded().make_context(*args, **kwargs)

    def loaded(self) -> Any:
        """The command with its options. Its help is the summary of the record, then the function's docstring."""
        module, _, name = self._record.target.partition(":")
        function = getattr(importlib.import_module(f"voicesieve.cli.{module}"), name)
        text = f"{self._record.summary}\n\n{inspect.getdoc(function) or ''}"
        only = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        only.command(self._record.name, help=text)(function)
        return typer.main.get_command(only)


def _group(name: str, text: str, members: Sequence[TyperCommand | TyperGroup], **settings: Any) -> TyperGroup:
    return TyperGroup(
        name=name, help=text, commands=list(members), no_args_is_help=True, rich_markup_mode=None, **settings
    )


def _commands(group: str) -> list[TyperCommand | TyperGroup]:
    return [LazyCommand(record) for record in COMMANDS if record.group == group]


app = _group(
    "voicesieve",
    "Find children's speech in public audio, say how sure that is, and turn it into a corpus.\n\n"
    "Start with `voicesieve crawl --source folder:DIR` on audio of your own.\n\n"
    "Exit codes: 0 done, 1 something you can fix, 2 wrong usage, 3 stopped by a fault (full disk, damaged "
    "catalog), 130 interrupted.",
    [*_commands(""), *(_group(name, summary, _commands(name)) for name, summary in GROUPS.items())],
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    """Refuse passwords before anything prints or stores an argument."""
    for argument in arguments:
        if password_in(argument):
            raise OperatorError(f"{without_passwords(argument)}: {HAS_CREDENTIALS}.")
