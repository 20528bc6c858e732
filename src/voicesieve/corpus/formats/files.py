"""Shared by the formats: tables of JSON lines, sound as single files, and reproducible tars."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, cast

from voicesieve.corpus.formats.protocol import Item, Order, Place
from voicesieve.corpus.json_lines import Json, encoded, line
from voicesieve.files import new_file

GZIP_LEVEL = 6


def create(path: Path) -> IO[bytes]:
    """Open a new file for writing, compressed if its name ends in ``.gz``, with no time or name in it."""
    raw = new_file(path)
    return cast("IO[bytes]", _Gzip(raw)) if path.suffix == ".gz" else raw


class _Gzip(gzip.GzipFile):
    """A gzip file that closes the file under it; equal content gives equal bytes."""

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=raw, mtime=0)
        self._raw_file = raw

    def close(self) -> None:
        super().close()
        self._raw_file.close()


class Tables:
    """One file for each part of the split, opened at its first line. Parts without a line get an empty file."""

    def __init__(self, order: Order, path: Callable[[str], Path]) -> None:
        self._order = order
        self._path = path
        self._files: dict[str, IO[bytes]] = {}

    def write(self, split: str, text: bytes) -> None:
        self.file(split).write(text)

    def row(self, split: str, row: Mapping[str, Json]) -> None:
        self.file(split).write(line(row))

    def file(self, split: str) -> IO[bytes]:
        if split not in self._files:
            self._files[split] = create(self._path(split))
        return self._files[split]

    def close(self) -> None:
        for split in self._order.splits or ("train",):
            self.file(split)
        for file in self._files.values():
            file.close()


def place_file(order: Order, item: Item, relative: str) -> Place:
    """Place the item's sound in the export: linked where the file system can, copied elsewhere."""
    if item.audio is None:
        raise ValueError(f"{item.id} has no sound to place")
    target = order.folder / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(item.audio, target)
    except OSError:
        with item.audio.open("rb") as reading, new_file(target) as writing:
            shutil.copyfileobj(reading, writing, 1 << 20)
    return Place(relative)


def audio_path(item: Item) -> str:
    """``audio/<first two digits>/<id>.<suffix>``, so that each folder gets about a 256th of the files."""
    return f"audio/{item.recording.id[:2]}/{item.id}{item.suffix}"


class TarShards:
    """Tars of ``size`` items: equal items give equal bytes, without owners, permissions or times of this machine."""

    def __init__(self, pattern: Callable[[int], Path], size: int) -> None:
        self._pattern = pattern
        self._size = size
        self._items = 0
        self._tar: tarfile.TarFile | None = None
        self._raw: IO[bytes] | None = None
        self.path = Path()

    @property
    def shard(self) -> int:
        """Number of the tar that is being written."""
        return max(0, (self._items - 1) // self._size)

    def begin(self) -> bool:
        """Start the next item. True if that opened a new tar."""
        fresh = self._items % self._size == 0
        if fresh:
            self.close()
            self.path = self._pattern(self._items // self._size)
            self._raw = new_file(self.path)
            self._tar = tarfile.open(fileobj=self._raw, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        self._items += 1
        return fresh

    def add(self, name: str, data: bytes) -> int:
        """Write one member; returns the offset of its data in the tar."""
        if self._tar is None:
            raise ValueError("no tar has been begun")
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = len(data), 0, 0o644
        offset = self._tar.offset + tarfile.BLOCKSIZE
        self._tar.addfile(info, io.BytesIO(data))
        return offset

    def add_json(self, name: str, row: Mapping[str, Json]) -> None:
        self.add(name, encoded(row))

    def close(self) -> None:
        if self._tar is not None and self._raw is not None:
            self._tar.close()
            self._raw.close()
        self._tar = self._raw = None


class SplitShards:
    """The tars of each split."""

    def __init__(self, order: Order, pattern: Callable[[str, int], Path]) -> None:
        self._size = order.options.shard_items
        self._pattern = pattern
        self._opened: dict[str, TarShards] = {}

    def of(self, split: str) -> TarShards:
        if split not in self._opened:
            self._opened[split] = TarShards(lambda number: self._pattern(split, number), self._size)
        return self._opened[split]

    def close(self) -> None:
        for shards in self._opened.values():
            shards.close()


def sound_of(item: Item) -> bytes:
    """The bytes of the item's sound."""
    if item.audio is None:
        raise ValueError(f"{item.id} has no sound")
    return item.audio.read_bytes()
