"""NeMo manifests: one JSON object a line, beside single files.

``text`` is present, because NeMo's datasets require the key, and empty: there are no transcripts.
"""

from __future__ import annotations

from voicesieve.corpus.formats.files import Tables, audio_path, place_file
from voicesieve.corpus.formats.protocol import ANY_SOUND, Format, Item, Order, Place
from voicesieve.corpus.json_lines import Row
from voicesieve.corpus.options import Unit

EXTRA = ("video", "url", "channel", "licence", "score", "snr_db", "nonspeech_share", "overlap_share", "bandwidth_hz")


class NemoWriter:
    """``manifest.jsonl`` with paths relative to it, which NeMo resolves."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._tables = Tables(order, lambda split: order.table("manifest", split, ".jsonl"))

    def add(self, item: Item) -> Place | None:
        place = place_file(self._order, item, audio_path(item)) if item.audio and item.sha256 else None
        path = self._order.shown(place.file) if place else str(item.audio)
        if not item.segments:
            self._tables.row(item.split, row_of(item, path))
        length = item.samples / item.rate
        for segment in item.child_segments:
            columns = segment.as_row()
            row = row_of(item, path) | {name: columns[name] for name in EXTRA if name in columns}
            row["lang"] = segment.language or item.language
            row["duration"] = round(min(segment.end, length) - segment.start, 3)
            self._tables.row(item.split, {**row, "offset": segment.start})
        return place

    def close(self) -> None:
        self._tables.close()


def row_of(item: Item, path: str) -> Row:
    extra = {name: item.columns[name] for name in EXTRA if name in item.columns}
    return {
        "audio_filepath": path,
        "duration": item.samples / item.rate,
        "text": "",
        "lang": item.language,
        "speaker": item.speaker,
        **extra,
    }


FORMAT = Format(
    name="nemo",
    summary="NeMo manifest",
    loading="model.transcribe(...)  # train_ds.manifest_filepath=DEST/manifest{split}.jsonl",
    units=(Unit.CLIPS, Unit.RECORDINGS),
    audio=ANY_SOUND,
    writer=NemoWriter,
    points=True,
    tables=("*.jsonl",),
)
