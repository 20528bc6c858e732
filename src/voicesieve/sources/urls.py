"""A plain text list of addresses, one a line, as people and programs really write them."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

from voicesieve.domain.candidates import Budget, Candidate, Cursor, Page, Query, SourceProblem
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.quotas import Price
from voicesieve.sources.cleaning import shown
from voicesieve.sources.offers import remote_candidate
from voicesieve.sources.paging import Finding, Findings

_MAX_LINE_BYTES = 100_000  # holds 25 addresses of the greatest length; anything longer is no list of addresses
_SNIFFED_BYTES = 8_192  # a NUL byte here means a binary file, the test that git and grep make
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")

_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)
_INVISIBLE = "\ufeff\u200b"  # byte-order marks inside joined files, zero-width spaces of copied web pages
_WRAPPING = "\"'<>“”‘’,;" + _INVISIBLE
_GLUED = re.compile(r"(?<=[^/=?&#:%])(?=https?://)", re.IGNORECASE)
"""Where one address ends and the next begins without a line break. An address inside another one (an archive's path,
a ``?url=`` parameter) follows a delimiter and stays where it is."""
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_BARE_YOUTUBE = re.compile(r"(?:(?:www|m|music)\.)?(?:youtube|youtube-nocookie)\.com/|youtu\.be/", re.IGNORECASE)
_BARE_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")


class UrlListSource:
    """Reads a UTF-8 list of ``http`` and ``https`` addresses.

    Blank lines and comments (``#`` at the start of a line or after white space) are passed over; so is an address that
    a page already has. The cursor is a byte offset with the size and time of the file: a file that changed between two
    pages is read again from its start.
    """

    kind: ClassVar[str] = "urls"

    def fair_host(self, query: Query) -> str | None:
        return None

    def price(self, query: Query, cursor: Cursor | None, memory: Cursor) -> Price | None:
        return None

    async def page(self, query: Query, cursor: Cursor | None, memory: Cursor, budget: Budget) -> Page:
        return await asyncio.to_thread(_page, Path(query.argument), cursor, budget)


@dataclass(frozen=True)
class _Position:
    """Byte offset of a line, the number of lines before it, and how many of its addresses were already given."""

    offset: int = 0
    line: int = 0
    taken: int = 0


def _page(path: Path, cursor: Cursor | None, budget: Budget) -> Page:
    with _open_regular(path) as handle:
        status = os.fstat(handle.fileno())
        fingerprint = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
        _check_is_text(path, handle)
        taken = Findings(_findings(handle, _position(cursor, fingerprint))).take(budget)
    if taken.resume is None:
        return Page(taken.candidates, problems=taken.problems, passed_over=taken.passed_over)
    cursor = {**taken.resume, **fingerprint}
    return Page(taken.candidates, cursor=cursor, problems=taken.problems, passed_over=taken.passed_over)


def _findings(handle: BinaryIO, start: _Position) -> Iterator[Finding]:
    handle.seek(start.offset)
    position = start
    while raw := handle.readline(_MAX_LINE_BYTES + 1):
        number = position.line + 1
        found: list[Candidate | SourceProblem]
        if len(raw) > _MAX_LINE_BYTES and not raw.endswith(b"\n"):
            _skip_rest_of_line(handle)
            found = [SourceProblem(f"line {number}", f"longer than {_MAX_LINE_BYTES} bytes: {_begin(raw)}")]
        else:
            found = read_line(raw, f"line {number}")
        behind = _Position(handle.tell(), number)
        for count, what in enumerate(found[position.taken :], start=position.taken + 1):
            within = _Position(position.offset, position.line, count)
            yield Finding(what, _resume(behind if count == len(found) else within))
        position = behind


def read_line(raw: bytes, where: str) -> list[Candidate | SourceProblem]:
    """What one line of a list names. ``where`` is for the problems."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return [SourceProblem(where, f"not UTF-8 text: {_begin(raw)}")]
    # A lone carriage return ends a line too, as on old Macs; such lines share one number.
    return [what for line in text.split("\r") for what in _read_entries(line, where)]


def _read_entries(line: str, where: str) -> list[Candidate | SourceProblem]:
    text = _COMMENT.sub("", line.strip(_INVISIBLE + " \t\n")).strip()
    tokens = text.split()
    if len(tokens) > 1 and not all(_is_address(token.strip(_WRAPPING)) for token in tokens):
        return [SourceProblem(where, f"white space inside an address (write it as %20): {shown(text)}")]
    return [_read_entry(address, where) for token in tokens for address in _GLUED.split(token.strip(_WRAPPING))]


def _read_entry(address: str, where: str) -> Candidate | SourceProblem:
    bare = address.strip(_WRAPPING)
    try:
        return remote_candidate(_with_scheme(bare))
    except ValueError as error:
        return SourceProblem(where, f"{error}: {shown(address)}")


def _is_address(text: str) -> bool:
    return _SCHEME.match(text) is not None or _BARE_YOUTUBE.match(text) is not None


def _with_scheme(text: str) -> str:
    if _SCHEME.match(text):
        return text
    if _BARE_YOUTUBE.match(text):
        return f"https://{text}"
    if _BARE_VIDEO_ID.fullmatch(text):
        raise ValueError("if this is a YouTube video ID, write https://www.youtube.com/watch?v= before it")
    raise ValueError("not an http or https address")


def _begin(raw: bytes) -> str:
    return shown(raw[:400].decode("utf-8", "replace"))


def _skip_rest_of_line(handle: BinaryIO) -> None:
    while (rest := handle.readline(_MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


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
        # Without O_NONBLOCK a named pipe would hold us until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        message = f"there is no file {shown(str(path))}: correct the path in --source urls:PATH"
        raise FailureError(Failure.from_exception(FailureKind.GONE, error, message)) from error
    except OSError as error:
        message = (
            f"the list {shown(str(path))} cannot be read ({error.strerror}): "
            "give the user that runs voicesieve the right to read it"
        )
        raise FailureError(Failure.from_exception(FailureKind.UNSUPPORTED, error, message)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _unsupported(path, "is not a regular file: give a text file with one address a line")
    return os.fdopen(descriptor, "rb")


def _check_is_text(path: Path, handle: BinaryIO) -> None:
    head = handle.read(_SNIFFED_BYTES)
    if head.startswith(_UTF16_MARKS):
        raise _unsupported(path, "is UTF-16 text: save it as UTF-8 (iconv -f UTF-16 -t UTF-8)")
    if b"\x00" in head:
        raise _unsupported(path, "is a binary file: give a UTF-8 text file with one address a line")


def _unsupported(path: Path, reason: str) -> FailureError:
    return FailureError(Failure(FailureKind.UNSUPPORTED, f"{shown(str(path))} {reason}"))
