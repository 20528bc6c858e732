"""What an export holds, one line for each recording: ``--update`` and ``--verify`` read it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voicesieve.corpus.errors import ExportError
from voicesieve.corpus.formats.protocol import Place
from voicesieve.corpus.json_lines import Row, line
from voicesieve.corpus.outcomes import Outcome, outcome_from

INDEX = ".voicesieve/index.jsonl.gz"
"""In a hidden folder, because some readers take every table of a folder for data."""


@dataclass(frozen=True)
class IndexEntry:
    """One recording of the plan. ``left_out`` is the reason why none of it is in the export, or empty. ``places``, by
    the ids of its items, are where their sound is."""

    id: str
    sha256: str
    videos: tuple[str, ...]
    left_out: str = ""
    outcome: Outcome | None = None
    places: Mapping[str, Place] = field(default_factory=dict)


def index_line(entry: IndexEntry) -> bytes:
    values: Row = {"id": entry.id, "sha256": entry.sha256, "videos": entry.videos}
    if entry.left_out:
        values["left_out"] = entry.left_out
    if entry.outcome is not None:
        values["outcome"] = entry.outcome.as_json()
    values["places"] = {
        name: {key: value for key, value in vars(place).items() if value is not None}
        for name, place in entry.places.items()
    }
    return line(values)


def read_index(folder: Path) -> Iterator[IndexEntry]:
    """The entries of an export's index, in order of their recordings. Raises `ExportError` for a damaged one."""
    lines = _lines(folder / INDEX)
    try:
        for text in lines:
            yield _entry_of(json.loads(text))
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise ExportError(
            f"{folder / INDEX} is damaged ({type(error).__name__}). Write the export again with --replace."
        ) from error


def _lines(file: Path) -> Iterator[bytes]:
    with gzip.open(file, "rb") as lines:
        yield from lines


def _entry_of(values: Any) -> IndexEntry:
    return IndexEntry(
        values["id"],
        values["sha256"],
        tuple(values["videos"]),
        values.get("left_out", ""),
        outcome_from(values.get("outcome")),
        {name: Place(**place) for name, place in values["places"].items()},
    )
