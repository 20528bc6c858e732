"""WebDataset: tars of ``<key>.<suffix>`` and ``<key>.json`` with the same key, and counts of each tar beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from voicesieve.corpus.formats.files import SplitShards, sound_of
from voicesieve.corpus.formats.protocol import SOUND, FileSet, Format, Item, Order, Place
from voicesieve.corpus.json_lines import Row
from voicesieve.corpus.options import Audio, Unit
from voicesieve.files import SHARED_FILE, write_text


@dataclass
class _Counts:
    """Of one tar."""

    items: int = 0
    duration_s: float = 0.0


class WebDatasetWriter:
    """``train-000000.tar`` ...; keys hold no dot, which readers would take for the start of a suffix."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._tars = SplitShards(order, lambda split, n: order.folder / f"{split}-{n:06d}.tar")
        self._counts: dict[str, _Counts] = {}

    def add(self, item: Item) -> Place:
        tar = self._tars.of(item.split)
        tar.begin()
        key = item.id.replace(".", "_")
        offset = tar.add(f"{key}{item.suffix}", sound_of(item))
        columns: Row = dict(item.columns)
        if item.segments:
            columns["segments"] = [segment.as_row() for segment in item.segments]
        tar.add_json(f"{key}.json", columns)
        counts = self._counts.setdefault(tar.path.name, _Counts())
        counts.items += 1
        counts.duration_s = round(counts.duration_s + item.duration_s, 3)
        return Place(str(tar.path.relative_to(self._order.folder)), offset)

    def close(self) -> None:
        self._tars.close()
        for name, counts in self._counts.items():
            file = self._order.folder / name.replace(".tar", "_stats.json")
            write_text(file, json.dumps(vars(counts)) + "\n", mode=SHARED_FILE)


FORMAT = Format(
    name="webdataset",
    summary="WebDataset tars",
    loading='webdataset.WebDataset("DEST/train-{{000000..00000N}}.tar", shardshuffle=False)',
    units=(Unit.CLIPS, Unit.RECORDINGS),
    audio=(*SOUND, Audio.ORIGINAL),
    writer=WebDatasetWriter,
    file_sets=(FileSet("samples", "*.tar", "application/x-tar"),),
    on_hub=True,
)
