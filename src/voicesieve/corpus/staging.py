"""The folder in which an export is built: beside its destination, locked, and resumed after an interruption.

Each start writes a new ``plan.jsonl``. ``cuts/`` holds what was cut, each outcome with a key of its input, so a
start after a crash, a full disk or Ctrl-C cuts only what is missing. ``tree/`` is what gets published.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from voicesieve.audio.store import sha256_of
from voicesieve.corpus.cut_orders import CutOrder
from voicesieve.corpus.errors import ExportError
from voicesieve.corpus.outcomes import Outcome, SoundFile, read_outcome
from voicesieve.corpus.publishing import prepare, refused_by_the_system
from voicesieve.files import make_folder, typed_disk_errors

SUFFIX = ".voicesieve-part"


class Staging:
    """Paths of an export in progress."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.plan = root / "plan.jsonl"
        self.prints = root / "prints.u32"
        self.cuts = root / "cuts"
        self.tree = root / "tree"

    def folder_of(self, recording: str) -> Path:
        return self.cuts / recording[:2]

    def outcome_of(self, recording: str) -> Outcome | None:
        """What was cut of a recording, if anything was."""
        return read_outcome(self.folder_of(recording) / f"{recording}.json")

    def holds(self, order: CutOrder) -> bool:
        """Whether what ``order`` asks for is cut already and undamaged."""
        outcome = read_outcome(order.outcome)
        if outcome is None or outcome.key != order.key:
            return False
        return all(_is_whole(order.folder / piece.name, piece) for _, piece in outcome.pieces())


def _is_whole(path: Path, piece: SoundFile) -> bool:
    return path.is_file() and path.stat().st_size == piece.bytes and sha256_of(path) == piece.sha256


@contextmanager
def open_staging(target: Path, refuse: Callable[[Path], None] = lambda target: None) -> Iterator[Staging]:
    """The locked staging folder of ``target``. ``refuse`` raises if what is there must not be replaced.

    It stays after an error, so that the same command can resume; the caller that publishes removes it. Raises
    `ExportError` if the destination cannot be used or another export is writing it, FailureError for a full disk.
    """
    root = target.with_name(f".{target.name[:60]}{SUFFIX}")
    with typed_disk_errors(target), refused_by_the_system(target):
        prepare(target)
        refuse(target)
        make_folder(root, private=True)
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ExportError(f"Another export is writing {target}. Wait for it, or name another folder.") from None
            if not os.fstat(descriptor).st_nlink:
                raise ExportError(f"Another export to {target} has just ended. Start again.")
            staging = Staging(root)
            shutil.rmtree(staging.tree, ignore_errors=True)
            yield staging
        finally:
            os.close(descriptor)
