"""Whose voices and which sounds the videos are made of: held-out clips, cut to where they are audible."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from demo.clips import CLIPS
from voicesieve.audio.decode import decode_blocks
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.evaluation.labels import SoundLabel
from voicesieve.evaluation.metadata import corpora_in, read_corpus

FRAME = SAMPLE_RATE // 100
AUDIBLE_BELOW_PEAK_DB = 28.0
"""Sound is audible where it is at most this far below the clip's loud parts (95th percentile of 10 ms frames)."""
BRIDGED_PAUSE_S = 0.5
"""A shorter pause inside a clip belongs to its speech: pooling joins windows over pauses of 0.6 s."""
LEVEL = 0.07
"""RMS of the audible parts of every clip (-23 dBFS), so that level says nothing."""


@dataclass(frozen=True)
class Speaker:
    """One voice. ``label`` is child, woman or man."""

    name: str
    label: SoundLabel
    clips: tuple[Path, ...]


@dataclass(frozen=True)
class Material:
    """All that videos are made of. ``sounds``: recordings of crying, animals, weather, by kind."""

    speakers: tuple[Speaker, ...]
    sounds: tuple[tuple[str, Path], ...]

    def of(self, *labels: SoundLabel) -> list[Speaker]:
        return [speaker for speaker in self.speakers if speaker.label in labels]


@dataclass(frozen=True, eq=False)
class Trimmed:
    """A clip from its first to its last sound, float32 (n,) at `LEVEL`, and the stretches with sound in samples."""

    sound: np.ndarray
    stretches: tuple[tuple[int, int], ...]


def from_corpora(folder: Path) -> Material:
    """The held-out clips of all corpora in ``folder``. ValueError unless children and adults are among them."""
    clips: dict[tuple[str, SoundLabel], list[Path]] = defaultdict(list)
    sounds = []
    for corpus in corpora_in(folder):
        rows = list(read_corpus(corpus))
        has_test = any(row.fields.get("split") == "test" for row in rows)
        for row in rows:
            if row.stretch is None or not held_out(row.fields, has_test=has_test):
                continue
            if row.stretch.label is SoundLabel.NONSPEECH:
                sounds.append((row.fields.get("sound", "sound"), row.path))
            elif row.stretch.label not in (SoundLabel.TEEN, SoundLabel.ALTERED):
                clips[row.stretch.speaker, row.stretch.label].append(row.path)
    speakers = tuple(Speaker(name, label, tuple(paths)) for (name, label), paths in clips.items())
    if len({speaker.label is SoundLabel.CHILD for speaker in speakers}) < 2:
        raise ValueError(f"{folder} has no held-out clips of both children and adults")
    return Material(speakers, tuple(sounds))


def held_out(fields: Mapping[str, str], *, has_test: bool) -> bool:
    """Whether training leaves the clip out, by the rules of ``training/floor.py`` (a test holds both together)."""
    if has_test:
        return fields.get("split") == "test"
    if "fold" in fields:
        return fields["fold"] == "4"
    if fields.get("source"):
        return _share(fields["source"]) < 0.3
    return _share(fields.get("speaker") or fields["path"]) < 0.5


def from_demo() -> Material:
    """The synthetic voices of the demo: three children and three adults, each with one clip."""
    speakers = []
    for entry in json.loads((CLIPS / "clips.json").read_text(encoding="utf-8")):
        kind = entry["file"].split("-")
        label = {"child": SoundLabel.CHILD, "adult": SoundLabel.MAN if "man" in kind else SoundLabel.WOMAN}.get(kind[0])
        if label is not None:
            speakers.append(Speaker(f"demo:{entry['file']}", label, (CLIPS / entry["file"],)))
    return Material(tuple(speakers), ())


@lru_cache(maxsize=4_000)
def trimmed(path: Path) -> Trimmed:
    """A clip of 16 kHz sound, cut and levelled. ValueError if nothing in it is audible."""
    sound = np.concatenate(list(decode_blocks(path)))
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    if len(frames) == 0:
        raise ValueError(f"{path} is shorter than 10 ms")
    levels = 10 * np.log10((frames**2).mean(axis=1) + 1e-12)
    audible = np.flatnonzero(levels > max(np.percentile(levels, 95) - AUDIBLE_BELOW_PEAK_DB, -75))
    if len(audible) == 0:
        raise ValueError(f"{path} is silent")
    pauses = np.flatnonzero(np.diff(audible) * FRAME > BRIDGED_PAUSE_S * SAMPLE_RATE)
    parts = np.split(audible, pauses + 1)
    first = int(audible[0])
    stretches = tuple(((int(part[0]) - first) * FRAME, (int(part[-1]) + 1 - first) * FRAME) for part in parts)
    level = np.sqrt((frames[audible] ** 2).mean())
    return Trimmed(sound[first * FRAME : (int(audible[-1]) + 1) * FRAME] * np.float32(LEVEL / level), stretches)


def _share(name: str) -> float:
    return zlib.crc32(f"split {name}".encode()) / 2**32
