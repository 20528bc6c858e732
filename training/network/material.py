"""What the network learns from: clips of the corpora, their speech marks, and each voice as other vocal tracts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import av
import numpy as np

from training.floor import Clip, resampled
from voicesieve.audio.decode import SAMPLE_RATE
from voicesieve.voices import features, floor
from voicesieve.voices.activity import CHUNK, VoiceActivity
from voicesieve.voices.detector import CHILD, MAN, WOMAN
from voicesieve.voices.network import widened

SEED = 762
WORKERS = 2
ADULT = frozenset({WOMAN, MAN})
LOW_VOICE_HZ = 165.0
"""Between the median F0 of men (about 120 Hz) and women (about 220 Hz): how far an undeclared adult must be warped."""
STAYING = {CHILD: (1.0, 1.08), WOMAN: (0.94, 1.0), MAN: (0.95, 1.05)}
"""Warps that keep the label. A woman 6 % faster reaches a boy's third formant (Hillenbrand 1995, own analysis)."""
MOVING = {CHILD: (0.72, 0.84), WOMAN: (1.18, 1.38), MAN: (1.45, 1.75)}
"""Warps that move a child to the adults and an adult to the children."""
STAYING_COPIES, MOVED_COPIES = 2, 3
CODEC_SHARE = 0.35
CODECS = (
    ("libopus", "ogg", 48_000, (12_000, 16_000, 24_000, 32_000)),
    ("aac", "adts", 16_000, (24_000, 32_000, 48_000)),
    ("libmp3lame", "mp3", 16_000, (24_000, 32_000, 48_000)),
)


@dataclass(frozen=True, eq=False)
class Version:
    """A clip at one warp: float16 samples, speech marks (one bool for each 32 ms), and the classes it may be."""

    sound: np.ndarray
    speech: np.ndarray
    warp: float
    classes: frozenset[int]


@dataclass(frozen=True, eq=False)
class Example:
    """All versions of one clip. ``kind`` is its class, WOMAN or MAN for adults of undeclared gender by their F0."""

    versions: tuple[Version, ...]
    kind: int
    group: str


def voices(clips: Sequence[Clip]) -> list[Example]:
    """Every speech clip as itself and as other vocal tracts, a share of them through a codec."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(_voice, clips, range(len(clips))))


def sounds(clips: Sequence[Clip]) -> list[Example]:
    """Clips that hold no speech. Where the voice-activity network hears none either, the whole clip counts."""
    examples = []
    for clip in clips:
        speech = speech_of(clip.sound)
        if speech.sum() < floor.MIN_SPEECH_CHUNKS:
            speech = np.ones_like(speech)
        version = Version(clip.sound.astype(np.float16), speech, 1.0, clip.classes)
        examples.append(Example((version,), next(iter(clip.classes)), clip.group))
    return examples


def speech_of(sound: np.ndarray) -> np.ndarray:
    """Which 32 ms of ``sound`` the product would give to the network, bool (ceil(n / CHUNK),)."""
    chunks = np.pad(sound, (0, -len(sound) % CHUNK)).reshape(-1, CHUNK)
    return widened(floor.speech_chunks(VoiceActivity().probabilities(chunks.astype(np.float32))))


def through_codec(sound: np.ndarray, codec: str, container: str, rate: int, bit_rate: int) -> np.ndarray:
    """``sound`` (n,) at 16 kHz encoded and decoded again, of the same length; the codec's delay is not undone."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono", bit_rate=bit_rate)
        frame = av.AudioFrame.from_ndarray(
            (np.clip(sound, -1, 1) * 32_767).astype(np.int16)[np.newaxis], format="s16", layout="mono"
        )
        frame.sample_rate = SAMPLE_RATE
        resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=rate, frame_size=stream.frame_size)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    file.seek(0)
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
    with av.open(file) as back:
        pieces = [piece.to_ndarray()[0] for frame in back.decode(audio=0) for piece in resampler.resample(frame)]
    pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    decoded = np.concatenate(pieces)[: len(sound)]
    return np.pad(decoded, (0, len(sound) - len(decoded))).astype(np.float32)


def _voice(clip: Clip, number: int) -> Example:
    rng = np.random.default_rng([SEED, number])
    kind = next(iter(clip.classes)) if len(clip.classes) == 1 else _likely_gender(clip.sound)
    speech = speech_of(clip.sound)
    warps = [(warp, clip.classes) for warp in (1.0, *rng.uniform(*STAYING[kind], STAYING_COPIES - 1))]
    moved_to = ADULT if kind == CHILD else frozenset({CHILD})
    warps += [(warp, moved_to) for warp in _spread(MOVING[kind], rng)]
    return Example(tuple(_version(clip.sound, speech, warp, to, rng) for warp, to in warps), kind, clip.group)


def _spread(limits: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """One factor from each third of the range: two warped versions of a clip are rarely the same warp."""
    edges = np.linspace(*limits, MOVED_COPIES + 1)
    return rng.uniform(edges[:-1], edges[1:])


def _version(
    sound: np.ndarray, speech: np.ndarray, warp: float, classes: frozenset[int], rng: np.random.Generator
) -> Version:
    if warp != 1.0:
        sound = resampled(sound, warp)
    marks = np.minimum(np.arange(-(-len(sound) // CHUNK)) * warp, len(speech) - 1).astype(int)
    if rng.random() < CODEC_SHARE:
        codec, container, rate, bit_rates = CODECS[rng.integers(len(CODECS))]
        sound = through_codec(sound, codec, container, rate, int(rng.choice(bit_rates)))
    return Version(sound.astype(np.float16), speech[marks], float(warp), classes)


def _likely_gender(sound: np.ndarray) -> int:
    frames = features.frame_features(np.pad(sound, (0, features.FRAME)))
    voiced = frames[:, 1] >= features.VOICED_CLARITY
    return MAN if voiced.any() and 2 ** np.median(frames[voiced, 0]) < LOW_VOICE_HZ else WOMAN
