"""What every format is given: one item with its sound and its columns, and the writer that takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from voicesieve.corpus.options import ExportOptions


@dataclass(frozen=True)
class Item:
    """One clip, or one whole recording with ``segments`` (``start, end, label, score`` and columns, in order).

    ``audio`` is the file with its sound, which may be linked or read but not changed; ``None`` without sound.
    ``sha256`` is of that file. ``samples`` and ``rate`` describe the sound; of a whole recording the rate is that of
    the file. ``columns`` are plain values, ``recording`` is the line of the plan.
    """

    id: str
    split: str
    duration_s: float
    samples: int
    rate: int
    audio: Path | None
    sha256: str | None
    columns: Mapping[str, Any]
    recording: Mapping[str, Any]
    segments: Sequence[Mapping[str, Any]] = ()

    @property
    def suffix(self) -> str:
        return "" if self.audio is None else self.audio.suffix

    @property
    def language(self) -> str:
        return str(self.columns.get("language") or self.recording["language"] or "und")

    @property
    def speaker(self) -> str:
        """A pseudonym: nobody is told apart across recordings, so each recording is a speaker of its own."""
        return str(self.recording["id"])


@dataclass(frozen=True)
class Place:
    """Where the sound of an item lies in a finished export: a file, a stretch of bytes in it, or a row of it."""

    file: str
    offset: int | None = None
    row: int | None = None


@dataclass(frozen=True)
class Order:
    """What a writer needs to know: the folder to fill, the one it will become, and the options."""

    folder: Path
    target: Path
    options: ExportOptions
    name: str

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.options.split)

    def table(self, stem: str, split: str, suffix: str) -> Path:
        """Path of a table: ``stem.suffix``, or ``stem_split.suffix`` in a corpus with parts."""
        return self.folder / (f"{stem}_{split}{suffix}" if self.options.split else f"{stem}{suffix}")

    def part(self, split: str) -> Path:
        """The folder of one part of the split; the whole folder where there are none."""
        return self.folder / split if self.options.split else self.folder

    def shown(self, relative: str) -> str:
        """How files name the sound ``relative``: below ``path_prefix`` if one is given."""
        prefix = self.options.path_prefix
        return f"{prefix.rstrip('/')}/{relative}" if prefix else relative


class Writer(Protocol):
    """Writes one format. Not thread-safe; `close` comes once, after the last item, and not after an error."""

    def add(self, item: Item) -> Place | None:
        """Take the next item and say where its sound lies; ``None`` without sound of its own."""

    def close(self) -> None: ...
