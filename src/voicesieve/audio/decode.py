"""Any recording as a stream of 16 kHz mono blocks, in memory that does not grow with its length."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from voicesieve.audio.opening import OpenMedia, fail_if_cut_off, fail_if_too_long, open_media, undecodable
from voicesieve.domain.failures import Failure, FailureError, FailureKind

SAMPLE_RATE = 16_000
"""Hz of everything that leaves this module."""

MAX_BAD_SHARE = 0.1
"""A tenth of the packets lost still leaves speech that can be judged; beyond that the file is broken, not scratched."""

_BATCH_S = 1.0
"""Frames hold 20 ms; resampling a second at a time halves the cost."""


@dataclass
class DecodeTally:
    """What decoding met on its way: all packets and those that had to be passed over."""

    packets: int = 0
    bad_packets: int = 0


def decode_blocks(
    path: Path, *, block_s: float = 30.0, max_duration_s: float = math.inf, tally: DecodeTally | None = None
) -> Iterator[np.ndarray]:
    """Decode ``path`` to float32 blocks (n,) at 16 kHz: the mean of all channels, about -1..1.

    Each block but the last holds ``block_s`` seconds. Channels are averaged, not summed: FFmpeg's own downmix to
    float would come out 3 dB louder. Rate and layout may change inside the file. Single packets that do not decode
    are passed over and counted in ``tally``.

    Raises FailureError: UNDECODABLE (not media, mostly broken packets, infinite or undefined samples), NO_AUDIO,
    TRUNCATED (the header promised more), TOO_LONG (as soon as more than ``max_duration_s`` came out), TOO_SHORT
    (no sample at all). OSError when the file cannot be read.
    """
    tally = DecodeTally() if tally is None else tally
    size = max(1, round(block_s * SAMPLE_RATE))
    pending: list[np.ndarray] = []
    pending_samples = 0
    total = 0
    with open_media(path) as media:
        for piece in _resampled(media, tally):
            if not np.isfinite(piece).all():
                raise undecodable("The decoded sound holds infinite or undefined samples, so nothing it says is valid.")
            total += len(piece)
            fail_if_too_long(total / SAMPLE_RATE, max_duration_s)
            pending.append(piece)
            pending_samples += len(piece)
            while pending_samples >= size:
                joined = np.concatenate(pending)
                yield joined[:size]
                pending = [joined[size:]]
                pending_samples -= size
        if tally.bad_packets > MAX_BAD_SHARE * tally.packets:
            raise undecodable(f"{tally.bad_packets} of the file's {tally.packets} audio packets cannot be decoded.")
        fail_if_cut_off(media.stated_duration_s, total / SAMPLE_RATE)
    if total == 0:
        raise FailureError(Failure(FailureKind.TOO_SHORT, "The file holds an audio stream without a single sample."))
    if pending_samples:
        yield np.concatenate(pending)


def decoded_frames(media: OpenMedia, tally: DecodeTally) -> Iterator[av.AudioFrame]:
    """Decoded frames of the chosen stream. What does not decode, and data that ends demuxing, is counted."""
    packets = media.container.demux(media.stream)
    while True:
        try:
            packet = next(packets)
            tally.packets += packet.size > 0
            frames = packet.decode()
        except StopIteration:
            return
        except av.error.EOFError:
            return
        except (av.FFmpegError, ValueError):
            tally.bad_packets += 1
            continue
        yield from frames


def _resampled(media: OpenMedia, tally: DecodeTally) -> Iterator[np.ndarray]:
    resampler: _Resampler | None = None
    batch: list[np.ndarray] = []
    batch_samples = 0
    for frame in decoded_frames(media, tally):
        if resampler is None or resampler.rate != frame.sample_rate:
            if resampler is not None:
                yield from resampler.finish(batch)
            resampler = _Resampler(frame.sample_rate)
            batch, batch_samples = [], 0
        batch.append(_mean_of_channels(frame))
        batch_samples += frame.samples
        if batch_samples >= _BATCH_S * frame.sample_rate:
            yield from resampler.feed(batch)
            batch, batch_samples = [], 0
    if resampler is not None:
        yield from resampler.finish(batch)


class _Resampler:
    """Mono float32 at ``rate`` Hz to 16 kHz with FFmpeg's resampler, which keeps its filter state between calls."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)

    def feed(self, batch: list[np.ndarray]) -> Iterator[np.ndarray]:
        if not batch:
            return
        frame = av.AudioFrame.from_ndarray(np.concatenate(batch)[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate = self.rate
        for out in self._resampler.resample(frame):
            yield out.to_ndarray()[0]

    def finish(self, batch: list[np.ndarray]) -> Iterator[np.ndarray]:
        yield from self.feed(batch)
        for out in self._resampler.resample(None):
            yield out.to_ndarray()[0]


_PLANAR = {"u8p": "u1", "s16p": "i2", "s32p": "i4", "s64p": "i8", "fltp": "f4", "dblp": "f8"}


def _samples(frame: av.AudioFrame) -> np.ndarray:
    """Samples as (channels, samples).

    Planar ones are read by the channels that the frame has: PyAV counts planes until it meets a null pointer, which
    stands nowhere behind the eighth, and would read whatever memory comes after the last.
    """
    channels = frame.layout.nb_channels
    if not frame.format.is_planar:
        return frame.to_ndarray().reshape(-1, channels).T
    kind = _PLANAR[frame.format.name]
    return np.stack([np.frombuffer(memoryview(plane), kind, frame.samples) for plane in frame.planes[:channels]])


def _mean_of_channels(frame: av.AudioFrame) -> np.ndarray:
    samples = _samples(frame)
    if samples.dtype == np.uint8:
        samples = samples.astype(np.float32) - 128.0
        scale = 1.0 / 128.0
    elif samples.dtype.kind == "i":
        scale = 2.0 ** (1 - 8 * samples.dtype.itemsize)
    else:
        scale = 1.0
    mean = samples[0] if len(samples) == 1 else samples.mean(axis=0)
    return np.asarray(mean * scale, dtype=np.float32)
