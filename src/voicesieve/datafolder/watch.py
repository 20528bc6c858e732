"""A watch over the folders that a run stores in: what is stored in one that was removed or replaced is lost."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.files import identity_of


class FolderWatch:
    """Whether folders are still the ones that they were when the watch began.

    Each is held open, so that its number on the disk is given to no other meanwhile.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._opened = {
            path: os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for path in folders if path.is_dir()
        }

    def check(self) -> None:
        """Raise `FailureError` for the first folder that is gone."""
        for path, descriptor in self._opened.items():
            opened = os.fstat(descriptor)
            if identity_of(path) != (opened.st_dev, opened.st_ino):
                raise FailureError(Failure(FailureKind.CATALOG_UNAVAILABLE, _lost(path)))

    def close(self) -> None:
        for descriptor in self._opened.values():
            os.close(descriptor)


def _lost(path: Path) -> str:
    return (
        f"the folder {path} was removed, moved or replaced while the run worked in it, and what was stored there since "
        "may be lost. Put it back as it was and start the same command again; `voicesieve doctor` then compares rows "
        "and files"
    )
