"""From a planned recording and its cut sound to the items of a corpus: clips, or the whole recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from voicesieve.corpus.facts import CorpusFacts
from voicesieve.corpus.formats.protocol import Item, LabelledSegment, Order
from voicesieve.corpus.json_lines import Row
from voicesieve.corpus.options import Audio, ExportOptions, Filters, Unit
from voicesieve.corpus.outcomes import Clip, Outcome, clip_id
from voicesieve.corpus.plan import PlannedSegment, PlanRow
from voicesieve.corpus.segmenting import cut
from voicesieve.corpus.splits import group_of, split_of
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.domain.verdicts import Label


def items_of(
    order: Order,
    row: PlanRow,
    outcome: Outcome | None,
    folder: Path,
    source_of: Callable[[PlanRow], Path],
    facts: CorpusFacts,
) -> Iterator[Item]:
    """The items of one recording; what the filters leave out is counted in ``facts``.

    ``folder`` holds its cut sound; ``source_of`` returns its stored file.
    """
    if order.options.unit is Unit.CLIPS:
        yield from _clips(order.options, row, outcome, folder, facts)
    else:
        yield from _whole(order, row, outcome, folder, source_of, facts)


def _clips(
    options: ExportOptions, row: PlanRow, outcome: Outcome | None, folder: Path, facts: CorpusFacts
) -> Iterator[Item]:
    split = _part_of(row, options)
    clips = outcome.clips if outcome is not None and options.cuts_sound else _clips_without_sound(options, row)
    facts.leave_out("too_short", sum(1 for span in row.spans if span.seconds < options.cut.min_s))
    for clip in clips:
        refused = options.filters.refused(clip.columns())
        if refused:
            facts.leave_out(refused)
            continue
        language = row.language_at(clip.start, clip.end)
        yield Item(
            id=clip.id,
            split=split,
            duration_s=clip.samples / SAMPLE_RATE,
            samples=clip.samples,
            rate=SAMPLE_RATE,
            audio=folder / clip.file.name if clip.file else None,
            sha256=clip.file.sha256 if clip.file else None,
            language=language,
            score=clip.score,
            columns=_clip_columns(row, clip, split, language),
            recording=row,
        )


def _clips_without_sound(options: ExportOptions, row: PlanRow) -> Iterator[Clip]:
    """Clips of an export that does not open the sound."""
    for span in row.spans:
        for start, end in cut(span, options.cut):
            yield Clip(
                id=clip_id(row.id, start, end),
                start=round(start, 3),
                end=round(end, 3),
                score=span.score,
                nonspeech_share=span.nonspeech_share,
                overlap_share=span.overlap_share,
                samples=round((end - start) * SAMPLE_RATE),
            )


def _clip_columns(row: PlanRow, clip: Clip, split: str, language: str) -> Row:
    """The plain columns of a clip, the same in every format."""
    return {
        "id": clip.id,
        "recording": row.id,
        "video": row.video,
        "source": row.source,
        "url": row.url,
        "title": row.title,
        "channel": row.channel,
        "published": row.published,
        "licence": row.licence,
        "rights_basis": row.rights_basis,
        "language": language,
        "speaker": row.id,
        "split": split,
        "start": clip.start,
        "end": clip.end,
        "duration": clip.samples / SAMPLE_RATE,
        **clip.columns(),
        "sources": row.source_rows(),
    }


def _whole(
    order: Order,
    row: PlanRow,
    outcome: Outcome | None,
    folder: Path,
    source_of: Callable[[PlanRow], Path],
    facts: CorpusFacts,
) -> Iterator[Item]:
    options = order.options
    segments = list(_segments(options.filters, row, outcome, facts))
    if not any(segment.label == Label.CHILD for segment in segments):
        facts.leave_out("no_child_segment")
        return
    rate = row.sample_rate if options.audio in (Audio.ORIGINAL, Audio.NONE) else SAMPLE_RATE
    decoded = None if outcome is None else outcome.samples
    duration_s = row.duration_s if decoded is None else decoded / SAMPLE_RATE
    file = None if outcome is None else outcome.file
    audio = None if file is None else folder / file.name
    if audio is None and order.format.points:
        audio = source_of(row).absolute()
    split = _part_of(row, options)
    yield Item(
        id=row.id,
        split=split,
        duration_s=round(duration_s, 3),
        samples=round(duration_s * rate),
        rate=rate,
        audio=audio,
        sha256=None if file is None else file.sha256,
        language=row.spoken,
        score=row.score,
        columns=_whole_columns(row, split, duration_s),
        recording=row,
        segments=segments,
    )


def _segments(filters: Filters, row: PlanRow, outcome: Outcome | None, facts: CorpusFacts) -> Iterator[LabelledSegment]:
    """The segments of a recording, without the child speech that the filters leave out."""
    measured = {} if outcome is None else {clip.start: clip for clip in outcome.clips}
    for planned in row.segments:
        clip = measured.get(planned.start) if planned.label == Label.CHILD else None
        segment = _segment(row, planned, clip)
        refused = filters.refused(segment.columns()) if planned.label == Label.CHILD else None
        if refused:
            facts.leave_out(refused)
            continue
        yield segment


def _segment(row: PlanRow, planned: PlannedSegment, measured: Clip | None) -> LabelledSegment:
    language = row.language_at(planned.start, planned.end)
    return LabelledSegment(
        id=clip_id(row.id, planned.start, planned.end),
        start=planned.start,
        end=planned.end,
        label=planned.label,
        score=planned.score,
        nonspeech_share=planned.nonspeech_share,
        overlap_share=planned.overlap_share,
        language=language if language != row.spoken else None,
        quality=None if measured is None else measured.quality,
    )


def _whole_columns(row: PlanRow, split: str, duration_s: float) -> Row:
    """The plain columns of a whole recording, the same in every format."""
    return {
        "id": row.id,
        "video": row.video,
        "also_videos": row.also_videos,
        "source": row.source,
        "url": row.url,
        "title": row.title,
        "channel": row.channel,
        "published": row.published,
        "licence": row.licence,
        "rights_basis": row.rights_basis,
        "score": row.score,
        "child_s": row.child_s,
        "sources": row.source_rows(),
        "language": row.spoken,
        "split": split,
        "recording": row.id,
        "speaker": row.id,
        "duration": duration_s,
    }


def _part_of(row: PlanRow, options: ExportOptions) -> str:
    return split_of(group_of(row.source, row.channel, row.sha256), options.split)
