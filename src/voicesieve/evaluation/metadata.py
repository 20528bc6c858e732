"""Labels from a corpus folder: a ``metadata.csv`` that names files, speakers and their ages, or sounds.

Columns that are understood: ``path`` (relative to the folder), ``label``, ``age``, ``gender``, ``speaker``, and
``sound`` for recordings without speech (then ``source`` or ``fold`` stands for the speaker).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from voicesieve.evaluation.labels import LabelsError, SoundLabel, Stretch, age_of, gender_of, labelled

NAME = "metadata.csv"


@dataclass(frozen=True)
class CorpusRow:
    """A clip of a corpus with all that its row says. ``stretch`` is ``None`` where age and label are unknown."""

    path: Path
    fields: Mapping[str, str]
    stretch: Stretch | None


def corpora_in(folder: Path) -> list[Path]:
    """``folder`` itself if it has a ``metadata.csv``, else the folders right below that have one. May be empty."""
    if (folder / NAME).is_file():
        return [folder]
    try:
        return sorted(tables.parent for tables in folder.glob(f"*/{NAME}"))
    except OSError as error:
        raise LabelsError(f"{folder} cannot be read: {error.strerror}.") from error


def read_corpus(folder: Path) -> Iterator[CorpusRow]:
    """Every row of a corpus, in its order. Raises `LabelsError` if the table cannot be read or names no paths."""
    file = folder / NAME
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = list(csv.DictReader(opened))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelsError(f"{file} cannot be read: {error}.") from error
    for number, row in enumerate(rows):
        fields = {str(name): value for name, value in row.items() if isinstance(value, str)}
        if not fields.get("path"):
            raise LabelsError(f"{file}: row {number + 1} has no path.")
        path = folder / fields["path"]
        yield CorpusRow(path, fields, _stretch(path, fields, folder.name, number))


def _stretch(path: Path, fields: Mapping[str, str], corpus: str, number: int) -> Stretch | None:
    sound = fields.get("sound", "")
    try:
        label = SoundLabel.NONSPEECH if sound and not fields.get("label") else labelled(fields)
        age = age_of(fields.get("age", ""))
    except ValueError:
        return None
    return Stretch(
        location=str(path),
        label=label,
        speaker=f"{corpus}:{_speaker(fields, number)}",
        age=age,
        gender=gender_of(fields.get("gender", "")),
        group=f"{corpus}/{sound}" if sound else corpus,
    )


def _speaker(fields: Mapping[str, str], number: int) -> str:
    """Whose sound it is; clips of which nothing is known each stand for themselves."""
    return fields.get("speaker") or fields.get("source") or str(number)
