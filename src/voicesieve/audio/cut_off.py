"""Whether a file was cut off: by bytes that its own structure counts and that are missing, never by clocks.

A wrong header and a file that was cut off look alike in a single place: programs leave sizes of 0, of 4 GiB or of an
earlier state. So the bytes must be missing by two parts of the structure: the whole file's size and that of the element
that the file ends in. Where a format has no such structure (MP3, Ogg, AAC, transport streams), whatever decodes is
taken as the whole.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from av.audio.stream import AudioStream

TOLERATED_SHARE = 0.02
TOLERATED_BYTES = 1024
"""Less than both is no reason to fetch a recording again, and writers round their sizes in several ways."""

_UNKNOWN_SIZE = 0x7FFFF000
"""Programs that write into a pipe do not know the size and state about 2 or 4 GiB, or nothing."""
_MAX_ELEMENTS = 100_000
"""Elements looked at in one file: a day of fragments of a second."""

_W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_FLAC_TAIL_BYTES = 1 << 18
"""More than a frame of 65,535 samples in two channels of 16 bits can take."""
_FLAC_CANDIDATES = 12
"""Places in the last frame that look like the start of one by chance: one in 16,384 bytes."""


@dataclass(frozen=True)
class Missing:
    """The file's structure counts ``stated`` bytes; ``present`` of them are there."""

    stated: int
    present: int

    @property
    def matters(self) -> bool:
        missing = self.stated - self.present
        return missing > TOLERATED_BYTES and missing > TOLERATED_SHARE * self.stated


def missing_bytes(path: Path, format_name: str, stream: AudioStream) -> Missing | None:
    """What is missing by the structure of a file of FFmpeg's format ``format_name``; ``None`` if nothing says so.

    Raises OSError if the file cannot be read. A structure that makes no sense is no evidence.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        missing: Missing | None = None
        if format_name in ("wav", "w64"):
            missing = _of_chunks(file, size)
        elif format_name == "matroska":
            missing = _of_segment(file, size)
        elif format_name == "mov":
            missing = _of_samples(file, size, stream)
    return missing if missing is not None and missing.matters else None


def ends_inside_a_box(path: Path) -> bool:
    """Whether an MP4 ends before one of its outermost boxes does."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return any(box.end > size for box in _boxes(file, size))


def has_box(path: Path, kind: bytes) -> bool:
    """Whether an MP4 has a whole outermost box of that kind."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return any(box.kind == kind and box.end <= size for box in _boxes(file, size))


def ends_inside_a_flac_frame(path: Path) -> bool:
    """Whether a FLAC file ends with something else than a whole frame, whose check sum would say so."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - _FLAC_TAIL_BYTES))
        tail = file.read()
    if tail[-128:-125] == b"TAG":
        tail = tail[:-128]
    start = len(tail)
    for _ in range(_FLAC_CANDIDATES):
        start = max(tail.rfind(b"\xff\xf8", 0, start), tail.rfind(b"\xff\xf9", 0, start))
        if start < 0:
            return True
        if _crc16(tail[start:]) == 0:
            return False
    return True


@dataclass(frozen=True)
class _Element:
    kind: bytes
    body: int
    end: int


def _of_chunks(file: BinaryIO, size: int) -> Missing | None:
    """WAV, RF64 and Wave64: the size in front, and that of the chunk with the sound."""
    head = file.read(40)
    if head[:4] in (b"RIFF", b"RF64", b"BW64"):
        whole = 8 + struct.unpack_from("<I", head.ljust(8, b"\0"), 4)[0]
        chunks = _chunks(file, size)
    elif head[:4] == b"riff":
        whole = struct.unpack_from("<Q", head.ljust(24, b"\0"), 16)[0]
        chunks = _long_chunks(file, size)
    else:
        return None
    wide: int | None = None
    for chunk in chunks:
        if chunk.kind == b"ds64":
            file.seek(chunk.body)
            riff, wide = struct.unpack("<QQ", file.read(16).ljust(16, b"\0"))
            whole = 8 + riff
        if chunk.kind in (b"data", _W64_DATA):
            end = chunk.end if wide is None else chunk.body + wide
            if _is_unknown(whole, wide) or _is_unknown(end - chunk.body, wide):
                return None
            return Missing(min(whole, end), size)
    return None


def _is_unknown(stated: int, wide: int | None) -> bool:
    if wide is not None:
        return stated >= 1 << 62
    return stated <= 8 or _UNKNOWN_SIZE <= stated < 1 << 33


