"""From the catalog to the plan of an export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from voicesieve.catalog.reads.exportable import Carrier, Exportable
from voicesieve.corpus.options import CutRules
from voicesieve.corpus.plan import LanguagePart, PlannedSegment, PlannedSpan, PlanRow, SourceVideo, recording_id
from voicesieve.corpus.segmenting import spans
from voicesieve.domain.languages import LanguageEvidence
from voicesieve.domain.times import day
from voicesieve.domain.verdicts import Label, Segment

Shares = Callable[[float, float], Mapping[str, float]]
"""``nonspeech_share`` and ``overlap_share`` of a stretch (seconds), from a verdict's stored window scores."""


def plan_row(accepted: Exportable, rules: CutRules, shares: Shares) -> PlanRow:
    """The row of one recording."""
    recording, verdict, first = accepted.recording, accepted.verdict, accepted.carriers[0]
    segments = [
        Segment(
            round(segment["start"], 3), round(segment["end"], 3), Label(segment["label"]), round(segment["score"], 4)
        )
        for segment in verdict.segments
    ]
    return PlanRow(
        id=recording_id(recording.sha256),
        video=first.id,
        source=first.source,
        url=shown_url(first.url),
        title=first.title,
        channel=first.channel,
        published=day(first.published_at),
        sha256=recording.sha256,
        stored=recording.path,
        duration_s=round(recording.duration_s, 3),
        sample_rate=recording.sample_rate,
        language=first.language,
        licence=first.licence,
        rights_basis=first.rights_basis or None,
        rights_statement=first.rights_statement or None,
        score=round(verdict.score, 4),
        child_s=round(verdict.child_s, 3),
        verdict=verdict.label,
        detector=verdict.model,
        detector_revision=verdict.revision,
        operating_point=verdict.operating_point,
        sources=tuple(_source(carrier) for carrier in accepted.carriers),
        changed_at=max(carrier.changed_at for carrier in accepted.carriers),
        place=first.place,
        metadata=first.metadata,
        parts=_parts(first.recognised),
        segments=tuple(
            PlannedSegment(
                start=segment.start,
                end=segment.end,
                label=segment.label,
                score=segment.score,
                **shares(segment.start, segment.end),
            )
            for segment in segments
        ),
        spans=tuple(
            PlannedSpan(
                start=round(span.start, 3),
                end=round(span.end, 3),
                score=round(span.score, 4),
                pauses=tuple((round(start, 3), round(end, 3)) for start, end in span.pauses),
                **shares(span.start, span.end),
            )
            for span in spans(segments, recording.duration_s, rules)
        ),
    )


def _source(carrier: Carrier) -> SourceVideo:
    return SourceVideo(
        carrier.id,
        shown_url(carrier.url),
        carrier.title,
        carrier.channel,
        carrier.licence,
        carrier.rights_basis or None,
    )


def _parts(pieces: Sequence[LanguageEvidence]) -> tuple[LanguagePart, ...]:
    return tuple(
        LanguagePart(piece.start, piece.end, piece.code, piece.probability)
        for piece in pieces
        if piece.start is not None and piece.end is not None
    )


def shown_url(url: str) -> str:
    """``url`` as a corpus may show it: of a file on our own disk the name alone, not where and whose it is."""
    return f"file:///{url.rpartition('/')[2]}" if url.startswith("file:") else url
