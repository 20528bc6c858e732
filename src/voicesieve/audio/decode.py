"""Any recording as a stream of 16 kHz mono blocks, in memory that does not grow with its length."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream

from voicesieve.audio.mixing import Mixer
from voicesieve.audio.opening import (
    OpenMedia,
    fail_if_cut_off,
    fail_if_flac_cut_off,
    fail_if_too_long,
    open_media,
    undecodable,
)
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.sound import SAMPLE_RATE

MAX_BAD_SHARE = 0.1
"""A tenth of the packets or samples lost still leaves speech that can be judged; beyond that the file is broken, not
scratched."""
TOLERATED_PACKETS = 2
"""So few broken packets are a scratch, however short the file is."""

_ABSURD = 1e6
"""120 dB above full scale: no sound, but damaged floating-point numbers."""

_MAX_READ_ERRORS = 100
"""Places in a row where the container cannot be read; what lies behind so many is not read."""

_BATCH_S = 1.0
"""Frames hold 20 ms; mixing and resampling a second at a time halves the cost."""
_BATCH_VALUES = 1 << 23
"""Samples of all channels in one batch: 32 MB, also where a header states 64 channels at 768,000 Hz."""


@dataclass
class DecodeTally:
    """Counts of one decoding: all packets, those that were skipped, and seconds out of phase.

    ``bad_samples`` were no numbers or absurd ones, counted in all channels, and are silent.
    ``out_of_phase_s`` is how long a channel was left out of the mix because it would have cancelled another one.
    """

    packets: int = 0
    bad_packets: int = 0
    bad_samples: int = 0
    out_of_phase_s: float = 0.0


def decode_blocks(
    path: Path, *, block_s: float = 30.0, max_duration_s: float = math.inf, tally: DecodeTally | None = None
) -> Iterator[np.ndarray]:
    """Decode ``path`` to float32 blocks (n,) at 16 kHz: the mean of the channels that carry sound, about -1..1.

    Each block but the last holds ``block_s`` seconds. What decodes follows without a gap, whatever time stamps say:
    seconds count samples from the first one that decodes. Channels are averaged, not summed (FFmpeg's own downmix to
    float would come out 3 dB louder), except where they would cancel (see `voicesieve.audio.mixing`). Rate and layout
    may change inside the file. Single packets that do not decode are skipped and counted in ``tally``.

    Raises FailureError: UNDECODABLE (not media, mostly broken packets, infinite or undefined samples), NO_AUDIO, DRM,
    TRUNCATED (bytes that the file itself counts are missing), TOO_LONG (as soon as more than ``max_duration_s`` came
    out), TOO_SHORT (no sample at all). OSError when the file cannot be read.
    """
    tally = DecodeTally() if tally is None else tally
    size = max(1, round(block_s * SAMPLE_RATE))
    pending: list[np.ndarray] = []
    pending_samples = 0
    total = 0
    with open_media(path) as media:
        fail_if_cut_off(media)
        for piece in _resampled(media, tally):
            total += len(piece)
            fail_if_too_long(total / SAMPLE_RATE, max_duration_s)
            pending.append(piece)
            pending_samples += len(piece)
            while pending_samples >= size:
                joined = np.concatenate(pending)
                yield joined[:size]
                pending = [joined[size:]]
                pending_samples -= size
        if tally.bad_packets > max(TOLERATED_PACKETS, MAX_BAD_SHARE * tally.packets):
            raise undecodable(f"{tally.bad_packets} of the file's {tally.packets} audio packets cannot be decoded.")
        if tally.bad_samples > MAX_BAD_SHARE * total * media.codec.channels * media.codec.sample_rate / SAMPLE_RATE:
            raise undecodable("Much of the decoded sound is no numbers or absurd ones, so none of it can be used.")
        fail_if_flac_cut_off(media, total / SAMPLE_RATE)
    if total == 0:
        raise FailureError(Failure(FailureKind.TOO_SHORT, "The file holds an audio stream without a single sample."))
    if pending_samples:
        yield np.concatenate(pending)


def decoded_frames(media: OpenMedia, tally: DecodeTally) -> Iterator[av.AudioFrame]:
    """Decoded frames of the chosen stream. What cannot be read or does not decode is counted and skipped."""
    for packet in packets_of(media, tally):
        tally.packets += packet.size > 0
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return
        except (av.FFmpegError, ValueError):
            tally.bad_packets += 1
            continue
        yield from frames


def packets_of(media: OpenMedia, tally: DecodeTally) -> Iterator[av.Packet[AudioStream]]:
    """All packets of the chosen stream, and those behind damage too; ends with an empty one, which flushes."""
    errors = 0
    while errors <= _MAX_READ_ERRORS:
        try:
            for packet in media.container.demux(media.stream):
                errors = 0
                yield packet
        except (av.FFmpegError, ValueError):
            tally.bad_packets += errors == 0
            errors += 1
        else:
            return


def _resampled(media: OpenMedia, tally: DecodeTally) -> Iterator[np.ndarray]:
    resampler: _Resampler | None = None
    mixer: Mixer | None = None
    for batch in _batches(decoded_frames(media, tally), tally):
        if mixer is None or (mixer.rate, mixer.channels) != (batch.rate, len(batch.samples)):
            mixer = Mixer(batch.rate, len(batch.samples))
        if resampler is None or resampler.rate != batch.rate:
            if resampler is not None:
                yield from resampler.finish()
            resampler = _Resampler(batch.rate)
        earlier_s = mixer.out_of_phase_s
        yield from resampler.feed(mixer.mix(batch.samples))
        tally.out_of_phase_s += mixer.out_of_phase_s - earlier_s
    if resampler is not None:
        yield from resampler.finish()


@dataclass(frozen=True)
class _Batch:
    """About a second of sound: float32 (channels, n) at ``rate`` Hz."""

    rate: int
    samples: np.ndarray


def _batches(frames: Iterator[av.AudioFrame], tally: DecodeTally) -> Iterator[_Batch]:
    gathered: list[np.ndarray] = []
    kind: tuple[int, int, np.dtype] | None = None
    count = 0
    for frame in frames:
        samples = _samples(frame)
        its_kind = (frame.sample_rate, len(samples), samples.dtype)
        is_full = kind is not None and count >= min(_BATCH_S * kind[0], _BATCH_VALUES / kind[1])
        if kind is not None and (its_kind != kind or is_full):
            yield _Batch(kind[0], _as_float(np.concatenate(gathered, axis=1), tally))
            gathered, count = [], 0
        kind = its_kind
        gathered.append(samples)
        count += samples.shape[1]
    if kind is not None and gathered:
        yield _Batch(kind[0], _as_float(np.concatenate(gathered, axis=1), tally))


class _Resampler:
    """Mono float32 at ``rate`` Hz to 16 kHz with FFmpeg's resampler, which keeps its filter state between calls."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)

    def feed(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        if not len(samples):
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[np.newaxis]), format="fltp", layout="mono")
        frame.sample_rate = self.rate
        for out in self._resampler.resample(frame):
            yield out.to_ndarray()[0]

    def finish(self) -> Iterator[np.ndarray]:
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


def _as_float(samples: np.ndarray, tally: DecodeTally) -> np.ndarray:
    """Samples of any of FFmpeg's kinds as float32, about -1..1. Damaged numbers become silence and are counted."""
    if samples.dtype.kind == "f":
        sound = np.abs(samples) < _ABSURD
        if not sound.all():
            tally.bad_samples += int(sound.size - np.count_nonzero(sound))
            samples = np.where(sound, samples, 0)
        return np.ascontiguousarray(samples, np.float32)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128.0) * np.float32(1 / 128)
    scaled = samples.astype(np.float32)
    scaled *= np.float32(2.0 ** (1 - 8 * samples.dtype.itemsize))
    return scaled
