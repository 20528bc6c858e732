"""Other rooms, microphones and surroundings for a whole batch of sounds at once.

Two examples that follow each other share theirs: where they are one clip at two warps, nothing but the voice differs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from voicesieve.audio.decode import SAMPLE_RATE

TRANSFORM = 65_536
ROOMS = 256
STATIONARY = 48
NOISE_S = 12
EQUALISER_DB = 8.0
EQUALISER_KNOTS = 6
ROOM_SHARE, SURROUNDINGS_SHARE, BABBLE_SHARE, SOFT_CLIP_SHARE = 0.5, 0.3, 0.1, 0.1
TELEPHONE_SHARE, BAND_LIMIT_SHARE, PAIR_BAND_SHARE = 0.1, 0.25, 0.7
"""A slowed voice ends below 8 kHz: in most pairs both versions end where the slower one does, so it is no cue."""


class Channels:
    """Random channels drawn from banks that are made once."""

    def __init__(self, surroundings: Sequence[np.ndarray], voices: Sequence[np.ndarray], seed: int) -> None:
        """``surroundings``: music and noises to play below speech. ``voices``: speech of all kinds for babble."""
        self._rng = np.random.default_rng([seed, 1])
        self._hz = torch.fft.rfftfreq(TRANSFORM, 1 / SAMPLE_RATE)
        self._knots = np.log(np.geomspace(60, 8_000, EQUALISER_KNOTS))
        self._coarse = np.log(np.linspace(1, 8_000, 256))
        self._rooms = torch.fft.rfft(torch.stack([self._room() for _ in range(ROOMS)]), TRANSFORM)
        self._stationary = torch.stack([self._coloured_noise() for _ in range(STATIONARY)])
        self._surroundings = _loops(surroundings)
        self._babble = _loops([self._crowd(voices) for _ in range(40)])

    def apply(self, sounds: Tensor, slowest: np.ndarray) -> Tensor:
        """Change ``sounds`` (2 n, length). ``slowest``: the smaller warp of each pair, (n,)."""
        pairs, length = len(slowest), sounds.shape[1]
        rng = self._rng
        spectrum = torch.fft.rfft(sounds, TRANSFORM) * self._responses(slowest).repeat_interleave(2, dim=0)
        out = torch.fft.irfft(spectrum, TRANSFORM)[:, :length]
        level = out.square().mean(dim=1, keepdim=True).sqrt() + 1e-6
        out = out + level * self._noise(pairs, length)
        peak = out.abs().amax(dim=1, keepdim=True) + 1e-6
        gains = torch.from_numpy(10 ** (-rng.uniform(1, 30, pairs) / 20)).float().repeat_interleave(2)[:, None]
        drive = torch.from_numpy(np.where(rng.random(pairs) < SOFT_CLIP_SHARE, rng.uniform(1, 4, pairs), 0.0))
        drive = drive.float().repeat_interleave(2)[:, None]
        out = out / peak
        clipped = torch.tanh(out * drive) / torch.tanh(drive).clamp(min=1e-6)
        return torch.where(drive > 0, clipped, out) * gains

    def _responses(self, slowest: np.ndarray) -> Tensor:
        rng = self._rng
        curves = []
        for warp in slowest:
            curve = np.interp(self._coarse, self._knots, rng.uniform(-EQUALISER_DB, EQUALISER_DB, EQUALISER_KNOTS))
            edge = 8_000.0
            if warp < 1 and rng.random() < PAIR_BAND_SHARE:
                edge = 8_000 * warp * rng.uniform(0.9, 1.0)
            if rng.random() < BAND_LIMIT_SHARE:
                edge = min(edge, rng.uniform(3_300, 7_600))
            if rng.random() < TELEPHONE_SHARE:
                edge = 3_400.0
                curve = curve - 30 * (np.exp(self._coarse) < rng.uniform(150, 300))
            curves.append(curve - 60 * np.clip((np.exp(self._coarse) - edge) / 200, 0, 1))
        gains = torch.from_numpy(10 ** (np.stack(curves) / 20)).float()
        gains = torch.nn.functional.interpolate(gains[:, None], len(self._hz), mode="linear", align_corners=True)[:, 0]
        rooms = self._rooms[torch.from_numpy(rng.integers(ROOMS, size=len(slowest)))]
        inside = torch.from_numpy(rng.random(len(slowest)) < ROOM_SHARE)[:, None]
        return torch.where(inside, rooms * gains, gains.to(rooms.dtype))

    def _noise(self, pairs: int, length: int) -> Tensor:
        """Noise relative to a sound's level, (2 pairs, length)."""
        rng = self._rng
        out = self._pieces(self._stationary, pairs, length, rng.uniform(8, 60, pairs))
        chance = rng.random(pairs)
        loud = rng.uniform(0, 20, pairs)
        babble = chance < BABBLE_SHARE
        out += self._pieces(self._babble, pairs, length, np.where(babble, loud + 3, np.inf))
        sounds = (chance >= BABBLE_SHARE) & (chance < BABBLE_SHARE + SURROUNDINGS_SHARE)
        out += self._pieces(self._surroundings, pairs, length, np.where(sounds, loud, np.inf))
        return out.repeat_interleave(2, dim=0)

    def _pieces(self, bank: Tensor, pairs: int, length: int, below_db: np.ndarray) -> Tensor:
        starts = self._rng.integers(bank.shape[1] - length, size=pairs)
        chosen = self._rng.integers(len(bank), size=pairs)
        pieces = torch.stack([bank[index, start : start + length] for index, start in zip(chosen, starts, strict=True)])
        return pieces * torch.from_numpy(10 ** (-below_db / 20)).float()[:, None]

    def _room(self) -> Tensor:
        """Direct sound and noise that decays by 60 dB in 0.1 to 0.9 s, darker with time as walls make it."""
        rng = self._rng
        rt60 = rng.uniform(0.1, 0.9)
        time = np.arange(int(min(rt60, 0.6) * SAMPLE_RATE)) / SAMPLE_RATE
        tail = rng.normal(0, 1, len(time)) * 10 ** (-3 * time / rt60)
        dark = np.convolve(tail, np.ones(4) / 2, mode="same")
        tail = tail + (dark - tail) * np.minimum(1, time / rt60 * 2)
        tail[: int(rng.uniform(0.001, 0.01) * SAMPLE_RATE)] = 0
        tail *= 10 ** (-rng.uniform(-3, 15) / 20) / (np.sqrt((tail**2).sum()) + 1e-9)
        tail[0] = 1.0
        room = np.pad(tail / np.sqrt((tail**2).sum()), (0, int(0.6 * SAMPLE_RATE) - len(tail)))
        return torch.from_numpy(room).float()

    def _coloured_noise(self) -> Tensor:
        samples = NOISE_S * SAMPLE_RATE
        spectrum = np.fft.rfft(self._rng.normal(0, 1, samples))
        shape = np.arange(1, len(spectrum) + 1) ** -self._rng.uniform(0, 0.75)
        noise = np.fft.irfft(spectrum * shape, samples)
        return torch.from_numpy(noise / noise.std()).float()

    def _crowd(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """Several people of any age at once."""
        crowd = np.zeros(NOISE_S * SAMPLE_RATE, np.float32)
        for index in self._rng.integers(len(voices), size=self._rng.integers(4, 9)):
            voice = np.resize(voices[index].astype(np.float32), len(crowd))
            crowd += np.roll(voice / (voice.std() + 1e-6), self._rng.integers(len(crowd)))
        return crowd


def _loops(sounds: Sequence[np.ndarray]) -> Tensor:
    """Each sound repeated to `NOISE_S` at unit level, (n, samples)."""
    looped = [np.resize(sound.astype(np.float32), NOISE_S * SAMPLE_RATE) for sound in sounds]
    return torch.from_numpy(np.stack([sound / (np.sqrt((sound**2).mean()) + 1e-6) for sound in looped]))
