"""An open catalog and the two kinds of transaction it knows: one writer at a time, many readers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import Connection, Engine

from voicesieve.catalog import soundness
from voicesieve.catalog.counters import add_to_counter
from voicesieve.catalog.refusals import typed_errors
from voicesieve.catalog.turnstile import Turnstile, Waits
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.files import identity_of
from voicesieve.machine import folder_failure


class Catalog:
    """An open catalog. Safe to share between threads; one writing transaction at a time in this process::

    with catalog.write() as connection:
        results.retry(connection, now, kind="network")
    """

    def __init__(self, writer: Engine, reader: Engine, turnstile: Turnstile | None, file: Path | None = None) -> None:
        self._writer = writer
        self._reader = reader
        self._turnstile = turnstile
        self._file = file
        self._identity = identity_of(file) if file else None
        self._unsaved_waits = Waits()
        self.update_without_backup: str | None = None
        """Why no copy could be made before this opening updated the tables; ``None`` if all went well."""
        self.was_updated = False
        """Whether this opening updated the tables of a catalog that held rows."""

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One durable transaction: all of it or nothing. It is on disk when the block ends.

        Raises `FailureError` with ``disk_full`` or ``catalog_unavailable`` when it cannot be, also when somebody
        removed or replaced the file: what is written to it then is lost with it.
        """
        self._refuse_lost()
        with typed_errors(self._file), self._turn():
            self._refuse_lost()
            with self._writer.begin() as connection:
                self._refuse_lost_log(connection)
                self._record_waits(connection)
                yield connection
                self._refuse_lost_log(connection)
            self._refuse_lost()
            self._unsaved_waits = Waits()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot. Keep it short: an open reader stops checkpoints and the log grows."""
        self._refuse_lost()
        with typed_errors(self._file), self._reader.connect() as connection:
            yield connection

    def _refuse_lost(self) -> None:
        """Raise if the path does not name the file any more that was opened. It costs a look at one name."""
        if self._file is not None and identity_of(self._file) != self._identity:
            raise FailureError(Failure(FailureKind.CATALOG_UNAVAILABLE, _lost(self._file)))

    def _refuse_lost_log(self, connection: Connection) -> None:
        """Raise if the write-ahead log that ``connection`` holds open is not the one beside the file any more."""
        if self._file is None:
            return
        log = Path(f"{os.path.realpath(self._file)}-wal")
        if connection.info.setdefault("log", identity_of(log)) != identity_of(log):
            self._refuse_lost()  # whoever takes both away takes the catalog first, and that is what counts
            raise FailureError(Failure(FailureKind.CATALOG_UNAVAILABLE, _lost(log)))

    def damage(self) -> list[str]:
        """What is wrong with the file itself, in SQLite's words; PostgreSQL checks its own pages."""
        if self._reader.dialect.name != "sqlite":
            return []
        with self.read() as connection:
            answers = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check(5)")]
            dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
            broken = soundness.broken_rows(connection) if answers == ["ok"] else []
        return (
            broken
            + [text for text in answers if text != "ok"]
            + [f"a row of {row[0]} names one that is gone" for row in dangling]
        )

    def close(self) -> None:
        is_lost = self._file is not None and identity_of(self._file) != self._identity
        # The lock file lies in the folder, which may be gone or belong to another catalog by now.
        with typed_errors(self._file), nullcontext() if is_lost else self._turn():
            self._reader.dispose()
            self._writer.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._turnstile is None:
            yield
            return
        with ExitStack() as held:
            try:
                held.enter_context(self._turnstile.hold())
            except OSError as error:
                raise FailureError(folder_failure(error, self._turnstile.path.parent)) from error
            yield

    def _record_waits(self, connection: Connection) -> None:
        if self._turnstile is None:
            return
        fresh = self._turnstile.waits.take()
        waits = self._unsaved_waits
        waits.busy_waits += fresh.busy_waits
        waits.wait_s += fresh.wait_s
        waits.timeouts += fresh.timeouts
        if not waits.any():
            return
        for name in ("busy_waits", "wait_s", "timeouts"):
            add_to_counter(connection, f"catalog:{name}", float(getattr(waits, name)))


def _lost(file: Path) -> str:
    return (
        f"{file} was removed, moved or replaced while it was in use, and what was written to it since may be lost. "
        "Put the data folder back as it was, or a copy of the catalog with `voicesieve restore`; then start the same "
        "command again"
    )
