"""The folder in which an export grows: beside its destination, locked, and gone on with after an interruption.

``plan.jsonl`` is written anew by each start; ``cuts/`` holds what was cut, under keys that say from what, so a start
after a crash, a full disk or Ctrl-C cuts only what is missing; ``tree/`` is what gets published.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from voicesieve.audio.store import sha256_of
from voicesieve.corpus.cutting import CutOrder
from voicesieve.corpus.publishing import ExportError, prepare, refused_by_the_system
from voicesieve.files import make_folder, typed_disk_errors

SUFFIX = ".voicesieve-part"


class Staging:
    """Paths of an export under way."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.plan = root / "plan.jsonl"
        self.prints = root / "prints.u32"
        self.cuts = root / "cuts"
        self.tree = root / "tree"

    def folder_of(self, recording: str) -> Path:
        return self.cuts / recording[:2]

    def outcome_of(self, recording: str) -> dict[str, Any] | None:
        """What was cut of a recording, if anything was."""
        return read_outcome(self.folder_of(recording) / f"{recording}.json")

    def outcome(self, order: CutOrder, *, check_sound: bool) -> dict[str, Any] | None:
        """What was cut for ``order``, if it is all there; ``check_sound`` compares hashes too, after a restart."""
        found = read_outcome(order.outcome)
        if found is None or found.get("key") != order.key:
            return None
        for piece in pieces(found):
            path = order.folder / piece["name"]
            if not path.is_file() or path.stat().st_size != piece["bytes"]:
                return None
            if check_sound and sha256_of(path) != piece["sha256"]:
                return None
        return found


def read_outcome(path: Path) -> dict[str, Any] | None:
    """The outcome in ``path``; ``None`` if there is none that can be read, which means: cut again."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def pieces(outcome: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The files of an outcome, each with ``name``, ``sha256`` and ``bytes``."""
    if "file" in outcome:
        yield outcome["file"]
    yield from (clip for clip in outcome["clips"] if "name" in clip)


@contextmanager
def open_staging(target: Path, refuse: Callable[[Path], None] = lambda target: None) -> Iterator[Staging]:
    """The locked staging folder of ``target``. ``refuse`` raises where what lies there must not be replaced.

    It stays after an error, so that the same command goes on; whoever publishes removes it. Raises `ExportError` if
    the destination cannot be used or another export works on it, FailureError for a full disk.
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
                raise ExportError(f"Another export to {target} ended this moment. Start again.")
            staging = Staging(root)
            shutil.rmtree(staging.tree, ignore_errors=True)
            yield staging
        finally:
            os.close(descriptor)
