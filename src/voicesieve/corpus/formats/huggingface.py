"""Hugging Face: Parquet with an ``Audio`` struct, or AudioFolder with single files and ``metadata.jsonl``."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from voicesieve.corpus.formats.files import Tables, place_file, sound_of
from voicesieve.corpus.formats.items import Item, Order, Place
from voicesieve.corpus.publishing import ExportError
from voicesieve.domain.extras import how_to_install
from voicesieve.files import new_file

ROW_GROUP = 100
"""Rows of a row group: readers take sound into memory by the group, so it stays at some tens of megabytes."""

HUB_SPLITS = {"dev": "validation"}
"""Names that the hub gives to parts of a split."""

COLUMNS: dict[str, str] = {
    "id": "string",
    "recording": "string",
    "video": "string",
    "source": "string",
    "url": "string",
    "title": "string",
    "channel": "string",
    "published": "string",
    "licence": "string",
    "rights_basis": "string",
    "language": "string",
    "speaker": "string",
    "start": "float64",
    "end": "float64",
    "duration": "float64",
    "score": "float32",
    "snr_db": "float32",
    "clipping": "float32",
    "bandwidth_hz": "float32",
    "loudness_lufs": "float32",
    "peak_dbfs": "float32",
    "nonspeech_share": "float32",
    "overlap_share": "float32",
}
"""Plain columns and their types, in the hub's words; the sound comes before them, the sources after them."""


def hub_split(split: str) -> str:
    return HUB_SPLITS.get(split, split)


class ParquetWriter:
    """``data/train-00000-of-00012.parquet`` ... Names hold the count of files, so they get it when all are written."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._with_audio = order.options.audio != "none"
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
            # Its last name holds how many there are, which only the end tells.
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
        row["sources"] = [source["url"] for source in item.columns["sources"]]
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


def features(*, with_audio: bool) -> dict[str, Any]:
    """The hub's description of the columns, as `datasets.Features` writes it."""
    found: dict[str, Any] = {"audio": {"sampling_rate": 16000, "_type": "Audio"}} if with_audio else {}
    found |= {name: {"dtype": kind, "_type": "Value"} for name, kind in COLUMNS.items()}
    return found | {"sources": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"}}


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
    """Raise `ExportError` with the command that helps if Parquet cannot be written."""
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError as error:
        raise ExportError(f"Parquet needs an extra: {how_to_install('parquet')}.") from error


class AudioFolderWriter:
    """``train/metadata.jsonl`` with ``file_name`` beside the files; JSON lines, as a spreadsheet may run a CSV."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._tables = Tables(order, lambda split: order.folder / hub_split(split) / "metadata.jsonl")

    def add(self, item: Item) -> Place:
        name = f"{item.recording['id'][:2]}/{item.id}{item.suffix}"
        place = place_file(self._order, item, f"{hub_split(item.split)}/{name}")
        columns = {column: item.columns.get(column) for column in COLUMNS}
        sources = [source["url"] for source in item.columns["sources"]]
        self._tables.row(item.split, {"file_name": name, **columns, "sources": sources})
        return place

    def close(self) -> None:
        self._tables.close()


@lru_cache(maxsize=1)
def _row_group(path: Path, group: int) -> list[Any]:
    import pyarrow.parquet as pq

    column = pq.ParquetFile(path).read_row_group(group, columns=["audio"])
    found: list[Any] = column.column("audio").to_pylist()
    return found


def read_sound(path: Path, row: int) -> bytes | None:
    """The sound in a row of one of our Parquet files; rows asked for in order are read once. ``None`` if not there."""
    import pyarrow as pa

    try:
        found = _row_group(path, row // ROW_GROUP)[row % ROW_GROUP]["bytes"]
    except (OSError, IndexError, pa.ArrowException):
        return None
    return bytes(found)
