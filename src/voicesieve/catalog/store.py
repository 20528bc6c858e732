"""Opening the catalog, and the two kinds of transaction it knows: one writer at a time, many readers."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy import exc as sql_errors
from sqlalchemy.pool import QueuePool

from voicesieve.catalog import schema, soundness, versions
from voicesieve.catalog.backups import CATALOG_FILE, RESTORING, BackupError, backup_catalog, finish_putting_back
from voicesieve.catalog.counters import add_to_counter, count_backup
from voicesieve.catalog.turnstile import Turnstile, TurnstileTimeoutError, Waits
from voicesieve.domain.errors import EXIT_FAULT, VoicesieveError
from voicesieve.domain.extras import how_to_install
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.files import OUT_OF_SPACE, create_private, identity_of, space_needed
from voicesieve.machine import folder_failure

BUSY_TIMEOUT_S = 30.0
"""Measured worst wait behind 20 writers is below 1 s; 30 s means that the holder is stuck, not slow."""

NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "fuse.sshfs", "ceph", "lustre"})
"""WAL needs memory shared between processes, which these do not give (sqlite.org/wal.html)."""


MOUNTS = Path("/proc/self/mounts")

TURNSTILE = "catalog.turnstile"
BACKUPS = "backups"

POSTGRES_WRITE_LOCK = int.from_bytes(b"vsieve")
"""Key of the advisory lock that writers take; any number does that other programs in the database do not use."""


class CatalogError(VoicesieveError):
    """The catalog cannot be opened or used. The message says what happened and what to do."""


class DamagedCatalogError(CatalogError):
    """The file is not a catalog any more, or never was one."""

    exit_code = EXIT_FAULT


class ForeignCatalogError(DamagedCatalogError):
    """The file is a catalog with triggers or views in it that somebody else has made."""


class Catalog:
    """An open catalog. Safe to share between threads; one writing transaction at a time in this process."""

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
        with _typed_errors(self._file), self._turn():
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
        with _typed_errors(self._file), self._reader.connect() as connection:
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
            found = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check(5)")]
            dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
            broken = soundness.broken_rows(connection) if found == ["ok"] else []
        return (
            broken
            + [text for text in found if text != "ok"]
            + [f"a row of {row[0]} names one that is gone" for row in dangling]
        )

    def close(self) -> None:
        is_lost = self._file is not None and identity_of(self._file) != self._identity
        # Whose turn it is stands in the folder, and that may be gone or somebody else's by now.
        with _typed_errors(self._file), nullcontext() if is_lost else self._turn():
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


def open_catalog(
    folder: Path, url: str = "", *, create: bool, backups: Path | None = None, keep_backups: int = 7
) -> Catalog:
    """Open the catalog of a data folder, bringing its tables up to date.

    ``url`` names a PostgreSQL database; empty means SQLite in ``folder``. Before an update the catalog is copied
    into ``backups`` (its own folder if ``None``); a copy that fails does not stop the update, which is one
    transaction, and is told in ``update_without_backup``. Raises `CatalogError` when there is none and ``create`` is
    false, when it is newer than this program, damaged, read-only or on a network drive.
    """
    if url:
        return _open_postgres(url, create=create)
    file = folder / CATALOG_FILE
    if not create and not file.exists() and not (folder / RESTORING).exists():
        raise CatalogError(f"There is no catalog in {folder}. Start one with `voicesieve crawl --data {folder} ...`.")
    refuse_network_file_system(folder)
    turnstile = Turnstile(folder / TURNSTILE, timeout_s=BUSY_TIMEOUT_S)
    writer = _sqlite_engine(file, writing=True)
    update = _Update(file, backups or folder / BACKUPS, keep_backups)
    try:
        with turnstile.hold():
            finish_putting_back(folder)
            if not file.exists():
                os.close(create_private(file))  # SQLite gives its other files the mode of this one
            try:
                _refuse_foreign(writer)
                versions.bring_up_to_date(writer, update.back_up)
            except BaseException:
                writer.dispose()
                raise
    except (
        OSError,
        sql_errors.DBAPIError,
        versions.NewerCatalogError,
        versions.ForeignRevisionError,
        TurnstileTimeoutError,
    ) as error:
        text = str(getattr(error, "orig", None) or error)
        if _is_full(text, error):
            raise FailureError(_full(text, error, file)) from error
        raise _explained(file, error) from error
    catalog = Catalog(writer, _sqlite_engine(file, writing=False), turnstile, file)
    if update.made_at is not None or update.problem is not None:
        with catalog.write() as connection:
            count_backup(connection, update.made_at)
        catalog.update_without_backup = update.problem
        catalog.was_updated = True
    return catalog


def _refuse_foreign(engine: Engine) -> None:
    """Raise `ForeignCatalogError` for triggers and views that could undo what is written, a takedown for example."""
    with engine.connect() as connection:
        found = soundness.foreign(connection.exec_driver_sql(soundness.DECLARATIONS))
    if found:
        raise ForeignCatalogError(
            f"{engine.url.database} holds {', '.join(found)}: nothing that voicesieve has made, and takedowns written "
            "to it may not hold. Nothing was changed. Put back a copy that you trust with `voicesieve restore`."
        )


class _Update:
    """The copy that is made before the tables are changed, and how that went."""

    def __init__(self, file: Path, folder: Path, keep: int) -> None:
        self._file, self._folder, self._keep = file, folder, keep
        self.made_at: float | None = None
        self.problem: str | None = None

    def back_up(self) -> None:
        try:
            copy = backup_catalog(self._file, self._folder, keep=self._keep, now=time.time(), before=versions.HEAD)
        except (BackupError, FailureError) as error:
            self.problem = str(error)
        else:
            self.made_at = copy.made_at


def _sqlite_engine(file: Path, *, writing: bool) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
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
        for pragma in soundness.DISTRUST:
            cursor.execute(pragma)
        cursor.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")
        cursor.execute("PRAGMA foreign_keys=ON")
        # Savepoints and sorting would need files in TMPDIR: one more disk that can be full.
        cursor.execute("PRAGMA temp_store=MEMORY")
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
    try:
        engine = create_engine(_postgres_url(url), pool_pre_ping=True)
        # Readers see one snapshot for the whole block, as they do on SQLite.
        reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        writer = engine.execution_options()
        event.listen(writer, "begin", _take_postgres_write_lock)
        if not create and not versions.is_present(reader):
            raise CatalogError("The PostgreSQL database of catalog.url holds no catalog yet. Start with a crawl.")
        updates: list[bool] = []
        versions.bring_up_to_date(writer, lambda: updates.append(True))
    except ModuleNotFoundError as error:
        raise CatalogError(f"PostgreSQL needs an extra: {how_to_install('postgres')}.") from error
    except sql_errors.SQLAlchemyError as error:
        # The driver's text may hold the URL with its password.
        raise CatalogError(f"The PostgreSQL database of catalog.url cannot be used: {type(error).__name__}.") from None
    except versions.NewerCatalogError as error:
        raise CatalogError(str(error)) from error
    catalog = Catalog(writer, reader, None)
    catalog.was_updated = bool(updates)
    return catalog


def _postgres_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (sql_errors.ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("postgresql", "postgres"):
        # Neither the URL nor the parser's text is shown: both may hold the password.
        raise CatalogError("catalog.url is not like postgresql://user:password@host/database, or empty for SQLite.")
    return parsed.set(drivername="postgresql+psycopg")


def _take_postgres_write_lock(connection: Connection) -> None:
    """One writer at a time here too: steps touch the same counters in different orders and would deadlock.

    The server ends the session of a writer that is silent for as long as others wait, a machine that lost power.
    """
    for timeout in ("lock_timeout", "idle_in_transaction_session_timeout"):
        connection.exec_driver_sql(f"SET LOCAL {timeout} = '{BUSY_TIMEOUT_S:.0f}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({POSTGRES_WRITE_LOCK})")


def refuse_network_file_system(folder: Path, mounts: Path = MOUNTS) -> None:
    """Raise `CatalogError` if ``folder`` lies where SQLite is not safe, by the table ``mounts`` of the kernel."""
    kind = _file_system_of(folder, mounts)
    if kind in NETWORK_FILE_SYSTEMS:
        raise CatalogError(
            f"{folder} lies on a network file system ({kind}), where SQLite cannot keep its promises. "
            "Put --data on a local disk, or name a PostgreSQL database in catalog.url."
        )


def _file_system_of(folder: Path, mounts: Path) -> str | None:
    """The type of the mount that holds ``folder``; ``None`` where the system does not tell (no /proc)."""
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
    if isinstance(error, versions.ForeignRevisionError) or _is_damage(text):
        return DamagedCatalogError(f"{file} is damaged or is not a catalog ({text}). {_RESTORE}")
    if "readonly" in text or "unable to open" in text or _is_read_only(error):
        where = f"Check the permissions of {file.parent}, or choose another --data."
        return CatalogError(f"{file} cannot be written ({text}). {where}")
    return CatalogError(f"{file} cannot be opened: {text}.")


def _is_read_only(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EPERM, errno.EACCES)


_RESTORE = (
    "Nothing was changed. `voicesieve restore` lists the copies of it and puts one back; docs/recovery.md shows how. "
    "The recordings folder is untouched and keeps its audio."
)


def _is_damage(text: str) -> bool:
    return "not a database" in text or "malformed" in text


def _is_full(text: str, error: Exception) -> bool:
    """A write limit (RLIMIT_FSIZE, quota) reaches us as an I/O error of SQLite; the last text is PostgreSQL's."""
    if isinstance(error, OSError):
        return error.errno in OUT_OF_SPACE
    return any(sign in text for sign in ("full", "disk I/O error", "No space left"))


