"""Only its owner may read a data folder: it holds recordings of minors, takedowns, and maybe keys."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from voicesieve.datafolder.belongings import is_folder_of_root, strangers
from voicesieve.datafolder.names import BACKUPS, LINKABLE
from voicesieve.files import PRIVATE_FILE, PRIVATE_FOLDER


def is_open_to_others(path: Path) -> bool:
    """Whether others than its owner may read a file or enter a folder."""
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def places(root: Path) -> Iterator[Path]:
    """The folders that keep others out: the data folder, and those that its links lead to."""
    yield root
    yield from (root / name for name in (*LINKABLE, BACKUPS) if (root / name).is_symlink() and (root / name).is_dir())


def open_paths(root: Path) -> Iterator[Path]:
    """What of ours in the data folder others may read, without links and what they lead to."""
    if is_open_to_others(root):
        yield root
    foreign = set(strangers(root))
    for folder, names, files in os.walk(root):
        here = Path(folder)
        names[:] = sorted(name for name in names if os.path.relpath(here / name, root) not in foreign)
        if here == root:
            names[:] = [name for name in names if is_folder_of_root(name)]
        for path in (here / name for name in [*names, *sorted(files)]):
            if os.path.relpath(path, root) not in foreign and not path.is_symlink() and is_open_to_others(path):
                yield path


def tighten(path: Path) -> bool:
    """Keep all but the owner out of a file or folder. False if the system refuses or keeps no modes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        os.fchmod(descriptor, PRIVATE_FOLDER if is_folder else PRIVATE_FILE)
        return not stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077
    except PermissionError:
        return False
    finally:
        os.close(descriptor)
