"""The audio and video files below a local folder."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import stat
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from voicesieve.domain.candidates import (
    Budget,
    Candidate,
    Cursor,
    Name,
    NameKind,
    Page,
    PassedOver,
    Query,
    SourceProblem,
)
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.media_formats import MEDIA_SUFFIXES
from voicesieve.domain.quotas import Price
from voicesieve.domain.text import clean_text, quoted
from voicesieve.frontier.costs import NO_REQUEST
from voicesieve.sources.identity import file_identity
from voicesieve.sources.kinds import SourceKind
from voicesieve.sources.media import is_media_name
from voicesieve.sources.paging import Finding, Findings
from voicesieve.sources.paths import absolute_path, real_folder

MAX_LINKED = 1_000
"""Linked folders that one walk enters; their paths stand in the cursor."""

_PLAIN_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")

_HIDDEN = "hidden files and folders"
_OWN = "folders of voicesieve itself"
_READ_ALREADY = "linked folders that are read under another name"
_IN_A_CIRCLE = "folders that lead in a circle"
_TOO_MANY = f"linked folders beyond the first {MAX_LINKED:,}"
_BROKEN = "links that lead nowhere"
_LINKED_FILES = "links to files that are read under their own names"


class FolderSource:
    """Walks a folder depth first, each folder in the byte order of its names.

    Symbolic links to folders are followed, and each folder is read once: a link is passed over if it leads to a folder
    that the walk reads anyway or has read through another link, or in a circle. Hidden files and folders, files without
    a media suffix, and ``left_out`` (our own data folder) are passed over too; each kind of omission is counted. The
    cursor holds the relative path that the walk has reached and the links that it has followed. Memory holds the
    listings from the top folder down to the current one, never the whole tree.

    A file is identified by its real path, however it was reached. A candidate's metadata holds its ``size`` in bytes.
    """

    def __init__(self, left_out: Path | None = None) -> None:
        self._left_out = left_out
        # Keeping a walk open between two pages saves listing a large folder again for every page.
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
        had_files = cursor is not None and cursor.get("found") is True
        findings = self._continued(argument, cursor) or Findings(_Walk(top, self._left_out, cursor).findings())
        taken = findings.take(budget)
        has_files = had_files or bool(taken.candidates)
        if taken.resume is None:
            nothing = () if has_files else (SourceProblem(quoted(argument), _nothing_found()),)
            return Page(taken.candidates, problems=taken.problems + nothing, passed_over=taken.passed_over)
        next_cursor = {**taken.resume, "found": has_files}
        self._open_walks[argument] = (next_cursor, findings)
        return Page(taken.candidates, cursor=next_cursor, problems=taken.problems, passed_over=taken.passed_over)

    def _continued(self, argument: str, cursor: Cursor | None) -> Findings | None:
        stands_at, findings = self._open_walks.pop(argument, (None, None))
        return findings if stands_at is not None and stands_at == cursor else None


@dataclass(frozen=True)
class _Level:
    """One folder of the walk: ``prefix`` is its relative path with a trailing slash (empty at the top).

    ``real`` is its path without links, ``place`` its device and inode. ``links`` are the ``names`` that are symbolic
    links; ``folders`` are the ``names`` that are folders or links to folders.
    """

    prefix: bytes
    real: bytes
    place: tuple[int, int]
    names: Iterator[bytes]
    folders: frozenset[bytes]
    links: frozenset[bytes]
    bound: Sequence[bytes]


@dataclass
class _Walk:
    """Everything below ``top`` after the position of ``cursor``.

    ``entered`` maps the real path of each linked folder that was entered to the relative path of the link.
    """

    top: Path
    left_out: Path | None
    cursor: Cursor | None
    entered: dict[bytes, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._own = os.path.realpath(os.fsencode(self.left_out)) if self.left_out is not None else None
        self._linked: list[str] = []
        for relative in _linked(self.cursor):
            self._enter(os.path.realpath(os.fsencode(self.top) + b"/" + relative), relative)

    def findings(self) -> Iterator[Finding]:
        levels = [self._top_level()]
        while levels:
            level = levels[-1]
            name = next(level.names, None)
            if name is None:
                levels.pop()
                continue
            relative = level.prefix + name
            if name not in level.folders:
                what = self._file(level, name, levels[0].real)
            elif isinstance(below := self._below(levels, name), _Level):
                levels.append(below)
                continue
            else:
                what = below
            if what is not None:
                yield Finding(what, self._resume(relative))

    def _top_level(self) -> _Level:
        try:
            real = os.path.realpath(os.fsencode(self.top))
            return _level(b"", real, _bound(self.cursor))
        except OSError as error:
            raise _unreadable(self.top, error) from error

    def _below(self, levels: Sequence[_Level], name: bytes) -> _Level | SourceProblem | PassedOver:
        """The folder ``name`` in the last of ``levels``, or the reason why it is not entered."""
        level, top = levels[-1], levels[0].real
        relative = level.prefix + name
        where = _shown_path(relative)
        is_link = name in level.links
        real = os.path.realpath(level.real + b"/" + name) if is_link else level.real + b"/" + name
        if name.startswith(b"."):
            return PassedOver(_HIDDEN, 1, where)
        if self._own is not None and (real == self._own or (is_link and _is_within(real, self._own))):
            return PassedOver(_OWN, 1, where)
        if is_link and _is_within(top, real):
            return PassedOver(_IN_A_CIRCLE, 1, where)
        if self._is_read_elsewhere(real, relative, top, is_link=is_link):
            return PassedOver(_READ_ALREADY, 1, where)
        if is_link and real not in self.entered and len(self.entered) >= MAX_LINKED:
            return PassedOver(_TOO_MANY, 1, where)
        below = level.bound[1:] if level.bound[:1] == [name] else []
        try:
            folder = _level(relative + b"/", real, below)
        except OSError as error:
            return SourceProblem(where, f"the folder cannot be read ({error.strerror}); its files are left out")
        if folder.place in {above.place for above in levels}:  # a folder that is mounted below itself
            return PassedOver(_IN_A_CIRCLE, 1, where)
        if is_link:
            self._enter(real, relative)
        return folder

    def _enter(self, real: bytes, relative: bytes) -> None:
        if real not in self.entered:
            self.entered[real] = relative
            self._linked = [*self._linked, quote(relative, safe="/")]

    def _is_read_elsewhere(self, real: bytes, relative: bytes, top: bytes, *, is_link: bool) -> bool:
        if self.entered.get(real, relative) != relative:
            return True
        if not is_link:
            return False
        others = (folder for folder, link in self.entered.items() if link != relative)
        return _is_reached(real, top) or any(_is_reached(real, other) for other in others)

    def _file(self, level: _Level, name: bytes, top: bytes) -> Candidate | SourceProblem | PassedOver | None:
        relative = level.prefix + name
        where = _shown_path(relative)
        if name.startswith(b"."):
            return PassedOver(_HIDDEN, 1, where)
        text = os.fsdecode(name)
        if not is_media_name(text):
            is_broken = name in level.links and not Path(os.fsdecode(level.real + b"/" + name)).exists()
            return PassedOver(_BROKEN if is_broken else _sort_of(text), 1, where)
        real = level.real + b"/" + name
        if name in level.links:
            real = os.path.realpath(real)
            if _is_reached(real, top) and is_media_name(os.fsdecode(real)) and Path(os.fsdecode(real)).exists():
                return PassedOver(_LINKED_FILES, 1, where)
        return _describe(self.top / os.fsdecode(relative), Path(os.fsdecode(real)), where)

    def _resume(self, relative: bytes) -> Cursor:
        place: dict[str, object] = {"after": quote(relative, safe="/")}
        return {**place, "linked": self._linked} if self._linked else place


def _level(prefix: bytes, real: bytes, bound: Sequence[bytes]) -> _Level:
    """The listing of one folder after ``bound``. Raises OSError if the folder cannot be listed."""
    folders: set[bytes] = set()
    links: set[bytes] = set()
    names: list[bytes] = []
    status = Path(os.fsdecode(real)).stat()
    with os.scandir(real) as entries:
        for entry in entries:
            names.append(entry.name)
            if entry.is_symlink():
                links.add(entry.name)
            if _is_folder(entry):
                folders.add(entry.name)
    names.sort()
    first = 0
    if bound:
        first = bisect_left(names, bound[0])
        is_done = len(bound) == 1 or bound[0] not in folders
        if is_done and first < len(names) and names[first] == bound[0]:
            first += 1
    place = (status.st_dev, status.st_ino)
    return _Level(
        prefix, real, place, iter(names[first:] if first else names), frozenset(folders), frozenset(links), bound
    )


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: it is examined as a file and reported as a problem
        return False


def _is_within(path: bytes, folder: bytes) -> bool:
    """Whether ``path`` is ``folder`` or lies below it; both are real paths."""
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def _is_reached(path: bytes, folder: bytes) -> bool:
    """Whether a walk through ``folder`` reaches ``path`` without links; it does not enter hidden folders."""
    if not _is_within(path, folder):
        return False
    return not any(part.startswith(b".") for part in path[len(folder) :].split(b"/"))


def _sort_of(name: str) -> str:
    suffix = Path(name).suffix
    if not suffix:
        return "files without a suffix"
    return f"files with suffix {suffix.lower()}" if _PLAIN_SUFFIX.fullmatch(suffix) else "files with an odd suffix"


def _shown_path(relative: bytes) -> str:
    return quoted(os.fsdecode(relative))


def _describe(path: Path, real: Path, where: str) -> Candidate | SourceProblem:
    """The candidate for the file at ``path``, whose real path is ``real``."""
    try:
        status = path.stat()
        identity = file_identity(real)
        as_given = file_identity(path)
    except OSError as error:
        return SourceProblem(where, f"the file cannot be examined ({error.strerror})")
    except ValueError as error:
        return SourceProblem(where, str(error))
    if not stat.S_ISREG(status.st_mode):
        return SourceProblem(where, "not a regular file")
    # Older catalogs identify a file by the path at which it was first seen.
    former = (Name(NameKind.ADDRESS, f"{as_given.source}:{as_given.native_id}"),) if as_given != identity else ()
    return Candidate(
        source=identity.source,
        native_id=identity.native_id,
        url=identity.url,
        title=_readable(path.stem),
        channel=_readable(path.parent.name),
        metadata={"size": status.st_size},
        names=(*former, _file_name(status)),
    )


def _file_name(status: os.stat_result) -> Name:
    """What stays the same when a file is moved, even if its whole file system gets another mount point."""
    facts = f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"
    return Name(NameKind.FILE, hashlib.sha256(f"file {facts}".encode()).hexdigest())


def _readable(name: str) -> str:
    return clean_text(os.fsencode(name).decode("utf-8", "replace"))


def _bound(cursor: Cursor | None) -> list[bytes]:
    after = cursor.get("after") if cursor is not None else None
    return unquote_to_bytes(after).split(b"/") if isinstance(after, str) else []


def _linked(cursor: Cursor | None) -> list[bytes]:
    linked = cursor.get("linked") if cursor is not None else None
    return [unquote_to_bytes(path) for path in linked if isinstance(path, str)] if isinstance(linked, list) else []


def _check_is_folder(top: Path) -> None:
    try:
        is_folder = stat.S_ISDIR(top.stat().st_mode)
    except FileNotFoundError as error:
        message = f"there is no folder {quoted(str(top))}: correct the path in --source folder:PATH"
        raise FailureError(Failure.from_exception(FailureKind.GONE, error, message)) from error
    except OSError as error:
        raise _unreadable(top, error) from error
    if not is_folder:
        message = f"{quoted(str(top))} is a file, not a folder: name the folder that holds it, or use urls: for a list"
        raise FailureError(Failure(FailureKind.UNSUPPORTED, message))


def _unreadable(top: Path, error: OSError) -> FailureError:
    message = (
        f"the folder {quoted(str(top))} cannot be read ({error.strerror}): "
        "give the user that runs voicesieve the right to read and enter it"
    )
    return FailureError(Failure.from_exception(FailureKind.UNSUPPORTED, error, message))


def _nothing_found() -> str:
    return "it holds no audio or video file; these suffixes are recognised: " + " ".join(sorted(MEDIA_SUFFIXES))


def _parse(argument: str) -> str:
    spelt = absolute_path(argument)
    real = str(real_folder(Path(spelt)))
    try:
        real.encode("utf-8")
    except UnicodeEncodeError:  # the folder is reached by a link with a plain name, as we advise
        return spelt
    return real


KIND = SourceKind(
    name="folder",
    argument="DIR",
    summary="audio and video files below a folder",
    examples=("folder:./recordings",),
    parse=_parse,
    source=lambda tools: FolderSource(left_out=tools.data),
    page_cost=lambda argument: NO_REQUEST,
    is_respelt=True,
)
