"""Reading manifests as they are: bare lists and wrapped ones, damaged ones with backups beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voicesieve.domain.errors import InnerError

MAX_BYTES = 1 << 30
"""A manifest of a million records has half of that; reading takes a few times as much memory."""

_STAMP = re.compile(r"\d{8}_\d{6}")
_UNFINISHED = (".tmp", ".lock")


@dataclass(frozen=True)
class Manifest:
    """``records`` as ``file`` has them, with ``notes`` on what was wrong and which backup is used instead."""

    file: Path
    records: tuple[object, ...]
    notes: tuple[str, ...] = ()
    readable: bool = True


class CorruptManifestError(InnerError):
    """The text is not a manifest. The message says why, ``salvaged`` holds the records before the damage."""

    def __init__(self, message: str, salvaged: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.salvaged = salvaged


def read_manifest(file: Path) -> Manifest:
    """The records of a manifest; of a damaged or missing one those that can be saved, then those of its newest backup.

    Records saved from the damaged file come first, since they are younger. ``readable`` is false when nothing could be
    read at all.
    """
    try:
        return Manifest(file, load_records(file))
    except CorruptManifestError as error:
        saved, notes = error.salvaged, [f"{file.name}: {error}"]
    if saved:
        notes.append(f"{len(saved)} records were saved from before the damage")
    for backup in backups_of(file):
        try:
            records = load_records(backup)
        except CorruptManifestError as error:
            notes.append(f"{backup.name}: {error}")
            continue
        notes.append(f"the backup {backup.name} stands in with {len(records)} records")
        return Manifest(file, saved + records, tuple(notes))
    notes.append("no backup beside it can be read")
    return Manifest(file, saved, tuple(notes), readable=bool(saved))


def backups_of(file: Path) -> list[Path]:
    """Backups of a manifest beside it and in ``backups/``, the newest first by the time in their name."""
    backups = [
        path
        for folder in (file.parent, file.parent / "backups")
        if folder.is_dir()
        for path in folder.iterdir()
        if path.name.startswith(file.stem) and "backup" in path.name and not path.name.endswith(_UNFINISHED)
        if path.is_file() and not path.is_symlink()
    ]
    return sorted(backups, key=_age, reverse=True)


def _age(path: Path) -> tuple[str, float, str]:
    stamps = _STAMP.findall(path.name)
    return (stamps[-1] if stamps else "", path.stat().st_mtime, path.name)


def load_records(file: Path) -> tuple[object, ...]:
    """Raises `CorruptManifestError` for anything but a list of records, bare or under ``records``."""
    text = _text(file)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptManifestError(f"is damaged ({_brief(error)})", tuple(_salvage(text))) from error
    if isinstance(value, dict):
        value = value.get("records")
    if not isinstance(value, list):
        raise CorruptManifestError("is JSON, but neither a list nor an object with a list of records")
    return tuple(value)


def load_json(file: Path) -> object:
    """Any other JSON file of the crawler. Raises `CorruptManifestError`."""
    try:
        return json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise CorruptManifestError(f"is damaged ({_brief(error)})") from error


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise CorruptManifestError(f"has more than {MAX_BYTES >> 20} MiB, which no manifest has")
        raw = file.read_bytes()
    except FileNotFoundError as error:
        raise CorruptManifestError("is missing") from error
    except OSError as error:
        raise CorruptManifestError(f"cannot be read ({error.strerror})") from error
    # One bad byte, in a title say, must not cost the rest.
    return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")


def _brief(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:100]


def _salvage(text: str) -> Iterator[object]:
    """The complete records from the start of the list up to the damage."""
    start = max(0, text.find('"records"') if text.lstrip().startswith("{") else 0)
    position = text.find("[", start) + 1
    if position == 0:
        return
    decoder = json.JSONDecoder()
    while (position := text.find("{", position)) >= 0:
        try:
            record, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return
        yield record
