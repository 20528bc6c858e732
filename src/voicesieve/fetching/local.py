"""Files that are already on this machine."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import Fetched, FetchLimits, FetchRequest
from voicesieve.domain.text import clean_text
from voicesieve.fetching.scratch import MEDIA_NAME, create_media, write_all

_BLOCK_BYTES = 2**20
_SAMPLE_BYTES = 2**16
"""Two seconds of 16 kHz PCM: two recordings that agree in three such places are the same."""


class LocalFetcher:
    """Copies the file behind a ``file://`` URL, whose path is percent-encoded bytes, into the scratch folder."""

    method = "local"

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Copy to ``request.scratch / "media"``. Raises `FailureError`."""
        stop = threading.Event()
        copying = asyncio.create_task(asyncio.to_thread(_copy, request, stop))
        done: set[asyncio.Task[int]] = set()
        try:
            done, _ = await asyncio.wait({copying}, timeout=request.limits.deadline_s)
        finally:
            # A thread cannot be cancelled: ask it to stop, and return only when it has.
            stop.set()
            await asyncio.wait({copying})
        if not done:
            raise FailureError(Failure(FailureKind.TIMEOUT, f"not copied within {request.limits.deadline_s:g} s"))
        return Fetched(request.scratch / MEDIA_NAME, copying.result())


def gone(urls: Iterable[str]) -> frozenset[str]:
    """Those of the ``file://`` URLs whose file is gone. What cannot be read may still be there."""
    return frozenset(url for url in urls if not _may_be_there(_path(url)))


def is_alike(url: str, stored: Path) -> bool:
    """Whether the file at a ``file://`` URL has the length of another file, and the same beginning, middle and end."""
    try:
        with _path(url).open("rb") as file, stored.open("rb") as other:
            size = os.fstat(file.fileno()).st_size
            if size != os.fstat(other.fileno()).st_size:
                return False
            places = (0, max(0, (size - _SAMPLE_BYTES) // 2), max(0, size - _SAMPLE_BYTES))
            return all(_sample(file, place) == _sample(other, place) for place in places)
    except OSError:  # what cannot be read proves nothing; its fetch will say why
        return False


def _sample(file: BinaryIO, place: int) -> bytes:
    file.seek(place)
    return file.read(_SAMPLE_BYTES)


def _may_be_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _copy(request: FetchRequest, stop: threading.Event) -> int:
    source = _path(request.url)
    with _opened(source) as file, create_media(request.scratch) as target:
        size = os.fstat(file.fileno()).st_size
        _check_size(size, request.limits)
        copied = 0
        while not stop.is_set() and (block := _read(file, source)):
            copied += len(block)
            _check_size(copied, request.limits)
            write_all(target, block, whole_bytes=size)
    if stop.is_set():
        return copied
    if copied != size:
        raise FailureError(Failure(FailureKind.TRUNCATED, f"{_shown(source)} changed while it was being copied"))
    if copied == 0:
        raise FailureError(Failure(FailureKind.UNDECODABLE, f"{_shown(source)} is empty"))
    return copied


def _path(url: str) -> Path:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise FailureError(Failure.from_exception(FailureKind.UNSUPPORTED, error)) from error
    path = unquote_to_bytes(parts.path)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not path.startswith(b"/") or b"\0" in path:
        message = f"{clean_text(url, 200)!r} does not name a file of this machine"
        raise FailureError(Failure(FailureKind.UNSUPPORTED, message))
    return Path(os.fsdecode(path))


def _opened(source: Path) -> BinaryIO:
    try:
        # Checked before it is opened, because opening a device can already have an effect; and opened without
        # waiting, because by then it may have become a FIFO without a writer.
        _require_regular(source, source.stat().st_mode)
        file = os.fdopen(os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise FailureError(_source_failure(source, error)) from error
    try:
        _require_regular(source, os.fstat(file.fileno()).st_mode)
    except FailureError:
        file.close()
        raise
    return file


def _require_regular(source: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a device, socket or pipe"
        raise FailureError(Failure(FailureKind.UNSUPPORTED, f"{_shown(source)} is {what}, not a file"))


def _check_size(size: int, limits: FetchLimits) -> None:
    if size > limits.max_bytes:
        message = f"the file has {size:,} bytes or more; {limits.max_bytes:,} are allowed"
        raise FailureError(Failure(FailureKind.TOO_LONG, message))


def _read(file: BinaryIO, source: Path) -> bytes:
    try:
        return file.read(_BLOCK_BYTES)
    except OSError as error:
        raise FailureError(_source_failure(source, error)) from error


def _source_failure(source: Path, error: OSError) -> Failure:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Failure.from_exception(FailureKind.GONE, error, f"{_shown(source)} does not exist any more")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Failure.from_exception(FailureKind.PRIVATE, error, f"{_shown(source)} may not be read by this user")
    message = f"{_shown(source)} cannot be read: {error.strerror or error}"
    return Failure.from_exception(FailureKind.UNSUPPORTED, error, message)


def _shown(path: Path) -> str:
    return clean_text(os.fsencode(path).decode("utf-8", errors="replace"), 500)
