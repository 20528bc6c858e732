"""NeMo manifests beside tars of sound."""

from __future__ import annotations

from voicesieve.corpus.formats.files import SplitShards, Tables, sound_of
from voicesieve.corpus.formats.nemo import row_of
from voicesieve.corpus.formats.protocol import SOUND, FileSet, Format, Item, Order, Place
from voicesieve.corpus.options import Unit


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


FORMAT = Format(
    name="nemo-tarred",
    summary="NeMo tarred",
    loading="train_ds.is_tarred=true train_ds.tarred_audio_filepaths=DEST{folder}/audio_{{0..N}}.tar "
    "train_ds.manifest_filepath=DEST{folder}/tarred_audio_manifest.json",
    units=(Unit.CLIPS,),
    audio=SOUND,
    writer=NemoTarredWriter,
    tables=("*/tarred_audio_manifest.json",),
    file_sets=(FileSet("sound", "**/audio_*.tar", "application/x-tar"),),
)
