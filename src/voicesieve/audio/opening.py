"""Opening untrusted media: what FFmpeg may read, which stream we take, and how far a header is believed."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer

from voicesieve.domain.failures import Failure, FailureError, FailureKind

DEMUXERS = "aac,aiff,amr,caf,flac,flv,matroska,mov,mp3,mpegts,ogg,w64,wav"
"""Formats that hold their media themselves. Playlists (HLS, DASH, concat) could name other files and are left out."""

MIN_RATE, MAX_RATE = 4_000, 768_000
"""Hz. Telephone speech has 8,000, studio files at most 768,000; resampling a lower rate would inflate a small file."""
MAX_CHANNELS = 64
"""A full third-order ambisonic mix with beds stays below; more is a broken or hostile header."""

_STATES_STREAM_LENGTH = frozenset({"flac", "mov"})
_STATES_FILE_LENGTH = frozenset({"matroska"})
_LENGTH_TOLERANCE_S = 0.5
_LENGTH_TOLERANCE_SHARE = 0.02
"""Encoders pad and trim by some frames; a transfer that was cut off misses far more."""

_WAV_UNKNOWN_SIZE = 0x7FFFF000
"""Programs that write WAV into a pipe do not know the size and state about 2 or 4 GiB, or nothing."""
_WAV_MAX_CHUNKS = 64


@dataclass(frozen=True)
class OpenMedia:
    """An open container and the audio stream that was chosen in it.

    ``stated_duration_s`` is what the header promises where such a header is exact, else ``None``.
    """

    container: InputContainer
    stream: AudioStream
    stated_duration_s: float | None

    @property
    def codec(self) -> AudioCodecContext:
        return self.stream.codec_context

    @property
    def format_name(self) -> str:
        """First of the demuxer's names: ``matroska``, ``mov``, ``ogg``..."""
        return self.container.format.name.split(",")[0]


@contextmanager
def open_media(path: Path) -> Iterator[OpenMedia]:
    """Open ``path`` for reading its best audio stream.

    Raises FailureError: UNDECODABLE for what is no media file or has an absurd header, NO_AUDIO without an audio
    stream, TRUNCATED for an MP4 without its index. OSError if the file itself cannot be read: that is our fault.

    The file is handed over as an open descriptor, so that neither its name (any bytes) nor its extension is ever
    parsed, and its content alone decides the format.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file:
        head = file.read(12)
        if not head:
            raise _failure(FailureKind.UNDECODABLE, "The file is empty. Another fetching method may bring the sound.")
        file.seek(0)
        options = {"protocol_whitelist": "file", "format_whitelist": DEMUXERS}
        try:
            container = av.open(file, "r", options=options, metadata_errors="replace")
        except (av.FFmpegError, ValueError, OverflowError) as error:
            raise _cannot_open(head, error) from error
        with container:
            stream = _choose_stream(container)
            yield OpenMedia(container, stream, _stated_duration(container, stream, path))


def fail_if_cut_off(stated_s: float | None, found_s: float) -> None:
    """Raise FailureError(TRUNCATED) when ``found_s`` seconds of sound are much less than the header's ``stated_s``."""
    if stated_s is None:
        return
    if stated_s - found_s > max(_LENGTH_TOLERANCE_S, _LENGTH_TOLERANCE_SHARE * stated_s):
        raise _failure(
            FailureKind.TRUNCATED,
            f"The file's header states {stated_s:.1f} s of sound but the data ends after {found_s:.1f} s: "
            "the transfer was cut off. Fetching it again may bring the rest.",
        )


def fail_if_too_long(found_s: float, max_duration_s: float) -> None:
    """Raise FailureError(TOO_LONG) when ``found_s`` exceeds the limit."""
    if found_s > max_duration_s:
        raise _failure(
            FailureKind.TOO_LONG,
            f"The recording is longer than the limit of {max_duration_s:.0f} s. Raise the limit to analyse it.",
        )


def undecodable(message: str, error: BaseException | None = None) -> FailureError:
    """An UNDECODABLE failure with a message for a person and, where there is one, its cause."""
    return _failure(FailureKind.UNDECODABLE, message, error)


def _choose_stream(container: InputContainer) -> AudioStream:
    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream):
        if container.streams.audio:
            raise undecodable("The file's audio stream has a header that no decoder accepts.")
        raise _failure(FailureKind.NO_AUDIO, "The file holds no audio stream, so there is nothing to listen to.")
    codec = stream.codec_context
    if codec is None:
        raise undecodable("The sound is in a codec for which there is no decoder here.")
    rate, channels = codec.sample_rate, codec.channels
    if not (MIN_RATE <= rate <= MAX_RATE and 1 <= channels <= MAX_CHANNELS):
        raise undecodable(f"The header states {rate} Hz and {channels} channels, which no recording of speech has.")
    codec.thread_count = 1  # one worker process is one core; the driver decides how many there are
    for other in container.streams:
        if other.index != stream.index:
            other.discard = av.stream.Discard.all
    return stream


def _stated_duration(container: InputContainer, stream: AudioStream, path: Path) -> float | None:
    formats = set(container.format.name.split(","))
    if formats & _STATES_STREAM_LENGTH and stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    alone = len(container.streams) == 1  # beside a picture, the file's length may be the picture's
    if formats & _STATES_FILE_LENGTH and alone and container.duration:
        return container.duration / av.time_base
    if "wav" in formats:
        return _stated_wav_duration(path)
    return None


def _stated_wav_duration(path: Path) -> float | None:
    """Seconds by the size that the WAV header states for its data; FFmpeg itself quietly corrects a cut-off size."""
    bytes_per_second = 0
    with path.open("rb") as file:
        file.seek(12)
        for _ in range(_WAV_MAX_CHUNKS):
            header = file.read(8)
            if len(header) < 8:
                return None
            name, size = struct.unpack("<4sI", header)
            if name == b"data":
                known = bytes_per_second > 0 and 0 < size < _WAV_UNKNOWN_SIZE
                return size / bytes_per_second if known else None
            if name == b"fmt ":
                bytes_per_second = int.from_bytes(file.read(12)[8:12], "little")
                file.seek(-12, os.SEEK_CUR)
            file.seek(size + size % 2, os.SEEK_CUR)
    return None


def _cannot_open(head: bytes, error: Exception) -> FailureError:
    if head[4:8] == b"ftyp":
        return _failure(
            FailureKind.TRUNCATED,
            "The file starts like an MP4 but its index cannot be read, most likely because the transfer was cut off. "
            "Fetching it again may bring the rest.",
            error,
        )
    return undecodable("The file is not in an audio or video format that can be read here.", error)


def _failure(kind: FailureKind, message: str, error: BaseException | None = None) -> FailureError:
    return FailureError(Failure(kind, message) if error is None else Failure.from_exception(kind, error, message))
