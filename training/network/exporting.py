"""The trained network as one ONNX file: calibrated log-probabilities, and the embedding that a calibration refits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.network.model import VoiceNetwork, frame_features, normalised
from voicesieve.voices import logmel
from voicesieve.voices.scores import CHILD, CLASSES

OPSET = 18
MAX_BYTES = 1_500_000


class _Calibrated(nn.Module):
    """Logits times ``scale``, child's raised by ``shift``: Platt's logistic in the plane of child against adults."""

    def __init__(self, network: VoiceNetwork, scale: float, shift: float) -> None:
        super().__init__()
        self.network = network
        self.scale = scale
        self.register_buffer("shift", torch.tensor([shift * (index == CHILD) for index in range(len(CLASSES))]))

    def forward(self, spectra: Tensor, speech: Tensor) -> tuple[Tensor, Tensor]:
        embedding = self.network.embed(spectra, speech)
        return torch.log_softmax(self.network.classes(embedding) * self.scale + self.shift, dim=1), embedding


def to_onnx(network: VoiceNetwork, scale: float, shift: float) -> bytes:
    """ValueError if the file is larger than the wheel should carry."""
    example = (torch.zeros(2, logmel.BANDS, logmel.WINDOW_FRAMES), torch.ones(2, logmel.WINDOW_FRAMES))
    batch = torch.export.Dim("batch")
    program = torch.onnx.export(
        _Calibrated(network, scale, shift).eval(),
        example,
        input_names=["spectra", "speech"],
        output_names=["log_probabilities", "embedding"],
        dynamic_shapes={"spectra": {0: batch}, "speech": {0: batch}},
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    data = _without_traces(program.model_proto).SerializeToString()
    if len(data) > MAX_BYTES:
        raise ValueError(f"the network takes {len(data)} bytes; {MAX_BYTES} are allowed")
    return data


def _without_traces(model: Any) -> Any:
    """The exporter writes beside each node which file of this machine it came from."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    return model


def reference() -> dict[str, list]:
    """Features that training computes of a sound that a formula gives, so that the product can be held against them.

    The sound: sin(2 pi (150 t + 700 t^2)) (0.2 + 0.1 sin(2 pi 4 t)) at 16 kHz, k / 16,000 = t, and a noise of
    0.02 ((7,919 k^2 mod 65,536) / 65,536 - 0.5) below it; PAST + WINDOW_FRAMES * HOP samples.
    """
    number = torch.arange(logmel.PAST + logmel.WINDOW_FRAMES * logmel.HOP)
    time = number.double() / logmel.SAMPLE_RATE
    wave = torch.sin(2 * torch.pi * (150 * time + 700 * time**2)) * (0.2 + 0.1 * torch.sin(8 * torch.pi * time))
    wave = wave + 0.02 * ((7_919 * number**2 % 65_536) / 65_536 - 0.5)
    frames = frame_features(wave.float()[None])
    rows = [0, 60, 128, 200, 255]
    speech = torch.zeros(1, logmel.WINDOW_FRAMES)
    speech[:, 40:210] = 1
    return {
        "frames": rows,
        "log_mel": np.round(frames[0, rows].numpy().astype(float), 5).tolist(),
        "normalised": np.round(normalised(frames, speech)[0, rows].numpy().astype(float), 5).tolist(),
    }
