"""Hugging Face: Parquet with an ``Audio`` struct. Needs the extra ``parquet``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from voicesieve.corpus.errors import ExportError
from voicesieve.corpus.formats.files import sound_of
from voicesieve.corpus.formats.hub_columns import COLUMNS, features, header_features, hub_split
from voicesieve.corpus.formats.protocol import SOUND, FileSet, Format, Item, Order, Place
from voicesieve.corpus.json_lines import Row
from voicesieve.corpus.options import Audio, ExportOptions, Unit
from voicesieve.domain.extras import how_to_install
from voicesieve.files import new_file

ROW_GROUP = 100
"""Rows of a row group: readers load sound by the group, so this limits their memory to some tens of megabytes."""


class ParquetWriter:
    """``data/train-00000-of-00012.parquet`` ...

    The names contain the number of files, so they are final only when all are written.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._with_audio = order.options.audio is not Audio.NONE
        self._splits: dict[str, _Shards] = {}

    def add(self, item: Item) -> Place | None:
        split = hub_split(item.split)
        if split not in self._splits:
            self._splits[split] = _Shards(
                self._order.folder / "data", split, self._order.options.shard_items, with_audio=self._with_audio
            )
        return self._splits[split].add(item)

    def close(self) -> None:
        for shards in self._splits.values():
            shards.close()


class _Shards:
    def __init__(self, folder: Path, split: str, size: int, *, with_audio: bool) -> None:
        self._folder, self._split, self._size, self._with_audio = folder, split, size, with_audio
        self._schema = schema(with_audio=with_audio)
        self._rows: list[dict[str, Any]] = []
        self._items = 0
        self._files: list[Path] = []
        self._writer: Any = None
        self._file: IO[bytes]

    def add(self, item: Item) -> Place | None:
        import pyarrow.parquet as pq

        if self._items % self._size == 0:
            self._end_file()
            # Its final name contains the number of files, which is not known before the end.
            path = self._folder / f"{self._split}-{len(self._files):05d}.parquet"
            self._files.append(path)
            self._file = new_file(path)
            self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        row = self._items % self._size
        self._items += 1
        self._rows.append(self._row(item))
        if len(self._rows) == ROW_GROUP:
            self._flush()
        return Place(f"data/{self._split}-{len(self._files) - 1:05d}", row=row) if self._with_audio else None

    def _row(self, item: Item) -> dict[str, Any]:
        row: dict[str, Any] = {name: item.columns.get(name) for name in COLUMNS}
        row["sources"] = [source.url for source in item.recording.sources]
        if self._with_audio:
            row["audio"] = {"bytes": sound_of(item), "path": f"{item.id}{item.suffix}"}
        return row

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema), row_group_size=ROW_GROUP)
            self._rows = []

    def _end_file(self) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()
            self._file.close()
            self._writer = None

    def close(self) -> None:
        self._end_file()
        for number, path in enumerate(self._files):
            path.rename(self._folder / f"{self._split}-{number:05d}-of-{len(self._files):05d}.parquet")


def schema(*, with_audio: bool) -> Any:
    """The Arrow schema, with the hub's description in its metadata."""
    import pyarrow as pa

    types = {"string": pa.string(), "float64": pa.float64(), "float32": pa.float32()}
    fields = [pa.field(name, types[kind]) for name, kind in COLUMNS.items()]
    if with_audio:
        fields.insert(0, pa.field("audio", pa.struct([("bytes", pa.binary()), ("path", pa.string())])))
    fields.append(pa.field("sources", pa.list_(pa.string())))
    described = json.dumps({"info": {"features": features(with_audio=with_audio)}})
    return pa.schema(fields, metadata={"huggingface": described})


def refuse_without_pyarrow() -> None:
    """Raise `ExportError` with the command that installs the extra if Parquet cannot be written."""
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError as error:
        raise ExportError(f"Parquet needs an extra: {how_to_install('parquet')}.") from error


@lru_cache(maxsize=1)
def _row_group(path: Path, group: int) -> list[Any]:
    import pyarrow.parquet as pq

    column = pq.ParquetFile(path).read_row_group(group, columns=["audio"])
    sounds: list[Any] = column.column("audio").to_pylist()
    return sounds


def _read_row(path: Path, row: int) -> bytes | None:
    import pyarrow as pa

    try:
        sound = _row_group(path, row // ROW_GROUP)[row % ROW_GROUP]["bytes"]
    except (OSError, IndexError, pa.ArrowException):
        return None
    return bytes(sound)


def read_sound(folder: Path, place: Place) -> bytes | None:
    """The sound in a row of one of our Parquet files; ``None`` if it is missing.

    Called in order of rows, it reads each group of rows once.
    """
    stem = folder / place.file
    path = next(iter(sorted(stem.parent.glob(f"{stem.name}-of-*.parquet"))), None)
    return None if path is None or place.row is None else _read_row(path, place.row)


def hub_header(options: ExportOptions, items: Mapping[str, int]) -> Row:
    """The files and the columns of each part, so that the hub shows them without reading the files."""
    splits = [(hub_split(name), count) for name, count in sorted(items.items())]
    files = [{"split": name, "path": f"data/{name}-*.parquet"} for name, _ in splits]
    return {
        "configs": [{"config_name": "default", "data_files": files}],
        "dataset_info": {
            "features": header_features(with_audio=options.audio is not Audio.NONE),
            "splits": [{"name": name, "num_examples": count} for name, count in splits],
        },
    }


FORMAT = Format(
    name="huggingface",
    summary="Hugging Face Parquet",
    loading='datasets.load_dataset("DEST")',
    units=(Unit.CLIPS,),
    audio=(*SOUND, Audio.NONE),
    writer=ParquetWriter,
    refuse=refuse_without_pyarrow,
    read_sound=read_sound,
    file_sets=(FileSet("parquet", "data/*.parquet", "application/x-parquet"),),
    clip_set="parquet",
    on_hub=True,
    hub_header=hub_header,
)
