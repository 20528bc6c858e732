"""NeMo manifests: one JSON object a line, beside single files or tars.

``text`` is there, as NeMo's datasets ask for the key, and empty: nobody has transcribed this speech.
"""

from __future__ import annotations

from typing import Any

from voicesieve.corpus.formats.files import SplitShards, Tables, audio_path, place_file, sound_of
from voicesieve.corpus.formats.items import Item, Order, Place

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
        for segment in item.segments:
            if segment["label"] == "child" and segment["start"] < length:
                row = row_of(item, path) | {name: segment[name] for name in EXTRA if name in segment}
                row["lang"] = segment.get("language", item.language)
                row["duration"] = round(min(segment["end"], length) - segment["start"], 3)
                self._tables.row(item.split, {**row, "offset": segment["start"]})
        return place

    def close(self) -> None:
        self._tables.close()


class NemoTarredWriter:
    """``tarred_audio_manifest.json`` and ``audio_0.tar`` ..., one folder for each split."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._tables = Tables(order, lambda split: order.part(split) / "tarred_audio_manifest.json")
        self._tars = SplitShards(order, lambda split, n: order.part(split) / f"audio_{n}.tar")

    def add(self, item: Item) -> Place:
        tar = self._tars.of(item.split)
        tar.begin()
        name = f"{item.id}{item.suffix}"
        offset = tar.add(name, sound_of(item))
        self._tables.row(item.split, {**row_of(item, name), "shard_id": tar.shard})
        return Place(str(tar.path.relative_to(self._order.folder)), offset)

    def close(self) -> None:
        self._tars.close()
        self._tables.close()


def row_of(item: Item, path: str) -> dict[str, Any]:
    extra = {name: item.columns[name] for name in EXTRA if name in item.columns}
    return {
        "audio_filepath": path,
        "duration": item.samples / item.rate,
        "text": "",
        "lang": item.language,
        "speaker": item.speaker,
        **extra,
    }
