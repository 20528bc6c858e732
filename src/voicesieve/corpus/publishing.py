"""Publishing a folder: complete under its name, or not there at all."""

from __future__ import annotations

import ctypes
import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voicesieve.corpus.errors import ExportError
from voicesieve.corpus.marker import MARKER
from voicesieve.corpus.sums import SUMS, foreign_files
from voicesieve.files import OUT_OF_SPACE, TEMPORARY_MARK, becoming, sweep_unfinished, sync_file_system, sync_folder
from voicesieve.observability.terminal import safe_text

REMOVED = "REMOVED.csv"
"""What takedowns removed; people put this list of ours into an export that they hold."""

SHOWN = 3
"""Names of others that a refusal shows."""

SHORT = 30
"""Characters of the target's name in that of its predecessor, which must fit into the name of a temporary."""

MAX_NAME_BYTES = 255


@contextmanager
def refused_by_the_system(target: Path) -> Iterator[None]:
    """Turn the operating system's no into an `ExportError`, except for a full disk, which has a type of its own."""
    try:
        yield
    except OSError as error:
        if error.errno in OUT_OF_SPACE:
            raise
        raise ExportError(f"{target} cannot be written ({error.strerror}: {error.filename}). Name another.") from error


def prepare(target: Path) -> None:
    """Make good what a killed export left of the absolute path ``target``, and see that it can be published to.

    Raises `ExportError` if it holds something that is not ours, or cannot be a folder of ours.
    """
    if len(os.fsencode(target.name)) > MAX_NAME_BYTES:
        raise ExportError(f"The name {target.name[:40]}... is longer than file systems allow. Name a shorter folder.")
    _mend(target)
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ExportError(f"{target} is not a folder. Name a new folder.")
    if target.is_dir() and any(target.iterdir()) and not (target / MARKER).is_file():
        raise ExportError(f"{target} is not empty and is not an export of voicesieve. Name a new or empty folder.")
    _refuse_foreign(target)
    nearest = next(parent for parent in target.parents if parent.exists())
    if not nearest.is_dir():
        raise ExportError(f"{nearest} is not a folder, so {target} cannot be made. Name another place.")
    if not os.access(nearest, os.W_OK):
        raise ExportError(f"{nearest} cannot be written. Choose another place, or change its permissions.")


def _refuse_foreign(target: Path) -> None:
    """Replacing an earlier export deletes it, so nothing of anybody else may lie in it."""
    if not (target / MARKER).is_file() or not (target / SUMS).is_file():
        return
    foreign = list(foreign_files(target, (SUMS, REMOVED)))
    if foreign:
        more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
        raise ExportError(
            f"{target} holds what is no part of the export ({safe_text(', '.join(foreign[:SHOWN]), limit=300)}{more}), "
            "and replacing it would delete that. Move it away, or name another folder."
        )


def publish(tree: Path, target: Path) -> None:
    """Give the finished ``tree`` the name ``target``; durable when this returns.

    An earlier export changes places with the new one in one step where the kernel can (Linux), so that there is always
    one under the name; elsewhere a crash between two renames leaves it beside the name, where `prepare` finds it.
    """
    sync_file_system(tree)
    if target.is_dir() and _exchange(tree, target):
        previous = tree
    else:
        previous = target.with_name(f"{_previous(target)}{secrets.token_hex(6)}")
        if target.is_dir():
            target.rename(previous)
        tree.rename(target)
    sync_folder(target.parent)
    if previous.is_dir():
        shutil.rmtree(previous)


def _exchange(one: Path, other: Path) -> bool:
    """Swap the names of two folders at once. False where that is not possible."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "renameat2"):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    done: int = libc.renameat2(here, os.fsencode(one), here, os.fsencode(other), exchange)
    return done == 0


def _mend(target: Path) -> None:
    """Make good what an export that was killed left beside ``target``, which may be the only complete one."""
    if not os.path.lexists(target):
        for previous in sorted(target.parent.glob(f"{glob.escape(_previous(target))}*"))[-1:]:
            previous.rename(target)
            sync_folder(target.parent)
    sweep_unfinished(target.parent, becoming(_previous(target).removesuffix(TEMPORARY_MARK)))


def _previous(target: Path) -> str:
    """Start of the name that an export has while its successor takes its place."""
    return f"{target.name[:SHORT]}.previous{TEMPORARY_MARK}"