def _chunks(file: BinaryIO, size: int) -> Iterator[_Element]:
    at = 12
    for _ in range(_MAX_ELEMENTS):
        file.seek(at)
        header = file.read(8)
        if len(header) < 8:
            return
        kind, length = struct.unpack("<4sI", header)
        yield _Element(kind, at + 8, at + 8 + length)
        at += 8 + length + length % 2
        if at >= size:
            return


def _long_chunks(file: BinaryIO, size: int) -> Iterator[_Element]:
    at = 40
    for _ in range(_MAX_ELEMENTS):
        file.seek(at)
        header = file.read(24)
        if len(header) < 24:
            return
        length = struct.unpack_from("<Q", header, 16)[0]
        yield _Element(header[:16], at + 24, at + length)
        at += (max(length, 24) + 7) // 8 * 8
        if at >= size:
            return


def _of_segment(file: BinaryIO, size: int) -> Missing | None:
    """Matroska: the segment's size, and the element of it that the file ends in."""
    segment_end: int | None = None
    at = 0
    for _ in range(_MAX_ELEMENTS):
        element = _ebml(file, at)
        if element is None:
            return None
        kind, body, length = element
        if kind == _SEGMENT:
            if length is None:
                return None
            segment_end, at = body + length, body
            continue
        if length is None or (segment_end is None and kind != _EBML):
            return None
        at = body + length
        if at > size:
            return Missing(segment_end, size) if segment_end is not None and segment_end >= at else None
        if at == size:
            return None
    return None


def _ebml(file: BinaryIO, at: int) -> tuple[int, int, int | None] | None:
    """Identifier, start of the body and its length of the element at ``at``; the length is ``None`` where unknown."""
    file.seek(at)
    header = file.read(12)
    if len(header) < 2 or header[0] < 0x10:
        return None
    width = 9 - header[0].bit_length()
    if len(header) <= width or header[width] == 0:
        return None
    size_width = 9 - header[width].bit_length()
    if len(header) < width + size_width:
        return None
    most = (1 << (7 * size_width)) - 1
    length = int.from_bytes(header[width : width + size_width], "big") & most
    return int.from_bytes(header[:width], "big"), at + width + size_width, None if length == most else length


def _of_samples(file: BinaryIO, size: int, stream: AudioStream) -> Missing | None:
    """MP4: where its index says that the sound lies. Fragments are counted by an index of segments if there is one."""
    fragments, segments_end = False, 0
    for box in _boxes(file, size):
        fragments = fragments or box.kind == b"moof"
        if box.kind == b"sidx" and box.end <= size:
            file.seek(box.body)
            segments_end = max(segments_end, box.end + _bytes_of_segments(file.read(box.end - box.body)))
    if segments_end:
        return Missing(segments_end, size)
    index = stream.index_entries
    if fragments or not len(index) or index[-1].pos + index[-1].size <= size:
        return None
    entries = [(entry.pos, entry.size) for entry in index]
    return Missing(sum(length for _, length in entries), sum(length for at, length in entries if at + length <= size))


def _bytes_of_segments(body: bytes) -> int:
    """Bytes from the end of a ``sidx`` box (ISO/IEC 14496-12, 8.16.3) to the end of the last segment in it."""
    wide = len(body) > 0 and body[0] > 0
    fixed = 32 if wide else 24
    if len(body) < fixed:
        return 0
    first = int.from_bytes(body[20:28] if wide else body[16:20], "big")
    count = int.from_bytes(body[fixed - 2 : fixed], "big")
    sizes = (int.from_bytes(body[at : at + 4], "big") & 0x7FFFFFFF for at in range(fixed, fixed + 12 * count, 12))
    return first + sum(sizes)


def _boxes(file: BinaryIO, size: int) -> Iterator[_Element]:
    at = 0
    for _ in range(_MAX_ELEMENTS):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            return
        length, kind = struct.unpack_from(">I4s", header)
        body = at + 8
        if length == 1 and len(header) == 16:
            length, body = struct.unpack_from(">Q", header, 8)[0], at + 16
        end = size if length == 0 else at + length
        if end < body:
            return
        yield _Element(kind, body, end)
        at = end


def _crc16_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        crc = value << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x8005 if crc & 0x8000 else crc << 1) & 0xFFFF
        table.append(crc)
    return tuple(table)


_CRC16 = _crc16_table()


def _crc16(data: bytes) -> int:
    """The check sum at the end of a FLAC frame (RFC 9639, section 9.3); 0 over a whole frame."""
    crc = 0
    for byte in data:
        crc = (crc << 8 ^ _CRC16[crc >> 8 ^ byte]) & 0xFFFF
    return crc
