"""``voicesieve eval-language``: the evidence of the spoken language held against people's labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicesieve.cli.options import DEFAULT_DATA, AsJson, Config, Data


def register(app: typer.Typer) -> None:
    app.command("eval-language")(eval_language)


def eval_language(
    file: Annotated[Path, typer.Argument(metavar="LABELS.csv", help="Columns video (id or URL) and language.")],
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Measure each kind of language evidence, and all together, on videos whose language you know.

    Prints accuracy, abstention and confusions, with the weights of the settings; nothing is fetched or analysed. The
    exit code is 1 if rows could not be used; they are told by line.
    """
    from voicesieve.cli.language_evaluation import eval_language as evaluate

    raise typer.Exit(evaluate(file, data, config, as_json=as_json))
