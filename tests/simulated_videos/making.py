"""One video: who speaks when, which other sounds there are, and its sound through a room, a microphone and a codec."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.simulated_videos.material import LEVEL, Material, Speaker, trimmed
from tests.simulated_videos.scenery import Room, convolved, equalised, equaliser, music, noise_floor
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.evaluation.labels import ADULTS, SoundLabel

SHARES = (0.0, 0.02, 0.05, 0.10, 0.25, 0.50, 1.0)
"""Child speech in all speech; videos take them in turn."""
LENGTHS_S = (60.0, 600.0)
LEAST_CHILD_S = 1.0
OVERLAP_SHARE, OVERLAP_S = 0.15, (0.3, 1.5)
"""How many turns begin before the other speaker has ended, and by how much."""
CODECS = (
    ("opus", "libopus", "webm", 48_000, (24_000, 32_000, 48_000, 64_000)),
    ("aac", "aac", "mp4", 44_100, (48_000, 64_000, 96_000, 128_000)),
)
SUFFIXES = {"webm": ".webm", "mp4": ".m4a"}


@dataclass(frozen=True)
class Part:
    """A stretch of the truth: ``label`` is child, adult or nonspeech, ``who`` the speaker or the kind of sound."""

    start_s: float
    end_s: float
    label: str
    who: str


@dataclass(frozen=True)
class Video:
    """An encoded video's sound and its truth. ``child_share`` is what was aimed at."""

    data: bytes
    suffix: str
    duration_s: float
    child_share: float
    adults: int
    codec: str
    truth: tuple[Part, ...]

    @property
    def child_s(self) -> float:
        return sum(part.end_s - part.start_s for part in self.truth if part.label == "child")


@dataclass(frozen=True, eq=False)
class _Turn:
    speaker: Speaker
    sound: np.ndarray
    stretches: tuple[tuple[int, int], ...]


def make_video(
    material: Material, seed: int, number: int, *, longest_s: float = LENGTHS_S[1], shares: Sequence[float] = SHARES
) -> Video:
    """Video ``number`` of the series ``seed``: the same arguments give the same sound and truth."""
    rng = np.random.default_rng([seed, number])
    share = shares[number % len(shares)]
    duration_s = float(rng.uniform(min(LENGTHS_S[0], longest_s), longest_s))
    samples = int(duration_s * SAMPLE_RATE)
    speech_s = duration_s * rng.uniform(0.5, 0.85)
    children = _chosen(material.of(SoundLabel.CHILD), int(rng.integers(1, 4)), rng) if share > 0 else []
    adults = _chosen(material.of(*ADULTS), int(rng.integers(1, 4)), rng) if share < 1 else []
    child_s = max(LEAST_CHILD_S, share * speech_s) if share > 0 else 0.0
    turns = [*_turns(children, child_s, rng), *_turns(adults, speech_s - child_s if share < 1 else 0.0, rng)]
    order = rng.permutation(len(turns))
    placed = _placed([turns[index] for index in order], samples, rng)
    mix, truth = _voices(placed, samples, rng)
    gaps = _gaps(placed, samples)
    truth += _sounds(mix, material, gaps, rng)
    _music(mix, gaps, rng)
    mix = equalised(mix, equaliser(rng, 6.0)) + noise_floor(rng, samples) * LEVEL * 10 ** (-rng.uniform(15, 50) / 20)
    mix *= 10 ** (-rng.uniform(1, 12) / 20) / (np.abs(mix).max() + 1e-9)
    codec, encoder, container, rate, bit_rates = CODECS[rng.integers(len(CODECS))]
    bit_rate = int(rng.choice(bit_rates))
    return Video(
        data=encoded(mix, encoder, container, rate, bit_rate),
        suffix=SUFFIXES[container],
        duration_s=samples / SAMPLE_RATE,
        child_share=share,
        adults=len(adults),
        codec=f"{codec} {bit_rate // 1000}k",
        truth=tuple(sorted(truth, key=lambda part: part.start_s)),
    )


