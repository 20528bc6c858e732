"""Every file that is written goes through `voicesieve.files`; each exception is listed here with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import voicesieve

HOUSE = Path(voicesieve.__file__).parent

ALLOWED = {
    "files.py": "the one place",
    "fetching/scratch.py": "the media file of an attempt: private, swept, and renamed by `files.move_durably`",
    "observability/logs.py": "the log is appended to and rotated by the standard library",
    "catalog/backups.py": "SQLite writes into, or we copy into, the file that `files.atomic_path` hands out",
    "operations/restore.py": "a copy inside an unfinished folder, made durable by `files.move_durably`",
    "fetching/ytdlp/video_worker.py": "the same media file, in the process of its own that yt-dlp has",
    "fetching/ytdlp/lister.py": "a temporary folder of yt-dlp's own while it lists",
    "cli/labelled.py": "a temporary folder for clips that an evaluation cuts",
    "operations/import_legacy.py": "a copy in scratch, which the store adopts by `files.move_durably`",
    "operations/export.py": "inside a folder that has no final name yet, like corpus/",
    "corpus/": "inside a folder that has no final name yet; publishing makes it durable and renames it",
    "__main__.py": "descriptors of /dev/null in place of closed standard streams",
    "cli/output.py": "a descriptor of /dev/null in place of closed standard errors",
    "cli/errors.py": "a descriptor of /dev/null in place of a closed pipe",
}
"""Modules and packages that may write, and why."""

WRITING_METHODS = {"write_text", "write_bytes", "touch", "rename", "replace", "symlink_to", "hardlink_to"}
WRITING_FUNCTIONS = {
    "os.rename",
    "os.replace",
    "os.link",
    "os.symlink",
    "os.truncate",
    "shutil.copy",
    "shutil.copy2",
    "shutil.copyfile",
    "shutil.copytree",
    "shutil.move",
    "tempfile.NamedTemporaryFile",
    "tempfile.TemporaryDirectory",
    "tempfile.mkstemp",
    "tempfile.mkdtemp",
    "wave.open",
    "zipfile.ZipFile",
    "tarfile.open",
    "numpy.save",
    "np.save",
}


def mode_of(node: ast.Call, place: int) -> str | None:
    """The mode of an ``open``, ``None`` if it is computed."""
    given = [keyword.value for keyword in node.keywords if keyword.arg == "mode"]
    given += node.args[place : place + 1]
    if not given:
        return "r"
    return given[0].value if isinstance(given[0], ast.Constant) and isinstance(given[0].value, str) else None


def write_sites(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of everything that can create or change a file."""
    for node in ast.walk(ast.parse(source)):
        opens_log = isinstance(node, ast.Attribute) and node.attr.endswith("FileHandler")
        if opens_log or (isinstance(node, ast.Call) and _writes(node)):
            yield node.lineno, ast.unparse(node)


def _writes(node: ast.Call) -> bool:
    name = ast.unparse(node.func)
    owner, _, method = name.rpartition(".")
    if name in WRITING_FUNCTIONS:
        return True
    if name == "os.open":
        return _opens_to_write(node)
    if method == "open" and owner not in ("av", "wave", "tarfile"):
        mode = mode_of(node, 0 if owner else 1)
        return mode is None or bool(set(mode) & set("wax+"))
    return bool(owner) and owner != "files" and method in WRITING_METHODS and _is_a_path_method(node, method)


def _is_a_path_method(node: ast.Call, method: str) -> bool:
    """``text.replace(a, b)`` and ``dataclasses.replace(...)`` write nothing; ``path.replace(target)`` does."""
    if method in ("replace", "rename"):
        return len(node.args) == 1 and not node.keywords
    return True


def _opens_to_write(node: ast.Call) -> bool:
    flags = " ".join(ast.unparse(argument) for argument in node.args[1:])
    return any(flag in flags for flag in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"))


MODULES = sorted(str(path.relative_to(HOUSE)) for path in HOUSE.rglob("*.py"))


def test_files_are_written_in_one_place() -> None:
    wrong = [
        f"{module}:{line} calls {call}: write through voicesieve.files, or add the module here with a reason"
        for module in MODULES
        if not module.startswith(tuple(ALLOWED))
        for line, call in write_sites((HOUSE / module).read_text(encoding="utf-8"))
    ]
    assert wrong == []


@pytest.mark.parametrize("place", ALLOWED)
def test_each_exception_is_still_needed(place: str) -> None:
    sources = [(HOUSE / module).read_text(encoding="utf-8") for module in MODULES if module.startswith(place)]
    assert any(list(write_sites(source)) for source in sources), f"{place} writes nothing any more"


@pytest.mark.parametrize(
    "line",
    [
        "open(path, 'w')",
        "open(path, mode=mode)",
        "path.open('xb')",
        "path.open('r+b')",
        "path.write_bytes(b'')",
        "path.replace(target)",
        "os.open(path, os.O_WRONLY | os.O_CREAT)",
        "shutil.copyfile(a, b)",
        "path.touch()",
    ],
)
def test_a_new_write_site_would_be_seen(line: str) -> None:
    assert list(write_sites(line))


@pytest.mark.parametrize(
    "line",
    ["open(path)", "path.open('rb')", "text.replace('a', 'b')", "replace(rules, folder=x)", "os.open(p, os.O_RDONLY)"],
)
def test_reading_is_no_write_site(line: str) -> None:
    assert not list(write_sites(line))
