"""The recordings below a local folder."""

from __future__ import annotations

import asyncio
import os
import stat
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, unquote_to_bytes

from voicesieve.domain.candidates import Budget, Candidate, Cursor, Page, Query, SourceProblem
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.quotas import Price
from voicesieve.sources.cleaning import clean_text, shown
from voicesieve.sources.identity import file_identity
from voicesieve.sources.media import MEDIA_SUFFIXES, is_media_name
from voicesieve.sources.paging import Finding, Findings


class FolderSource:
    """Walks a folder depth first, each folder in the byte order of its names.

    Hidden files and folders are passed over, and so is ``left_out``, the folder where recordings are kept, so that
    none is found twice. Symbolic links to folders are not followed. The cursor is the relative
    path up to which the walk came. A candidate's metadata holds its ``size`` in bytes. What is held in memory are the
    listings from the top to where the walk stands, never the tree.
    """

    kind: ClassVar[str] = "folder"

    def __init__(self, left_out: Path | None = None) -> None:
        self._left_out = left_out
        # A walk that stays open between two pages spares listing a large folder anew for every page.
        self._open_walks: dict[str, tuple[Cursor, Findings]] = {}

    def fair_host(self, query: Query) -> str | None:
        return None

    def price(self, query: Query, cursor: Cursor | None, memory: Cursor) -> Price | None:
        return None

    async def page(self, query: Query, cursor: Cursor | None, memory: Cursor, budget: Budget) -> Page:
        return await asyncio.to_thread(self._page, query.argument, cursor, budget)

    def _page(self, argument: str, cursor: Cursor | None, budget: Budget) -> Page:
        top = Path(argument)
        _check_is_folder(top)
        found_before = cursor is not None and cursor.get("found") is True
        findings = self._continued(argument, cursor) or Findings(_walk(top, _bound(cursor), self._left_out))
        taken = findings.take(budget)
        found = found_before or bool(taken.candidates)
        if taken.resume is None:
            nothing = () if found else (SourceProblem(shown(argument), _nothing_found()),)
            return Page(taken.candidates, problems=taken.problems + nothing, passed_over=taken.passed_over)
        next_cursor = {**taken.resume, "found": found}
        self._open_walks[argument] = (next_cursor, findings)
        return Page(taken.candidates, cursor=next_cursor, problems=taken.problems, passed_over=taken.passed_over)

    def _continued(self, argument: str, cursor: Cursor | None) -> Findings | None:
        stands_at, findings = self._open_walks.pop(argument, (None, None))
        return findings if stands_at is not None and stands_at == cursor else None


@dataclass(frozen=True)
class _Level:
    """One folder of the walk: ``prefix`` is its relative path with a trailing slash (empty at the top)."""

    prefix: bytes
    names: Iterator[bytes]
    folders: frozenset[bytes]
    bound: Sequence[bytes]


def _walk(top: Path, bound: Sequence[bytes], left_out: Path | None) -> Iterator[Finding]:
    """Everything behind the relative path whose components are ``bound``."""
    levels = [_top_level(top, bound, left_out)]
    while levels:
        level = levels[-1]
        name = next(level.names, None)
        if name is None:
            levels.pop()
            continue
        relative = level.prefix + name
        if name not in level.folders:
            yield Finding(_describe(top, relative), _resume(relative))
            continue
        below = level.bound[1:] if level.bound[:1] == [name] else []
        try:
            levels.append(_level(top, relative + b"/", below, left_out))
        except OSError as error:
            problem = SourceProblem(
                shown(os.fsdecode(relative)), f"the folder cannot be read ({error.strerror}); its files are left out"
            )
            yield Finding(problem, _resume(relative))


def _level(top: Path, prefix: bytes, bound: Sequence[bytes], left_out: Path | None) -> _Level:
    """The listing of one folder behind ``bound``. Raises OSError when the folder cannot be listed."""
    folders: set[bytes] = set()
    names: list[bytes] = []
    with os.scandir(top / os.fsdecode(prefix)) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name = os.fsencode(entry.name)
            if entry.is_dir(follow_symlinks=False):
                if left_out is not None and entry.name == left_out.name and left_out.samefile(entry.path):
                    continue
                folders.add(name)
                names.append(name)
            elif is_media_name(entry.name):
                names.append(name)
    names.sort()
    first = 0
    if bound:
        first = bisect_left(names, bound[0])
        is_done = len(bound) == 1 or bound[0] not in folders
        if is_done and first < len(names) and names[first] == bound[0]:
            first += 1
    return _Level(prefix, iter(names[first:] if first else names), frozenset(folders), bound)


def _top_level(top: Path, bound: Sequence[bytes], left_out: Path | None) -> _Level:
    try:
        return _level(top, b"", bound, left_out)
    except OSError as error:
        raise _unreadable(top, error) from error


def _describe(top: Path, relative: bytes) -> Candidate | SourceProblem:
    path = top / os.fsdecode(relative)
    where = shown(os.fsdecode(relative))
    try:
        status = path.stat()
        identity = file_identity(path)
    except OSError as error:
        return SourceProblem(where, f"the file cannot be looked at ({error.strerror})")
    except ValueError as error:
        return SourceProblem(where, str(error))
    if not stat.S_ISREG(status.st_mode):
        return SourceProblem(where, "not a regular file")
    return Candidate(
        source=identity.source,
        native_id=identity.native_id,
        url=identity.url,
        title=_readable(path.stem),
        channel=_readable(path.parent.name),
        metadata={"size": status.st_size},
    )


def _readable(name: str) -> str:
    return clean_text(os.fsencode(name).decode("utf-8", "replace"))


def _resume(relative: bytes) -> Cursor:
    return {"after": quote(relative, safe="/")}


def _bound(cursor: Cursor | None) -> list[bytes]:
    after = cursor.get("after") if cursor is not None else None
    return unquote_to_bytes(after).split(b"/") if isinstance(after, str) else []


def _check_is_folder(top: Path) -> None:
    try:
        is_folder = stat.S_ISDIR(top.stat().st_mode)
    except FileNotFoundError as error:
        message = f"there is no folder {shown(str(top))}: correct the path in --source folder:PATH"
        raise FailureError(Failure.from_exception(FailureKind.GONE, error, message)) from error
    except OSError as error:
        raise _unreadable(top, error) from error
    if not is_folder:
        message = f"{shown(str(top))} is a file, not a folder: name the folder that holds it, or use urls: for a list"
        raise FailureError(Failure(FailureKind.UNSUPPORTED, message))


def _unreadable(top: Path, error: OSError) -> FailureError:
    message = (
        f"the folder {shown(str(top))} cannot be read ({error.strerror}): "
        "give the user that runs voicesieve the right to read and enter it"
    )
    return FailureError(Failure.from_exception(FailureKind.UNSUPPORTED, error, message))


def _nothing_found() -> str:
    return "no audio or video file in it; these suffixes are looked for: " + " ".join(sorted(MEDIA_SUFFIXES))
