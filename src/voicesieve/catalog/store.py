"""Opening the catalog, and the two kinds of transaction it knows: one writer at a time, many readers."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, update
from sqlalchemy import exc as sql_errors
from sqlalchemy.pool import QueuePool

from voicesieve.catalog import schema, versions
from voicesieve.catalog.turnstile import Turnstile, TurnstileTimeoutError, Waits
from voicesieve.domain.failures import Failure, FailureError, FailureKind

BUSY_TIMEOUT_S = 30.0
"""Measured worst wait behind 20 writers is below 1 s; 30 s means that the holder is stuck, not slow."""

NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "fuse.sshfs", "ceph", "lustre"})
"""WAL needs memory shared between processes, which these do not give (sqlite.org/wal.html)."""


class CatalogError(Exception):
    """The catalog cannot be opened or used. The message says what happened and what to do."""


class DamagedCatalogError(CatalogError):
    """The file is not a catalog any more, or never was one."""


class Catalog:
    """An open catalog. Safe to share between threads; one writing transaction at a time in this process."""

    def __init__(self, writer: Engine, reader: Engine, turnstile: Turnstile | None) -> None:
        self._writer = writer
        self._reader = reader
        self._turnstile = turnstile
        self._unsaved_waits = Waits()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One durable transaction: all of it or nothing. It is on disk when the block ends.

        Raises `FailureError` with ``disk_full`` or ``catalog_unavailable`` when it cannot be.
        """
        with _typed_errors(), self._turn():
            with self._writer.begin() as connection:
                self._record_waits(connection)
                yield connection
            self._unsaved_waits = Waits()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot. Keep it short: an open reader stops checkpoints and the log grows."""
        with _typed_errors(), self._reader.connect() as connection:
            yield connection

    def close(self) -> None:
        with self._turn():
            self._reader.dispose()
            self._writer.dispose()

    def _turn(self) -> Any:
        return self._turnstile.hold() if self._turnstile else nullcontext()

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


def add_to_counter(connection: Connection, name: str, amount: float) -> None:
    """Add within the transaction; counters are rows, so that `status` never counts videos."""
    if amount == 0:
        return
    counter = schema.counter
    changed = connection.execute(
        update(counter).where(counter.c.name == name).values(value=counter.c.value + amount)
    ).rowcount
    if not changed:
        connection.execute(counter.insert().values(name=name, value=amount))


def open_catalog(folder: Path, url: str = "", *, create: bool) -> Catalog:
    """Open the catalog of a data folder, bringing its tables up to date.

    ``url`` names a PostgreSQL database; empty means SQLite in ``folder``. Raises `CatalogError` when there is
    none and ``create`` is false, when it is newer than this program, damaged, read-only or on a network drive.
    """
    if url:
        return _open_postgres(url, create=create)
    file = folder / "catalog.sqlite3"
    if not file.exists() and not create:
        raise CatalogError(f"There is no catalog in {folder}. Start one with `voicesieve crawl --data {folder} ...`.")
    _refuse_network_file_system(folder)
    turnstile = Turnstile(folder / "catalog.turnstile", timeout_s=BUSY_TIMEOUT_S)
    try:
        catalog = Catalog(_sqlite_engine(file, writing=True), _sqlite_engine(file, writing=False), turnstile)
        with turnstile.hold():
            versions.bring_up_to_date(catalog._writer)
    except (OSError, sql_errors.DBAPIError, versions.NewerCatalogError, TurnstileTimeoutError) as error:
        raise _explained(file, error) from error
    return catalog


def _sqlite_engine(file: Path, *, writing: bool) -> Engine:
    engine = create_engine(
        f"sqlite:///{file}",
        poolclass=QueuePool,
        pool_size=1 if writing else 4,
        max_overflow=0 if writing else 8,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own BEGIN is deferred and would fail with BUSY_SNAPSHOT on its first write.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")
        cursor.execute("PRAGMA foreign_keys=ON")
        if writing:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
        else:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _open_postgres(url: str, *, create: bool) -> Catalog:
    normalised = url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1)
    try:
        engine = create_engine(normalised, pool_pre_ping=True)
        if not create and not versions.is_present(engine):
            raise CatalogError("The PostgreSQL database of catalog.url holds no catalog yet. Start with a crawl.")
        versions.bring_up_to_date(engine)
    except ModuleNotFoundError as error:
        raise CatalogError("PostgreSQL needs an extra: pip install 'voicesieve[postgres]'.") from error
    except sql_errors.SQLAlchemyError as error:
        # The driver's text may hold the URL with its password.
        raise CatalogError(f"The PostgreSQL database of catalog.url cannot be used: {type(error).__name__}.") from None
    except versions.NewerCatalogError as error:
        raise CatalogError(str(error)) from error
    return Catalog(engine, engine, None)


def _refuse_network_file_system(folder: Path) -> None:
    kind = _file_system_of(folder)
    if kind in NETWORK_FILE_SYSTEMS:
        raise CatalogError(
            f"{folder} lies on a network file system ({kind}), where SQLite cannot keep its promises. "
            "Put --data on a local disk, or name a PostgreSQL database in catalog.url."
        )


def _file_system_of(folder: Path) -> str | None:
    """The type of the mount that holds ``folder``; ``None`` where the system does not tell (no /proc)."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return None
    target = folder.resolve()
    best, kind = -1, None
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _device, point, file_system = line.split(" ")[:3]
        mount = Path(point.encode().decode("unicode_escape"))
        if target.is_relative_to(mount) and len(mount.parts) >= best:
            best, kind = len(mount.parts), file_system
    return kind


def _explained(file: Path, error: Exception) -> CatalogError:
    if isinstance(error, versions.NewerCatalogError | TurnstileTimeoutError):
        return CatalogError(str(error))
    text = str(getattr(error, "orig", None) or error)
    if "not a database" in text or "malformed" in text:
        return DamagedCatalogError(
            f"{file} is damaged or is not a catalog ({text}). Nothing was changed. Restore a copy of it; "
            "docs/recovery.md shows how. The recordings folder is untouched and keeps its audio."
        )
    if "readonly" in text or "unable to open" in text or _is_read_only(error):
        where = f"Check the permissions of {file.parent}, or choose another --data."
        return CatalogError(f"{file} cannot be written ({text}). {where}")
    if _is_full(text, error):
        return CatalogError(f"{file} cannot be opened because the disk is full ({text}). Free some space.")
    return CatalogError(f"{file} cannot be opened: {text}.")


def _is_read_only(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EPERM, errno.EACCES)


def _is_full(text: str, error: Exception) -> bool:
    return "full" in text or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT))


@contextmanager
def _typed_errors() -> Iterator[None]:
    """Database errors that no caller can mend become typed failures of ours; logic errors pass unchanged."""
    try:
        yield
    except TurnstileTimeoutError as error:
        raise FailureError(Failure.from_exception(FailureKind.CATALOG_UNAVAILABLE, error)) from error
    except (sql_errors.OperationalError, sql_errors.DatabaseError) as error:
        if isinstance(error, sql_errors.IntegrityError | sql_errors.ProgrammingError | sql_errors.DataError):
            raise
        text = str(error.orig)
        kind = FailureKind.CATALOG_UNAVAILABLE
        # A write limit (RLIMIT_FSIZE, quota) reaches us as an I/O error of SQLite, not as SQLITE_FULL.
        if "full" in text or "disk I/O error" in text:
            kind = FailureKind.DISK_FULL
        raise FailureError(Failure.from_exception(kind, error, f"the catalog cannot be written: {text}")) from error