def _full(text: str, error: Exception, file: Path | None) -> Failure:
    room = "" if file is None else space_needed(file)
    message = f"the catalog cannot be written: {text}. {room or 'Free some space; everything committed is safe.'}"
    return Failure.from_exception(FailureKind.DISK_FULL, error, f"{message} If there is room, the disk may be faulty.")


def refused_by_database(error: BaseException) -> bool:
    """Whether the database itself cannot go on (disk, damage, connection), as against a step that is wrong."""
    if isinstance(error, schema.BrokenRowError):
        return True
    wrong = sql_errors.IntegrityError | sql_errors.ProgrammingError | sql_errors.DataError
    return isinstance(error, sql_errors.DatabaseError) and not isinstance(error, wrong)


@contextmanager
def _typed_errors(file: Path | None) -> Iterator[None]:
    """Database errors that no caller can mend become typed failures of ours; logic errors pass unchanged."""
    try:
        yield
    except TurnstileTimeoutError as error:
        raise FailureError(Failure.from_exception(FailureKind.CATALOG_UNAVAILABLE, error)) from error
    except schema.BrokenRowError as error:
        message = f"the catalog is damaged: {error}. {_RESTORE}"
        raise FailureError(Failure.from_exception(FailureKind.CATALOG_UNAVAILABLE, error, message)) from error
    except sql_errors.DatabaseError as error:
        if not refused_by_database(error):
            raise
        raise FailureError(_refusal(error, file)) from error


def _refusal(error: sql_errors.DatabaseError, file: Path | None) -> Failure:
    text = " ".join(str(_first_refusal(error).orig).split())
    if "unable to open" in text and file is not None and (refused := _why_unopened(file)) is not None:
        return folder_failure(refused, file)
    if _is_full(text, error):
        return _full(text, error, file)
    if _is_damage(text):
        message = f"the catalog is damaged: {text}. {_RESTORE}"
        return Failure.from_exception(FailureKind.CATALOG_UNAVAILABLE, error, message)
    return Failure.from_exception(FailureKind.CATALOG_UNAVAILABLE, error, f"the catalog cannot be used: {text}")


def _first_refusal(error: sql_errors.DatabaseError) -> sql_errors.DatabaseError:
    """The error that began it: after a full disk SQLite has rolled back, and rolling back once more fails, too."""
    first, current = error, error.__context__
    while current is not None:
        if isinstance(current, sql_errors.DatabaseError):
            first = current
        current = current.__context__
    return first


def _why_unopened(file: Path) -> OSError | None:
    """The system's reason, which SQLite keeps to itself; ``None`` where the file opens after all."""
    try:
        file.open("rb").close()
    except OSError as error:
        return error
    return None
