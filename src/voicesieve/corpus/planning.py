"""From the catalog to the plan of an export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from voicesieve.catalog.reads.exportable import Carrier, Exportable
from voicesieve.corpus.options import ExportOptions
from voicesieve.corpus.plan import day
from voicesieve.corpus.segmenting import spans

ID_CHARS = 16
"""Hex digits of the hash that name a recording: 64 bits, one collision to be expected among four billion."""

Shares = Callable[[float, float], Mapping[str, float]]
"""Columns of a stretch from a verdict's stored window scores."""


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
