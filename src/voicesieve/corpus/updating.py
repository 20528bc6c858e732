"""Taking over what an earlier export of the same folder holds, so that an update cuts only what is new."""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicesieve.corpus.assembly import read_index
from voicesieve.corpus.cutting import CutOrder
from voicesieve.corpus.formats.protocol import Format, Place
from voicesieve.corpus.json_lines import read_lines
from voicesieve.corpus.publishing import MARKER, ExportError
from voicesieve.corpus.staging import pieces
from voicesieve.files import new_file, write_text


def read_marker(folder: Path) -> dict[str, Any]:
    """What an export says of itself. Raises `ExportError` if ``folder`` is not one."""
    try:
        marker = json.loads((folder / MARKER).read_bytes())
    except FileNotFoundError:
        raise ExportError(f"There is no export of voicesieve in {folder}.") from None
    except (OSError, ValueError) as error:
        raise ExportError(f"{folder / MARKER} cannot be read ({error}). Write it anew with --replace.") from error
    if not isinstance(marker, dict) or "options" not in marker:
        raise ExportError(f"{folder} was exported by an older voicesieve. Write it anew with --replace.")
    return marker


def describe(folder: Path) -> str:
    """What the export in ``folder`` is, for a person who is about to lose it: name, format, size and day."""
    marker = read_marker(folder)
    try:
        items = sum(len(entry["places"]) for entry in read_index(folder))
        size = f"{items:,} {marker['options'].get('unit', 'items')}"
    except (OSError, EOFError, ValueError, KeyError, zlib.error):
        size = "an index that cannot be read"
    day = time.strftime("%Y-%m-%d", time.gmtime((folder / MARKER).stat().st_mtime))
    name = f"{marker['name']!r}, " if isinstance(marker.get("name"), str) else ""
    return f"{name}{marker.get('format', 'unknown format')}, {size}, written on {day}"


def refuse_to_replace(folder: Path) -> None:
    """Raise `ExportError` if ``folder`` holds an export: a person must say what is to become of it."""
    if not (folder / MARKER).is_file():
        return
    raise ExportError(
        f"{folder} holds a corpus already: {_described(folder)}. Use --update to bring it up to date with the same "
        "options, --replace to write another one in its place, or name another folder. Nothing was changed."
    )


def _described(folder: Path) -> str:
    try:
        return describe(folder)
    except ExportError as error:  # also what cannot be described may be precious
        return str(error).rstrip(".")


def refuse_stranger(folder: Path, plan: Path) -> None:
    """Raise `ExportError` if the export in ``folder`` shares no recording with ``plan``: another catalog made it."""
    held = (entry["sha256"] for entry in read_index(folder) if entry["places"])
    planned = (row["sha256"] for row in read_lines(plan))
    mine, theirs = next(held, None), next(planned, None)
    if mine is None:
        return
    while mine is not None and theirs is not None and mine != theirs:
        if mine < theirs:
            mine = next(held, None)
        else:
            theirs = next(planned, None)
    if mine is None or theirs is None:
        raise ExportError(
            f"{folder} holds {describe(folder)}, and the catalog accepts none of its recordings any more. "
            "Check --data; if all of it was withdrawn or rejected, delete the folder. Nothing was changed."
        )


class Earlier:
    """An earlier export, read along with the plan: both are in order of their recordings."""

    def __init__(self, folder: Path, form: Format) -> None:
        self._folder = folder
        self._format = form
        self._entries = read_index(folder)
        self._entry: dict[str, Any] | None = next(self._entries, None)

    def take_over(self, order: CutOrder) -> bool:
        """Put what was cut for ``order`` into its folder, if all of it is here and undamaged. Ask in order of ids."""
        while self._entry is not None and self._entry["id"] < order.id:
            self._entry = next(self._entries, None)
        entry = self._entry
        if entry is None or entry["id"] != order.id or entry.get("outcome", {}).get("key") != order.key:
            return False
        if "left_out" in entry and next(pieces(entry["outcome"]), None) is not None:
            return False  # as a duplicate or by its language, and may come in now
        for piece in pieces(entry["outcome"]):
            name = piece.get("id", order.id)
            if name not in entry["places"]:
                continue  # left out by a filter, which leaves it out again
            data = self._sound_at(entry["places"][name], piece)
            if data is None:
                return False
            with new_file(order.folder / piece["name"]) as file:
                file.write(data)
        order.folder.mkdir(parents=True, exist_ok=True)
        write_text(order.outcome, json.dumps(entry["outcome"]))
        return True

    def _sound_at(self, place: Mapping[str, Any], piece: Mapping[str, Any]) -> bytes | None:
        """The sound at ``place``; ``None`` if it is not there or not what it was."""
        read_sound = self._format.read_sound
        if read_sound is None:
            data = _stretch(self._folder / place["file"], place, piece["bytes"])
        else:
            data = read_sound(self._folder, Place(**place))
        return data if data is not None and hashlib.sha256(data).hexdigest() == piece["sha256"] else None


def _stretch(path: Path, place: Mapping[str, Any], size: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            file.seek(place.get("offset", 0))
            return file.read(size)
    except OSError:
        return None
