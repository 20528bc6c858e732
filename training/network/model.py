"""The network in torch: a few two-dimensional filters, a residual time-delay network, attentive statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from voicesieve.voices import logmel
from voicesieve.voices.scores import CHILD, CLASSES, MAN, WOMAN

MAPS = (12, 20)
CHANNELS = 112
INNER = 192
DILATIONS = (1, 2, 4, 1)
EMBEDDING = 64
DROPOUT = 0.2


def frame_features(sound: Tensor) -> Tensor:
    """`voicesieve.voices.logmel.frame_features` for a batch: (batch, PAST + n * HOP) -> (batch, n, BANDS)."""
    frames = sound.unfold(1, logmel.FRAME, logmel.HOP)
    frames = (frames - frames.mean(dim=2, keepdim=True)) * torch.from_numpy(logmel.hann())
    spectrum = torch.view_as_real(torch.fft.rfft(frames, logmel.TRANSFORM, dim=2))
    power = spectrum.square().sum(dim=3)
    return torch.log(power @ torch.from_numpy(logmel.filters()) + logmel.FLOOR)


def normalised(frames: Tensor, speech: Tensor) -> Tensor:
    """`voicesieve.voices.logmel.normalised` for a batch: (batch, n, BANDS) and 0 or 1 in (batch, n)."""
    marks = speech[:, :, None]
    mean = (frames * marks).sum(dim=1, keepdim=True) / marks.sum(dim=1, keepdim=True).clamp(min=1)
    return (frames - mean).clamp(-logmel.CLIP, logmel.CLIP) * marks


class _Block(nn.Module):
    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(CHANNELS, CHANNELS, 5, padding=2 * dilation, dilation=dilation, groups=CHANNELS, bias=False),
            nn.BatchNorm1d(CHANNELS),
            nn.Conv1d(CHANNELS, INNER, 1),
            nn.ReLU(inplace=True),
            nn.Conv1d(INNER, CHANNELS, 1, bias=False),
            nn.BatchNorm1d(CHANNELS),
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.body(x))


class VoiceNetwork(nn.Module):
    """Normalised spectra (batch, BANDS, frames) and speech marks (batch, frames) to logits (batch, 4)."""

    def __init__(self) -> None:
        super().__init__()
        first, second = MAPS
        self.maps = nn.Sequential(
            nn.Conv2d(1, first, (5, 5), stride=(2, 2), padding=(2, 2), bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, second, (5, 3), stride=(2, 1), padding=(2, 1), bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(inplace=True),
        )
        self.entry = nn.Sequential(
            nn.Conv1d(second * logmel.BANDS // 4, CHANNELS, 1, bias=False), nn.BatchNorm1d(CHANNELS), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(_Block(dilation) for dilation in DILATIONS))
        self.attention = nn.Sequential(nn.Conv1d(CHANNELS, 32, 1), nn.Tanh(), nn.Conv1d(32, CHANNELS, 1))
        self.embedding = nn.Sequential(
            nn.Linear(2 * CHANNELS, EMBEDDING), nn.BatchNorm1d(EMBEDDING), nn.ReLU(), nn.Dropout(DROPOUT)
        )
        self.classes = nn.Linear(EMBEDDING, len(CLASSES))

    def forward(self, spectra: Tensor, speech: Tensor) -> Tensor:
        return self.classes(self.embed(spectra, speech))

    def embed(self, spectra: Tensor, speech: Tensor) -> Tensor:
        """What the last layer sees, (batch, EMBEDDING)."""
        x = self.maps(spectra[:, None])
        x = self.blocks(self.entry(x.flatten(1, 2)))
        marks = speech[:, None, ::2]
        attention = torch.softmax(self.attention(x) + (marks - 1) * 1e4, dim=2)
        mean = (attention * x).sum(dim=2)
        spread = ((attention * x.square()).sum(dim=2) - mean.square()).clamp(min=1e-5).sqrt()
        return self.embedding(torch.cat([mean, spread], dim=1))


def child_log_odds(logits: Tensor) -> Tensor:
    """Log-odds of a child against an adult, (batch,)."""
    return logits[:, CHILD] - torch.logsumexp(logits[:, [WOMAN, MAN]], dim=1)
