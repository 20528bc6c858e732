"""Lhotse Shar: cuts and sound in shards, for reading in sequence."""

from __future__ import annotations

from typing import IO

from voicesieve.corpus.formats.files import SplitShards, create, sound_of
from voicesieve.corpus.formats.lhotse import cut_of, recording_of, supervisions_of
from voicesieve.corpus.formats.protocol import SOUND, FileSet, Format, Item, Order, Place
from voicesieve.corpus.json_lines import line
from voicesieve.corpus.options import Unit


class SharWriter:
    """``cuts.000000.jsonl.gz`` beside ``recording.000000.tar``, one folder for each split.

    Its reader takes every table in a folder for a field, so even an unsplit corpus has a folder of its own."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._tars = SplitShards(order, lambda split, n: order.folder / split / f"recording.{n:06d}.tar")
        self._cuts: dict[str, IO[bytes]] = {}

    def add(self, item: Item) -> Place:
        tar = self._tars.of(item.split)
        if tar.begin():
            if item.split in self._cuts:
                self._cuts[item.split].close()
            self._cuts[item.split] = create(self._order.folder / item.split / f"cuts.{tar.shard:06d}.jsonl.gz")
        recording = recording_of(item, {"type": "shar", "channels": [0], "source": ""})
        offset = tar.add(f"{item.id}{item.suffix}", sound_of(item))
        tar.add_json(f"{item.id}.json", recording)
        self._cuts[item.split].write(line(cut_of(item, recording, supervisions_of(item))))
        return Place(str(tar.path.relative_to(self._order.folder)), offset)

    def close(self) -> None:
        self._tars.close()
        for file in self._cuts.values():
            file.close()


FORMAT = Format(
    name="lhotse-shar",
    summary="Lhotse Shar",
    loading='lhotse.CutSet.from_shar(in_dir="DEST/train")',
    units=(Unit.CLIPS, Unit.RECORDINGS),
    audio=SOUND,
    writer=SharWriter,
    file_sets=(
        FileSet("cuts", "*/cuts.*.jsonl.gz", "application/gzip"),
        FileSet("sound", "*/recording.*.tar", "application/x-tar"),
    ),
)
