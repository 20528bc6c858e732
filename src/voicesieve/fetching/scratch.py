"""The one file that a fetch leaves in its scratch folder, and what it means when it cannot be written."""

from __future__ import annotations

import io
import os
from pathlib import Path

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.files import OUT_OF_SPACE, PRIVATE_FILE, WORKING_SPACE, space_needed
from voicesieve.machine import folder_failure

MEDIA_NAME = "media"
"""Constant, because a name made from remote text is a path made from remote text."""


def create_media(scratch: Path) -> io.FileIO:
    """Create the media file, which must not exist yet, for writing without a buffer. Raises `FailureError`."""
    try:
        descriptor = os.open(scratch / MEDIA_NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
        return os.fdopen(descriptor, "wb", buffering=0)
    except OSError as error:
        raise FailureError(disk_failure(error, scratch, None)) from error


def write_all(file: io.FileIO, data: bytes, *, whole_bytes: int | None) -> None:
    """Write all of ``data``; ``whole_bytes`` is how much the file needs in all, if known. Raises `FailureError`."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise FailureError(disk_failure(error, Path(str(file.name)), whole_bytes)) from error


def disk_failure(error: OSError, path: Path, whole_bytes: int | None) -> Failure:
    """Type an error of writing into scratch."""
    if error.errno in OUT_OF_SPACE:
        needed = "the file's size is unknown" if whole_bytes is None else f"this file needs {whole_bytes:,} bytes"
        room = space_needed(path, WORKING_SPACE + (whole_bytes or 0))
        message = f"no space left in the scratch folder ({error.strerror}); {needed}; {room}"
        return Failure.from_exception(FailureKind.DISK_FULL, error, message)
    return folder_failure(error, path)
