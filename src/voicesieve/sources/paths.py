"""Paths as people write them, and the one canonical path of a folder."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from voicesieve.domain.text import quoted


def absolute_path(argument: str) -> str:
    """The path that a person wrote, made absolute; ``~`` is the home folder.

    Raises ValueError for a path that the catalog cannot store.
    """
    if "\x00" in argument:
        raise ValueError("a path cannot hold a NUL character")
    try:
        path = str(Path(argument).expanduser().absolute())
        path.encode("utf-8")
    except (RuntimeError, UnicodeEncodeError) as error:
        reason = (
            "is not valid UTF-8; reach it by a link with a plain name" if isinstance(error, UnicodeError) else error
        )
        raise ValueError(f"the path {quoted(argument)} cannot be used: {reason}") from error
    return path


def real_folder(path: Path) -> Path:
    """The absolute path of ``path`` without links and ``..``, each name as its folder lists it.

    A file system that accepts a name in any case or Unicode form lists it in one spelling, which is used here. On other
    file systems a name that does not exist stands for the only listed name that reads the same, as ``é`` of one and of
    two code points does. A path that does not exist keeps its spelling.
    """
    real = Path(os.path.realpath(path))
    listed = Path(real.anchor)
    for name in real.parts[1:]:
        listed /= _as_listed(listed, name)
    return Path(os.path.realpath(listed))


def _as_listed(parent: Path, name: str) -> str:
    path = parent / name
    exists = path.exists()
    if exists and not any(_is_same(parent / other, path) for other in _variants(name)):
        return name
    try:
        names = os.listdir(parent)  # noqa: PTH208 - names alone are wanted
    except OSError:
        return name
    alike = [other for other in names if _form(other) == _form(name)]
    if exists:
        alike = [other for other in alike if _is_same(parent / other, path)]
    else:
        alike = [other for other in alike if _composed(other) == _composed(name)]
    return alike[0] if len(alike) == 1 and name not in names else name


def _variants(name: str) -> set[str]:
    return {name.swapcase(), _composed(name), unicodedata.normalize("NFD", name)} - {name}


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _form(name: str) -> str:
    return _composed(_composed(name).casefold())


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False
