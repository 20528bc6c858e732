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
    """A stretch of a whole recording; seconds.

    ``language`` is stated only where it differs from the recording's, ``quality`` only of child speech that was
    measured.
    """

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
    """

    name: str
    """What a person types."""
    summary: str
    """What follows the name in the help."""
    loading: str
    """The line that opens the export. DEST stands for its folder; in a corpus with parts, ``{split}`` is ``_train`` and
    ``{folder}`` is ``/train``; ``{table}`` is ``clips`` or ``recordings``."""
    units: tuple[Unit, ...]
    """What an item can be, the default first."""
    audio: tuple[Audio, ...]
    """How its sound can be stored, the default first."""
    writer: Callable[[Order], Writer]
    splits: bool = True
    """Whether it has a place for the parts of a split."""
    measured: bool = True
    """Whether its tables have columns that are measured on the sound."""
    points: bool = False
    """With ``--audio none``, its tables point at the recordings in the data folder, because they need a path."""
    absolute_paths: bool = False
    """DEST itself is written into its files."""
    refuse: Callable[[], None] = lambda: None
    """Raises `ExportError` where the format cannot be written at all; called before any work is done."""
    read_sound: Callable[[Path, Place], bytes | None] | None = None
    """Reads the sound at a `Place` with a row from the export in a folder; ``None`` if it is missing. A format whose
    places are files or ranges of bytes does not need it."""
    tables: tuple[str, ...] = ()
    """For Croissant: patterns of the files that are described one by one."""
    file_sets: tuple[FileSet, ...] = ()
    """For Croissant: the files that are described as sets; without any, single files of sound at ``sound_files``."""
    sound_files: str = "audio/*/*"
    clip_tables: str = ""
    """For Croissant: the start of the names of tables that hold clips under the columns that all formats share."""
    clip_set: str = ""
    """For Croissant: the name of the file set that holds such clips."""
    on_hub: bool = False
    """The Hugging Face hub reads it, so its card starts with the hub's header."""
    hub_header: Callable[[ExportOptions, Mapping[str, int]], Mapping[str, Json]] = lambda options, items: {}
    """Further entries of that header, from the options and the number of items by name of the part."""

    def loading_line(self, options: ExportOptions) -> str:
        """What to type to open an export with ``options``."""
        part = options.split[0][0] if options.split else ""
        return self.loading.format(
            split=f"_{part}" if part else "",
            folder=f"/{part}" if part else "",
            table="clips" if options.unit is Unit.CLIPS else "recordings",
        )
