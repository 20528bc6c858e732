"""SQLite as the catalog needs it: durable, strict, and on a disk that keeps its promises."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from voicesieve.catalog import soundness
from voicesieve.catalog.refusals import CatalogError, ForeignCatalogError
from voicesieve.catalog.turnstile import BUSY_TIMEOUT_S

NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "fuse.sshfs", "ceph", "lustre"})
"""WAL needs memory shared between processes, which these do not give (sqlite.org/wal.html)."""


MOUNTS = Path("/proc/self/mounts")


def sqlite_engine(file: Path, *, writing: bool) -> Engine:
    """Connections to a SQLite catalog: a single one that writes, or several that read."""
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


def refuse_foreign(engine: Engine) -> None:
    """Raise `ForeignCatalogError` for triggers and views that could undo what is written, a takedown for example."""
    with engine.connect() as connection:
        foreign = soundness.foreign(connection.exec_driver_sql(soundness.DECLARATIONS))
    if foreign:
        raise ForeignCatalogError(
            f"{engine.url.database} holds {', '.join(foreign)}: nothing that voicesieve has made, and takedowns "
            "written to it may not hold. Nothing was changed. Put back a copy that you trust with `voicesieve restore`."
        )


def refuse_network_file_system(folder: Path, mounts: Path = MOUNTS) -> None:
    """Raise `CatalogError` if ``folder`` lies where SQLite is not safe, by the table ``mounts`` of the kernel."""
    kind = _file_system_of(folder, mounts)
    if kind in NETWORK_FILE_SYSTEMS:
        raise CatalogError(
            f"{folder} lies on a network file system ({kind}), where SQLite cannot keep its promises. "
            "Put --data on a local disk, or name a PostgreSQL database in catalog.url."
        )


def _file_system_of(folder: Path, mounts: Path) -> str | None:
    """The type of the mount that holds ``folder``; ``None`` where the system does not say (no /proc)."""
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
