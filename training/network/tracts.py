"""A voice as if it came from another vocal tract: formants move, pitch and tempo stay."""

from __future__ import annotations

import numpy as np

FRAME, HOP = 512, 128
LIFTER = 34
"""Cepstral coefficients that make the envelope: up to 2.1 ms, below the period of voices up to 470 Hz."""
MAX_GAIN = 2.5
"""Nepers: what lies below the noise must not be raised without bound."""


def other_tract(sound: np.ndarray, ratio: float) -> np.ndarray:
    """``sound`` (n,) with its spectral envelope stretched by ``ratio``: above 1 is a shorter vocal tract.

    A time-varying filter from the cepstrally smoothed envelope of each frame (Oppenheim and Schafer's homomorphic
    separation), so that the harmonics stay where they are and only their strengths change.
    """
    window = np.hanning(FRAME + 1)[:FRAME]
    padded = np.pad(sound.astype(np.float32), (FRAME, FRAME + -len(sound) % HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP] * window.astype(np.float32)
    spectra = np.fft.rfft(frames, axis=1).astype(np.complex64)
    logs = np.log(np.abs(spectra) + 1e-5)
    cepstra = np.fft.irfft(logs, axis=1)
    taper = 0.5 + 0.5 * np.cos(np.pi * np.arange(LIFTER) / LIFTER)
    lifter = np.zeros(FRAME)
    lifter[:LIFTER] = np.sqrt(taper)
    lifter[-LIFTER + 1 :] = np.sqrt(taper[1:])[::-1]
    envelopes = np.fft.rfft(cepstra * lifter, axis=1).real
    at = np.minimum(np.arange(envelopes.shape[1]) / ratio, envelopes.shape[1] - 1.001)
    below = at.astype(int)
    part = at - below
    moved = envelopes[:, below] * (1 - part) + envelopes[:, below + 1] * part
    gains = np.exp(np.clip(moved - envelopes, -2 * MAX_GAIN, MAX_GAIN))
    pieces = np.fft.irfft(spectra * gains, FRAME, axis=1) * window
    out = np.zeros(len(padded))
    norm = np.zeros(len(padded))
    for shift in range(FRAME // HOP):
        rows = pieces[shift :: FRAME // HOP]
        out[shift * HOP : shift * HOP + rows.size] += rows.ravel()
        norm[shift * HOP : shift * HOP + rows.size] += np.tile(window**2, len(rows))
    out = out / np.maximum(norm, 1e-3)
    return out[FRAME : FRAME + len(sound)].astype(np.float32)
