"""A text file of addresses, one a line, as people and programs really write them."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from voicesieve.domain.candidates import Budget, Cursor, Page, Query, SourceProblem
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.quotas import Price
from voicesieve.domain.text import quoted
from voicesieve.frontier.costs import NO_REQUEST
from voicesieve.sources.encodings import sniffed
from voicesieve.sources.kinds import SourceKind
from voicesieve.sources.list_lines import Entry, Table, is_blank, read_line, table_of
from voicesieve.sources.paging import Finding, Findings
from voicesieve.sources.paths import absolute_path

_MAX_LINE_BYTES = 100_000  # holds 25 addresses of the greatest length; anything longer is no list of addresses
_SNIFFED_BYTES = 8_192  # a NUL byte here means a binary file, the test that git and grep make, or UTF-16
_NEWLINES = {"utf-8": b"\n", "utf-16-le": b"\n\x00", "utf-16-be": b"\x00\n"}
_MAX_LINES_TO_HEADING = 20
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


class UrlListSource:
    """Reads a list of ``http`` and ``https`` addresses in UTF-8 or UTF-16.

    Blank lines and comments (``#``, ``;`` or ``]`` at the start of a line, ``#`` after white space) are skipped, and so
    is an address that the page already holds. Text after an address and a tab is its title. A list whose heading has a
    column ``url`` is read as a table. The cursor is a byte offset with the size and time of the file: a file that
    changed between two pages is read again from its start.

    ``kinds`` are the names of all kinds of sources, which distinguish a line such as ``rss:...`` from an address.
    """

    def __init__(self, kinds: tuple[str, ...] = ()) -> None:
        self._kinds = kinds

    def fair_host(self, query: Query) -> str | None:
        return None

    def price(self, query: Query, cursor: Cursor | None, memory: Cursor) -> Price | None:
        return None

    async def page(self, query: Query, cursor: Cursor | None, memory: Cursor, budget: Budget) -> Page:
        return await asyncio.to_thread(_page, Path(query.argument), cursor, budget, self._kinds)


@dataclass(frozen=True)
class _Position:
    """Byte offset of a line, the number of lines before it, and how many of its addresses were already returned."""

    offset: int = 0
    line: int = 0
    taken: int = 0


@dataclass(frozen=True)
class _Form:
    """How a list is written. ``heading`` is the number of the line that names its columns."""

    encoding: str
    table: Table | None = None
    heading: int = 0


def _page(path: Path, cursor: Cursor | None, budget: Budget, kinds: tuple[str, ...]) -> Page:
    with _open_regular(path) as handle:
        status = os.fstat(handle.fileno())
        fingerprint = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
        form = _form(path, handle)
        taken = Findings(_findings(handle, _position(cursor, fingerprint), form, kinds)).take(budget)
    if taken.resume is None:
        return Page(taken.candidates, problems=taken.problems, passed_over=taken.passed_over)
    cursor = {**taken.resume, **fingerprint}
    return Page(taken.candidates, cursor=cursor, problems=taken.problems, passed_over=taken.passed_over)


def _findings(handle: BinaryIO, start: _Position, form: _Form, kinds: tuple[str, ...]) -> Iterator[Finding]:
    handle.seek(start.offset)
    position = start
    while raw := _raw_line(handle, form.encoding):
        number = position.line + 1
        text = raw.decode(form.encoding, "replace")
        entries: list[Entry]
        if len(raw) > _MAX_LINE_BYTES:
            entries = [SourceProblem(f"line {number}", f"longer than {_MAX_LINE_BYTES} bytes: {quoted(text[:400])}")]
        elif number == form.heading:
            entries = []
        else:
            entries = read_line(text, f"line {number}", form.table, kinds)
        behind = _Position(handle.tell(), number)
        for count, what in enumerate(entries[position.taken :], start=position.taken + 1):
            within = _Position(position.offset, position.line, count)
            yield Finding(what, _resume(behind if count == len(entries) else within))
        position = behind


def _raw_line(handle: BinaryIO, encoding: str) -> bytes:
    """The next line with its line break. A line that is too long is cut, but stays longer than the limit."""
    newline = _NEWLINES[encoding]
    raw = b""
    while piece := handle.readline(_MAX_LINE_BYTES):
        if len(piece) % len(newline):
            piece += handle.read(1)  # the other half of a character
        raw += piece if len(raw) <= _MAX_LINE_BYTES else b""
        if piece.endswith(newline):
            break
    return raw


def _resume(position: _Position) -> Cursor:
    return {"offset": position.offset, "line": position.line, "taken": position.taken}


def _position(cursor: Cursor | None, fingerprint: Cursor) -> _Position:
    if cursor is None or any(cursor.get(key) != value for key, value in fingerprint.items()):
        return _Position()
    offset, line, taken = cursor.get("offset"), cursor.get("line"), cursor.get("taken")
    if isinstance(offset, int) and isinstance(line, int) and isinstance(taken, int):
        return _Position(offset, line, taken)
    return _Position()


def _open_regular(path: Path) -> BinaryIO:
    try:
        # Without O_NONBLOCK, opening a named pipe would block until something writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        message = f"there is no file {quoted(str(path))}: correct the path in --source urls:PATH"
        raise FailureError(Failure.from_exception(FailureKind.GONE, error, message)) from error
    except OSError as error:
        message = (
            f"the list {quoted(str(path))} cannot be read ({error.strerror}): "
            "give the user that runs voicesieve the right to read it"
        )
        raise FailureError(Failure.from_exception(FailureKind.UNSUPPORTED, error, message)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _unsupported(path, "is not a regular file: give a text file with one address a line")
    return os.fdopen(descriptor, "rb")


def _form(path: Path, handle: BinaryIO) -> _Form:
    """How the list is written, judged by its beginning. Raises FailureError if it is not text."""
    head = handle.read(_SNIFFED_BYTES)
    encoding = sniffed(head) or "utf-8"
    if encoding not in _NEWLINES or _NO_TEXT.search(head.decode(encoding, "ignore")):
        raise _unsupported(path, "is a binary file: give a text file (UTF-8 or UTF-16) with one address a line")
    handle.seek(0)
    for number in range(1, _MAX_LINES_TO_HEADING + 1):
        line = _raw_line(handle, encoding).decode(encoding, "replace")
        if (table := table_of(line)) is not None:
            return _Form(encoding, table, number)
        if not is_blank(line):
            break
    return _Form(encoding)


def _unsupported(path: Path, reason: str) -> FailureError:
    return FailureError(Failure(FailureKind.UNSUPPORTED, f"{quoted(str(path))} {reason}"))


KIND = SourceKind(
    name="urls",
    argument="FILE",
    summary="addresses, one a line, or a table with a column `url`",
    examples=("urls:list.txt",),
    parse=absolute_path,
    source=lambda tools: UrlListSource(tools.kinds),
    page_cost=lambda argument: NO_REQUEST,
)
