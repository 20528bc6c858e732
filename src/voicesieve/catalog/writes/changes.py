"""The only door by which rows of the table of videos come, change and go, one at a time or a set at once.

Whatever is counted of a video (counters, waiting videos of hosts, accepted videos of recordings, arms, queries) is
corrected here, in the same transaction and by the same code; no other module writes to that table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, func, literal_column, select, update

from voicesieve.catalog.rows import COUNTED, insert_missing
from voicesieve.catalog.schema import host, video
from voicesieve.catalog.writes import arms
from voicesieve.catalog.writes.counting import Tally
from voicesieve.domain.errors import InnerError
from voicesieve.domain.states import VideoState, may_move


class IllegalMoveError(InnerError):
    """A defect of ours: a stage tried a move that the state machine does not allow."""


def load(connection: Connection, key: int) -> Row[Any]:
    """The video's row, locked until the transaction ends where the database locks rows."""
    return connection.execute(select(video).where(video.c.key == key).with_for_update()).one()


def add_many(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add videos that are not in the catalog, each as the columns of its row. They have no arm yet."""
    add_hosts(connection, {row["host"] for row in rows})
    tally = Tally()
    by_columns: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_columns[tuple(sorted(row))].append(row)
        tally.count({**dict.fromkeys(COUNTED), **row}, 1)
    for alike in by_columns.values():
        connection.execute(video.insert(), alike)
    tally.write(connection)


def change(connection: Connection, old: Row[Any], now: float, **values: Any) -> None:
    """Change the row ``old``, as loaded in this transaction."""
    change_many(connection, [(old._asdict(), values)], now)


def change_many(
    connection: Connection, changes: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], now: float | None
) -> None:
    """Change many rows, in a number of statements that does not grow with them.

    Each change is the row as read in this transaction, or the columns of it that counts depend on (`COUNTED`) with its
    ``key`` and ``id``, and its new values. No row may stand there twice. ``now`` becomes ``changed_at``; with ``None``
    that stays, for what is only estimated of a video.
    """
    tally = Tally()
    pairs = [(old, {**old, **values}) for old, values in changes]
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for (old, values), (_, new) in zip(changes, pairs, strict=True):
        _refuse_illegal(old, new, old["id"])
        tally.add(old, new)
        columns = tuple(sorted(values))
        by_columns[columns].append({"of_key": old["key"], **{f"new_{name}": values[name] for name in columns}})
    add_hosts(connection, {new["host"] for old, new in pairs if new["host"] != old["host"]})
    for columns, rows in by_columns.items():
        new_values: dict[Any, Any] = {video.c[name]: bindparam(f"new_{name}") for name in columns}
        connection.execute(
            update(video).where(video.c.key == bindparam("of_key")).values(new_values | _changed(now)), rows
        )
    tally.write(connection)
    arms.account_many(connection, pairs)


def change_where(connection: Connection, which: ColumnElement[bool], now: float, **values: Any) -> int:
    """Change every video of ``which`` alike, in one statement however many there are. Returns the number of videos.

    What is counted of them is read as groups of equal rows. So a value may be an SQL expression only where counts ask
    no more than whether there is one: a new ``due_at`` for rows that have one.
    """
    whether_due: ColumnElement[Any] = literal_column("CASE WHEN video.due_at IS NOT NULL THEN 0.0 END")
    columns: list[ColumnElement[Any]] = [whether_due if name == "due_at" else video.c[name] for name in COUNTED]
    named = [column.label(name) for name, column in zip(COUNTED, columns, strict=True)]
    groups = select(*named, func.count().label("videos")).where(which).group_by(*columns)
    tally = Tally()
    total = 0
    pairs = []
    for group in connection.execute(groups).all():
        old = group._asdict()
        new = {**old, **values}
        _refuse_illegal(old, new, f"{group.videos} videos")
        tally.add(old, new, group.videos)
        pairs.append(repeat((old, new), group.videos))
        total += group.videos
    connection.execute(
        update(video).where(which).values({video.c[name]: value for name, value in values.items()} | _changed(now))
    )
    tally.write(connection)
    arms.account_many(connection, chain.from_iterable(pairs))
    return total


def remove(connection: Connection, row: Row[Any]) -> None:
    """Delete a video's row. Nothing may refer to it any more."""
    whole = row._asdict()
    tally = Tally()
    tally.count(whole, -1)
    tally.write(connection)
    arms.account_many(connection, [(whole, {**whole, "arm": None})])
    connection.execute(delete(video).where(video.c.key == row.key))


def _changed(now: float | None) -> dict[Any, Any]:
    return {} if now is None else {video.c.changed_at: now}


def _refuse_illegal(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> None:
    if not may_move(VideoState(old["state"]), VideoState(new["state"])):
        raise IllegalMoveError(f"{name}: {old['state']} -> {new['state']}")


def add_hosts(connection: Connection, names: Iterable[str]) -> None:
    """Make sure that each host has its row."""
    fresh = {"waiting": 0, "slot_at": 0.0, "blocked_until": 0.0, "refusals": 0}
    insert_missing(connection, host, [{"name": name, **fresh} for name in sorted(set(names))])
