"""The one file that a fetch leaves in its scratch folder, and what it means when it cannot be written."""

from __future__ import annotations

import errno
import io
from pathlib import Path

from voicesieve.domain.failures import Failure, FailureError, FailureKind

MEDIA_NAME = "media"
"""Constant, because a name made from remote text is a path made from remote text."""

OUT_OF_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""EFBIG is a file-size limit of the process or the file system: space of another kind."""


def create_media(scratch: Path) -> io.FileIO:
    """Create the media file, which must not exist yet, for writing without a buffer. Raises `FailureError`."""
    try:
        return (scratch / MEDIA_NAME).open("xb", buffering=0)
    except OSError as error:
        raise FailureError(disk_failure(error, None)) from error


def write_all(file: io.FileIO, data: bytes, *, whole_bytes: int | None) -> None:
    """Write all of ``data``; ``whole_bytes`` is how much the file needs in all, if known. Raises `FailureError`."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise FailureError(disk_failure(error, whole_bytes)) from error


def disk_failure(error: OSError, whole_bytes: int | None) -> Failure:
    """Type an error of writing into scratch."""
    if error.errno in OUT_OF_SPACE:
        needed = "the file's size is unknown" if whole_bytes is None else f"this file needs {whole_bytes:,} bytes"
        message = f"no space left in the scratch folder ({error.strerror}); {needed}"
        return Failure.from_exception(FailureKind.DISK_FULL, error, message)
    message = f"the scratch folder cannot be written: {error.strerror or error}"
    return Failure.from_exception(FailureKind.INTERNAL_ERROR, error, message)
