"""Hugging Face AudioFolder: single files and ``metadata.jsonl``."""

from __future__ import annotations

from voicesieve.corpus.formats.files import Tables, place_file
from voicesieve.corpus.formats.hub_columns import COLUMNS, hub_split
from voicesieve.corpus.formats.protocol import SOUND, Format, Item, Order, Place
from voicesieve.corpus.options import Unit


class AudioFolderWriter:
    """``train/metadata.jsonl`` with ``file_name``, beside the files.

    JSON lines, because a spreadsheet may execute cells of a CSV.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._tables = Tables(order, lambda split: order.folder / hub_split(split) / "metadata.jsonl")

    def add(self, item: Item) -> Place:
        name = f"{item.recording.id[:2]}/{item.id}{item.suffix}"
        place = place_file(self._order, item, f"{hub_split(item.split)}/{name}")
        columns = {column: item.columns.get(column) for column in COLUMNS}
        sources = [source.url for source in item.recording.sources]
        self._tables.row(item.split, {"file_name": name, **columns, "sources": sources})
        return place

    def close(self) -> None:
        self._tables.close()


FORMAT = Format(
    name="audiofolder",
    summary="Hugging Face AudioFolder",
    loading='datasets.load_dataset("audiofolder", data_dir="DEST")',
    units=(Unit.CLIPS,),
    audio=SOUND,
    writer=AudioFolderWriter,
    tables=("*/metadata.jsonl",),
    sound_files="*/*/*",
    clip_tables="metadata",
    on_hub=True,
)
