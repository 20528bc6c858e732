"""Is an export still what it was, and may it still be used? Files against sums, items against the catalog."""

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
"""Names of each kind that are kept; the counts go on."""


@dataclass
class Verified:
    """What `verify` found. The first three make an export unusable; ``withdrawn`` recordings must be removed from it;
    ``new`` counts recordings of the catalog that it does not hold yet."""

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

    Raises `ExportError` if it is no export, or none of the format ``kind``.
    """
    marker = read_marker(folder)
    if marker.format != kind:
        raise ExportError(f"{folder} is a {marker.format} export, not {kind}.")
    found = Verified(kind)
    if not (folder / SUMS).is_file():
        raise ExportError(f"{folder / SUMS} is gone, so nothing can be compared. Export again.")
    for digest, name in read_sums(folder):
        found.checked += 1
        path = folder / name
        if not path.is_file() or path.is_symlink():
            _note(found.missing, name)
        elif sha256_of(path) != digest:
            _note(found.damaged, name)
        progressed(found.checked)
    for name in foreign_files(folder, (SUMS, REMOVED)):
        _note(found.foreign, name)
    if INDEX not in found.missing and INDEX not in found.damaged:
        _compare(folder, found, iter(current))
    return found


def _note(names: list[str], name: str) -> None:
    if len(names) < MAX_LISTED:
        names.append(name)


def _compare(folder: Path, found: Verified, current: Iterator[str]) -> None:
    accepted = next(current, None)
    for entry in read_index(folder):
        while accepted is not None and accepted < entry.sha256:
            found.new += 1
            accepted = next(current, None)
        if accepted == entry.sha256:
            accepted = next(current, None)
        elif not entry.left_out:
            _note(found.withdrawn, entry.videos[0])
    found.new += (accepted is not None) + sum(1 for _ in current)
