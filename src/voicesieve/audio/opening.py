"""Opening untrusted media: what FFmpeg may read, which sound track is taken, and what makes a file unreadable."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer

from voicesieve.audio import cut_off
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import SoundTrack
from voicesieve.domain.media_formats import DEMUXERS

MIN_RATE, MAX_RATE = 4_000, 768_000
"""Hz. Telephone speech has 8,000, studio files at most 768,000; resampling a lower rate would inflate a small file."""
MAX_CHANNELS = 64
"""A full third-order ambisonic mix with beds stays below; more is a broken or hostile header."""

_OPTIONS = {"protocol_whitelist": "none", "format_whitelist": ",".join(sorted(DEMUXERS))}
"""No protocol at all: the file is open already, and FFmpeg may open nothing else."""

_TOLERATED_S = 0.5
_TOLERATED_SHARE = 0.02
"""Encoders pad and trim by some frames; a transfer that was cut off misses far more."""

_ENCRYPTED_TAGS = frozenset({"drms", "enca", "aavd"})
"""Sample entries of MP4 for protected sound: FairPlay, Common Encryption, Audible."""
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_ENCRYPTION = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),
    bytes.fromhex("338505438169e6499b74ad12cb86d58c"),
)
"""Identifiers of the header objects for encryption: plain, extended, advanced."""
_NO_TAG_EXPECTED = (b"RIFF", b"RF64", b"FORM", b"OggS", b"caff", b"\x1aE\xdf\xa3")
_MAX_TAGS = 8
_ASF_HEADER_BYTES = 1 << 20


@dataclass(frozen=True)
class OpenMedia:
    """An open container and the sound track that was chosen in it."""

    container: InputContainer
    stream: AudioStream
    path: Path

    @property
    def codec(self) -> AudioCodecContext:
        return self.stream.codec_context

    @property
    def format_name(self) -> str:
        """First of the demuxer's names: ``matroska``, ``mov``, ``ogg``..."""
        return _first_name(self.container)


@contextmanager
def open_media(path: Path) -> Iterator[OpenMedia]:
    """Open ``path`` for reading its best audio stream.

    Raises FailureError: UNDECODABLE for what is no media file or has an absurd header, NO_AUDIO without an audio
    stream, DRM for protected sound, TRUNCATED for an MP4 that ends before its index. OSError if the file itself
    cannot be read: that is no fault of its content.

    The file is handed over as an open descriptor, so that neither its name (any bytes) nor its extension is ever
    parsed, and its content alone decides the format.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file:
        head = file.read(16)
        if not head:
            raise _failure(FailureKind.UNDECODABLE, "The file is empty. Another fetching method may bring the sound.")
        if head == _ASF:
            _refuse_protected_asf(file)
        start = _behind_a_tag(file)
        file.seek(start)
        try:
            container = av.open(_Bytes(file, start), "r", options=_OPTIONS, metadata_errors="replace")
        except (av.FFmpegError, ValueError, OverflowError) as error:
            raise _cannot_open(path, head, error) from error
        with container:
            yield OpenMedia(container, _choose_stream(container), path)


class _Bytes:
    """A file from ``start`` on as FFmpeg may read it: without a name, and with an error code for a place before 0.

    Damaged headers point there. As an exception it would look like a disk that fails.
    """

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._start = start

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def tell(self) -> int:
        return self._file.tell() - self._start

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset + (self._start if whence == os.SEEK_SET else 0), whence) - self._start
        except OSError as error:
            if error.errno == errno.EINVAL:
                return -errno.EINVAL
            raise


def sound_tracks(media: OpenMedia) -> tuple[SoundTrack, ...]:
    """All sound tracks of the file in its order, the one that was taken marked."""
    return tuple(
        SoundTrack(
            number=number,
            language=_plain_language(stream),
            is_default=bool(stream.disposition & av.stream.Disposition.default),
            is_commentary=bool(stream.disposition & av.stream.Disposition.comment),
            is_taken=stream.index == media.stream.index,
        )
        for number, stream in enumerate(media.container.streams.audio, start=1)
    )


def fail_if_cut_off(media: OpenMedia) -> None:
    """Raise FailureError(TRUNCATED) when the file's own structure counts bytes that are not there."""
    missing = cut_off.missing_bytes(media.path, media.format_name, media.stream)
    if missing is not None:
        raise _failure(
            FailureKind.TRUNCATED,
            f"The file's own index counts {missing.stated:,} bytes but it ends after {missing.present:,}: "
            "the transfer was cut off. Fetching it again may bring the rest.",
        )


