"""Publishing a folder: complete under its name, or absent."""

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
"""The list of removed recordings, which people put into an export that they have."""

SHOWN = 3
"""Names of foreign files that a refusal shows."""

SHORT = 30
"""Characters of the target's name that the name of its predecessor repeats, so that a temporary name stays legal."""

MAX_NAME_BYTES = 255


@contextmanager
def refused_by_the_system(target: Path) -> Iterator[None]:
    """Turn refusals of the operating system into an `ExportError`, except a full disk, which has its own type."""
    try:
        yield
    except OSError as error:
        if error.errno in OUT_OF_SPACE:
            raise
        raise ExportError(
            f"{target} cannot be written ({error.strerror}: {error.filename}). Name another place."
        ) from error


def prepare(target: Path) -> None:
    """Repair what a killed export left at the absolute path ``target``, and check that it can be published to.

    Raises `ExportError` if it holds files that are not ours, or cannot be a folder of ours.
    """
    if len(os.fsencode(target.name)) > MAX_NAME_BYTES:
        raise ExportError(f"The name {target.name[:40]}... is longer than file systems allow. Name a shorter folder.")
    _restore(target)
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ExportError(f"{target} is not a folder. Name a new folder.")
    if target.is_dir() and any(target.iterdir()) and not (target / MARKER).is_file():
        raise ExportError(f"{target} is not empty and is not an export of voicesieve. Name a new or empty folder.")
    _refuse_foreign(target)
    nearest = next(parent for parent in target.parents if parent.exists())
    if not nearest.is_dir():
        raise ExportError(f"{nearest} is not a folder, so {target} cannot be created. Name another place.")
    if not os.access(nearest, os.W_OK):
        raise ExportError(f"{nearest} cannot be written. Choose another place, or change its permissions.")


def _refuse_foreign(target: Path) -> None:
    """Replacing an earlier export deletes it, so no other files may be in it."""
    if not (target / MARKER).is_file() or not (target / SUMS).is_file():
        return
    foreign = list(foreign_files(target, (SUMS, REMOVED)))
    if foreign:
        names = safe_text(", ".join(foreign[:SHOWN]), limit=300)
        more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
        raise ExportError(
            f"{target} holds files that are not part of the export ({names}{more}), and replacing it would delete "
            "them. Move them away, or name another folder."
        )


def publish(tree: Path, target: Path) -> None:
    """Give the finished ``tree`` the name ``target``; durable when this returns.

    Where the kernel can (Linux), an earlier export is exchanged with the new one in one step, so that there is always
    a complete export under the name. Elsewhere a crash between two renames leaves the earlier one under another name
    beside it, and `prepare` restores it.
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


def _exchange(first: Path, second: Path) -> bool:
    """Swap the names of two folders in one step. False where that is not possible."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "renameat2"):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    status: int = libc.renameat2(here, os.fsencode(first), here, os.fsencode(second), exchange)
    return status == 0


def _restore(target: Path) -> None:
    """Restore the earlier export that a killed one left beside ``target``: it may be the only complete one."""
    if not os.path.lexists(target):
        for previous in sorted(target.parent.glob(f"{glob.escape(_previous(target))}*"))[-1:]:
            previous.rename(target)
            sync_folder(target.parent)
    sweep_unfinished(target.parent, becoming(_previous(target).removesuffix(TEMPORARY_MARK)))


def _previous(target: Path) -> str:
    """Start of the name that an export has while the new one takes its place."""
    return f"{target.name[:SHORT]}.previous{TEMPORARY_MARK}"
