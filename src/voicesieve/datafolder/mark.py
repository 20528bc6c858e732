"""The mark that makes a folder a data folder of ours, in which voicesieve may write and delete."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from voicesieve.datafolder.names import MARK
from voicesieve.files import write_text


def read_mark(folder: Path) -> dict[str, str] | None:
    """The mark in ``folder``, ``None`` if there is none that is ours. Raises `OSError`."""
    try:
        mark = json.loads((folder / MARK).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return mark if isinstance(mark, dict) and isinstance(mark.get("id"), str) else None


def write_mark(folder: Path, root: Path, identity: str = "") -> dict[str, str]:
    """Make ``folder`` ours, as the data folder ``root`` or as a linked part of it. Returns the mark."""
    mark = {
        "what": "data folder of voicesieve: files under its own names are made and deleted here",
        "id": identity or secrets.token_hex(16),
        "folder": os.fsdecode(root.resolve()),
    }
    write_text(folder / MARK, json.dumps(mark, indent=1) + "\n")
    return mark
