"""The recordings folder: each fetched file once, under its SHA-256."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from voicesieve.files import move_durably, sync_folder

CHUNK = 1 << 20


class RecordingStore:
    """Content-addressed files under ``root``. Paths handed out are relative to it and hold no remote text."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def adopt(self, file: Path, sha256: str, suffix: str) -> str:
        """Move a finished file in; it is durable when this returns. Returns its path relative to the root.

        Doing it twice is harmless: the same content has the same name. Raises `ValueError` if ``suffix`` would lead
        out of the store.
        """
        relative = relative_path(sha256, suffix)
        move_durably(file, self.path(relative))
        return relative

    def path(self, relative: str) -> Path:
        """The absolute path of a stored file. Raises `ValueError` if ``relative`` would leave the store."""
        path = self.root / relative
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise ValueError(f"{relative!r} is not inside the store")
        return path

    def remove(self, relative: str) -> None:
        """Delete a file for good, power loss included; one that is gone already is what was asked for."""
        path = self.path(relative)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)

    def files(self) -> Iterator[str]:
        """All files in the store, relative to the root, in a stable order."""
        for folder, names, files in os.walk(self.root):
            names.sort()
            for name in sorted(files):
                yield os.path.relpath(Path(folder) / name, self.root)


def relative_path(sha256: str, suffix: str) -> str:
    return f"{sha256[:2]}/{sha256}{suffix}"


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()
