"""``voicesieve init``: a commented settings file, with the operator's legal basis if there is one."""

from __future__ import annotations

from typing import Annotated

import typer

from voicesieve.cli.output import DEFAULT_DATA, Data, OperatorError, note
from voicesieve.cli.rights import ask_for_basis, with_basis
from voicesieve.datafolder.folder import DataFolder
from voicesieve.files import write_text
from voicesieve.settings import commented_template


def init(
    data: Data = DEFAULT_DATA, force: Annotated[bool, typer.Option(help="Replace an existing file.")] = False
) -> None:
    file = DataFolder(data).settings
    if file.exists() and not force:
        raise OperatorError(f"{file} exists already. Edit it, or replace it with --force.")
    basis = ask_for_basis()
    DataFolder(data).claim(among_others=True)
    try:
        write_text(file, with_basis(commented_template(), basis))
    except OSError as error:
        raise OperatorError(f"{file} cannot be written: {error.strerror}.") from error
    note(f"Wrote {file}. Every line shows a default; `voicesieve config check --data {data}` checks your changes.")
