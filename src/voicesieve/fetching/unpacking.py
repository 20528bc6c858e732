"""Compressed bodies that were not requested, unpacked piece by piece: a bomb is never whole in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.text import clean_text

PIECE_BYTES = 2**18
"""Most bytes that one step unpacks; the caller checks its limits between two steps."""

_GZIP_MAGIC = b"\x1f\x8b"
_CAN_UNPACK = frozenset({"gzip", "x-gzip", "deflate"})
_CANNOT_UNPACK = frozenset(
    {"br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "aes128gcm", "pack200-gzip", "bzip2", "xz", "lzma"}
)
"""The other codings of IANA's registry, and some unregistered ones that are in use."""


class Unpacker:
    """Undoes the codings of one body; without codings the body passes unchanged."""

    def __init__(self, codings: Sequence[str]) -> None:
        self._steps = [_Step(coding) for coding in reversed(codings)]

    @property
    def packed(self) -> bool:
        return bool(self._steps)

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        """What ``packed``, the next bytes of the body, unpacks to, `PIECE_BYTES` at most at a time.

        Raises `FailureError` for damage.
        """
        try:
            yield from _through(self._steps, packed)
        except zlib.error as error:
            message = "the answer is packed, and damaged: it cannot be unpacked"
            raise FailureError(Failure.from_exception(FailureKind.TRUNCATED, error, message)) from error

    def rest(self) -> bytes:
        """What is left at the body's end. Raises `FailureError` (truncated) if the packed body is cut off."""
        left = b""
        for step in self._steps:
            left = b"".join(step.pieces(left)) + step.rest()
        return left


class _Step:
    """Undoes one coding. A body that is not packed at all, whatever its header says, passes unchanged."""

    def __init__(self, coding: str) -> None:
        self._is_gzip = coding != "deflate"
        self._machine: zlib._Decompress | None = None
        self._start = b""
        self._members = 0
        self._passes = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        data, self._start = self._start + data, b""
        if self._passes:
            if data:
                yield data
            return
        while data or self._machine is not None:
            if self._machine is None and not self._begin(data):
                return
            if self._machine is None:
                yield data
                return
            piece = self._machine.decompress(data, PIECE_BYTES)
            if self._machine.eof:
                data, self._machine = self._machine.unused_data, None
                self._members += 1
            else:
                data = self._machine.unconsumed_tail
            if piece:
                yield piece
            elif not data:
                return

    def rest(self) -> bytes:
        if self._machine is not None:
            message = "the answer is packed, and ends before it is complete"
            raise FailureError(Failure(FailureKind.TRUNCATED, message))
        return b"" if self._members else self._start

    def _begin(self, data: bytes) -> bool:
        """Begin a member, or skip data that is not one. False if ``data`` is too short to decide, or is useless."""
        if len(data) < len(_GZIP_MAGIC):
            self._start = data
            return False
        if self._is_gzip and data.startswith(_GZIP_MAGIC):
            self._machine = zlib.decompressobj(16 + zlib.MAX_WBITS)
        elif self._members:
            return False  # behind the last member: padding
        elif self._is_gzip:
            self._passes = True
        else:
            with_header = data[0] & 0x0F == zlib.DEFLATED and (data[0] << 8 | data[1]) % 31 == 0
            self._machine = zlib.decompressobj(zlib.MAX_WBITS if with_header else -zlib.MAX_WBITS)
        return True


def _through(steps: Sequence[_Step], data: bytes) -> Iterator[bytes]:
    if not steps:
        if data:
            yield data
        return
    for piece in steps[0].pieces(data):
        yield from _through(steps[1:], piece)


def is_gzip(body: bytes) -> bool:
    """Whether ``body`` begins like gzip, as no text does."""
    return body.startswith(_GZIP_MAGIC + b"\x08")


def codings_of(header: str) -> tuple[str, ...]:
    """The codings of a ``Content-Encoding`` header, in the order in which they were applied.

    Words that name no coding (``utf-8``, ``none``, ``aws-chunked``) are mistakes of a server and are ignored. Raises
    `FailureError` (unsupported) for a coding that cannot be unpacked here.
    """
    named = [word.strip().lower() for word in header.split(",")]
    refused = next((word for word in named if word in _CANNOT_UNPACK), None)
    if refused is not None:
        message = f"the answer is packed as {clean_text(refused, 50)!r}, which cannot be unpacked and was not requested"
        raise FailureError(Failure(FailureKind.UNSUPPORTED, message))
    return tuple(word for word in named if word in _CAN_UNPACK)
