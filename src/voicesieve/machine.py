"""Limits and faults of this machine: recognised wherever they appear, and explained to the operator.

A folder of ours that cannot be written, no descriptors, threads, processes or memory left: none of it is the fault of
the current video. Such a failure is ``disk_full`` or ``machine_fault``, which stop the run and count against no video.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.files import OUT_OF_SPACE, WORKING_SPACE, disk_full_message

EXHAUSTED = {
    errno.EMFILE: "this process may not open more files: raise the limit (`ulimit -n 1024`), or lower "
    "analysis.workers and fetching.max_concurrent_downloads",
    errno.ENFILE: "the whole machine has too many files open: close other programs or raise fs.file-max",
    errno.ENOMEM: "the machine has no memory left: close other programs, raise `ulimit -v`, or lower analysis.workers",
    errno.EAGAIN: "no more processes or threads may be started: raise the limits (`ulimit -u`, `ulimit -v`), or lower "
    "analysis.workers and fetching.max_concurrent_downloads",
    errno.ENOBUFS: "the machine has no memory left for its network: close other programs",
}
"""Errors of this process or the whole machine, whatever was being done, and what to do about them."""

_ADVICE = {
    errno.EACCES: "give this user the right to read and write there",
    errno.EPERM: "give this user the right to read and write there",
    errno.EROFS: "its file system is read-only: mount it for writing",
    errno.EIO: "the disk reports an error: read the system's log, and check the disk",
    errno.ENOTDIR: "something that is not a folder has the folder's name: move it away",
    errno.EEXIST: "something that is not a folder has the folder's name: move it away",
    errno.ELOOP: "links form a loop: correct them",
    errno.ENOENT: "a folder is missing: check whether its disk is mounted",
    errno.ENODEV: "its disk is gone: mount it again",
    errno.ENXIO: "its disk is gone: mount it again",
    errno.ESTALE: "its network drive is gone: mount it again",
    errno.ENOTCONN: "its network drive is gone: mount it again",
    errno.ENAMETOOLONG: "its path is too long: choose a shorter one",
}
"""What to do where a folder of ours cannot be used, by the error."""

DESCRIPTORS, DESCRIPTORS_PER_WORKER, DESCRIPTORS_PER_DOWNLOAD = 28, 8, 2
"""Descriptors of a run: the catalog and its readers, logs and the loop; pipes and sentinels; socket and file.
Measured: 37 at most with two workers and local files."""

THREADS, THREADS_PER_WORKER = 12, 8
"""Of a run: the committer, file work and name look-ups; for a worker its process, its watchers and pebble's loops."""

_RESUME = "Nothing is lost and no video is blamed: fix this and start the same command again."

MEMORY_RAN_OUT = "memory ran out in the main process: close other programs, or raise `ulimit -v`"

_NO_THREAD = "can't start new thread"
"""How Python names EAGAIN of a thread: a bare RuntimeError."""

_LONG_SOCKET = "AF_UNIX path too long"
"""How Python names a socket whose path does not fit: an OSError without a number."""

LONGEST_TEMPORARY = 107 - len("/pymp-12345678/listener-12345678")
"""Bytes in the path of the folder for temporary files, below which Python puts the socket of its worker processes:
Linux gives the path of a socket 107."""

_MAX_CHAIN = 8


def exhausted(error: BaseException) -> Failure | None:
    """The failure behind ``error`` if a limit of this process or machine was reached, else ``None``."""
    number = next(filter(None, map(_limit_of, _causes(error))), None)
    if number is None:
        return None
    message = f"{os.strerror(number)}: {EXHAUSTED[number]}. {_RESUME}"
    return Failure.from_exception(FailureKind.MACHINE_FAULT, error, message)


