"""What a format is: a `Format` record, and a writer that takes the items one by one.

To add one, write ``corpus/formats/NAME.py`` with a writer and a ``FORMAT``, name it in ``registry.py``, and give it a
row in the table of ``docs/exports.md``. The command's help, the card, Croissant and ``--update`` read the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from voicesieve.corpus.json_lines import Json, Row
from voicesieve.corpus.options import Audio, ExportOptions, Unit
from voicesieve.corpus.outcomes import Quality
from voicesieve.corpus.plan import PlanRow
from voicesieve.domain.verdicts import Label

SOUND = (Audio.FLAC, Audio.OPUS, Audio.WAV)
"""Encodings that we write: 16 kHz mono."""
ANY_SOUND = (*SOUND, Audio.ORIGINAL, Audio.NONE)


@dataclass(frozen=True)
class LabelledSegment:
    """A stretch of a whole recording; seconds. ``language`` is stated only where it differs from the recording's, and
    ``quality`` only of child speech that was measured."""

    id: str
    start: float
    end: float
    label: str
    score: float
    nonspeech_share: float
    overlap_share: float
    language: str | None = None
    quality: Quality | None = None

    def columns(self) -> dict[str, float]:
        """Its scores and measures."""
        shares = {"nonspeech_share": self.nonspeech_share, "overlap_share": self.overlap_share}
        return {"score": self.score, **shares, **({} if self.quality is None else vars(self.quality))}

    def as_row(self) -> Row:
        """All its columns, under the names that all formats share."""
        return {
            "start": self.start,
            "end": self.end,
            "label": self.label,
            "score": self.score,
            "nonspeech_share": self.nonspeech_share,
            "overlap_share": self.overlap_share,
            "id": self.id,
            **({} if self.language is None else {"language": self.language}),
            **({} if self.quality is None else vars(self.quality)),
        }


@dataclass(frozen=True)
class Item:
    """One clip, or one whole recording with ``segments``, in order.

    ``audio`` is the file with its sound, which may be linked or read but not changed; ``None`` without sound.
    ``sha256`` is of that file; ``None`` where it is the stored recording itself. ``samples`` and ``rate`` describe
    the sound; of a whole recording the rate is that of the file. ``columns`` are what tables show of it, the same in
    every format.
    """

    id: str
    split: str
    duration_s: float
    samples: int
    rate: int
    audio: Path | None
    sha256: str | None
    language: str
    score: float
    columns: Row
    recording: PlanRow
    segments: Sequence[LabelledSegment] = ()

    @property
    def suffix(self) -> str:
        return "" if self.audio is None else self.audio.suffix

    @property
    def speaker(self) -> str:
        """A pseudonym: speakers are not distinguished across recordings, so each recording counts as one."""
        return self.recording.id

    @property
    def child_segments(self) -> list[LabelledSegment]:
        """Child speech that starts within the sound."""
        length = self.samples / self.rate
        return [segment for segment in self.segments if segment.label == Label.CHILD and segment.start < length]


@dataclass(frozen=True)
class Place:
    """Where the sound of an item is in a finished export: a file, a range of bytes in a file, or a row of a file."""

    file: str
    offset: int | None = None
    row: int | None = None


@dataclass(frozen=True)
class Order:
    """The task of a writer: the folder to fill, the folder that it will become, and the options."""

    format: Format
    folder: Path
    target: Path
    options: ExportOptions
    name: str

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.options.split)

    def table(self, stem: str, split: str, suffix: str) -> Path:
        """Path of a table: ``stem.suffix``, or ``stem_split.suffix`` where the corpus is split."""
        return self.folder / (f"{stem}_{split}{suffix}" if self.options.split else f"{stem}{suffix}")

    def part(self, split: str) -> Path:
        """The folder of one part of the split; the whole folder where there are none."""
        return self.folder / split if self.options.split else self.folder

    def shown(self, relative: str) -> str:
        """The path by which tables name the sound ``relative``: below ``path_prefix`` if that is set."""
        prefix = self.options.path_prefix
        return f"{prefix.rstrip('/')}/{relative}" if prefix else relative


class Writer(Protocol):
    """Writes one format. Not thread-safe; `close` comes once, after the last item, and not after an error."""

    def add(self, item: Item) -> Place | None:
        """Take the next item and return where its sound is; ``None`` if it has none in the export."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class FileSet:
    """Numbered files of a format, as Croissant describes them: ``includes`` is a pattern below the export's folder."""

    name: str
    includes: str
    media_type: str


@dataclass(frozen=True)
class Format:
    """One export format: what it is called, what it can hold, how it is written and described.

        FORMAT = Format(
            name="rttm",
            summary="RTTM and UEM",
            loading='pyannote.database.util.load_rttm("DEST/corpus{split}.rttm")',
            units=(Unit.RECORDINGS,),
            audio=(Audio.NONE,),
            writer=RttmWriter,
            tables=("*.rttm", "*.uem"),
            measured=False,
        )

    ``name`` is what a person types, ``summary`` follows it in the help. ``loading`` is the line that opens the export:
    DEST stands for the folder, ``{split}`` for ``_train`` and ``{folder}`` for ``/train`` in a corpus with parts,
    ``{table}`` for ``clips`` or ``recordings``.

    What it can hold, the default first: ``units`` and ``audio``. ``splits``: whether it has a place for the parts of a
    split. ``measured``: whether its tables have columns that need the sound. ``points``: with ``--audio none`` its
    tables point at the recordings in the data folder, since they cannot do without a path. ``absolute_paths``: DEST
    itself is written into its files. ``refuse`` raises `ExportError` where the format cannot be written at all, before
    any work is done. ``read_sound`` reads the sound at a `Place` with a row again, from the finished export in a
    folder; ``None`` if it is not there. Files and stretches of bytes need none.

    For Croissant: ``tables`` are patterns of the files that are described one by one, ``file_sets`` those that are
    described as sets. Without a set, the sound is in single files at ``sound_files``. Clips under the columns that all
    formats share are in the tables whose names start with ``clip_tables``, or in the file set ``clip_set``.

    ``on_hub``: the card starts with the Hugging Face hub's header. ``hub_header`` adds to it, from the options and the
    number of items by name of the split.
    """

    name: str
    summary: str
    loading: str
    units: tuple[Unit, ...]
    audio: tuple[Audio, ...]
    writer: Callable[[Order], Writer]
    splits: bool = True
    measured: bool = True
    points: bool = False
    absolute_paths: bool = False
    refuse: Callable[[], None] = lambda: None
    read_sound: Callable[[Path, Place], bytes | None] | None = None
    tables: tuple[str, ...] = ()
    file_sets: tuple[FileSet, ...] = ()
    sound_files: str = "audio/*/*"
    clip_tables: str = ""
    clip_set: str = ""
    on_hub: bool = False
    hub_header: Callable[[ExportOptions, Mapping[str, int]], Mapping[str, Json]] = lambda options, items: {}

    def loading_line(self, options: ExportOptions) -> str:
        """What to type to open an export with ``options``."""
        part = options.split[0][0] if options.split else ""
        return self.loading.format(
            split=f"_{part}" if part else "",
            folder=f"/{part}" if part else "",
            table="clips" if options.unit is Unit.CLIPS else "recordings",
        )
