"""Cutting one recording: decode it once, write its clips, measure them. Runs in a worker on plain data."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from voicesieve.audio.decode import decode_blocks
from voicesieve.audio.encode import encode, encode_file, to_int16
from voicesieve.audio.identity import fingerprint, packet_hash
from voicesieve.audio.quality import CONTEXT_S, levels, measure, snr_db
from voicesieve.audio.store import sha256_of
from voicesieve.corpus.cut_orders import CutOrder
from voicesieve.corpus.options import Audio, Unit
from voicesieve.corpus.outcomes import Clip, Outcome, Quality, SoundFile, clip_id, write_outcome
from voicesieve.corpus.plan import PlannedSegment, PlannedSpan
from voicesieve.corpus.segmenting import LEVEL_HZ, cut
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.domain.verdicts import Label
from voicesieve.files import new_file

MEASURED_S = 60.0
"""Of longer segments, only the first minute is measured."""


def cut_recording(order: CutOrder) -> None:
    """Write the clips and then the outcome that names them.

    Raises FailureError if the file is not what was stored, or does not decode; OSError if it cannot be read or
    written.
    """
    if sha256_of(order.source) != order.sha256:
        raise FailureError(Failure(FailureKind.UNDECODABLE, "the file is damaged: its content is not what was stored"))
    outcome = Outcome(order.id, order.key)
    if order.identified:
        outcome = replace(outcome, packets=packet_hash(order.source))
    if order.fingerprinter:
        values = fingerprint(order.source, order.fingerprinter)
        outcome = replace(outcome, print=() if values is None else tuple(values.tolist()))
    if order.audio is Audio.ORIGINAL:
        outcome = replace(outcome, file=_copied(order))
    if order.measured or order.audio not in (Audio.ORIGINAL, Audio.NONE):
        outcome = _cut(order, outcome)
    order.folder.mkdir(parents=True, exist_ok=True)
    write_outcome(order.outcome, outcome)


def _copied(order: CutOrder) -> SoundFile:
    target = order.folder / f"{order.id}{order.source.suffix}"
    with order.source.open("rb") as reading, new_file(target) as writing:
        shutil.copyfileobj(reading, writing, 1 << 20)
    return SoundFile(target.name, order.sha256, target.stat().st_size)


def _cut(order: CutOrder, outcome: Outcome) -> Outcome:
    collector = _Collector(order, _wanted(order))
    blocks = collector.blocks()
    if order.unit is Unit.RECORDINGS and order.audio not in (Audio.ORIGINAL, Audio.NONE):
        target = order.folder / f"{order.id}.{order.audio}"
        encode_file(blocks, order.audio, target)
        outcome = replace(outcome, file=SoundFile(target.name, sha256_of(target), target.stat().st_size))
    for _ in blocks:
        pass
    return replace(outcome, clips=collector.clips(), samples=collector.total)


def _wanted(order: CutOrder) -> list[Clip]:
    """The clips to cut or the segments to measure, with their columns of the plan and no samples yet."""
    if order.unit is Unit.CLIPS:
        return list(_clips_of_spans(order))
    children = [segment for segment in order.segments if segment.label == Label.CHILD]
    ends = [min(segment.end, segment.start + MEASURED_S) for segment in children]
    return [
        replace(_uncut(order.id, segment, segment.start, end), label=segment.label)
        for segment, end in zip(children, ends, strict=True)
    ]


def _clips_of_spans(order: CutOrder) -> Iterator[Clip]:
    sound_levels = None
    if any(span.seconds > order.rules.max_s for span in order.spans):
        sound_levels = np.concatenate([levels(block) for block in decode_blocks(order.source)])
    for span in order.spans:
        for start, end in cut(span, order.rules, sound_levels):
            yield _uncut(order.id, span, round(start, 3), round(end, 3))


def _uncut(recording: str, stretch: PlannedSpan | PlannedSegment, start: float, end: float) -> Clip:
    name = clip_id(recording, start, end)
    return Clip(name, start, end, stretch.score, stretch.nonspeech_share, stretch.overlap_share, samples=0)


@dataclass(frozen=True)
class _Cut:
    """A clip with the levels of its own sound (mean power for each 20 ms) and the measures that need nothing else."""

    clip: Clip
    levels: np.ndarray
    measures: Mapping[str, float]


class _Collector:
    """Decodes the sound once: yields every block as int16, and cuts and measures the stretches in it."""

    def __init__(self, order: CutOrder, wanted: Sequence[Clip]) -> None:
        self._order = order
        self._wanted = wanted
        self._cut: list[_Cut] = []
        self._levels: list[np.ndarray] = []
        self.total = 0

    def blocks(self) -> Iterator[np.ndarray]:
        waiting = list(self._wanted)
        parts: list[np.ndarray] = []
        for block in decode_blocks(self._order.source):
            start, self.total = self.total, self.total + len(block)
            self._levels.append(levels(block))
            exact = to_int16(block)
            while waiting:
                first, last = sample_of(waiting[0].start), sample_of(waiting[0].end)
                if first >= self.total:
                    break
                parts.append(exact[max(0, first - start) : last - start])
                if last > self.total:
                    break
                self._keep(waiting.pop(0), np.concatenate(parts))
                parts = []
            yield exact
        if parts and waiting:
            self._keep(waiting.pop(0), np.concatenate(parts))

    def _keep(self, wanted: Clip, samples: np.ndarray) -> None:
        if not len(samples):
            return
        order = self._order
        clip = replace(wanted, samples=len(samples))
        if order.unit is Unit.CLIPS and order.audio is not Audio.NONE:
            clip = replace(clip, file=_written(order.folder / f"{clip.id}.{order.audio}", samples, order.audio))
        sound = samples.astype(np.float32) / np.float32(32768.0)
        self._cut.append(_Cut(clip, levels(sound), measure(sound) if order.measured else {}))

    def clips(self) -> tuple[Clip, ...]:
        """The cut clips in order of time, measured if that was asked for."""
        if not self._order.measured:
            return tuple(taken.clip for taken in self._cut)
        everything = np.concatenate(self._levels) if self._levels else np.zeros(0, np.float32)
        return tuple(replace(taken.clip, quality=_quality(taken, everything)) for taken in self._cut)


def _written(file: Path, samples: np.ndarray, kind: Audio) -> SoundFile:
    data = encode([samples], kind)
    with new_file(file) as writing:
        writing.write(data)
    return SoundFile(file.name, hashlib.sha256(data).hexdigest(), len(data))


def _quality(taken: _Cut, everything: np.ndarray) -> Quality:
    """``everything`` are the levels of the whole recording."""
    first = max(0, int((taken.clip.start - CONTEXT_S) * LEVEL_HZ))
    around = everything[first : int((taken.clip.end + CONTEXT_S) * LEVEL_HZ)]
    return Quality(snr_db=round(snr_db(taken.levels, around), 1), **taken.measures)


def sample_of(seconds: float) -> int:
    """Index at 16 kHz of a time that is a whole number of milliseconds."""
    return round(seconds * 1000) * SAMPLE_RATE // 1000
