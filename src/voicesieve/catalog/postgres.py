"""PostgreSQL as the catalog needs it: one writer at a time, readers that see one snapshot."""

from __future__ import annotations

from sqlalchemy import URL, Connection, create_engine, event, make_url
from sqlalchemy import exc as sql_errors

from voicesieve.catalog import versions
from voicesieve.catalog.refusals import CatalogError
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.turnstile import BUSY_TIMEOUT_S
from voicesieve.domain.extras import how_to_install

POSTGRES_WRITE_LOCK = int.from_bytes(b"vsieve")
"""Key of the advisory lock that writers take; any number does that other programs in the database do not use."""


def open_postgres(url: str, *, create: bool) -> Catalog:
    """Open the catalog in a PostgreSQL database. Raises `CatalogError`; none of its messages shows the URL."""
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
    except versions.ForeignRevisionError as error:
        raise CatalogError(
            f"The PostgreSQL database of catalog.url belongs to another program ({error}). Name an empty database."
        ) from error
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
