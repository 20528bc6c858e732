"""Publishing a folder: complete under its name, or not there at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voicesieve.files import OUT_OF_SPACE, TEMPORARY_MARK, make_folder, sync_folder, typed_disk_errors, write_text

MARKER = "voicesieve-export.json"
"""Lies in every folder we publish; a folder without it is not ours and is never replaced."""


class ExportError(Exception):
    """The export cannot be made. The message says why; an earlier export in the same place is unchanged."""


@contextmanager
def published_folder(target: Path, marker: str) -> Iterator[Path]:
    """Fill the folder that is handed out; when the block ends it takes the place of ``target``.

    Raises `ExportError` if ``target`` holds something that is not an export of ours, `FailureError` if the disk is
    full. After any error nothing is left beside ``target``.
    """
    with typed_disk_errors(target), refused_by_the_system(target):
        _refuse_foreign(target.absolute())
        target = target.resolve()
        # 40 characters are at most 160 bytes, so that the mark fits into the 255 bytes of a name too.
        staging = target.with_name(f"{target.name[:40]}{TEMPORARY_MARK}{secrets.token_hex(6)}")
        try:
            make_folder(staging)
            yield staging
            write_text(staging / MARKER, marker)
            _sync_tree(staging)
            _replace(target, staging)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise


@contextmanager
def refused_by_the_system(target: Path) -> Iterator[None]:
    """Turn the operating system's no into an `ExportError`, except for a full disk, which has a type of its own."""
    try:
        yield
    except OSError as error:
        if error.errno in OUT_OF_SPACE:
            raise
        raise ExportError(f"{target} cannot be written ({error.strerror}: {error.filename}). Name another.") from error


def _refuse_foreign(target: Path) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ExportError(f"{target} is not a folder. Name a new folder.")
    if target.is_dir() and any(target.iterdir()) and not (target / MARKER).is_file():
        raise ExportError(f"{target} is not empty and is not an export of voicesieve. Name a new or empty folder.")
    nearest = next(parent for parent in target.parents if parent.exists())
    if not nearest.is_dir():
        raise ExportError(f"{nearest} is not a folder, so {target} cannot be made. Name another place.")
    if not os.access(nearest, os.W_OK):
        raise ExportError(f"{nearest} cannot be written. Choose another place, or change its permissions.")


def _replace(target: Path, staging: Path) -> None:
    """Two renames: a crash between them leaves the old export beside the name, complete."""
    previous = target.with_name(f"{target.name[:40]}.previous{TEMPORARY_MARK}{secrets.token_hex(6)}")
    if target.is_dir():
        target.rename(previous)
    staging.rename(target)
    sync_folder(target.parent)
    if previous.is_dir():
        shutil.rmtree(previous)


def _sync_tree(root: Path) -> None:
    for folder, _names, _files in os.walk(root):
        sync_folder(Path(folder))
