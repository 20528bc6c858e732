"""Plain JSON lines: ``recordings.jsonl``, ``segments.jsonl`` or ``clips.jsonl``, and ``audio/``; paths are relative."""

from __future__ import annotations

from typing import Any

from voicesieve.corpus.formats.files import Tables, audio_path, place_file
from voicesieve.corpus.formats.protocol import ANY_SOUND, Format, Item, Order, Place
from voicesieve.corpus.options import Audio, Unit
from voicesieve.corpus.plan import public


class JsonlWriter:
    """Whole recordings with their segments, or clips with the recordings that they come from."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._clips = order.options.unit == "clips"
        self._recordings = Tables(order, lambda split: order.table("recordings", split, ".jsonl"))
        name = "clips" if self._clips else "segments"
        self._segments = Tables(order, lambda split: order.table(name, split, ".jsonl"))
        self._last = ""

    def add(self, item: Item) -> Place | None:
        place = self._place(item)
        path = self._order.shown(place.file) if place else None
        if item.recording["id"] != self._last:
            self._last = item.recording["id"]
            row = {**public(item.recording), "split": item.split}
            row["path"] = path if not self._clips else None
            self._recordings.row(item.split, row)
        if self._clips:
            self._segments.row(item.split, {**item.columns, "path": path})
        for segment in item.segments:
            self._segments.row(item.split, _segment_row(item, segment))
        return place

    def _place(self, item: Item) -> Place | None:
        if item.audio is None or item.sha256 is None:
            return None
        original = self._order.options.audio == "original"
        return place_file(self._order, item, item.recording["path"] if original else audio_path(item))

    def close(self) -> None:
        self._recordings.close()
        self._segments.close()


def _segment_row(item: Item, segment: Any) -> dict[str, Any]:
    rest = {name: value for name, value in segment.items() if name not in ("id", "start", "end", "label", "score")}
    return {
        "id": segment["id"],
        "recording": item.recording["id"],
        "video": item.recording["video"],
        "start": segment["start"],
        "end": segment["end"],
        "label": segment["label"],
        "score": segment["score"],
        "language": item.recording["language"],
        **rest,
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
