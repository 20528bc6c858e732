"""The plan of an export: one line for each accepted recording, with everything that later steps need of the catalog.

It is written from one snapshot of the catalog and read again line by line, so that no reader stays open while hours
of sound are cut, and memory does not grow with the corpus.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from voicesieve.domain.languages import UNDETERMINED, LanguageEvidence, SpokenLanguage
from voicesieve.domain.names import name_key

PUBLIC = (
    "id",
    "video",
    "also_videos",
    "source",
    "url",
    "title",
    "channel",
    "published",
    "path",
    "sha256",
    "duration_s",
    "language",
    "licence",
    "rights_basis",
    "rights_statement",
    "score",
    "child_s",
    "verdict",
    "detector",
    "detector_revision",
    "operating_point",
    "sources",
)
"""Fields of a recording that exports show; the plan holds more beside them."""


def language_at(row: Mapping[str, Any], start: float, end: float) -> str:
    """The language of a stretch of a planned recording (seconds)."""
    heard = [LanguageEvidence(code, "", sure, start=a, end=b) for a, b, code, sure in row.get("parts", ())]
    return SpokenLanguage(row["language"] or UNDETERMINED, tuple(heard)).at(start, end)


def public(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a recording that exports show."""
    return {name: row[name] for name in PUBLIC}


def group_of(row: Mapping[str, Any]) -> str:
    """What must not be torn apart by a split: a channel of a source; a recording of no channel stands for itself."""
    return f"{row['source']}\0{name_key(row['channel'])}" if row["channel"] else f"recording\0{row['sha256']}"


def day(seconds: float | None) -> str | None:
    """An epoch second as a date in UTC; ``None`` for what no calendar holds."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return None
