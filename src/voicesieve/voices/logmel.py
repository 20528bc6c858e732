"""Log-mel features of the embedded network, frame by frame and window by window.

Training imports the constants and the filters from here and repeats the rest in its own tensors; a test holds both
against each other.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from voicesieve.domain.sound import SAMPLE_RATE

HOP = 160
"""Samples (10 ms) from one frame to the next."""
FRAME = 400
"""Samples (25 ms): the usual trade of time against frequency for speech."""
PAST = FRAME - HOP
"""Samples before its own hop that a frame also looks at. It looks at nothing after it, so no sound must be awaited."""
TRANSFORM = 1_024
"""Points: with 512 the lowest of 64 filters would be narrower than one bin."""
BANDS = 64
BAND_LIMITS_HZ = (60.0, 7_600.0)
"""Above hum, below the edge that codecs and resamplers cut."""
FLOOR = 1e-10
"""Added to the power: far below the rounding noise of 16 bits."""
WINDOW_FRAMES = 256
"""Frames of one window (2.56 s)."""
CLIP = 5.0
"""Nepers from the window's mean spectrum beyond which a frame says no more."""


def frame_features(sound: np.ndarray) -> np.ndarray:
    """Log-mel power in nepers of each frame, float32 (PAST + n * HOP,) samples in -1..1 -> float32 (n, BANDS)."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::HOP]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * hann()
    spectrum = np.fft.rfft(frames, TRANSFORM, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(np.log(power.astype(np.float32) @ filters() + FLOOR), np.float32)


def normalised(frames: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """Frames (n, BANDS) relative to the mean spectrum of those that are ``speech``, bool (n,); the rest is zero.

    A linear channel and a gain only move the mean, and what a recording sounds like between speech, which in
    speechocean762 distinguishes children from adults (corpora's README), never reaches the network.
    """
    if not speech.any():
        return np.zeros_like(frames)
    relative = np.clip(frames - frames[speech].mean(axis=0), -CLIP, CLIP)
    return np.asarray(relative * speech[:, np.newaxis], np.float32)


@lru_cache(maxsize=1)
def hann() -> np.ndarray:
    """The analysis window, float32 (FRAME,)."""
    return np.hanning(FRAME).astype(np.float32)


@lru_cache(maxsize=1)
def filters() -> np.ndarray:
    """Triangular mel filters, float32 (TRANSFORM // 2 + 1, BANDS), each of unit sum."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in BAND_LIMITS_HZ)  # O'Shaughnessy's mel scale
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    hz = np.fft.rfftfreq(TRANSFORM, 1 / SAMPLE_RATE)[:, np.newaxis]
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    shape = np.clip(np.minimum(rising, falling), 0, None)
    return np.asarray(shape / shape.sum(axis=0), np.float32)
