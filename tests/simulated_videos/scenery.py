"""What surrounds voices: rendered music, rooms, microphones. Made here, so that no detector has learnt these sounds."""

from __future__ import annotations

import numpy as np

from voicesieve.domain.sound import SAMPLE_RATE

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9))
PROGRESSIONS = ((0, 3, 4, 0), (0, 4, 5, 3), (5, 3, 0, 4), (0, 0, 3, 4))
TOP_HZ = 7_000.0


def music(rng: np.random.Generator, samples: int) -> np.ndarray:
    """A piece with chords, a bass, a melody and at times drums, float32 (samples,) of unit RMS.

    Notes are frequency-modulated sines (Chowning 1973): from bells to brass with two numbers, and nothing like the
    sums of harmonics that the detectors are trained on.
    """
    beat = int(60 / rng.uniform(70, 140) * SAMPLE_RATE)
    scale, progression = SCALES[rng.integers(len(SCALES))], PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
    key = 110 * 2 ** (rng.integers(0, 12) / 12)
    voices = [(rng.choice([1.0, 2.0, 1.41, 3.0]), rng.uniform(0.3, 4.0), rng.uniform(0.8, 6.0)) for _ in range(3)]
    drums = rng.random() < 0.5
    out = np.zeros(samples + 8 * beat, np.float32)
    for number, start in enumerate(range(0, samples, beat)):
        root = progression[number // 4 % len(progression)]
        if number % 4 == 0:
            for step in (0, 2, 4):
                _note(out, start, 4 * beat, key * _pitch(scale, root + step), voices[0], 0.25)
        if number % 2 == 0:
            _note(out, start, 2 * beat, key / 2 * _pitch(scale, root), voices[1], 0.5)
        for half in range(2):
            if rng.random() < 0.7:
                pitch = key * 2 * _pitch(scale, root + int(rng.integers(0, 7)))
                _note(out, start + half * beat // 2, beat, pitch, voices[2], 0.4)
        if drums:
            _drum(out, start, rng, decay=60.0 if number % 2 else 25.0)
    out = out[:samples]
    return np.asarray(out / (np.sqrt((out**2).mean()) + 1e-9), np.float32)


def _pitch(scale: tuple[int, ...], degree: int) -> float:
    octave, step = divmod(degree, len(scale))
    return float(2 ** (octave + scale[step] / 12))


def _note(
    out: np.ndarray, start: int, length: int, hz: float, voice: tuple[float, float, float], amplitude: float
) -> None:
    ratio, depth, decay = voice
    time = np.arange(min(length, len(out) - start)) / SAMPLE_RATE
    depth = min(depth, max(0.0, (TOP_HZ / hz - 1) / ratio))
    bend = depth * np.exp(-decay * time) * np.sin(2 * np.pi * hz * ratio * time)
    envelope = amplitude * np.exp(-decay * time) * np.minimum(1, time * 100)
    out[start : start + len(time)] += np.sin(2 * np.pi * hz * time + bend) * envelope


def _drum(out: np.ndarray, start: int, rng: np.random.Generator, decay: float) -> None:
    time = np.arange(min(SAMPLE_RATE // 4, len(out) - start)) / SAMPLE_RATE
    hit = rng.normal(0, 1, len(time)) + 2 * np.sin(2 * np.pi * 70 * time)
    out[start : start + len(time)] += 0.3 * hit * np.exp(-decay * time)


class Room:
    """One room: every speaker stands somewhere else in it. RT60 0.1 to 0.8 s."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.rt60_s = float(rng.uniform(0.1, 0.8))

    def response(self) -> np.ndarray:
        """Direct sound at sample 0, then a decaying tail -3 to -18 dB below it; float32."""
        rng = self._rng
        time = np.arange(int(self.rt60_s * SAMPLE_RATE)) / SAMPLE_RATE
        tail = rng.normal(0, 1, len(time)) * 10 ** (-3 * time / self.rt60_s)
        tail[: int(rng.uniform(0.002, 0.012) * SAMPLE_RATE)] = 0
        tail *= 10 ** (-rng.uniform(3, 18) / 20) / (np.sqrt((tail**2).sum()) + 1e-9)
        tail[0] = 1.0
        return np.asarray(tail, np.float32)


def convolved(sound: np.ndarray, response: np.ndarray) -> np.ndarray:
    """``sound`` in the room, (len(sound) + len(response) - 1,)."""
    length = len(sound) + len(response) - 1
    size = 1 << (length - 1).bit_length()
    return np.asarray(np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)[:length], np.float32)


def equaliser(rng: np.random.Generator, depth_db: float) -> np.ndarray:
    """A short linear-phase filter with a random curve of up to ``depth_db``, float32 (511,)."""
    hz = np.fft.rfftfreq(510, 1 / SAMPLE_RATE)
    curve_db = np.interp(np.log(hz + 1), np.log(np.geomspace(60, 8_000, 6)), rng.uniform(-depth_db, depth_db, 6))
    taps = np.roll(np.fft.irfft(10 ** (curve_db / 20), 510), 255)
    return np.asarray(np.append(taps, 0) * np.hanning(511), np.float32)


def equalised(sound: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """``sound`` through a filter of `equaliser`, without its delay."""
    return convolved(sound, taps)[255 : 255 + len(sound)]


def noise_floor(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Stationary noise between white and brown, float32 (samples,) of unit RMS."""
    spectrum = np.fft.rfft(rng.normal(0, 1, samples))
    spectrum *= np.arange(1, len(spectrum) + 1) ** -rng.uniform(0, 0.75)
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise / (noise.std() + 1e-12), np.float32)
