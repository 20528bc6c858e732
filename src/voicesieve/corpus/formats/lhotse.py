"""Lhotse: recordings, supervisions and cuts as JSON lines.

Fields as `lhotse.audio.Recording`, `lhotse.supervision.SupervisionSegment` and `lhotse.cut.MonoCut` write them; columns
without a field there go into ``custom``.
"""

from __future__ import annotations

from voicesieve.corpus.formats.files import Tables, audio_path, place_file
from voicesieve.corpus.formats.protocol import ANY_SOUND, Format, Item, LabelledSegment, Order, Place
from voicesieve.corpus.json_lines import Row
from voicesieve.corpus.options import Unit

CUSTOM = (
    "recording",
    "video",
    "url",
    "channel",
    "licence",
    "start",
    "end",
    "score",
    "snr_db",
    "clipping",
    "bandwidth_hz",
    "loudness_lufs",
    "nonspeech_share",
    "overlap_share",
)
"""Columns of a clip that go into a supervision's ``custom``."""

OF_SEGMENT = (
    "label",
    "score",
    "snr_db",
    "clipping",
    "bandwidth_hz",
    "loudness_lufs",
    "nonspeech_share",
    "overlap_share",
)


class LhotseWriter:
    """``recordings``, ``supervisions`` and ``cuts`` (``.jsonl.gz``), one set for each split."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._tables = {
            name: Tables(order, lambda split, name=name: order.table(name, split, ".jsonl.gz"))  # type: ignore[misc]
            for name in ("recordings", "supervisions", "cuts")
        }

    def add(self, item: Item) -> Place | None:
        place = place_file(self._order, item, audio_path(item)) if item.audio and item.sha256 else None
        source = self._order.shown(place.file) if place else str(item.audio)
        recording = recording_of(item, {"type": "file", "channels": [0], "source": source})
        supervisions = supervisions_of(item)
        self._tables["recordings"].row(item.split, recording)
        for supervision in supervisions:
            self._tables["supervisions"].row(item.split, supervision)
        self._tables["cuts"].row(item.split, cut_of(item, recording, supervisions))
        return place

    def close(self) -> None:
        for table in self._tables.values():
            table.close()


def recording_of(item: Item, source: Row) -> Row:
    """A Recording; its duration is exactly ``num_samples / sampling_rate``."""
    return {
        "id": item.id,
        "sources": [source],
        "sampling_rate": item.rate,
        "num_samples": item.samples,
        "duration": item.samples / item.rate,
        "channel_ids": [0],
    }


def supervisions_of(item: Item) -> list[Row]:
    """SupervisionSegments: one over a whole clip, or one for each child segment of a recording."""
    if not item.segments:
        custom = {name: item.columns[name] for name in CUSTOM if name in item.columns}
        return [_supervision(item, item.id, item.language, 0.0, item.samples / item.rate, custom)]
    length = item.samples / item.rate
    return [_segment_supervision(item, segment, length) for segment in item.child_segments]


def _segment_supervision(item: Item, segment: LabelledSegment, length: float) -> Row:
    row = segment.as_row()
    custom = {name: row[name] for name in OF_SEGMENT if name in row}
    custom |= {name: item.columns[name] for name in ("video", "url", "channel", "licence")}
    seconds = min(segment.end, length) - segment.start
    return _supervision(item, segment.id, segment.language or item.language, segment.start, seconds, custom)


def _supervision(item: Item, name: str, language: str, start: float, duration: float, custom: Row) -> Row:
    return {
        "id": name,
        "recording_id": item.id,
        "start": start,
        "duration": round(duration, 6),
        "channel": 0,
        "language": language,
        "speaker": item.speaker,
        "custom": custom,
    }


def cut_of(item: Item, recording: Row, supervisions: list[Row]) -> Row:
    """A MonoCut over the whole recording."""
    return {
        "id": item.id,
        "start": 0,
        "duration": recording["duration"],
        "channel": 0,
        "supervisions": supervisions,
        "recording": recording,
        "type": "MonoCut",
    }


FORMAT = Format(
    name="lhotse",
    summary="Lhotse manifests",
    loading='lhotse.CutSet.from_file("DEST/cuts{split}.jsonl.gz").with_recording_path_prefix("DEST")',
    units=(Unit.CLIPS, Unit.RECORDINGS),
    audio=ANY_SOUND,
    writer=LhotseWriter,
    points=True,
    tables=("*.jsonl.gz",),
)
