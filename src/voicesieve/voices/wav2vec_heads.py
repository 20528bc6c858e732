"""The two kinds of published classifiers in torch, which is imported here: only where it is wanted is this imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForAudioClassification, Wav2Vec2Config, Wav2Vec2Model, Wav2Vec2PreTrainedModel

from voicesieve.voices.wav2vec import AUDEERING_CLASSES, four_classes


class _FourClasses(nn.Module):  # type: ignore[misc]
    """A published model as standardised sound (batch, samples) to log-probabilities (batch, 4)."""

    def __init__(self, inner: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.inner = inner
        self.names = names
        four_classes(torch.zeros(1, len(names)), names)  # unknown names are refused now, not at the first file

    def forward(self, sounds: Tensor) -> Tensor:
        answer = self.inner(sounds)
        return four_classes(answer if isinstance(answer, Tensor) else answer.logits, self.names)


class _Head(nn.Module):  # type: ignore[misc]
    def __init__(self, config: Wav2Vec2Config, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.out_proj = nn.Linear(config.hidden_size, outputs)

    def forward(self, pooled: Tensor) -> Tensor:
        return self.out_proj(torch.tanh(self.dense(pooled)))


class AgeGenderNetwork(Wav2Vec2PreTrainedModel):  # type: ignore[misc]
    """Mean of the last layer's states, then a head for age and one for gender, of which only the second is used."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        self.wav2vec2 = Wav2Vec2Model(config)
        self.age = _Head(config, 1)
        self.gender = _Head(config, len(AUDEERING_CLASSES))
        self.post_init()

    def forward(self, sounds: Tensor) -> Tensor:
        """Gender logits, (batch, 3), of standardised sound (batch, samples)."""
        return self.gender(self.wav2vec2(sounds).last_hidden_state.mean(dim=1))


def one_head(folder: Path) -> nn.Module:
    """A sequence classifier whose configuration names its classes. ValueError if weights or names do not fit."""
    model = _complete(AutoModelForAudioClassification, folder)
    names = tuple(str(model.config.id2label[index]) for index in range(len(model.config.id2label)))
    return _FourClasses(model, names)


def two_heads(folder: Path) -> nn.Module:
    """An age-gender model. ValueError if weights do not fit."""
    return _FourClasses(_complete(AgeGenderNetwork, folder), AUDEERING_CLASSES)


def _complete(kind: Any, folder: Path) -> Any:
    """The model with every weight from the file: one that is missing would be random without a warning."""
    model, info = kind.from_pretrained(folder, use_safetensors=True, local_files_only=True, output_loading_info=True)
    missing = [*info["missing_keys"], *(str(key) for key in info["mismatched_keys"])]
    # Learnt for masking while training, and never used afterwards.
    missing = [name for name in missing if not name.endswith("masked_spec_embed")]
    if missing:
        raise ValueError(f"{folder}: {len(missing)} weights are missing or of another shape, such as {missing[0]}")
    return model
