"""Whether a SQLite file is a catalog as our migrations build one, with rows as our steps write them.

A file that comes from elsewhere may hold triggers and views that undo what is written, and rows that no step of ours
has written (sqlite.org/security.html, "Untrusted SQLite database files").
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Connection, Double, Integer, LargeBinary, create_engine
from sqlalchemy.pool import StaticPool

from voicesieve.catalog import schema, versions
from voicesieve.catalog.columns import JsonText
from voicesieve.domain.failures import FailureKind
from voicesieve.domain.states import Stage, VideoState

DISTRUST = ("PRAGMA trusted_schema=OFF", "PRAGMA cell_size_check=ON")
"""What every connection to a catalog begins with: functions with side effects do not run from a schema, and the cells
of a page are checked when it is read."""

DECLARATIONS = "SELECT type, name, tbl_name, sql FROM sqlite_schema"
"""Asks a file for all that is declared in it."""

MOST = 5
"""Findings that are listed."""

_WORD = re.compile(r"[^\s\"'`,;()\[\]]+")
_CHOICES: dict[str, tuple[str, ...]] = {
    "video.state": tuple(VideoState),
    "video.stage": tuple(Stage),
    "video.failure_kind": tuple(FailureKind),
}


def foreign(declarations: Iterable[Any]) -> list[str]:
    """What could undo or fake our writes: triggers that are not ours, and what stands in place of a table of ours.

    ``declarations`` are the answer to `DECLARATIONS`.
    """
    descriptions = []
    for kind, name, table, sql in declarations:
        if kind == "trigger" and _words(sql) != _words(schema.sqlite_triggers().get(name, "")):
            descriptions.append(f"the trigger {name} on {table}")
        elif kind == "view" and name in _our_tables():
            descriptions.append(f"a view in place of the table {name}")
        elif kind == "table" and name in _our_tables() and _words(sql)[:2] != ["create", "table"]:
            descriptions.append(f"a virtual table in place of {name}")
    return descriptions[:MOST]


def differences(connection: Connection) -> list[str]:
    """How an up-to-date catalog differs from a fresh one, in words. Tables and views of a person's own may be there."""
    fresh = create_engine("sqlite://", poolclass=StaticPool)
    try:
        versions.bring_up_to_date(fresh)
        with fresh.connect() as other:
            expected = _Structure(other)
    finally:
        fresh.dispose()
    return list(_Structure(connection).differences(expected))[:MOST]


class _Structure:
    """What is declared in a file on the tables of ours."""

    def __init__(self, connection: Connection) -> None:
        ask = connection.exec_driver_sql
        declared = [row for row in ask(DECLARATIONS) if row.tbl_name in _our_tables()]
        self.tables = {row.name: set(_words(row.sql)) for row in declared if row.type == "table"}
        self.columns = {name: {tuple(row)[1:] for row in ask(f"PRAGMA table_xinfo({name})")} for name in self.tables}
        self.keys = {name: {tuple(row)[2:] for row in ask(f"PRAGMA foreign_key_list({name})")} for name in self.tables}
        self.others = {
            (row.type, row.name): _words(row.sql)
            for row in declared
            if row.type in ("index", "trigger") and not row.name.startswith("sqlite_autoindex")
        }

    def differences(self, expected: _Structure) -> Iterator[str]:
        for name, words in expected.tables.items():
            if name not in self.tables:
                yield f"the table {name} is missing"
            elif self.columns[name] != expected.columns[name] or self.keys[name] != expected.keys[name]:
                yield f"the columns of the table {name} are others"
            elif more := sorted(self.tables[name] - words):
                yield f"the table {name} is declared with more ({' '.join(more[:5])})"
        for kind, name in sorted(expected.others.keys() | self.others.keys()):
            if (kind, name) not in expected.others:
                yield f"the {kind} {name} is foreign"
            elif self.others.get((kind, name)) != expected.others[kind, name]:
                yield f"the {kind} {name} is missing or another"


def broken_rows(connection: Connection) -> list[str]:
    """Tables and columns with values that no step of ours has written, in words."""
    _teach_sound_json(connection)
    descriptions = []
    for table in schema.metadata.sorted_tables:
        wrong = {column.name: condition for column in table.columns if (condition := _wrong(column))}
        counts = connection.exec_driver_sql(
            f"SELECT {', '.join(f'coalesce(sum({condition}), 0)' for condition in wrong.values())} FROM {table.name}"  # noqa: S608 - names of our own schema
        ).one()
        descriptions += [
            f"{count} rows of the table {table.name} hold no usable {column}"
            for column, count in zip(wrong, counts, strict=True)
            if count
        ]
    return descriptions[:MOST]


def _teach_sound_json(connection: Connection) -> None:
    """Only the driver can add a function. It reads no file for that, so none of its untyped errors can come of it."""
    driver = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError("not a connection to SQLite")
    driver.create_function("sound_json", 2, _is_sound_json, deterministic=True)


def _wrong(column: Column[Any]) -> str:
    """The condition under which a value of a column is none of ours."""
    name, kind = f'"{column.name}"', column.type
    if isinstance(kind, JsonText):
        shape = kind.shape.__name__ if kind.shape else ""
        types = {"list": "= 'array'", "dict": "= 'object'"}.get(shape, "IS NOT NULL")
        quick = f"CASE WHEN json_valid({name}) THEN json_type({name}) {types} ELSE 0 END"
        wrong = f"NOT ({quick} OR sound_json({name}, '{shape}'))"
    elif isinstance(kind, Integer | BigInteger | Boolean | Double):
        wrong = f"typeof({name}) NOT IN ('integer', 'real')"
    elif isinstance(kind, LargeBinary):
        wrong = f"typeof({name}) <> 'blob'"
    else:
        wrong = f"typeof({name}) <> 'text'"
        if choices := _CHOICES.get(f"{column.table.name}.{column.name}"):
            wrong += f" OR {name} NOT IN ({', '.join(repr(str(choice)) for choice in choices)})"
    return f"{name} IS NOT NULL AND ({wrong})"


def _is_sound_json(text: object, shape: str) -> bool:
    """Python writes and reads a little more than SQLite does: infinite numbers."""
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return False
    return isinstance(text, str) and (not shape or type(value).__name__ == shape)


def _our_tables() -> frozenset[str]:
    return frozenset(schema.metadata.tables) | {"alembic_version"}


def _words(sql: str | None) -> list[str]:
    """A declaration without blanks and quotation marks, which differ between versions of the tools that write it."""
    return _WORD.findall((sql or "").lower())
