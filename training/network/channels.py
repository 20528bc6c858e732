"""Other rooms, microphones and surroundings for a whole batch of log-mel spectra at once.

They work on powers in mel bands rather than on waveforms, which costs a tenth and lets a training of an hour be one of
minutes: an equaliser is a gain for each band, a room smears each band's power in time, and what sounds beside the
voice adds its power. Phases, and so the beating of two sounds in one band, are left out.

Two examples that follow each other share their channel: where they are one clip as two voices, nothing but the voice
differs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.voices import logmel

STATIONARY = 48
NOISE_S = 12
CROWDS = 40
EQUALISER_DB = 8.0
EQUALISER_KNOTS = 6
ROOM_SHARE, SURROUNDINGS_SHARE, BABBLE_SHARE = 0.5, 0.3, 0.1
TELEPHONE_SHARE, BAND_LIMIT_SHARE, PAIR_BAND_SHARE = 0.1, 0.25, 0.7
"""A slowed voice ends below 8 kHz: in most pairs both versions end where the slower one does, so it is no cue."""
_NEPERS = np.log(10) / 10
"""Nepers of power in a decibel."""


class Channels:
    """Random channels drawn from banks that are made once."""

    def __init__(self, surroundings: Sequence[np.ndarray], voices: Sequence[np.ndarray], seed: int) -> None:
        """``surroundings``: log-mel spectra of music and noises to play below speech. ``voices``: of speech of all
        kinds, for babble. Both (n, BANDS)."""
        self._rng = np.random.default_rng([seed, 1])
        self._hz = np.log(band_centres())
        self._knots = np.log(np.geomspace(60, 8_000, EQUALISER_KNOTS))
        frames = NOISE_S * SAMPLE_RATE // logmel.HOP
        self._stationary = np.stack([_unit(np.exp(self._coloured_noise())) for _ in range(STATIONARY)])
        self._surroundings = np.stack([_loop(np.exp(sound.astype(np.float32)), frames) for sound in surroundings])
        self._babble = np.stack([self._crowd(voices, frames) for _ in range(CROWDS)])

    def apply(self, spectra: np.ndarray, slowest: np.ndarray) -> np.ndarray:
        """Change log-mel ``spectra`` (2 n, frames, BANDS). ``slowest``: the smaller pitch ratio of each pair, (n,)."""
        pairs, frames = len(slowest), spectra.shape[1]
        rng = self._rng
        gains = np.repeat(self._gains(slowest), 2, axis=0)
        power = np.exp(spectra + gains[:, np.newaxis])
        power = self._in_rooms(power, pairs)
        level = power.mean(axis=(1, 2), keepdims=True) + 1e-12
        power += level * np.repeat(self._noise(pairs, frames), 2, axis=0)
        loudness = np.repeat(-rng.uniform(1, 30, pairs), 2)[:, np.newaxis, np.newaxis] * _NEPERS
        level = power.mean(axis=(1, 2), keepdims=True) + 1e-12
        return np.asarray(np.log(power / level * np.exp(loudness) + logmel.FLOOR), np.float32)

    def _gains(self, slowest: np.ndarray) -> np.ndarray:
        """Nepers of power for each pair and band, (n, BANDS)."""
        rng = self._rng
        curves = []
        for ratio in slowest:
            curve = np.interp(self._hz, self._knots, rng.uniform(-EQUALISER_DB, EQUALISER_DB, EQUALISER_KNOTS))
            edge = 8_000.0
            if ratio < 1 and rng.random() < PAIR_BAND_SHARE:
                edge = 8_000 * ratio * rng.uniform(0.9, 1.0)
            if rng.random() < BAND_LIMIT_SHARE:
                edge = min(edge, rng.uniform(3_300, 7_600))
            if rng.random() < TELEPHONE_SHARE:
                edge = 3_400.0
                curve = curve - 30 * (np.exp(self._hz) < rng.uniform(150, 300))
            curves.append(curve - 60 * np.clip((np.exp(self._hz) - edge) / 200, 0, 1))
        return np.asarray(np.stack(curves) * _NEPERS, np.float32)

    def _in_rooms(self, power: np.ndarray, pairs: int) -> np.ndarray:
        """Direct sound and power that decays by 60 dB in 0.1 to 0.9 s, faster in high bands as walls make it."""
        rng = self._rng
        rt60 = rng.uniform(0.1, 0.9, pairs)[:, np.newaxis] * np.linspace(1, rng.uniform(0.5, 1), logmel.BANDS)
        decay = np.exp(-6 * np.log(10) * logmel.HOP / SAMPLE_RATE / rt60)
        late = 10 ** (-rng.uniform(-3, 15, pairs) / 10) * (rng.random(pairs) < ROOM_SHARE)
        decay = np.repeat(decay, 2, axis=0).astype(np.float32)
        share = np.repeat(late, 2)[:, np.newaxis].astype(np.float32) * (1 - decay)
        out = np.empty_like(power)
        tail = np.zeros_like(power[:, 0])
        for frame in range(power.shape[1]):
            out[:, frame] = power[:, frame] + share * tail
            tail = decay * tail + power[:, frame]
        return out

    def _noise(self, pairs: int, frames: int) -> np.ndarray:
        """Powers relative to a sound's level, (pairs, frames, BANDS)."""
        rng = self._rng
        out = self._pieces(self._stationary, frames, rng.uniform(8, 60, pairs))
        chance = rng.random(pairs)
        loud = rng.uniform(0, 20, pairs)
        out += self._pieces(self._babble, frames, np.where(chance < BABBLE_SHARE, loud + 3, np.inf))
        beside = (chance >= BABBLE_SHARE) & (chance < BABBLE_SHARE + SURROUNDINGS_SHARE)
        out += self._pieces(self._surroundings, frames, np.where(beside, loud, np.inf))
        return out

    def _pieces(self, bank: np.ndarray, frames: int, below_db: np.ndarray) -> np.ndarray:
        starts = self._rng.integers(bank.shape[1] - frames, size=len(below_db))
        chosen = self._rng.integers(len(bank), size=len(below_db))
        out = np.zeros((len(below_db), frames, bank.shape[2]), np.float32)
        for row, (index, start, below) in enumerate(zip(chosen, starts, below_db, strict=True)):
            if np.isfinite(below):
                out[row] = bank[index, start : start + frames] * np.float32(10 ** (-below / 10))
        return out

    def _coloured_noise(self) -> np.ndarray:
        samples = NOISE_S * SAMPLE_RATE
        spectrum = np.fft.rfft(self._rng.normal(0, 1, samples))
        shape = np.arange(1, len(spectrum) + 1) ** -self._rng.uniform(0, 0.75)
        noise = np.fft.irfft(spectrum * shape, samples)
        return logmel.frame_features(np.pad(noise / noise.std(), (logmel.PAST, 0)).astype(np.float32))

    def _crowd(self, voices: Sequence[np.ndarray], frames: int) -> np.ndarray:
        """Several people of any age at once."""
        crowd = np.zeros((frames, logmel.BANDS), np.float32)
        for index in self._rng.integers(len(voices), size=self._rng.integers(4, 9)):
            voice = _loop(np.exp(voices[index].astype(np.float32)), frames)
            crowd += np.roll(voice, self._rng.integers(frames), axis=0)
        return _unit(crowd)


def band_centres() -> np.ndarray:
    """Hz of the middle of each mel band, (BANDS,)."""
    hz = np.fft.rfftfreq(logmel.TRANSFORM, 1 / SAMPLE_RATE)
    return np.asarray(hz @ logmel.filters())


def _loop(power: np.ndarray, frames: int) -> np.ndarray:
    """``power`` (n, BANDS) repeated to ``frames`` at unit mean."""
    return _unit(power[np.arange(frames) % len(power)])


def _unit(power: np.ndarray) -> np.ndarray:
    return np.asarray(power / (power.mean() + 1e-12), np.float32)
