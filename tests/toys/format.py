"""A format for tests: the id of each clip, its length and its file, separated by tabs."""

from __future__ import annotations

from voicesieve.corpus.formats.files import Tables, audio_path, place_file
from voicesieve.corpus.formats.protocol import SOUND, Format, Item, Order, Place
from voicesieve.corpus.options import Unit


class ToyWriter:
    """``clips.tsv`` and ``audio/``."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._table = Tables(order, lambda split: order.table("clips", split, ".tsv"))

    def add(self, item: Item) -> Place:
        place = place_file(self._order, item, audio_path(item))
        self._table.write(item.split, f"{item.id}\t{item.duration_s:.3f}\t{place.file}\n".encode())
        return place

    def close(self) -> None:
        self._table.close()


FORMAT = Format(
    name="toy",
    summary="a toy",
    loading='open("DEST/clips{split}.tsv")',
    units=(Unit.CLIPS,),
    audio=SOUND,
    writer=ToyWriter,
    tables=("*.tsv",),
)
