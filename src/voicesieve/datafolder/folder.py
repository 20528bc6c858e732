"""The data folder: where everything lies, and the lock that lets one run at a time work in it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from voicesieve.datafolder import belongings, mark, names, permissions
from voicesieve.datafolder.watch import FolderWatch
from voicesieve.domain.errors import VoicesieveError
from voicesieve.domain.failures import FailureError
from voicesieve.files import (
    create_private,
    make_folder,
    refuse_little_space,
    sweep_unfinished,
    unfinished_in,
)
from voicesieve.machine import folder_failure, refuse_unwritable
from voicesieve.observability.terminal import safe_text

LINKS = "recordings, scratch, logs and quarantine themselves"

SHOWN = 3
"""Names of others that a refusal shows."""


class DataFolderError(VoicesieveError):
    """The data folder cannot be used. The message says why and what to do."""


class AnotherRunError(DataFolderError):
    """Another process is working in the same folder."""


@dataclass(frozen=True)
class DataFolder:
    """Paths below one root. Nothing outside it is ever written, and nothing in it that is not ours is ever deleted::

        folder = DataFolder(Path("voicesieve-data"))
        folder.prepare()
        with folder.exclusive():
            ...  # one run, which may remove what dead ones left: folder.sweep_scratch()

    `belongings` defines what is ours.
    """

    root: Path

    @property
    def recordings(self) -> Path:
        return self.root / names.RECORDINGS

    @property
    def scratch(self) -> Path:
        return self.root / names.SCRATCH

    @property
    def log(self) -> Path:
        return self.root / names.LOGS / names.LOG

    @property
    def metrics(self) -> Path:
        return self.root / names.LOGS / names.METRICS

    @property
    def backups(self) -> Path:
        return self.root / names.BACKUPS

    @property
    def calibrations(self) -> Path:
        return self.root / names.CALIBRATIONS

    @property
    def settings(self) -> Path:
        return self.root / names.SETTINGS

    @property
    def quarantine(self) -> Path:
        return self.root / names.QUARANTINE

    def prepare(self) -> None:
        """Make the folder ours and create what is missing.

        Raises `DataFolderError` when it cannot be written, or holds what is not ours; `FailureError` when something in
        it cannot be written, or when there is less space than a run needs.
        """
        refuse_little_space(self.root)
        self.claim()
        try:
            self._refuse_links()
        except OSError as error:
            raise self._unwritable(error) from error
        for folder in (self.recordings, self.scratch, self.log.parent):
            try:
                make_folder(folder, private=True)
            except OSError as error:
                raise FailureError(folder_failure(error, folder)) from error
            refuse_unwritable(folder)
            refuse_little_space(folder)

    def claim(self, *, among_others: bool = False) -> None:
        """Put our mark into the folder, making it if it is missing; one that an older version made gets it too.

        ``among_others``: the operator has confirmed that this folder is to be the data folder, with what else lies in
        it. Raises `DataFolderError` when something in it is not ours, or when it cannot be written.
        """
        try:
            if not self.root.is_dir():
                make_folder(self.root, private=True)
            own = mark.read_mark(self.root)
            if own is None:
                others = [] if belongings.holds_catalog(self.root) else list(belongings.strangers(self.root))
                self._refuse(others, among_others=among_others)
                if not others and not belongings.holds_catalog(self.root):
                    permissions.tighten(self.root)
                own = mark.write_mark(self.root, self.root)
            self._claim_links(own)
        except OSError as error:
            raise self._unwritable(error) from error

    def _refuse(self, others: list[str], *, among_others: bool) -> None:
        others = [name for name in others if "/" in name or not among_others]
        if not others:
            return
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        held = safe_text(", ".join(others[:SHOWN]), limit=300) + more
        if among_others:
            raise DataFolderError(
                f"{self.root} cannot become a data folder: {held} would lie among files that voicesieve makes and "
                "deletes. Move them, or choose another folder with --data."
            )
        raise DataFolderError(
            f"{self.root} is not empty and is no data folder of voicesieve: it holds {held}. Name a new or empty "
            f"folder with --data. If this one is meant, `voicesieve init --data {self.root}` makes it a data folder."
        )

    def _claim_links(self, own: dict[str, str]) -> None:
        for path in (self.root / name for name in names.LINKABLE):
            if not path.is_symlink():
                continue
            if not path.is_dir():
                raise DataFolderError(
                    f"{path} is a link to {path.resolve()}, which is no folder. Is its disk mounted? Nothing was done."
                )
            there = mark.read_mark(path)
            if there is None:
                mark.write_mark(path, self.root, own["id"])
            elif there["id"] != own["id"]:
                raise DataFolderError(
                    f"{path} is a link to {path.resolve()}, where the data folder {there.get('folder')} keeps its "
                    "files. Let it lead to a folder of its own."
                )

    def _refuse_links(self) -> None:
        """Raise `DataFolderError` for a link where none can be followed without harm."""
        parts = sorted(self.recordings.iterdir()) if self.recordings.is_dir() else []
        for path in (self.log, *(path for path in parts if path.is_dir())):
            if path.is_symlink():
                raise DataFolderError(
                    f"{path} is a link to {path.resolve()}, and voicesieve writes through none but {LINKS}. "
                    "Remove the link."
                )

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the folder for one run. The lock is released when its process ends, however that happens.

        The folder itself is locked, too, since a second run could start if the lock file were removed. Raises
        `AnotherRunError` at once when it is taken, `DataFolderError` when the folder cannot be written.
        """
        path = self.root / names.LOCK
        with ExitStack() as opened:
            try:
                descriptor = create_private(path)
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
            if not belongings.is_our_lock(os.pread(descriptor, 1000, 0)) or os.fstat(descriptor).st_nlink > 1:
                raise DataFolderError(f"{path} was not made by voicesieve, which keeps its lock there. Move it away.")
            with suppress(OSError):  # a full disk: the lock holds without a name in it, and the run meets the disk soon
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "since": int(time.time())}).encode(), 0)
            yield

    def open_to_others(self) -> str:
        """A warning if others can read the data folder, else empty."""
        if not self.root.is_dir() or not permissions.is_open_to_others(self.root):
            return ""
        return (
            f"Other users of this machine can read {self.root}, which holds recordings of minors and maybe keys. "
            f"`voicesieve doctor --fix --data {self.root}` keeps them out."
        )

    def watch(self) -> FolderWatch:
        """A watch over this folder and those in it that a run stores in, as they are now."""
        return FolderWatch((self.root, self.recordings, self.scratch))

    def _unwritable(self, error: OSError) -> DataFolderError:
        if error.errno in (errno.ELOOP, errno.EINVAL) and error.filename:
            return DataFolderError(
                f"{error.filename} is a link or no ordinary file; voicesieve writes into none. Move it away."
            )
        if error.errno in (errno.EEXIST, errno.ENOTDIR):
            return DataFolderError(
                f"The data folder {self.root} cannot be written: a file stands there, or above it, where a folder "
                "should be. Choose another one with --data."
            )
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
        places = belongings.unfinished_places(self.root)
        return [path for place, is_ours in places for path in sweep_unfinished(place, is_ours)]

    def unfinished(self) -> list[Path]:
        """What `sweep_unfinished` would consider; some of it may still be written."""
        places = belongings.unfinished_places(self.root)
        return [path for place, is_ours in places for path in unfinished_in(place, is_ours)]

    def stale_scratch(self) -> list[Path]:
        """What attempts and imports left behind. Only meaningful while no run works in the folder."""
        entries = sorted(self.scratch.iterdir()) if self.scratch.is_dir() else []
        return [path for path in entries if belongings.is_scratch(path)]

    def sweep_scratch(self) -> list[Path]:
        """Remove what attempts of dead runs left behind. Only for the holder of the folder's lock."""
        leftovers = self.stale_scratch()
        for path in leftovers:
            shutil.rmtree(path)
        return leftovers
