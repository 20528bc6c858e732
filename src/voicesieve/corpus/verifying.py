"""Whether an export is unchanged and may still be used: its files against their sums, its items against the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from voicesieve.audio.store import sha256_of
from voicesieve.corpus.errors import ExportError
from voicesieve.corpus.index import INDEX, read_index
from voicesieve.corpus.marker import read_marker
from voicesieve.corpus.publishing import REMOVED
from voicesieve.corpus.sums import SUMS, foreign_files, read_sums

MAX_LISTED = 1_000
"""Names of each kind that are listed; the rest is only compared."""


@dataclass
class Verified:
    """The result of `verify`.

    Files that are ``missing``, ``damaged`` or ``foreign`` make an export unusable; ``withdrawn`` recordings must be
    removed from it; ``new`` counts recordings of the catalog that it does not contain yet.
    """

    format: str
    checked: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    new: int = 0

    @property
    def ok(self) -> bool:
        return not (self.missing or self.damaged or self.foreign or self.withdrawn)


def verify(
    folder: Path, kind: str, current: Iterable[str], progressed: Callable[[int], None] = lambda done: None
) -> Verified:
    """Compare the export in ``folder`` with its own sums and with ``current``, the sorted hashes of what is accepted.

    Raises `ExportError` if it is not an export of the format ``kind``.
    """
    marker = read_marker(folder)
    if marker.format != kind:
        raise ExportError(f"{folder} is a {marker.format} export, not {kind}.")
    result = Verified(kind)
    if not (folder / SUMS).is_file():
        raise ExportError(f"{folder / SUMS} is gone, so nothing can be compared. Export again.")
    for digest, name in read_sums(folder):
        result.checked += 1
        path = folder / name
        if not path.is_file() or path.is_symlink():
            _note(result.missing, name)
        elif sha256_of(path) != digest:
            _note(result.damaged, name)
        progressed(result.checked)
    for name in foreign_files(folder, (SUMS, REMOVED)):
        _note(result.foreign, name)
    if INDEX not in result.missing and INDEX not in result.damaged:
        _compare(folder, result, iter(current))
    return result


def _note(names: list[str], name: str) -> None:
    if len(names) < MAX_LISTED:
        names.append(name)


def _compare(folder: Path, result: Verified, current: Iterator[str]) -> None:
    accepted = next(current, None)
    for entry in read_index(folder):
        while accepted is not None and accepted < entry.sha256:
            result.new += 1
            accepted = next(current, None)
        if accepted == entry.sha256:
            accepted = next(current, None)
        elif not entry.left_out:
            _note(result.withdrawn, entry.videos[0])
    result.new += (accepted is not None) + sum(1 for _ in current)
