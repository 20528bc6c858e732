"""Plain JSON lines: ``recordings.jsonl``, ``segments.jsonl`` or ``clips.jsonl``, and ``audio/``; paths are relative."""

from __future__ import annotations

from voicesieve.corpus.formats.files import Tables, audio_path, place_file
from voicesieve.corpus.formats.protocol import ANY_SOUND, Format, Item, LabelledSegment, Order, Place
from voicesieve.corpus.json_lines import Row
from voicesieve.corpus.options import Audio, Unit
from voicesieve.corpus.plan import PlanRow


class JsonlWriter:
    """Whole recordings with their segments, or clips with the recordings that they come from."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._clips = order.options.unit is Unit.CLIPS
        self._recordings = Tables(order, lambda split: order.table("recordings", split, ".jsonl"))
        name = "clips" if self._clips else "segments"
        self._segments = Tables(order, lambda split: order.table(name, split, ".jsonl"))
        self._last = ""

    def add(self, item: Item) -> Place | None:
        place = self._place(item)
        path = self._order.shown(place.file) if place else None
        if item.recording.id != self._last:
            self._last = item.recording.id
            row = _recording_row(item.recording, path if not self._clips else None)
            self._recordings.row(item.split, {**row, "split": item.split})
        if self._clips:
            self._segments.row(item.split, {**item.columns, "path": path})
        for segment in item.segments:
            self._segments.row(item.split, _segment_row(item, segment))
        return place

    def _place(self, item: Item) -> Place | None:
        if item.audio is None or item.sha256 is None:
            return None
        original = self._order.options.audio is Audio.ORIGINAL
        return place_file(self._order, item, item.recording.path if original else audio_path(item))

    def close(self) -> None:
        self._recordings.close()
        self._segments.close()


def _recording_row(row: PlanRow, path: str | None) -> Row:
    return {
        "id": row.id,
        "video": row.video,
        "also_videos": row.also_videos,
        "source": row.source,
        "url": row.url,
        "title": row.title,
        "channel": row.channel,
        "published": row.published,
        "path": path,
        "sha256": row.sha256,
        "duration_s": row.duration_s,
        "language": row.language,
        "licence": row.licence,
        "rights_basis": row.rights_basis,
        "rights_statement": row.rights_statement,
        "score": row.score,
        "child_s": row.child_s,
        "verdict": row.verdict,
        "detector": row.detector,
        "detector_revision": row.detector_revision,
        "operating_point": row.operating_point,
        "sources": row.source_rows(),
    }


def _segment_row(item: Item, segment: LabelledSegment) -> Row:
    return {
        "id": segment.id,
        "recording": item.recording.id,
        "video": item.recording.video,
        "start": segment.start,
        "end": segment.end,
        "label": segment.label,
        "score": segment.score,
        "language": segment.language or item.recording.language,
        **segment.columns(),
    }


FORMAT = Format(
    name="jsonl",
    summary="JSON lines and the files",
    loading='pandas.read_json("DEST/{table}{split}.jsonl", lines=True)',
    units=(Unit.RECORDINGS, Unit.CLIPS),
    audio=(Audio.ORIGINAL, *ANY_SOUND),
    writer=JsonlWriter,
    tables=("*.jsonl",),
    clip_tables="clips",
)
