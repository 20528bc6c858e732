"""``SHA256SUMS``: a line for each file of an export, read by ``--verify`` and, without us, ``sha256sum --check``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voicesieve.audio.store import sha256_of

SUMS = "SHA256SUMS"


def sum_lines(tree: Path) -> Iterator[bytes]:
    """The lines for all files below ``tree``, in the order of `walk`."""
    for path in walk(tree):
        yield f"{sha256_of(path)}  {path.relative_to(tree).as_posix()}\n".encode()


def read_sums(folder: Path) -> Iterator[tuple[str, str]]:
    """Digest and name of each line. Raises `FileNotFoundError`."""
    with (folder / SUMS).open(encoding="utf-8", errors="replace") as lines:
        for text in lines:
            digest, _, name = text.rstrip("\n").partition("  ")
            yield digest, name


def walk(tree: Path) -> Iterator[Path]:
    """All files below ``tree``, ordered by the parts of their paths."""
    for path in sorted(tree.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from walk(path)
        else:
            yield path