def machine_failure(error: BaseException, folder: Path) -> Failure | None:
    """`exhausted`, or a full disk met by work in ``folder``; ``None`` if the machine is not to blame."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in OUT_OF_SPACE:
            return Failure.from_exception(FailureKind.DISK_FULL, error, _no_space(cause, folder))
    return exhausted(error)


def folder_failure(error: OSError, folder: Path) -> Failure:
    """Why work in ``folder``, one of ours, failed: where, the reason, and what to do."""
    exhausted = machine_failure(error, folder)
    if exhausted is not None:
        return exhausted
    place = _place(error, folder)
    advice = _ADVICE.get(error.errno or 0, "check its disk and its permissions")
    message = f"{place} cannot be used ({_reason(error)}): {advice}. {_RESUME}"
    return Failure.from_exception(FailureKind.MACHINE_FAULT, error, message)


def start_failure(error: BaseException) -> Failure:
    """Why no worker process could be started."""
    number = next(filter(None, map(_limit_of, _causes(error))), None)
    shared = next((cause for cause in _causes(error) if _is_of_shared_memory(cause)), None)
    if number is not None:
        why = f"{os.strerror(number)}; {EXHAUSTED[number]}"
    elif shared is not None:
        why = f"{_reason(shared)}; processes share semaphores in /dev/shm, which must have room and be writable"
    elif any(str(cause) == _LONG_SOCKET for cause in _causes(error)):
        temporary = tempfile.gettempdir()
        why = (
            f"the path of the folder for temporary files, {temporary}, has {len(os.fsencode(temporary))} bytes, and "
            f"at most {LONGEST_TEMPORARY} leave room for the name of a socket; set TMPDIR to a shorter path"
        )
    else:
        why = f"{_reason(error)}; it ended while it started, most often because memory or `ulimit -v` is too small"
    message = f"a worker process cannot be started ({why}). {_RESUME}"
    return Failure.from_exception(FailureKind.MACHINE_FAULT, error, message)


def unfit_failure(error: BaseException, memory_mb: int) -> Failure:
    """Why a worker that started cannot do its work: too little memory (``memory_mb`` MiB), a broken installation."""
    why = f"{type(error).__name__}: {error}"
    message = (
        f"a worker process cannot prepare its work ({why}). It may use {memory_mb} MiB (analysis.memory_mb, "
        f"`ulimit -v`): if that is enough, install voicesieve again. {_RESUME}"
    )
    return Failure.from_exception(FailureKind.MACHINE_FAULT, error, message)


def broken_installation(what: str, error: BaseException) -> Failure:
    """Why a part of voicesieve cannot be loaded."""
    why = f"{what} cannot be loaded ({type(error).__name__}: {' '.join(str(error).split())[:300]})"
    message = f"{why}: the installation is damaged, install voicesieve again. {_RESUME}"
    return Failure.from_exception(FailureKind.MACHINE_FAULT, error, message)


def refuse_tight_limits(*, workers: int, downloads: int = 0) -> None:
    """Raise `FailureError` ``machine_fault`` where this process may not open the files or start the threads of a run.

    Workers that start only in part fail in ways that cannot be typed, so both are tried before. The limit on
    open files is raised as far as it may be.
    """
    _refuse_few_threads(THREADS + THREADS_PER_WORKER * workers)
    needed = DESCRIPTORS + DESCRIPTORS_PER_WORKER * workers + DESCRIPTORS_PER_DOWNLOAD * downloads
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed and (hard == resource.RLIM_INFINITY or hard > soft):
        soft = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    why = f"{soft} files may be open at once, and {needed} are needed for {workers} workers and {downloads} downloads"
    message = f"{why}: {EXHAUSTED[errno.EMFILE]}. {_RESUME}"
    raise FailureError(Failure(FailureKind.MACHINE_FAULT, message))


def _refuse_few_threads(needed: int) -> None:
    """Start ``needed`` threads at once, and end them again."""
    enough = threading.Event()
    threads = [threading.Thread(target=enough.wait, daemon=True) for _ in range(needed)]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError as error:
        message = f"{needed} threads and processes are needed for this run; {EXHAUSTED[errno.EAGAIN]}. {_RESUME}"
        raise FailureError(Failure.from_exception(FailureKind.MACHINE_FAULT, error, message)) from error
    finally:
        enough.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()


def refuse_unwritable(folder: Path) -> None:
    """Raise `FailureError` ``machine_fault`` unless files can be made in ``folder``."""
    if os.access(folder, os.W_OK | os.X_OK):
        return
    read_only = bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    number = errno.EROFS if read_only else errno.EACCES
    raise FailureError(folder_failure(OSError(number, os.strerror(number)), folder))


def _limit_of(error: BaseException) -> int | None:
    """The number of the limit that ``error`` itself names, a key of `EXHAUSTED`."""
    if isinstance(error, OSError):
        return error.errno if error.errno in EXHAUSTED else None
    return errno.EAGAIN if isinstance(error, RuntimeError) and _NO_THREAD in str(error) else None


def _is_of_shared_memory(error: BaseException) -> bool:
    """Errors of semaphores name no file."""
    numbers = {*OUT_OF_SPACE, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOSYS}
    return isinstance(error, OSError) and error.errno in numbers and error.filename is None


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _no_space(error: OSError, folder: Path) -> str:
    """Where the space ran out: in ``folder``, or among the temporary files, where libraries unpack their data."""
    temporary = _full_temporary_folder() if error.filename is None else None
    if temporary is None or shutil.disk_usage(folder).free < WORKING_SPACE:
        return disk_full_message(_place(error, folder), error)
    advice = "Temporary files lie there: the variable TMPDIR can name another folder."
    return f"{disk_full_message(temporary, error)} {advice}"


def _full_temporary_folder() -> Path | None:
    """The folder for temporary files if it has little space."""
    try:
        temporary = Path(tempfile.gettempdir())
        free = shutil.disk_usage(temporary).free
    except OSError:  # Then nothing can have been written there.
        return None
    return temporary if free < WORKING_SPACE else None


def _place(error: OSError, folder: Path) -> Path:
    """The file that the error names, if it lies in ``folder``."""
    for name in (error.filename2, error.filename):
        if isinstance(name, str | bytes):
            path = Path(os.fsdecode(name))
            if path.absolute().is_relative_to(folder.absolute()):
                return path
    return folder


def _causes(error: BaseException) -> Iterator[BaseException]:
    """``error`` and what led to it; libraries keep the operating system's error in an attribute of their own, too."""
    waiting: list[object] = [error]
    seen: list[BaseException] = []
    while waiting and len(seen) < _MAX_CHAIN:
        current = waiting.pop(0)
        if isinstance(current, BaseException) and not any(current is other for other in seen):
            seen.append(current)
            yield current
            waiting += [current.__cause__, current.__context__, getattr(current, "os_error", None)]
