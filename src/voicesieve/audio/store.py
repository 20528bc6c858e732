"""The recordings folder: each fetched file once, under its SHA-256."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.files import move_durably, sync_folder

CHUNK = 1 << 20

_NAME = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})(\.[0-9a-z]+)?")


class NotStoredError(FailureError, ValueError):
    """What a catalog names is no recording of ours: another name, or a link that leads out of the folder.

    Nothing there is read, moved or deleted.
    """

    def __init__(self, relative: str, why: str) -> None:
        super().__init__(Failure(FailureKind.UNDECODABLE, f"{relative!r} is not inside the store: {why}"))
        self.why = why

    def __reduce__(self) -> tuple[type[FailureError], tuple[Failure]]:
        return (FailureError, (self.failure,))


class RecordingStore:
    """Content-addressed files under ``root``. Paths handed out are relative to it and hold no remote text.

    ``root`` may be a link to a folder on another disk. It may hold anything else too: only files under the names that
    `adopt` gives are ours.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def adopt(self, file: Path, sha256: str, suffix: str) -> str:
        """Move a finished file in; it is durable when this returns. Returns its path relative to the root.

        Doing it twice is harmless: the same content has the same name. Raises `NotStoredError` if ``suffix`` would lead
        out of the store.
        """
        relative = relative_path(sha256, suffix)
        if not is_ours(relative):
            raise NotStoredError(relative, "recordings lie under their SHA-256")
        move_durably(file, self.root / relative)
        return relative

    def path(self, relative: str) -> Path:
        """The absolute path of a stored file, to be read. Raises `NotStoredError`; see `refusal`."""
        if why := self.refusal(relative):
            raise NotStoredError(relative, why)
        return self.root / relative

    def refusal(self, relative: str) -> str:
        """Why what a catalog names is no file of ours: no name that `adopt` gives, or a link that leads out.

        Empty for one that is, or would be if it were there. What a link leads to could not be deleted by a takedown.
        """
        if not is_ours(relative):
            return "recordings lie under their SHA-256"
        path = (self.root / relative).resolve()
        if not path.is_relative_to(self.root.resolve()):
            return f"it is a link to {path}; put the file itself in its place"
        return ""

    def holds(self, relative: str) -> bool:
        """Whether a file of ours lies there."""
        return not self.refusal(relative) and (self.root / relative).is_file()

    def remove(self, relative: str) -> None:
        """Delete a file for good, power loss included; one that is gone already is no error.

        Raises `NotStoredError`; see `refusal`.
        """
        path = self.path(relative)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)

    def files(self) -> Iterator[str]:
        """All files in the store, relative to the root, in a stable order; those of others too, see `is_ours`."""
        for folder, names, files in os.walk(self.root):
            links = [name for name in names if Path(folder, name).is_symlink()]
            names[:] = sorted(set(names) - set(links))
            for name in sorted([*files, *links]):
                yield os.path.relpath(Path(folder) / name, self.root)


def is_ours(relative: str) -> bool:
    """Whether a path relative to the store is one that `RecordingStore.adopt` gives."""
    return _NAME.fullmatch(relative) is not None


def named_hash(relative: str) -> str:
    """The SHA-256 that stands in a path for which `is_ours` holds."""
    return relative[3:67]


def relative_path(sha256: str, suffix: str) -> str:
    return f"{sha256[:2]}/{sha256}{suffix}"


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()
