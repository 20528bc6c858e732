"""The file in which an export describes itself, and by which a folder is recognised as ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voicesieve.corpus.errors import ExportError
from voicesieve.corpus.json_lines import Json
from voicesieve.corpus.options import ExportOptions
from voicesieve.domain.version import __version__
from voicesieve.files import SHARED_FILE, write_text

MARKER = "voicesieve-export.json"
"""In every folder that we publish; a folder without it is not ours and is never replaced."""

VERSION = 2
"""Version of the layout of an export's own files."""


@dataclass(frozen=True)
class Marker:
    """``name`` is that of the corpus; older exports have none. ``options`` is the result of `ExportOptions.as_json`."""

    format: str
    name: str | None
    options: Mapping[str, Json]


def write_marker(folder: Path, name: str, options: ExportOptions) -> None:
    values = {
        "format": options.format,
        "name": name,
        "version": VERSION,
        "written_by": f"voicesieve {__version__}",
        "options": options.as_json(),
    }
    write_text(folder / MARKER, json.dumps(values, indent=1, sort_keys=True) + "\n", mode=SHARED_FILE)


def read_marker(folder: Path) -> Marker:
    """Read the marker of an export. Raises `ExportError` if ``folder`` is not one."""
    try:
        values = json.loads((folder / MARKER).read_bytes())
    except FileNotFoundError:
        raise ExportError(f"There is no export of voicesieve in {folder}.") from None
    except (OSError, ValueError) as error:
        raise ExportError(f"{folder / MARKER} cannot be read ({error}). Write it again with --replace.") from error
    if not isinstance(values, dict) or not isinstance(values.get("options"), dict):
        raise ExportError(f"{folder} was exported by an older voicesieve. Write it again with --replace.")
    name = values["name"] if isinstance(values.get("name"), str) else None
    return Marker(str(values.get("format", "unknown format")), name, values["options"])
