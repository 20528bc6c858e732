"""What was cut of one recording, as its outcome file and an export's index record it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicesieve.corpus.json_lines import Row
from voicesieve.files import write_text


@dataclass(frozen=True)
class SoundFile:
    """A file of sound in the folder of cuts."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Quality:
    """What is measured of the sound of a clip; the units are those of `audio.quality`."""

    snr_db: float
    clipping: float
    bandwidth_hz: float
    loudness_lufs: float
    peak_dbfs: float


@dataclass(frozen=True)
class Clip:
    """A stretch that was cut out of a recording, or measured in it; seconds and samples at 16 kHz.

    ``label`` is that of a segment of a recording that stays whole; separate clips are child speech and have none.
    ``file`` is ``None`` where no sound is written, ``quality`` where nothing is measured.
    """

    id: str
    start: float
    end: float
    score: float
    nonspeech_share: float
    overlap_share: float
    samples: int
    label: str | None = None
    file: SoundFile | None = None
    quality: Quality | None = None

    def columns(self) -> dict[str, float]:
        """What is scored and measured of it, under the names that all formats share."""
        measured = {} if self.quality is None else vars(self.quality)
        return {
            "score": self.score,
            **measured,
            "nonspeech_share": self.nonspeech_share,
            "overlap_share": self.overlap_share,
        }

    def as_json(self) -> Row:
        return {
            "start": self.start,
            "end": self.end,
            **({} if self.label is None else {"label": self.label}),
            "score": self.score,
            "nonspeech_share": self.nonspeech_share,
            "overlap_share": self.overlap_share,
            "id": self.id,
            "samples": self.samples,
            **({} if self.file is None else vars(self.file)),
            **({} if self.quality is None else vars(self.quality)),
        }


@dataclass(frozen=True)
class Outcome:
    """The result of one `CutOrder`; equal keys mean equal results.

    ``packets`` and ``print`` identify the sound, where that was asked for: a hash of the compressed packets, and
    Chromaprint's sub-fingerprints. ``file`` is the whole recording, ``samples`` its length at 16 kHz; ``None`` where it
    was not written or not decoded.
    """

    id: str
    key: str
    clips: tuple[Clip, ...] = ()
    packets: str | None = None
    print: tuple[int, ...] | None = None
    file: SoundFile | None = None
    samples: int | None = None

    def pieces(self) -> Iterator[tuple[str, SoundFile]]:
        """The files, each with the id of its item."""
        if self.file is not None:
            yield self.id, self.file
        yield from ((clip.id, clip.file) for clip in self.clips if clip.file is not None)

    def as_json(self) -> Row:
        values: Row = {"id": self.id, "key": self.key, "clips": [clip.as_json() for clip in self.clips]}
        if self.packets is not None:
            values["packets"] = self.packets
        if self.print is not None:
            values["print"] = self.print
        if self.file is not None:
            values["file"] = vars(self.file)
        if self.samples is not None:
            values["samples"] = self.samples
        return values


def write_outcome(path: Path, outcome: Outcome) -> None:
    write_text(path, json.dumps(outcome.as_json()))


def read_outcome(path: Path) -> Outcome | None:
    """The outcome in ``path``; ``None`` if there is none that can be read, which means: cut again."""
    try:
        return outcome_from(json.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError):
        return None


def outcome_from(values: Any) -> Outcome | None:
    """The outcome of parsed JSON; ``None`` if another version wrote it."""
    try:
        return Outcome(
            id=values["id"],
            key=values["key"],
            clips=tuple(_clip(clip) for clip in values["clips"]),
            packets=values.get("packets"),
            print=tuple(values["print"]) if "print" in values else None,
            file=SoundFile(**values["file"]) if "file" in values else None,
            samples=values.get("samples"),
        )
    except (KeyError, TypeError, AttributeError):
        return None


def _clip(values: Mapping[str, Any]) -> Clip:
    names = ("id", "start", "end", "score", "nonspeech_share", "overlap_share", "samples")
    return Clip(
        **{name: values[name] for name in names},
        label=values.get("label"),
        file=SoundFile(values["name"], values["sha256"], values["bytes"]) if "name" in values else None,
        quality=Quality(**{name: values[name] for name in _MEASURED}) if "snr_db" in values else None,
    )


_MEASURED = tuple(Quality.__dataclass_fields__)


def clip_id(recording: str, start: float, end: float) -> str:
    """``<recording>-<start>-<end>`` in milliseconds of eight digits: stable, and in order of time when sorted."""
    return f"{recording}-{round(start * 1000):08d}-{round(end * 1000):08d}"
