"""A fair queue before the write lock of SQLite.

SQLite's busy handler sleeps and polls, so one of twenty writers can starve for seconds. Linux serves blocked
``flock`` calls in order, and the kernel frees the lock when its holder dies, so no stale lock can remain. The
lock also covers checkpoints and the closing of connections, which the WAL-reset defect of SQLite before 3.51.3
(sqlite.org/wal.html) makes dangerous to overlap.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from voicesieve.domain.errors import InnerError
from voicesieve.files import create_private

TURNSTILE = "catalog.turnstile"

BUSY_TIMEOUT_S = 30.0
"""Measured worst wait behind 20 writers is below 1 s; 30 s means that the holder is stuck, not slow."""


@dataclass
class Waits:
    """What waiting for the write lock has cost this process since the counts were last taken."""

    busy_waits: int = 0
    wait_s: float = 0.0
    timeouts: int = 0

    def take(self) -> Waits:
        taken = Waits(self.busy_waits, self.wait_s, self.timeouts)
        self.busy_waits, self.wait_s, self.timeouts = 0, 0.0, 0
        return taken

    def any(self) -> bool:
        return bool(self.busy_waits or self.timeouts)


class TurnstileTimeoutError(InnerError):
    """Another process has held the catalog's write lock for longer than we wait."""


class Turnstile:
    """One lock file; ``hold`` is a critical section over all processes and threads that use it."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        self.path = path
        self._timeout_s = timeout_s
        self._threads = threading.Lock()
        self.waits = Waits()

    @classmethod
    def of(cls, folder: Path) -> Turnstile:
        """The one before the catalog of a data folder."""
        return cls(folder / TURNSTILE, timeout_s=BUSY_TIMEOUT_S)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Wait in line, then hold the lock. Raises `TurnstileTimeoutError` after ``timeout_s`` seconds."""
        with self._threads:
            descriptor = self._locked_descriptor()
            try:
                yield
            finally:
                os.close(descriptor)

    def _locked_descriptor(self) -> int:
        descriptor = create_private(self.path)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._wait_in_line(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _wait_in_line(self, descriptor: int) -> None:
        """Block in the kernel's queue on a helper thread, so that we can stop waiting.

        Both hold a descriptor of the same lock, which is free again when both are closed: whoever gives up, for
        whatever reason, only has to close its own.
        """
        got_it = threading.Event()
        in_line = os.dup(descriptor)

        def block() -> None:
            try:
                fcntl.flock(in_line, fcntl.LOCK_EX)
                got_it.set()
            finally:
                os.close(in_line)

        started = time.monotonic()
        threading.Thread(target=block, name="catalog-turnstile", daemon=True).start()
        got_it.wait(self._timeout_s)
        self.waits.busy_waits += 1
        self.waits.wait_s += time.monotonic() - started
        if got_it.is_set():
            return
        self.waits.timeouts += 1
        raise TurnstileTimeoutError(f"{self.path} has been held by another process for {self._timeout_s:.0f} s")
