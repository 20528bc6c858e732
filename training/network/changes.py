"""The same recording through other equipment, rooms and codecs: what the measures hear a detector through."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from training.floor import channel
from training.network.material import through_codec
from voicesieve.domain.sound import SAMPLE_RATE

OPUS, AAC = ("libopus", "ogg", 48_000, 24_000), ("aac", "adts", 16_000, 48_000)

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def unchanged(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return sound


def equaliser(music: Sequence[np.ndarray]) -> Change:
    """Equaliser, band limit, noise floor, at times music, gain, then Opus: what hides a corpus's equipment."""
    return lambda sound, rng: through_codec(channel(sound, music, rng), *OPUS)


def _telephone(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    spectrum = np.fft.rfft(sound)
    spectrum[np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE) > 3_900] = 0
    return np.fft.irfft(spectrum, len(sound))


def _noisy(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White to brown noise 10 dB below the sound."""
    spectrum = np.fft.rfft(rng.normal(0, 1, len(sound)))
    noise = np.fft.irfft(spectrum / np.arange(1, len(spectrum) + 1) ** 0.5, len(sound))
    return sound + noise / noise.std() * sound.std() * 10 ** (-10 / 20)


def _in_a_room(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """RT60 0.6 s, direct sound and reverberation equally strong."""
    time_s = np.arange(int(0.6 * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.normal(0, 1, len(time_s)) * 10 ** (-3 * time_s / 0.6)
    tail[:80] = 0
    tail /= np.sqrt((tail**2).sum())
    tail[0] = 1
    size = len(sound) + len(tail)
    return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: len(sound)]


CELLS: dict[str, Change] = {
    "opus_24k": lambda sound, rng: through_codec(sound, *OPUS),
    "aac_48k": lambda sound, rng: through_codec(sound, *AAC),
    "8_khz": _telephone,
    "noise_10_db": _noisy,
    "rt60_0.6": _in_a_room,
}
