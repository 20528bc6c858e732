"""The data folder: where everything lies, and the lock that lets one run at a time work in it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.files import TEMPORARY_MARK, identity_of, make_folder, refuse_little_space, sweep_unfinished
from voicesieve.machine import folder_failure, refuse_unwritable


class DataFolderError(Exception):
    """The data folder cannot be used. The message says why and what to do."""


class AnotherRunError(DataFolderError):
    """Another process is working in the same folder."""


@dataclass(frozen=True)
class DataFolder:
    """Paths below one root. Nothing outside it is ever written."""

    root: Path

    @property
    def recordings(self) -> Path:
        return self.root / "recordings"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    @property
    def log(self) -> Path:
        return self.root / "logs" / "voicesieve.jsonl"

    @property
    def metrics(self) -> Path:
        return self.root / "logs" / "metrics.prom"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def calibrations(self) -> Path:
        return self.root / "calibrations"

    @property
    def settings(self) -> Path:
        return self.root / "voicesieve.toml"

    def prepare(self) -> None:
        """Create what is missing.

        Raises `DataFolderError` when the folder cannot be written, `FailureError` when something in it cannot, or when
        there is less space than a run needs.
        """
        refuse_little_space(self.root)
        try:
            make_folder(self.root)
        except OSError as error:
            raise self._unwritable(error) from error
        for folder in (self.recordings, self.scratch, self.log.parent):
            try:
                make_folder(folder)
            except OSError as error:
                raise FailureError(folder_failure(error, folder)) from error
            refuse_unwritable(folder)
            refuse_little_space(folder)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the folder for one run. The lock dies with its process, however that ends.

        The folder itself is locked, too: a lock file that somebody removes would let a second run in. Raises
        `AnotherRunError` at once when it is taken, `DataFolderError` when the folder cannot be written.
        """
        path = self.root / "run.lock"
        with ExitStack() as opened:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
                opened.callback(os.close, descriptor)
                folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                opened.callback(os.close, folder)
            except OSError as error:
                raise self._unwritable(error) from error
            try:
                for locked in (descriptor, folder):
                    fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AnotherRunError(self._who_holds(path)) from None
            with suppress(OSError):  # a full disk: the lock holds without a name in it, and the run meets the disk soon
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "since": int(time.time())}).encode(), 0)
            yield

    def watch(self) -> FolderWatch:
        """A watch over this folder and those in it that a run stores in, as they are now."""
        return FolderWatch((self.root, self.recordings, self.scratch))

    def _unwritable(self, error: OSError) -> DataFolderError:
        return DataFolderError(
            f"The data folder {self.root} cannot be written ({error.strerror}). "
            "Check its permissions and its disk, or choose another one with --data."
        )

    def _who_holds(self, path: Path) -> str:
        try:
            holder = json.loads(path.read_text())
            who = f"process {int(holder['pid'])}, since {time.strftime('%H:%M:%S', time.localtime(holder['since']))}"
        except (OSError, ValueError, KeyError, TypeError):
            who = "another process"
        return (
            f"Another run is working in {self.root} ({who}). Wait for it or stop it with Ctrl-C, then start again; "
            "`voicesieve status` shows its progress. A different --data folder can be used at the same time."
        )

    def sweep_unfinished(self) -> list[Path]:
        """Remove unfinished files of dead writers, wherever in this folder files are written."""
        places = (self.root, self.log.parent, self.backups)
        return [path for place in places for path in sweep_unfinished(place)]

    def unfinished(self) -> list[Path]:
        """What `sweep_unfinished` would look at; some of it may have a living writer."""
        places = (self.root, self.log.parent, self.backups)
        return [path for place in places if place.is_dir() for path in place.iterdir() if TEMPORARY_MARK in path.name]

    def sweep_scratch(self) -> list[Path]:
        """Remove what attempts of dead runs left behind. Only for the holder of the folder's lock."""
        leftovers = sorted(self.scratch.iterdir()) if self.scratch.is_dir() else []
        for path in leftovers:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        return leftovers


class FolderWatch:
    """Whether folders are still the ones that they were: what is stored in one that was removed or replaced is lost.

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
