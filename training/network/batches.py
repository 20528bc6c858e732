"""Batches of pairs: one clip at two warps through one channel, speakers drawn evenly, length and tempo at random."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.network.channels import Channels
from training.network.material import Example, Version
from training.network.model import normalised
from voicesieve.voices import logmel
from voicesieve.voices.activity import CHUNK
from voicesieve.voices.scores import CHILD, CLASSES, MAN, NONSPEECH, WOMAN
from voicesieve.voices.speech import MIN_SPEECH_CHUNKS

SHARES = {CHILD: 0.34, WOMAN: 0.36, MAN: 0.18, NONSPEECH: 0.12}
"""Of pairs, by the class of the clip. Warped copies make almost half of the speech examples children."""
CORPUS_SHARES = {"so": 0.5, "cv": 0.2, "kokoro": 0.3}
"""Of adults, by corpus, as far as it is there: another language and other microphones are no sign of age."""
MOVED_SHARE = 0.85
"""Of pairs of speech whose second version is warped into another class; in the others both keep the label."""
STEADY_TEMPO_SHARE = 0.7
"""Of examples whose tempo is put back to what it was before the warp: speed must not stand for the vocal tract."""
TEMPO = (0.85, 1.18)
SHORT_SHARE = 0.3
SHORT_S = (0.4, 2.0)
SOURCE_FRAMES = 384
"""Enough sound for `logmel.WINDOW_FRAMES` at most tempos; what lies outside counts as no speech."""
MASKED_SHARE, MASKED_BANDS = 0.3, 6
HARD_SHARE, HARD_WEIGHT = 0.15, 3.0
"""The adults that score most like children are drawn this much more often (hard-negative mining)."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Inputs of the network, allowed classes (n, 4) as 0 or 1, and the changed log-mel `frames`.

    ``tracts`` and ``pitches`` (n,): ratios to the clip as it was. ``kinds`` and ``groups``: of the unchanged clips.
    """

    spectra: Tensor
    speech: Tensor
    allowed: Tensor
    tracts: Tensor
    pitches: Tensor
    kinds: np.ndarray
    groups: tuple[str, ...]
    frames: np.ndarray


class Batches:
    def __init__(self, examples: Sequence[Example], channels: Channels, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 2])
        self._channels = channels
        by_kind: dict[int, dict[str, dict[str, list[Example]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(list))
        )
        for example in examples:
            corpus = example.group.partition(":")[0] if example.kind != NONSPEECH else ""
            by_kind[example.kind][corpus][example.group].append(example)
        self._groups = {
            kind: {corpus: list(groups.items()) for corpus, groups in corpora.items()}
            for kind, corpora in by_kind.items()
        }
        self._odds: dict[str, float] = {}
        self._hard: frozenset[str] = frozenset()

    def draw(self, pairs: int) -> Batch:
        chosen = [pair for _ in range(pairs) for pair in self._pair()]
        versions = [version for _, version in chosen]
        cuts = [self._cut(version) for version in versions]
        pitches = np.array([version.pitch for version in versions])
        frames = self._channels.apply(np.stack([part for part, _ in cuts]), pitches.reshape(-1, 2).min(axis=1))
        marks = torch.from_numpy(np.stack([speech for _, speech in cuts]))
        moved, speech = self._at_tempo(torch.from_numpy(frames), marks, pitches)
        allowed = [[float(index in version.classes) for index in range(len(CLASSES))] for version in versions]
        return Batch(
            spectra=self._masked(normalised(moved, speech)).transpose(1, 2).contiguous(),
            speech=speech,
            allowed=torch.tensor(allowed),
            tracts=torch.tensor([version.tract for version in versions]),
            pitches=torch.from_numpy(pitches).float(),
            kinds=np.array([example.kind for example, _ in chosen]),
            groups=tuple(example.group for example, _ in chosen),
            frames=frames,
        )

    def _pair(self) -> tuple[tuple[Example, Version], tuple[Example, Version]]:
        """A corpus without children gives no clip as it is: what was never changed would always be an adult there."""
        rng = self._rng
        kind = rng.choice(list(SHARES), p=list(SHARES.values()))
        first = self._example(kind)
        if kind == NONSPEECH:
            second = self._example(kind)
            return (first, first.versions[0]), (second, second.versions[0])
        own = first.versions[0].classes
        first_staying = 0 if first.group.startswith("so:") else 1
        staying = [version for version in first.versions[first_staying:] if version.classes == own]
        moved = [version for version in first.versions if version.classes != own]
        chosen = staying[rng.integers(len(staying))]
        others = moved if rng.random() < MOVED_SHARE else staying
        return (first, chosen), (first, others[rng.integers(len(others))])

    def _example(self, kind: int) -> Example:
        corpora = self._groups[kind]
        shares = np.array([CORPUS_SHARES.get(name, 1.0) for name in corpora])
        groups = corpora[self._rng.choice(list(corpora), p=shares / shares.sum())]
        weights = np.array([HARD_WEIGHT if name in self._hard else 1.0 for name, _ in groups])
        _, examples = groups[self._rng.choice(len(groups), p=weights / weights.sum())]
        return examples[self._rng.integers(len(examples))]

    def note(self, batch: Batch, log_odds: np.ndarray) -> None:
        """Remember which adults, unchanged in class, score most like children; later draws meet them more often."""
        adult = (batch.kinds == WOMAN) | (batch.kinds == MAN)
        own = adult & (batch.allowed[:, CHILD].numpy() == 0)
        for index in np.flatnonzero(own):
            name = batch.groups[index]
            self._odds[name] = 0.9 * self._odds.get(name, float(log_odds[index])) + 0.1 * float(log_odds[index])

    def mine(self) -> frozenset[str]:
        """Make the hardest adults so far the ones to meet more often; their names."""
        ranked = sorted(self._odds, key=self._odds.__getitem__, reverse=True)
        self._hard = frozenset(ranked[: int(HARD_SHARE * len(ranked))])
        return self._hard

    def _cut(self, version: Version) -> tuple[np.ndarray, np.ndarray]:
        """`SOURCE_FRAMES` around a random moment of speech, and which of these frames are speech, 0 or 1."""
        rng = self._rng
        spoken = np.flatnonzero(version.speech)
        centre = int(spoken[rng.integers(len(spoken))]) if len(spoken) else len(version.speech) // 2
        start = centre - SOURCE_FRAMES // 2 + int(rng.integers(-25, 26))
        at = np.arange(start, start + SOURCE_FRAMES)
        inside = (at >= 0) & (at < len(version.speech))
        frames = np.full((SOURCE_FRAMES, logmel.BANDS), np.log(logmel.FLOOR), np.float32)
        frames[inside] = version.frames[at[inside]]
        speech = np.zeros(SOURCE_FRAMES, np.float32)
        speech[inside] = version.speech[at[inside]]
        return frames, speech

    def _masked(self, spectra: Tensor) -> Tensor:
        """Some bands of some examples without a word (SpecAugment's frequency mask, Park et al. 2019)."""
        rng = self._rng
        for row in np.flatnonzero(rng.random(len(spectra)) < MASKED_SHARE):
            width = int(rng.integers(1, MASKED_BANDS + 1))
            low = int(rng.integers(logmel.BANDS - width))
            spectra[row, :, low : low + width] = 0
        return spectra

    def _at_tempo(self, frames: Tensor, marks: Tensor, pitches: np.ndarray) -> tuple[Tensor, Tensor]:
        """Cut windows out of ``frames``, each with its own number of source frames for one of the window."""
        rng = self._rng
        steady = rng.random(len(pitches)) < STEADY_TEMPO_SHARE
        steps = np.where(steady, 1 / pitches, rng.uniform(*TEMPO, len(pitches)))
        window = np.arange(logmel.WINDOW_FRAMES) - logmel.WINDOW_FRAMES / 2
        at = SOURCE_FRAMES / 2 + steps[:, None] * window
        is_known = torch.from_numpy((at >= 0) & (at <= SOURCE_FRAMES - 1.001))
        at = np.clip(at, 0, SOURCE_FRAMES - 1.001)
        below = torch.from_numpy(at.astype(int))
        part = torch.from_numpy(at - at.astype(int)).float()[:, :, None]
        rows = torch.arange(len(pitches))[:, None]
        moved = frames[rows, below] * (1 - part) + frames[rows, below + 1] * part
        speech = marks[rows, below] * is_known
        for row in np.flatnonzero(rng.random(len(pitches)) < SHORT_SHARE):
            half = int(rng.uniform(*SHORT_S) * logmel.SAMPLE_RATE / logmel.HOP / 2)
            middle = logmel.WINDOW_FRAMES // 2
            mask = torch.zeros(logmel.WINDOW_FRAMES)
            mask[middle - half : middle + half] = 1
            if (speech[row] * mask).sum() >= MIN_SPEECH_CHUNKS * CHUNK / logmel.HOP / 2:
                speech[row] *= mask
        return moved, speech
