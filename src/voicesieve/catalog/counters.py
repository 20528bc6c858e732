"""Counters are rows, so that `status` never counts videos."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from voicesieve.catalog.schema import counter


def add_to_counter(connection: Connection, name: str, amount: float) -> None:
    """Add within the transaction."""
    if amount == 0:
        return
    changed = connection.execute(
        update(counter).where(counter.c.name == name).values(value=counter.c.value + amount)
    ).rowcount
    if not changed:
        connection.execute(counter.insert().values(name=name, value=amount))


def count_backup(connection: Connection, made_at: float | None) -> None:
    """Count a copy that was made at this epoch second, or with ``None`` one that failed."""
    if made_at is None:
        add_to_counter(connection, "backup:failed", 1)
        return
    add_to_counter(connection, "backup:made", 1)
    last = connection.execute(select(counter.c.value).where(counter.c.name == "backup:last_at")).scalar()
    add_to_counter(connection, "backup:last_at", made_at - (last or 0.0))
