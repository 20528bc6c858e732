"""``REMOVED.csv``: what takedowns removed, for people who have an earlier export."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from voicesieve.catalog.reads import history
from voicesieve.catalog.store import Catalog
from voicesieve.corpus.errors import ExportError
from voicesieve.corpus.plan import recording_id
from voicesieve.corpus.publishing import REMOVED
from voicesieve.domain.times import iso
from voicesieve.files import SHARED_FILE, atomic_file, make_folder

COLUMNS = ("recording", "sha256", "video", "asked", "removed_at")
"""``recording`` is the id that exports give it, ``asked`` what the takedown named: video, channel or recording."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_removed(catalog: Catalog, target: Path, *, since: float = 0.0, replace: bool = False) -> tuple[Path, int]:
    """Write the list to the file ``target``, or as ``REMOVED.csv`` into the folder ``target``.

    An earlier list is replaced if the new one names everything that it names; otherwise only with ``replace``.

    It contains no reasons: they may name people, and this file is for strangers. Returns the file and its rows.
    Raises `ExportError` where something else is in its place.
    """
    file = target / REMOVED if target.is_dir() else target
    header = ",".join(COLUMNS).encode()
    if file.exists() and not _is_ours(file, header):
        raise ExportError(f"{file} exists and is not a list of removals. Name another file.")
    with catalog.read() as connection:
        lines = [_line(row) for row in history.removals(connection, since=since)]
    if file.exists() and not replace:
        lost = len(set(file.read_bytes().splitlines(keepends=True)[1:]) - set(lines))
        if lost:
            raise ExportError(
                f"{file} names {lost} removals that this list would not name: it is of another catalog (--data), or of "
                "a longer time (--since). Name another file, or use --replace. Nothing was changed."
            )
    make_folder(file.parent)
    with atomic_file(file, mode=SHARED_FILE) as out:
        out.writelines([header + b"\n", *lines])
    return file, len(lines)


def _line(row: Any) -> bytes:
    sha256 = row.recording or ""
    return csv_line([recording_id(sha256), sha256, row.video, row.asked, iso(row.removed_at) or ""])


def csv_line(cells: list[str]) -> bytes:
    """One line of CSV (RFC 4180) that no spreadsheet takes for a formula: such a cell gets an apostrophe in front.

    The rule is OWASP's, "CSV Injection".
    """
    text = io.StringIO()
    safe = [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells]
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(safe)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _is_ours(file: Path, header: bytes) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as lines:
        return lines.readline(200).strip() == header