def fail_if_flac_cut_off(media: OpenMedia, decoded_s: float) -> None:
    """Raise FailureError(TRUNCATED) for a FLAC file that ends inside a frame, ``decoded_s`` long instead of as stated.

    FLAC counts no bytes, but samples, and its frames carry check sums.
    """
    if media.format_name != "flac" or not media.stream.duration or not media.stream.time_base:
        return
    stated_s = float(media.stream.duration * media.stream.time_base)
    misses = stated_s - decoded_s > max(_TOLERATED_S, _TOLERATED_SHARE * stated_s)
    if misses and cut_off.ends_inside_a_flac_frame(media.path):
        raise _failure(
            FailureKind.TRUNCATED,
            f"The file's header counts {stated_s:.1f} s of sound but the data ends inside a frame after "
            f"{decoded_s:.1f} s: the transfer was cut off. Fetching it again may bring the rest.",
        )


def fail_if_too_long(decoded_s: float, max_duration_s: float) -> None:
    """Raise FailureError(TOO_LONG) when ``decoded_s`` exceeds the limit."""
    if decoded_s > max_duration_s:
        raise _failure(
            FailureKind.TOO_LONG,
            f"The recording is longer than the limit of {max_duration_s:.0f} s. Raise the limit to analyse it.",
        )


def undecodable(message: str, error: BaseException | None = None) -> FailureError:
    """An UNDECODABLE failure with a message for a person and, where there is one, its cause."""
    return _failure(FailureKind.UNDECODABLE, message, error)


def _first_name(container: InputContainer) -> str:
    return container.format.name.split(",")[0]


def _choose_stream(container: InputContainer) -> AudioStream:
    stream = container.streams.best("audio")
    for each in container.streams.audio:
        _refuse_protected(each)
    if not isinstance(stream, AudioStream):
        if container.streams.audio:
            raise undecodable("The file's audio stream has a header that no decoder accepts.")
        raise _failure(FailureKind.NO_AUDIO, "The file holds no audio stream.")
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


def _plain_language(stream: AudioStream) -> str:
    """The stated language if it is a plain code, never other remote text; ``und`` if it is not stated."""
    code = stream.metadata.get("language", "").lower()
    return code if code.isascii() and code.replace("-", "").isalpha() and len(code) <= 12 else "und"


def _refuse_protected(stream: AudioStream) -> None:
    if _tag(stream) in _ENCRYPTED_TAGS or "enc_key_id" in stream.metadata:
        raise _protected()


def _behind_a_tag(file: BinaryIO) -> int:
    """Where the file begins behind ID3 tags, for formats in front of which FFmpeg does not expect any; else 0."""
    at = 0
    for _ in range(_MAX_TAGS):
        file.seek(at)
        head = file.read(12)
        if head[:3] != b"ID3" or len(head) < 10:
            return at if head[:4] in _NO_TAG_EXPECTED or head[4:8] == b"ftyp" else 0
        size = functools.reduce(lambda size, byte: size << 7 | byte & 0x7F, head[6:10], 0)
        at += 10 + size + (10 if head[5] & 0x10 else 0)
    return 0


def _tag(stream: AudioStream) -> str:
    """The four letters by which MP4 names a codec; nothing for what are no letters."""
    try:
        return stream.codec_context.codec_tag if stream.codec_context is not None else ""
    except UnicodeDecodeError:
        return ""


def _refuse_protected_asf(file: BinaryIO) -> None:
    length = int.from_bytes(file.read(8), "little")
    header = file.read(min(length, _ASF_HEADER_BYTES))
    if any(guid in header for guid in _ASF_ENCRYPTION):
        raise _protected()


def _protected() -> FailureError:
    return _failure(
        FailureKind.DRM,
        "The sound is encrypted by a copy protection, so it cannot be read. A copy without protection is needed.",
    )


def _cannot_open(path: Path, head: bytes, error: Exception) -> FailureError:
    if head[4:8] == b"ftyp":
        if cut_off.ends_inside_a_box(path) and not cut_off.has_box(path, b"moov"):
            return _failure(
                FailureKind.TRUNCATED,
                "The file starts like an MP4 but ends before its index: the transfer was cut off. "
                "Fetching it again may bring the rest.",
                error,
            )
        return undecodable(
            "The file starts like an MP4 but its index is missing or damaged, as after a recording that was never "
            "finished. A repair tool may bring the sound back.",
            error,
        )
    return undecodable("The file is not in an audio or video format that can be read here.", error)


def _failure(kind: FailureKind, message: str, error: BaseException | None = None) -> FailureError:
    return FailureError(Failure(kind, message) if error is None else Failure.from_exception(kind, error, message))
