"""Writing sound: 16 kHz mono as FLAC, WAV or Opus, the same bytes for the same samples."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import IO, cast

import av
import numpy as np
from av.audio.stream import AudioStream

from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.files import new_file

_CODECS = {"flac": "flac", "wav": "pcm_s16le", "opus": "libopus"}
_CONTAINERS = {"flac": "flac", "wav": "wav", "opus": "ogg"}
OPUS_BIT_RATE = 32_000
"""Bits per second: transparent for wide-band speech in listening tests of the codec's authors (RFC 6716, section 2)."""
_PIECE = 1 << 14
LIBRARY = f"av {av.__version__}"
"""Another version may decode and encode to other bytes."""


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Float samples -1..1 as int16, rounded; what is outside is limited."""
    return np.asarray(np.clip(np.rint(samples * 32768.0), -32768, 32767), dtype=np.int16)


def encode(blocks: Iterable[np.ndarray], kind: str) -> bytes:
    """A complete file of int16 blocks (n,) at 16 kHz; ``kind`` is ``flac``, ``wav`` or ``opus``."""
    buffer = io.BytesIO()
    write_encoded(blocks, kind, buffer)
    return buffer.getvalue()


def encode_file(blocks: Iterable[np.ndarray], kind: str, path: Path) -> None:
    """The same as a file, in memory that does not grow with its length."""
    with new_file(path) as file:
        write_encoded(blocks, kind, file)


def write_encoded(blocks: Iterable[np.ndarray], kind: str, file: IO[bytes]) -> None:
    # bitexact leaves out the library's version and, in Ogg, the random serial number.
    options = {"fflags": "+bitexact"}
    with av.open(file, "w", format=_CONTAINERS[kind], options=options) as container:
        added = container.add_stream(_CODECS[kind], rate=SAMPLE_RATE, layout="mono", options={"flags": "+bitexact"})
        stream = cast("AudioStream", added)
        if kind == "opus":
            stream.bit_rate = OPUS_BIT_RATE
        position = 0
        for block in blocks:
            for start in range(0, len(block), _PIECE):
                piece = np.ascontiguousarray(block[start : start + _PIECE])
                frame = av.AudioFrame.from_ndarray(piece[np.newaxis], format="s16", layout="mono")
                frame.sample_rate = SAMPLE_RATE
                frame.pts = position
                position += len(piece)
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
