"""Publishing a folder: complete under its name, or not there at all."""

from __future__ import annotations

import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voicesieve.files import (
    OUT_OF_SPACE,
    TEMPORARY_MARK,
    sweep_unfinished,
    sync_folder,
    typed_disk_errors,
    unfinished_folder,
    write_text,
)

MARKER = "voicesieve-export.json"
"""Lies in every folder we publish; a folder without it is not ours and is never replaced."""

SHORT = 30
"""Characters of the target's name in that of its predecessor, which must fit into the name of a temporary."""


class ExportError(Exception):
    """The export cannot be made. The message says why; an earlier export in the same place is unchanged."""


@contextmanager
def published_folder(target: Path, marker: str) -> Iterator[Path]:
    """Fill the folder that is handed out; when the block ends it takes the place of ``target``.

    Raises `ExportError` if ``target`` holds something that is not an export of ours, `FailureError` if the disk is
    full. After any error nothing is left beside ``target``.
    """
    with typed_disk_errors(target), refused_by_the_system(target):
        _mend(target.absolute())
        _refuse_foreign(target.absolute())
        target = target.resolve()
        with unfinished_folder(target) as staging:
            yield staging
            write_text(staging / MARKER, marker)
            _sync_tree(staging)
            _replace(target, staging)


def _mend(target: Path) -> None:
    """Make good what an export that was killed left beside ``target``, which may be the only complete one."""
    if not os.path.lexists(target):
        for previous in sorted(target.parent.glob(f"{glob.escape(_previous(target))}*"))[-1:]:
            previous.rename(target)
            sync_folder(target.parent)
    sweep_unfinished(target.parent, _previous(target).removesuffix(TEMPORARY_MARK))
    sweep_unfinished(target.parent, target.name)


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
    previous = target.with_name(f"{_previous(target)}{secrets.token_hex(6)}")
    if target.is_dir():
        target.rename(previous)
    staging.rename(target)
    sync_folder(target.parent)
    if previous.is_dir():
        shutil.rmtree(previous)


def _previous(target: Path) -> str:
    """Start of the name that an export has while its successor takes its place."""
    return f"{target.name[:SHORT]}.previous{TEMPORARY_MARK}"


def _sync_tree(root: Path) -> None:
    for folder, _names, _files in os.walk(root):
        sync_folder(Path(folder))
