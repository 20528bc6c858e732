"""``SHA256SUMS``: a line for each file of an export, for ``--verify`` and ``sha256sum --check``."""

from __future__ import annotations

from collections.abc import Collection, Iterator
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


def foreign_files(folder: Path, ours: Collection[str]) -> Iterator[str]:
    """Names of files that have no line, except those in ``ours``. Raises `FileNotFoundError`.

    Lines and files are in the same order, so one pass compares them.
    """
    names = (name for _, name in read_sums(folder))
    expected = next(names, None)
    for path in walk(folder):
        parts = path.relative_to(folder).parts
        while expected is not None and tuple(expected.split("/")) < parts:
            expected = next(names, None)
        if expected is not None and tuple(expected.split("/")) == parts:
            continue
        if "/".join(parts) not in ours:
            yield "/".join(parts)


def walk(tree: Path) -> Iterator[Path]:
    """All files below ``tree``, ordered by the parts of their paths."""
    for path in sorted(tree.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from walk(path)
        else:
            yield path