def encoded(sound: np.ndarray, encoder: str, container: str, rate: int, bit_rate: int) -> bytes:
    """``sound`` (n,) at 16 kHz as a file; the container says how much delay the codec adds, and decoders undo it."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(encoder, rate=rate, layout="mono", bit_rate=bit_rate)
        samples = (np.clip(sound, -1, 1) * 32_767).astype(np.int16)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts, frame.time_base = 0, Fraction(1, SAMPLE_RATE)  # or the file would not know its first instant
        resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=rate, frame_size=stream.frame_size)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return file.getvalue()


def _chosen(speakers: Sequence[Speaker], count: int, rng: np.random.Generator) -> list[Speaker]:
    picked = rng.choice(len(speakers), min(count, len(speakers)), replace=False)
    return [speakers[index] for index in picked]


def _turns(speakers: Sequence[Speaker], seconds: float, rng: np.random.Generator) -> Iterator[_Turn]:
    """Turns of one to four clips until ``seconds`` of speech are reached; clips return only when all were used."""
    waiting: dict[str, list[Path]] = {speaker.name: [] for speaker in speakers}
    left = int(seconds * SAMPLE_RATE)
    while speakers and left >= SAMPLE_RATE // 4:
        speaker = speakers[rng.integers(len(speakers))]
        sounds: list[np.ndarray] = []
        stretches: list[tuple[int, int]] = []
        length = 0
        for _ in range(rng.integers(1, 5)):
            if not waiting[speaker.name]:
                waiting[speaker.name] = [speaker.clips[index] for index in rng.permutation(len(speaker.clips))]
            clip = trimmed(waiting[speaker.name].pop())
            taken = []
            for start, end in clip.stretches:
                if left < SAMPLE_RATE // 4:
                    break
                end = min(end, start + left)
                taken.append((start, end))
                left -= end - start
            if not taken:
                break
            stretches += [(length + start, length + end) for start, end in taken]
            pause = int(rng.uniform(0.1, 0.4) * SAMPLE_RATE)
            sounds += [clip.sound[: taken[-1][1]], np.zeros(pause, np.float32)]
            length += taken[-1][1] + pause
        if sounds:
            yield _Turn(speaker, np.concatenate(sounds[:-1]), tuple(stretches))


def _placed(turns: Sequence[_Turn], samples: int, rng: np.random.Generator) -> list[tuple[int, _Turn]]:
    """Turns with their first sample. Pauses between them are of very different length, as in real recordings."""
    free = samples - sum(len(turn.sound) for turn in turns)
    pauses = (rng.dirichlet(np.full(len(turns) + 1, 0.4)) * max(0, free)).astype(int)
    placed = []
    position, before = 0, None
    for turn, pause in zip(turns, pauses, strict=False):
        position += int(pause)
        if before is not None and before.speaker is not turn.speaker and rng.random() < OVERLAP_SHARE:
            shared = int(rng.uniform(*OVERLAP_S) * SAMPLE_RATE)
            position -= int(pause) + min(shared, len(before.sound) // 2, len(turn.sound) // 2)
        placed.append((position, turn))
        position += len(turn.sound)
        before = turn
    return placed


def _voices(
    placed: Sequence[tuple[int, _Turn]], samples: int, rng: np.random.Generator
) -> tuple[np.ndarray, list[Part]]:
    mix = np.zeros(samples, np.float32)
    truth = []
    room = Room(rng)
    spots = {
        turn.speaker.name: (room.response(), equaliser(rng, 4.0), 10 ** (rng.uniform(-4, 4) / 20)) for _, turn in placed
    }
    for start, turn in placed:
        response, taps, gain = spots[turn.speaker.name]
        played = convolved(equalised(turn.sound, taps), response)[: samples - start] * np.float32(gain)
        mix[start : start + len(played)] += played
        label = "child" if turn.speaker.label is SoundLabel.CHILD else "adult"
        for first, last in turn.stretches:
            if start + first < samples:
                end_s = min(start + last, samples) / SAMPLE_RATE
                truth.append(Part((start + first) / SAMPLE_RATE, end_s, label, turn.speaker.name))
    return mix, truth


def _gaps(placed: Sequence[tuple[int, _Turn]], samples: int) -> list[tuple[int, int]]:
    """Stretches of at least 1.5 s in which nobody speaks."""
    gaps, covered = [], 0
    for start, turn in placed:
        if start - covered >= 1.5 * SAMPLE_RATE:
            gaps.append((covered, start))
        covered = max(covered, start + len(turn.sound))
    if samples - covered >= 1.5 * SAMPLE_RATE:
        gaps.append((covered, samples))
    return gaps


def _sounds(
    mix: np.ndarray, material: Material, gaps: Sequence[tuple[int, int]], rng: np.random.Generator
) -> list[Part]:
    """Crying and other noises in some of the gaps of every second video."""
    truth: list[Part] = []
    if not material.sounds or rng.random() < 0.5:
        return truth
    for start, end in gaps:
        if rng.random() < 0.5:
            kind, path = material.sounds[rng.integers(len(material.sounds))]
            try:
                sound = trimmed(path).sound[: end - start]
            except ValueError:  # a silent recording adds nothing
                continue
            mix[start : start + len(sound)] += sound * np.float32(10 ** (rng.uniform(-10, 3) / 20))
            truth.append(Part(start / SAMPLE_RATE, (start + len(sound)) / SAMPLE_RATE, "nonspeech", kind))
    return truth


def _music(mix: np.ndarray, gaps: Sequence[tuple[int, int]], rng: np.random.Generator) -> None:
    """Music below part of the speech in 4 of 10 videos, loud between the turns in 4 of 10."""
    samples = len(mix)
    if rng.random() < 0.4:
        length = int(samples * rng.uniform(0.2, 1.0))
        start = int(rng.integers(0, samples - length + 1))
        below = LEVEL * 10 ** (-rng.uniform(5, 20) / 20)
        mix[start : start + length] += music(rng, length) * np.float32(below)
    if rng.random() < 0.4:
        for start, end in gaps:
            ramp = np.minimum(1, np.arange(end - start) / (SAMPLE_RATE / 4))
            gain = LEVEL * 10 ** (rng.uniform(-8, 3) / 20)
            mix[start:end] += (music(rng, end - start) * ramp * ramp[::-1] * gain).astype(np.float32)
