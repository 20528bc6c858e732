"""Acoustic features of a voice: how high it is, how long its vocal tract is, and how it is modulated.

Frames of 64 ms every 32 ms, one for each chunk of the voice-activity network: long enough for two periods of a low
voice and for splitting the harmonics of a high one.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from voicesieve.domain.sound import SAMPLE_RATE

HOP = 512
"""Samples (32 ms): the chunk of the voice-activity network."""
FRAME = 2 * HOP
BANDS = 32
BAND_LIMITS_HZ = (120.0, 7_400.0)
"""Above mains hum and rumble, below the edge that codecs and resamplers cut."""
MIN_F0_HZ, MAX_F0_HZ = 70.0, 600.0
"""Low men to small children's excited speech (childvoice literature: children's medians 200-350 Hz)."""
VOICED_CLARITY = 0.6
"""A frame is voiced when its normalised autocorrelation peak reaches this."""
PEAK_SHARE = 0.88
"""The first peak of this share of the highest is the period (McLeod and Wyvill 2005 use 0.8 to 1): avoids octaves."""

_TRANSFORM = 2 * FRAME
_FLOOR = 1e-9

FRAME_FEATURES = 2 + BANDS
"""Columns of `frame_features`: log2 of F0 in Hz, clarity 0..1, then log-mel power in nepers."""

NAMES = (
    "f0_25",
    "f0_50",
    "f0_75",
    "voiced",
    "clarity",
    "clarity_std",
    "f0_move",
    "activity",
    *(f"ltas_{i}" for i in range(BANDS)),
    *(f"depth_{i}" for i in range(BANDS)),
    *(f"flux_{i}" for i in range(BANDS)),
)
"""Names of the columns of `summarise`."""


def frame_features(sound: np.ndarray) -> np.ndarray:
    """Features of each frame of ``sound``, float32 (FRAME + (n - 1) * HOP,) -> float32 (n, FRAME_FEATURES)."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(frames * _window(), _TRANSFORM, axis=1)) ** 2
    bands = np.log(power @ _filters() / FRAME + _FLOOR)
    f0, clarity = _pitch(frames)
    return np.column_stack([np.log2(f0), clarity, bands]).astype(np.float32)


def summarise(frames: np.ndarray, activity: np.ndarray) -> np.ndarray:
    """One feature vector, float32 (len(NAMES),), for the speech frames (n, FRAME_FEATURES) of a window.

    ``activity`` is the voice-activity probability of each frame (n,). The mean spectrum is taken relative to its own
    mean, so that level does not matter; modulation depth and flux do not change with any linear channel.
    """
    pitch, clarity, bands = frames[:, 0], frames[:, 1], frames[:, 2:]
    voiced = clarity >= VOICED_CLARITY
    if voiced.sum() < 3:
        voiced = clarity >= np.sort(clarity)[-min(3, len(clarity))]
    ltas = bands[voiced].mean(axis=0)
    quartiles = np.percentile(pitch[voiced], (25, 50, 75))
    flux = np.abs(np.diff(bands, axis=0)).mean(axis=0) if len(bands) > 1 else np.zeros(BANDS)
    move = np.abs(np.diff(pitch[voiced])).mean() if voiced.sum() > 1 else 0.0
    return np.concatenate(
        [
            quartiles,
            [(clarity >= VOICED_CLARITY).mean(), clarity.mean(), clarity.std(), min(move, 1.0), activity.mean()],
            ltas - ltas.mean(),
            bands.std(axis=0),
            flux,
        ]
    ).astype(np.float32)


def _pitch(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F0 in Hz and clarity of each frame by the normalised square difference function (McLeod and Wyvill 2005)."""
    low, high = int(SAMPLE_RATE / MAX_F0_HZ), int(SAMPLE_RATE / MIN_F0_HZ) + 1
    spectrum = np.fft.rfft(frames, _TRANSFORM, axis=1)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, _TRANSFORM, axis=1)[:, : high + 2]
    squares = np.cumsum(np.pad(frames**2, ((0, 0), (1, 0))), axis=1)
    lags = np.arange(high + 2)
    energy = squares[:, FRAME - lags] + squares[:, -1:] - squares[:, lags]
    nsdf = 2 * correlation / (energy + _FLOOR)
    inner = nsdf[:, low : high + 1]
    peaks = (inner >= nsdf[:, low - 1 : high]) & (inner > nsdf[:, low + 1 : high + 2])
    heights = np.where(peaks, inner, 0.0)
    highest = heights.max(axis=1)
    first = np.argmax(heights >= np.maximum(PEAK_SHARE * highest, _FLOOR)[:, np.newaxis], axis=1)
    rows = np.arange(len(frames))
    lag = first + low
    before, at, after = nsdf[rows, lag - 1], nsdf[rows, lag], nsdf[rows, lag + 1]
    curvature = before - 2 * at + after
    shift = np.where(curvature < -_FLOOR, 0.5 * (before - after) / np.minimum(curvature, -_FLOOR), 0.0)
    return SAMPLE_RATE / (lag + np.clip(shift, -0.5, 0.5)), np.clip(highest, 0.0, 1.0)


@lru_cache(maxsize=1)
def _window() -> np.ndarray:
    return np.hanning(FRAME).astype(np.float32)


@lru_cache(maxsize=1)
def _filters() -> np.ndarray:
    """Triangular mel filters, float32 (bins, BANDS), each of unit sum."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in BAND_LIMITS_HZ)  # O'Shaughnessy's mel scale
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    hz = np.fft.rfftfreq(_TRANSFORM, 1 / SAMPLE_RATE)[:, np.newaxis]
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    filters = np.clip(np.minimum(rising, falling), 0, None)
    return np.asarray(filters / filters.sum(axis=0), np.float32)
