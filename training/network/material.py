"""What the network learns from: clips of the corpora, their speech marks, and each voice as other vocal tracts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import av
import numpy as np

from training.corpora import Clip
from training.floor import resampled
from training.network.tracts import other_tract
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.voices import features, logmel
from voicesieve.voices.activity import CHUNK, VoiceActivity
from voicesieve.voices.network import chunk_of_frame
from voicesieve.voices.scores import CHILD, MAN, WOMAN
from voicesieve.voices.speech import MIN_SPEECH_CHUNKS, speech_chunks, widened

SEED = 762
WORKERS = 2
ADULT = frozenset({WOMAN, MAN})
LOW_VOICE_HZ = 165.0
"""Between the median F0 of men (about 120 Hz) and women (about 220 Hz): how far an undeclared adult must be warped."""
STAYING = {CHILD: (1.0, 1.14), WOMAN: (0.94, 1.0), MAN: (0.95, 1.05)}
"""Tract ratios that keep the label. 6 % more give a woman a boy's third formant (Hillenbrand 1995, own analysis); a
child of 6 to 12 with a shorter tract is a smaller child, of whom no recording is at hand."""
STAYING_PITCH = {CHILD: (0.82, 1.3), WOMAN: (0.85, 1.4), MAN: (0.85, 1.6)}
"""A high or excited voice in an unchanged tract is no child's, a low voice of a small child no adult's."""
MOVING = {CHILD: (0.72, 0.84), WOMAN: (1.17, 1.42), MAN: (1.4, 1.75)}
"""Tract ratios that move a child to the adults and an adult to the children."""
MOVING_PITCH = {CHILD: (0.6, 0.9), WOMAN: (1.05, 1.6), MAN: (1.5, 2.1)}
LINKED_SHARE = 0.4
"""Of changed versions whose pitch and tract change alike, by resampling alone; in the others both are drawn."""
STAYING_COPIES, MOVED_COPIES = 3, 3
CODEC_SHARE = 0.25
CODECS = (
    ("libopus", "ogg", 48_000, (12_000, 16_000, 24_000, 32_000)),
    ("aac", "adts", 16_000, (24_000, 32_000, 48_000)),
    ("libmp3lame", "mp3", 16_000, (24_000, 32_000, 48_000)),
)


@dataclass(frozen=True, eq=False)
class Version:
    """A clip as another voice: log-mel frames, float16 (n, BANDS), which of them are speech, the classes it may be.

    ``tract``: ratio of its formants to the clip's. ``pitch``: ratio of its F0 and of its tempo, since it is resampled.
    """

    frames: np.ndarray
    speech: np.ndarray
    tract: float
    pitch: float
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
        if speech.sum() < MIN_SPEECH_CHUNKS:
            speech = np.ones_like(speech)
        version = _framed(clip.sound, speech, 1.0, 1.0, clip.classes)
        examples.append(Example((version,), next(iter(clip.classes)), clip.group))
    return examples


def speech_of(sound: np.ndarray) -> np.ndarray:
    """Which 32 ms of ``sound`` the product would give to the network, bool (ceil(n / CHUNK),)."""
    chunks = np.pad(sound, (0, -len(sound) % CHUNK)).reshape(-1, CHUNK)
    return widened(speech_chunks(VoiceActivity().probabilities(chunks.astype(np.float32))))


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
    moved_to = ADULT if kind == CHILD else frozenset({CHILD})
    staying = [(1.0, 1.0), *_ratios(STAYING[kind], STAYING_PITCH[kind], STAYING_COPIES - 1, rng)]
    moved = _ratios(MOVING[kind], MOVING_PITCH[kind], MOVED_COPIES, rng)
    versions = [_version(clip.sound, speech, *ratios, clip.classes, rng) for ratios in staying]
    versions += [_version(clip.sound, speech, *ratios, moved_to, rng) for ratios in moved]
    return Example(tuple(versions), kind, clip.group)


def _ratios(
    tracts: tuple[float, float], pitches: tuple[float, float], count: int, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Ratios of tract and pitch. One tract from each part of its range: two versions of a clip rarely have the same."""
    edges = np.linspace(*tracts, count + 1)
    ratios = []
    for tract in rng.uniform(edges[:-1], edges[1:]):
        linked = rng.random() < LINKED_SHARE
        ratios.append((float(tract), float(tract if linked else np.exp(rng.uniform(*np.log(pitches))))))
    return ratios


def _version(
    sound: np.ndarray,
    speech: np.ndarray,
    tract: float,
    pitch: float,
    classes: frozenset[int],
    rng: np.random.Generator,
) -> Version:
    if pitch != 1.0:
        sound = resampled(sound, pitch)
    if tract != pitch:
        sound = other_tract(sound, tract / pitch)
    marks = np.minimum(np.arange(-(-len(sound) // CHUNK)) * pitch, len(speech) - 1).astype(int)
    if rng.random() < CODEC_SHARE:
        codec, container, rate, bit_rates = CODECS[rng.integers(len(CODECS))]
        sound = through_codec(sound, codec, container, rate, int(rng.choice(bit_rates)))
    return _framed(sound, speech[marks], tract, pitch, classes)


def _framed(sound: np.ndarray, speech: np.ndarray, tract: float, pitch: float, classes: frozenset[int]) -> Version:
    """``speech``: one mark for each 32 ms."""
    padded = np.pad(sound.astype(np.float32), (logmel.PAST, -len(sound) % logmel.HOP))
    frames = logmel.frame_features(padded).astype(np.float16)
    chunks = np.minimum(chunk_of_frame(len(frames)), len(speech) - 1)
    return Version(frames, speech[chunks], tract, pitch, classes)


def _likely_gender(sound: np.ndarray) -> int:
    frames = features.frame_features(np.pad(sound, (0, features.FRAME)))
    voiced = frames[:, 1] >= features.VOICED_CLARITY
    return MAN if voiced.any() and 2 ** np.median(frames[voiced, 0]) < LOW_VOICE_HZ else WOMAN
