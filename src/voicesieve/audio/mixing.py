"""All channels of a recording as one, without losing what only one of them holds or what cancels between them.

The mean of all channels is right for most recordings and silent for some: a microphone wired the wrong way round makes
one channel the negative of the other. So channels are joined one after the other, the loudest first, and one that would
cancel those already joined is left out for a while. Channels that never carried sound are not counted.
"""

from __future__ import annotations

import numpy as np

HOLD_S = 3
"""A channel that cancelled stays out this long, so that the mix does not flap from word to word."""
FADE_S = 0.05
"""How long a change of the mix takes. Shorter would click."""
LEAST_S = 0.1
"""Less sound than this, at the end of a stream, says too little to change anything."""

_SILENT_POWER = 1e-9
_SILENT_SHARE = 1e-4
"""A channel below -90 dBFS, or 40 dB below the loudest so far, has not carried sound: it is a hum or a leak."""
_PREFERENCE = 4.0
"""Power by which another channel must be louder (6 dB) to take the place of the one in front."""

_CHUNK_S = 0.04
_BANDS_HZ = (150, 300, 600, 1_200, 2_400, 4_800)
"""Speech is compared in octaves of 40 ms, so that hum or a bass in phase does not hide a voice that is not."""
_CANCELLED_SHARE = 0.1
"""A cell is lost where the mean has less than a tenth of the louder side's power. Silence on one side leaves a quarter,
sounds that have nothing to do with each other a half."""
_LOST_CELLS = 0.1
_CELL_RANGE = 1e-4
"""Cells more than 40 dB below the loudest are not counted: there codecs leave anything."""
_SAME_SHARE = 1e-3
"""Sides whose difference is 30 dB below them are the same sound."""


class Mixer:
    """Mixes the batches of one recording; one batch after the other, about a second each.

    The result depends on the batches' sound and order alone. ``out_of_phase_s`` counts the seconds in which a channel
    was left out because it would have cancelled others.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self.rate = rate
        self.channels = channels
        self.out_of_phase_s = 0.0
        self._loudest = 0.0
        self._alive = np.zeros(channels, bool)
        self._held_s = np.zeros(channels)
        self._front = 0
        self._joined: tuple[int, ...] = ()

    def mix(self, batch: np.ndarray) -> np.ndarray:
        """One channel (n,) of float32 (channels, n)."""
        if self.channels == 1:
            return np.asarray(batch[0])
        before = self._joined
        if not before or batch.shape[1] >= LEAST_S * self.rate:
            self._joined = self._chosen(batch)
        mixed = _mean(batch, self._joined)
        if before and self._joined != before:
            fade = min(round(FADE_S * self.rate), batch.shape[1])
            share = np.linspace(0.0, 1.0, fade, dtype=np.float32)
            mixed[:fade] = share * mixed[:fade] + (1 - share) * _mean(batch[:, :fade], before)
        return mixed

    def _chosen(self, batch: np.ndarray) -> tuple[int, ...]:
        """The channels whose mean keeps everything."""
        seconds = batch.shape[1] / self.rate
        powers = np.einsum("cn,cn->c", batch, batch) / batch.shape[1]
        self._loudest = max(self._loudest, float(powers.max()))
        self._alive |= powers > max(_SILENT_POWER, _SILENT_SHARE * self._loudest)
        self._held_s = np.maximum(self._held_s - seconds, 0.0)
        if not self._alive.any():
            return tuple(range(self.channels))
        preferred = powers.copy()
        preferred[self._front] *= _PREFERENCE
        order = [int(channel) for channel in np.argsort(-preferred, kind="stable") if self._alive[channel]]
        self._front = order[0]
        joined, total = [order[0]], batch[order[0]]
        for channel in order[1:]:
            if cancels(total / len(joined), batch[channel], self.rate):
                self._held_s[channel] = HOLD_S
            if self._held_s[channel] == 0:
                joined.append(channel)
                total = total + batch[channel]
        if len(joined) < len(order):
            self.out_of_phase_s += seconds
        return tuple(sorted(joined))


def cancels(left: np.ndarray, right: np.ndarray, rate: int) -> bool:
    """Whether speech of ``left`` or ``right``, float (n,) at ``rate`` Hz, would be lost in their mean."""
    size = max(64, 1 << round(np.log2(_CHUNK_S * rate)))
    difference = left - right
    power = float(np.dot(left, left)) + float(np.dot(right, right))
    if power == 0 or float(np.dot(difference, difference)) < _SAME_SHARE * power:
        return False
    first, second = _spectra(left, size), _spectra(right, size)
    edges = np.unique([round(hz * size / rate) for hz in _BANDS_HZ if hz < rate / 2])
    louder = np.maximum(_cells(first, edges), _cells(second, edges))
    mean = _cells((first + second) / 2, edges)
    counted = louder > _CELL_RANGE * louder.max(initial=0.0)
    lost = counted & (mean < _CANCELLED_SHARE * louder)
    return bool(lost.sum() > _LOST_CELLS * counted.sum())


def _spectra(sound: np.ndarray, size: int) -> np.ndarray:
    """Of every other chunk of ``size`` samples: complex (chunks, bins). Half of the sound stands for all of it."""
    if len(sound) < size:
        sound = np.pad(sound, (0, size - len(sound)))
    chunks = sound[: len(sound) // size * size].reshape(-1, size)[::2]
    return np.asarray(np.fft.rfft(chunks * np.hanning(size).astype(np.float32), axis=1))


def _cells(spectra: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Power in each chunk and band: (chunks, bands)."""
    inside = spectra[:, : edges[-1]]
    return np.asarray(np.add.reduceat(inside.real**2 + inside.imag**2, edges[:-1], axis=1))


def _mean(batch: np.ndarray, channels: tuple[int, ...]) -> np.ndarray:
    total = np.array(batch[channels[0]])
    for channel in channels[1:]:
        total += batch[channel]
    total *= np.float32(1 / len(channels))
    return total
