"""How values lie in columns: text and JSON, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import re
from typing import Any

from sqlalchemy import Dialect, Text, TypeDecorator

from voicesieve.domain.errors import InnerError

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """``text`` with U+FFFD for what no database takes: half a surrogate pair, and in PostgreSQL NUL.

    Both come in with file names and remote text; they must not cost more than themselves.
    """
    return _UNSTORABLE.sub("\ufffd", text)


class Words(TypeDecorator[str]):
    """Text of any length and origin."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class BrokenRowError(InnerError):
    """A row holds a value that voicesieve has not written: the file was damaged, or changed by another program."""


def json_text(value: object) -> str:
    """``value`` as a column of JSON stores it: equal values are equal texts."""
    return storable(json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True))


class JsonText(TypeDecorator[Any]):
    """Plain JSON values in a text column, so that a row reads the same in every database and tool.

    ``shape`` is the type that every value of the column has, ``None`` for any. Reading another raises `BrokenRowError`.
    """

    impl = Text
    cache_ok = True

    def __init__(self, shape: type | None = None) -> None:
        super().__init__()
        self.shape = shape

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return json_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        try:
            read = json.loads(value)
        except (ValueError, TypeError, RecursionError) as error:
            raise BrokenRowError(f"a row holds {str(value)[:40]!r} where JSON belongs") from error
        if self.shape is not None and not isinstance(read, self.shape):
            raise BrokenRowError(f"a row holds {str(value)[:40]!r} where a {self.shape.__name__} belongs")
        return read
