"""The one way files are written: a temporary name in the same folder, fsync, rename, fsync of the folder.

Measured for this project by simulated power loss: without the two fsyncs renamed files came back empty or not at
all; with them nothing acknowledged was lost.
"""

from __future__ import annotations

import codecs
import ctypes
import errno
import fcntl
import os
import re
import resource
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from voicesieve.domain.failures import Failure, FailureError, FailureKind

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
"""Modes of what only its owner may read, whatever the umask: recordings of minors, keys, what was withdrawn."""

SHARED_FILE = 0o666
"""Mode of what a person asked for at a place of their own, such as an export: there their umask decides."""

TEMPORARY_MARK = ".tmp-"
"""Part of the name of every unfinished file."""

_UNFINISHED = re.compile(r"(.+)\.tmp-[0-9a-f]{12}", re.DOTALL)
_COMPANION = re.compile(r"(.+\.tmp-[0-9a-f]{12})-(wal|shm|journal)", re.DOTALL)
"""SQLite's own files beside a copy of the catalog that is being made."""

WORKING_SPACE = 64_000_000
"""Bytes that a run needs beside its recordings: the catalog's log between two checkpoints (4 MB and the largest
commit), a log file before it is rotated (16 MB), the metrics, and room for the catalog to grow."""

SHOWN = 40
"""Characters of a final name in the temporary one: at most 160 bytes, so that the mark fits into 255 bytes too."""

OUT_OF_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Full disk, full quota, or a limit on file size: for us all three mean that nothing more can be written."""


@contextmanager
def atomic_path(path: Path, *, mode: int = PRIVATE_FILE) -> Iterator[Path]:
    """Hand out a new empty file to be filled by name; when the block ends it takes the place of ``path``, durably.

    A link at ``path`` is replaced, never followed. Raises `FailureError` ``disk_full``, or `OSError`.
    """

    def create(temporary: Path) -> int:
        return os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)

    with typed_disk_errors(path):
        temporary, descriptor = _locked(path, create)
        try:
            yield temporary
            os.fsync(descriptor)
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)


@contextmanager
def atomic_file(path: Path, *, mode: int = PRIVATE_FILE) -> Iterator[IO[bytes]]:
    """Write ``path`` completely or not at all. Raises `FailureError` ``disk_full``, or `OSError`."""
    with atomic_path(path, mode=mode) as temporary, temporary.open("wb") as file:
        yield file


@contextmanager
def unfinished_folder(target: Path) -> Iterator[Path]:
    """A new private folder beside ``target``, to be filled and given its name; removed if the block fails."""

    def create(temporary: Path) -> int:
        make_folder(temporary, private=True)
        return os.open(temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    with typed_disk_errors(target):
        folder, descriptor = _locked(target, create)
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            os.close(descriptor)


def new_file(path: Path) -> IO[bytes]:
    """A new file in a folder that becomes durable as a whole with `sync_file_system`; its folder is made if missing.

    For trees of a million files, where an fsync of each would take longer than all the rest. The umask decides who
    may read them, as for everything that is exported.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w+b")


def sync_file_system(folder: Path) -> None:
    """Make everything on the file system of ``folder`` durable at once."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "syncfs"):
            os.sync()
        elif libc.syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)


def becoming(*names: str) -> Callable[[str], bool]:
    """Whether a temporary name belongs to a file that is to become one of ``names``; see `unfinished_in`."""
    return {name[:SHOWN] for name in names}.__contains__


def unfinished_in(folder: Path, is_ours: Callable[[str], bool]) -> list[Path]:
    """Files and folders of ``folder`` under a temporary name of ours: ``NAME.tmp-<12 hex digits>``.

    ``is_ours`` is called with NAME, of which a temporary name keeps the first `SHOWN` characters. A folder may hold
    anything else too, so NAME must be one that is written there.
    """
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if _is_unfinished(path, is_ours)]


def _is_unfinished(path: Path, is_ours: Callable[[str], bool]) -> bool:
    main = _COMPANION.fullmatch(path.name)
    match = _UNFINISHED.fullmatch(main[1] if main else path.name)
    return match is not None and is_ours(match[1]) and not path.is_symlink()


def sweep_unfinished(folder: Path, is_ours: Callable[[str], bool]) -> list[Path]:
    """Remove what writers that are dead left unfinished in ``folder``; see `unfinished_in`.

    A living writer holds a lock on what it writes, so this is safe beside any number of them.
    """
    return [path for path in unfinished_in(folder, is_ours) if _removed_if_abandoned(path)]


def _locked(path: Path, create: Callable[[Path], int]) -> tuple[Path, int]:
    """What ``create`` makes under a temporary name beside ``path``, and its descriptor with the writer's lock."""
    while True:
        temporary = path.with_name(f"{path.name[:SHOWN]}{TEMPORARY_MARK}{secrets.token_hex(6)}")
        descriptor = create(temporary)
        _lock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return temporary, descriptor
        os.close(descriptor)  # another process deleted it before it was locked


