"""The plan of an export: one line for each accepted recording, with everything that later steps need of the catalog.

It is written from one snapshot of the catalog and read again line by line, so that no reader stays open while hours
of sound are cut, and memory does not grow with the corpus.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from voicesieve.catalog.reads.exportable import Carrier, Exportable
from voicesieve.corpus.options import ExportOptions
from voicesieve.corpus.segmenting import spans
from voicesieve.domain.languages import UNDETERMINED, LanguageEvidence, SpokenLanguage
from voicesieve.domain.names import name_key

ID_CHARS = 16
"""Hex digits of the hash that name a recording: 64 bits, one collision to be expected among four billion."""

Shares = Callable[[float, float], Mapping[str, float]]
"""Columns of a stretch from a verdict's stored window scores."""

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


def plan_row(found: Exportable, options: ExportOptions, shares: Shares) -> dict[str, Any]:
    """The line of one recording. ``video`` is the first that carried this audio; all of them are in ``sources``."""
    recording, verdict, first = found.recording, found.verdict, found.carriers[0]
    segments = [
        {
            "start": round(segment["start"], 3),
            "end": round(segment["end"], 3),
            "label": segment["label"],
            "score": round(segment["score"], 4),
        }
        for segment in verdict.segments
    ]
    for segment in segments:
        segment |= shares(segment["start"], segment["end"])
    return {
        "id": recording.sha256[:ID_CHARS],
        "video": first.id,
        "also_videos": [carrier.id for carrier in found.carriers[1:]],
        "source": first.source,
        "url": shown_url(first.url),
        "title": first.title,
        "channel": first.channel,
        "published": day(first.published_at),
        "path": f"audio/{recording.path}",
        "sha256": recording.sha256,
        "duration_s": round(recording.duration_s, 3),
        "language": first.language,
        "licence": first.licence,
        "rights_basis": first.rights_basis or None,
        "rights_statement": first.rights_statement or None,
        "score": round(verdict.score, 4),
        "child_s": round(verdict.child_s, 3),
        "verdict": verdict.label,
        "detector": verdict.model,
        "detector_revision": verdict.revision,
        "operating_point": verdict.operating_point,
        "sources": [_source(carrier) for carrier in found.carriers],
        "stored": recording.path,
        "sample_rate": recording.sample_rate,
        "changed_at": max(carrier.changed_at for carrier in found.carriers),
        "place": first.place,
        "metadata": first.metadata,
        "parts": [[piece.start, piece.end, piece.code, piece.probability] for piece in first.heard],
        "segments": segments,
        "spans": [
            {
                "start": round(span.start, 3),
                "end": round(span.end, 3),
                "score": round(span.score, 4),
                "pauses": [[round(a, 3), round(b, 3)] for a, b in span.pauses],
                **shares(span.start, span.end),
            }
            for span in spans(segments, recording.duration_s, options.cut)
        ],
    }


def language_at(row: Mapping[str, Any], start: float, end: float) -> str:
    """The language of a stretch of a planned recording (seconds)."""
    heard = [LanguageEvidence(code, "", sure, start=a, end=b) for a, b, code, sure in row.get("parts", ())]
    return SpokenLanguage(row["language"] or UNDETERMINED, tuple(heard)).at(start, end)


def public(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a recording that exports show."""
    return {name: row[name] for name in PUBLIC}


def _source(carrier: Carrier) -> dict[str, Any]:
    return {
        "video": carrier.id,
        "url": shown_url(carrier.url),
        "title": carrier.title,
        "channel": carrier.channel,
        "licence": carrier.licence,
        "rights_basis": carrier.rights_basis or None,
    }


def shown_url(url: str) -> str:
    """``url`` as a corpus may show it: of a file on our own disk the name alone, not where and whose it is."""
    return f"file:///{url.rpartition('/')[2]}" if url.startswith("file:") else url


def group_of(row: Mapping[str, Any]) -> str:
    """What must not be torn apart by a split: a channel of a source; a recording of no channel stands for itself."""
    return f"{row['source']}\0{name_key(row['channel'])}" if row["channel"] else f"recording\0{row['sha256']}"


def day(seconds: float | None) -> str | None:
    """An epoch second as a date in UTC; ``None`` for what no calendar holds."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return None


def line(row: Mapping[str, Any]) -> bytes:
    """One line of JSON; half a surrogate pair in remote text is written as its escape."""
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, one at a time."""
    with path.open("rb") as lines:
        for text in lines:
            yield json.loads(text)
