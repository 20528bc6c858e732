"""The options of an export: its format, what an item is, and how items are cut, filtered, split and stored."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from voicesieve.corpus.json_lines import Row
from voicesieve.domain.sound import SAMPLE_RATE


class Unit(StrEnum):
    """What one item of the corpus is: a clip of child speech, or a whole recording with its segments inside."""

    CLIPS = "clips"
    RECORDINGS = "recordings"


class Audio(StrEnum):
    """How the sound of an item is stored. All but ``original`` and ``none`` are 16 kHz mono."""

    FLAC = "flac"
    WAV = "wav"
    OPUS = "opus"
    ORIGINAL = "original"
    NONE = "none"


class Duplicates(StrEnum):
    """Which recordings count as the same: equal compressed packets, equal sound (Chromaprint) too, or none."""

    KEEP = "keep"
    EXACT = "exact"
    ACOUSTIC = "acoustic"


@dataclass(frozen=True)
class CutRules:
    """How labelled segments become clips; seconds.

    Child segments at most ``merge_gap_s`` apart with no other voice between them become one span. Spans get
    ``padding_s`` on both sides, but never overlap another voice. Spans longer than ``max_s`` are cut in their pauses,
    or where they are quietest; clips shorter than ``min_s`` are left out.
    """

    min_s: float = 1.0
    max_s: float = 20.0
    merge_gap_s: float = 0.6
    padding_s: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < 2 * self.min_s <= self.max_s:
            raise ValueError(
                f"the longest clip ({self.max_s:g} s) must be at least twice the shortest ({self.min_s:g} s)"
            )
        if self.merge_gap_s < 0 or self.padding_s < 0:
            raise ValueError("merge gap and padding cannot be negative")


@dataclass(frozen=True)
class Filters:
    """What a clip or recording must have; ``None`` filters nothing. Clips that were not measured pass no sound filter.

    ``languages``: primary BCP-47 tags. ``min_snr_db``, ``max_clipping``, ``min_bandwidth_hz``, ``max_overlap`` and
    ``max_nonspeech`` filter by the columns of the same names.
    """

    languages: tuple[str, ...] = ()
    min_score: float | None = None
    min_snr_db: float | None = None
    max_clipping: float | None = None
    min_bandwidth_hz: float | None = None
    max_overlap: float | None = None
    max_nonspeech: float | None = None

    def wants(self, language: str) -> bool:
        """Whether a clip or recording in ``language`` (BCP-47) may be included."""
        return not self.languages or language.split("-")[0].lower() in self.languages

    def refused(self, columns: Mapping[str, float]) -> str | None:
        """The name of the first filter that ``columns`` of a clip do not pass."""
        least = {"score": self.min_score, "snr_db": self.min_snr_db, "bandwidth_hz": self.min_bandwidth_hz}
        most = {
            "clipping": self.max_clipping,
            "overlap_share": self.max_overlap,
            "nonspeech_share": self.max_nonspeech,
        }
        for name, bound in least.items():
            value = columns.get(name)
            if bound is not None and (value is None or value < bound):
                return f"min_{name}"
        for name, bound in most.items():
            value = columns.get(name)
            if bound is not None and (value is None or value > bound):
                return f"max_{name}"
        return None


@dataclass(frozen=True)
class ExportOptions:
    """Everything besides the catalog that decides the bytes of an export.

    ``split``: percentages by name, such as ``{"train": 90, "dev": 5, "test": 5}``; empty means one part.
    ``shard_items``: items in one tar or Parquet file. ``path_prefix`` replaces the absolute folder in files whose
    readers want absolute paths. ``measured``: whether quality columns are measured.
    """

    format: str
    unit: Unit
    audio: Audio
    cut: CutRules = field(default_factory=CutRules)
    filters: Filters = field(default_factory=Filters)
    split: tuple[tuple[str, float], ...] = ()
    shard_items: int = 1000
    duplicates: Duplicates = Duplicates.EXACT
    path_prefix: str | None = None
    measured: bool = True
    keep_going: bool = False

    @property
    def rate(self) -> int | None:
        """Hz of the stored sound, where we make it."""
        return None if self.audio in (Audio.ORIGINAL, Audio.NONE) else SAMPLE_RATE

    @property
    def cuts_sound(self) -> bool:
        """Whether clips are written or measured."""
        return self.measured or self.audio is not Audio.NONE

    @property
    def opens_recordings(self) -> bool:
        """Whether the recordings are opened at all."""
        return self.cuts_sound or self.duplicates is not Duplicates.KEEP

    def as_json(self) -> Row:
        """Plain values that identify the export; ``keep_going`` belongs to the run, not to the corpus."""
        values: Row = dataclasses.asdict(self)
        del values["keep_going"]
        values["split"] = dict(self.split)
        return values

    @property
    def revision(self) -> str:
        text = json.dumps(self.as_json(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def parse_split(text: str) -> tuple[tuple[str, float], ...]:
    """``90/5/5`` (train, dev, test), ``95/5`` (train, test) or ``train=80,dev=10,test=10``. ValueError otherwise."""
    if not text:
        return ()
    try:
        if "=" in text:
            parts = [(name.strip(), float(share)) for name, share in (piece.split("=") for piece in text.split(","))]
        else:
            shares = [float(share) for share in text.split("/")]
            names = {1: ("train",), 2: ("train", "test"), 3: ("train", "dev", "test")}[len(shares)]
            parts = list(zip(names, shares, strict=True))
    except (ValueError, KeyError):
        raise ValueError(f"{text!r} is not a split such as 90/5/5 or train=80,dev=10,test=10") from None
    names = tuple(name for name, _ in parts)
    if len(set(names)) != len(names) or not all(name.isascii() and name.isalnum() for name in names):
        raise ValueError(f"{text!r}: the parts of a split need different names of letters and digits")
    if not all(0 <= share <= 100 for _, share in parts) or abs(sum(share for _, share in parts) - 100) > 1e-6:
        raise ValueError(f"{text!r}: the parts of a split must add up to 100")
    return tuple(parts)
