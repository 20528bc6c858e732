"""``voicesieve labels``: one labels file for the corpora of some folders."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from voicesieve.cli.output import OperatorError, note
from voicesieve.evaluation.labels import LabelsError, Stretch
from voicesieve.evaluation.metadata import CorpusRow, corpora_in, read_corpus
from voicesieve.files import SHARED_FILE, write_text
from voicesieve.observability.terminal import safe_text

COLUMNS = ("path", "start", "end", "label", "speaker", "age", "gender", "group")


def labels(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="Corpora, or folders of corpora.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="LABELS.csv", help="File to write.")],
    split: Annotated[str, typer.Option(help="Only rows with this value in the column split, such as test.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Each metadata.csv has the columns path, speaker, age and gender; or path and sound.

    Rows without a stated age are left out and counted.
    """
    rows: list[tuple[str, ...]] = []
    unknown = 0
    for folder in folders:
        for row in _rows(folder):
            if split and row.fields.get("split") != split:
                continue
            if row.stretch is None:
                unknown += 1
            else:
                rows.append(_label_row(replace(row.stretch, location=str(row.path.resolve()))))
    if not rows:
        raise OperatorError("No row has a label, an age or a sound" + (f" in split {split!r}." if split else "."))
    if os.path.lexists(output) and not force:
        raise OperatorError(f"{output} exists already, and may be somebody's work. Name another file, or use --force.")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    try:
        write_text(output, text.getvalue(), mode=SHARED_FILE)
    except OSError as error:
        raise OperatorError(f"{output} cannot be written: {error.strerror}.") from error
    left = f"; {unknown} of unknown age left out" if unknown else ""
    note(f"Wrote {output} with {len(rows)} rows{left}. Next: voicesieve eval {output}")


def _rows(folder: Path) -> list[CorpusRow]:
    try:
        rows = [row for corpus in corpora_in(folder) for row in read_corpus(corpus)]
    except LabelsError as error:
        raise OperatorError(safe_text(str(error), limit=600)) from error
    if not rows:
        raise OperatorError(f"{folder} holds no metadata.csv with rows, and neither does any folder right below it.")
    return rows


def _label_row(stretch: Stretch) -> tuple[str, ...]:
    age = "" if stretch.age is None else f"{stretch.age:g}"
    return (stretch.location, "", "", stretch.label.value, stretch.speaker, age, stretch.gender, stretch.group)