def _lock(descriptor: int, how: int) -> bool:
    """Whether the lock was taken; on a file system without locks it never is."""
    try:
        fcntl.flock(descriptor, how)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK):
            return False
        raise
    return True


def _removed_if_abandoned(path: Path) -> bool:
    main = _COMPANION.fullmatch(path.name)
    if main and path.with_name(main[1]).exists():
        return False  # it falls after the file that it belongs to, whose lock shows whether its writer lives
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, PermissionError):
        return False  # finished a moment ago, or not ours
    try:
        if not _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return False
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
    return True


def read_person_text(path: Path) -> str:
    """Text as people's editors save it: UTF-8 with or without a byte order mark, or UTF-16 with one.

    Raises `OSError`, or `UnicodeDecodeError` for anything else.
    """
    data = path.read_bytes()
    return data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")


def write_text(path: Path, text: str, *, mode: int = PRIVATE_FILE) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_file(path, mode=mode) as file:
        file.write(text.encode("utf-8", "surrogatepass"))


def move_durably(source: Path, target: Path) -> None:
    """Give a finished file its final name in a private folder; durable when this returns.

    Copied where ``target`` lies on another file system, as it does when one of the two folders is a link.
    """
    with typed_disk_errors(target):
        make_folder(target.parent, private=True)
        with source.open("rb") as file:
            os.fsync(file.fileno())
            try:
                source.replace(target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                with atomic_file(target) as copy:
                    shutil.copyfileobj(file, copy, 1 << 20)
                source.unlink()
        sync_folder(target.parent)


def create_private(path: Path, flags: int = os.O_RDWR) -> int:
    """Open a file of ours that is kept open, making it if it is missing. Returns its descriptor.

    Raises `OSError`: ``ELOOP`` for a link, whose target is not ours, and ``EINVAL`` for what is not a file.
    """
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, PRIVATE_FILE)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def make_folder(folder: Path, *, private: bool = False) -> None:
    """Create a folder and its parents so that their names survive a power loss.

    ``private``: the folder itself, if it is new, can be entered by its owner alone; its parents are as the umask says.
    """
    missing = [folder, *folder.parents]
    missing = [path for path in missing if not path.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(PRIVATE_FOLDER if private else 0o777, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """fsync a folder, which makes the names in it durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def typed_disk_errors(path: Path) -> Iterator[None]:
    """Turn 'no space left' while writing under ``path`` into a failure that stops the run and says so."""
    try:
        yield
    except OSError as error:
        if error.errno not in OUT_OF_SPACE:
            raise
        raise FailureError(
            Failure.from_exception(FailureKind.DISK_FULL, error, disk_full_message(path, error))
        ) from error


def disk_full_message(path: Path, error: OSError) -> str:
    """What a person needs to know when the disk is full: where, how much is left, how much it takes, what to do."""
    reason = os.strerror(error.errno or errno.ENOSPC)
    return f"no space to write below {nearest_folder(path)} ({reason}): {space_needed(path)}"


def space_needed(path: Path, needed_bytes: int = WORKING_SPACE) -> str:
    """How much is free where ``path`` lies, how much it takes, and what to do about it."""
    free = shutil.disk_usage(nearest_folder(path)).free / 1e6
    largest, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = "" if largest == resource.RLIM_INFINITY else f"No file may exceed {largest / 1e6:.1f} MB (`ulimit -f`). "
    return (
        f"{free:.1f} MB free, {needed_bytes / 1e6:.1f} MB or more are needed. {limit}"
        "Everything finished is safe. Free some space and start the same command again."
    )


def identity_of(path: Path) -> tuple[int, int] | None:
    """Which file or folder ``path`` names: its device and its number there. ``None`` if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def refuse_little_space(folder: Path, needed_bytes: int = WORKING_SPACE) -> None:
    """Raise `FailureError` ``disk_full`` unless ``needed_bytes`` are free where ``folder`` lies or will lie."""
    if shutil.disk_usage(nearest_folder(folder)).free < needed_bytes:
        message = f"too little space below {nearest_folder(folder)} to begin: {space_needed(folder, needed_bytes)}"
        raise FailureError(Failure(FailureKind.DISK_FULL, message))


def nearest_folder(path: Path) -> Path:
    """``path`` itself or the nearest folder above it that exists."""
    return next((parent for parent in [path, *path.parents] if parent.is_dir()), Path("/"))
