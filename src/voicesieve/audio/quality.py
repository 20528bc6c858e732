"""What can be measured of a clip of speech without a model: noise, clipping, bandwidth, loudness.

All of it is meant for sorting and filtering a corpus, not as a verdict on single clips.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from voicesieve.domain.sound import SAMPLE_RATE

FRAME = 320
"""Samples of a level frame: 20 ms."""

CONTEXT_S = 15.0
"""The noise floor is measured this far around a clip: a clip of continuous speech has no silence of its own."""
NOISE_PERCENTILE = 5.0
"""Quietest twentieth of the frames, as in NIST's stnr: within half a minute even a fast talker pauses for longer."""
FLOOR = 1e-10
"""Mean power of -100 dBFS; digital silence would be infinitely quiet."""
DIGITAL_SILENCE = 1e-9
"""Mean power of -90 dBFS. Quieter frames were gated or spliced in: they say nothing of the noise under the speech."""
MAX_SNR_DB = 80.0

CLIP_RUN = 3
"""So many samples in a row at the very top are clipping: a sine of full scale at 8 kHz or speech peaks have fewer."""
CLIP_SHARE_OF_PEAK = 0.99
CLIP_LEAST_PEAK = 0.1

BANDWIDTH_DB = 50.0
"""The band ends where the long-term spectrum stays this far below its maximum. Speech falls by some 40 dB up to
8 kHz; a low-pass of a codec falls by 60 dB or more."""
_FFT = 1024


def levels(samples: np.ndarray) -> np.ndarray:
    """Mean power of each whole frame of 20 ms: float32 (n // 320,)."""
    whole = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float32)
    return np.asarray(np.mean(whole * whole, axis=1), dtype=np.float32)


def snr_db(clip_levels: np.ndarray, context_levels: np.ndarray) -> float:
    """Estimated ratio of speech to noise in dB, -10..80.

    Noise is the 5th percentile of the levels around the clip, speech the mean of the louder half of its own frames.
    Steady noise is estimated well; babble and music count as speech.
    """
    if not len(clip_levels):
        return 0.0
    audible = context_levels[context_levels > DIGITAL_SILENCE]
    around = audible if len(audible) else clip_levels
    noise = max(float(np.percentile(around, NOISE_PERCENTILE)), FLOOR)
    loud = clip_levels[clip_levels >= np.median(clip_levels)]
    speech = max(float(np.mean(loud)) - noise, FLOOR)
    return float(np.clip(10 * np.log10(speech / noise), -10.0, MAX_SNR_DB))


def clipped_share(samples: np.ndarray) -> float:
    """Share of samples (0..1) in runs of three or more within 1 % of the clip's own peak."""
    peak = float(np.max(np.abs(samples), initial=0.0))
    if peak < CLIP_LEAST_PEAK:
        return 0.0
    clipped = 0
    for side in (samples, -samples):
        at_top = np.concatenate(([0], (side >= CLIP_SHARE_OF_PEAK * peak).astype(np.int8), [0]))
        edges = np.flatnonzero(np.diff(at_top))
        runs = edges[1::2] - edges[::2]
        clipped += int(runs[runs >= CLIP_RUN].sum())
    return clipped / len(samples)


def bandwidth_hz(samples: np.ndarray) -> float:
    """Upper end of the band that is in use, at most 8000."""
    spectrum = _long_term_spectrum(samples)
    top = float(spectrum.max(initial=0.0))
    if top <= 0:
        return 0.0
    used = np.flatnonzero(spectrum > top * 10 ** (-BANDWIDTH_DB / 10))
    return float((used[-1] + 1) * SAMPLE_RATE / _FFT) if len(used) and used[-1] < _FFT // 2 else SAMPLE_RATE / 2


def peak_dbfs(samples: np.ndarray) -> float:
    """Highest sample in dB of full scale, at least -100."""
    return float(max(20 * np.log10(max(float(np.max(np.abs(samples), initial=0.0)), 1e-5)), -100.0))


def loudness_lufs(samples: np.ndarray) -> float:
    """Integrated loudness by ITU-R BS.1770-4 (blocks of 400 ms, gates at -70 LUFS and 10 LU), at least -70.

    The K weighting is applied to the spectrum of each block; a clip below 400 ms is one block. What lay above 8 kHz is
    not in the samples and not counted.
    """
    block, hop = int(0.4 * SAMPLE_RATE), int(0.1 * SAMPLE_RATE)
    if len(samples) < block:
        samples = np.pad(samples, (0, block - len(samples)))
    blocks = np.lib.stride_tricks.sliding_window_view(samples, block)[::hop]
    weights = _k_weights(block)
    powers = np.concatenate([_weighted_power(part, weights) for part in np.array_split(blocks, len(blocks) // 64 + 1)])
    loudness = -0.691 + 10 * np.log10(np.maximum(powers, FLOOR))
    audible = loudness > -70.0
    if not audible.any():
        return -70.0
    gate = -0.691 + 10 * np.log10(powers[audible].mean()) - 10.0
    counted = audible & (loudness > gate)
    return float(max(-0.691 + 10 * np.log10(powers[counted].mean()), -70.0))


def _weighted_power(blocks: np.ndarray, weights: np.ndarray) -> np.ndarray:
    spectrum = np.fft.rfft(blocks.astype(np.float64), axis=1)
    power = np.abs(spectrum) ** 2 * weights
    length = blocks.shape[1]
    return np.asarray((2 * power.sum(axis=1) - power[:, 0] - power[:, -1]) / length**2)


@lru_cache(maxsize=2)
def _k_weights(length: int) -> np.ndarray:
    """Squared magnitude of both filters of BS.1770-4, whose coefficients are given for 48 kHz."""
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(length, 1 / SAMPLE_RATE) / 48_000)
    shelf_b, shelf_a = (
        (1.53512485958697, -2.69169618940638, 1.19839281085285),
        (1.0, -1.69065929318241, 0.73248077421585),
    )
    high_b, high_a = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)

    def response(b: tuple[float, ...], a: tuple[float, ...]) -> np.ndarray:
        return np.asarray(np.polyval(b[::-1], z) / np.polyval(a[::-1], z))

    return np.asarray(np.abs(response(shelf_b, shelf_a) * response(high_b, high_a)) ** 2)


def _long_term_spectrum(samples: np.ndarray) -> np.ndarray:
    if len(samples) < _FFT:
        samples = np.pad(samples, (0, _FFT - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FFT)[:: _FFT // 2]
    window = np.hanning(_FFT)
    total = np.zeros(_FFT // 2 + 1)
    for part in np.array_split(frames, len(frames) // 256 + 1):
        total += (np.abs(np.fft.rfft(part * window, axis=1)) ** 2).sum(axis=0)
    return np.asarray(total / len(frames))


def measure(samples: np.ndarray) -> dict[str, float]:
    """The columns of one clip of float32 samples (n,) at 16 kHz that need nothing but the clip."""
    return {
        "clipping": round(clipped_share(samples), 6),
        "bandwidth_hz": round(bandwidth_hz(samples)),
        "loudness_lufs": round(loudness_lufs(samples), 1),
        "peak_dbfs": round(peak_dbfs(samples), 1),
    }
