"""Additions to the program, to see how many files one has to touch: a copy of it with a file more and a record more.

    record = Record("sources/registry.py", behind="KINDS = (", line="    toy.KIND,")
    house = house_with(tmp_path / "house", Toy("source.py", "sources/toy.py", (record,)))
    house.voicesieve("crawl", "--source", "toy:3", "--data", tmp_path / "data")

What is added lies in ``tests/toys/`` and is no part of the program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crawling import PATIENCE_S, Ended, environment

ROOT = Path(__file__).parents[2]
TOYS = ROOT / "tests" / "toys"
BUILD_S = 180.0
"""Longest time for building a wheel and a virtual environment on a loaded machine; a healthy one needs some seconds."""


@dataclass(frozen=True)
class Record:
    """A ``line`` added to a file of the package, behind the only line that holds ``behind``."""

    file: str
    behind: str
    line: str


@dataclass(frozen=True)
class Toy:
    """A file of ``tests/toys/``, its place in the package, and the lines that make it known there."""

    file: str
    place: str
    records: tuple[Record, ...]


@dataclass(frozen=True)
class House:
    """A copy of the project in ``root``, or the interpreter of a virtual environment into which it was installed."""

    root: Path
    python: Path = Path(sys.executable)
    installed: bool = False

    def voicesieve(
        self,
        *arguments: str | Path,
        code: int | None = 0,
        settings: Mapping[str, str] | None = None,
        timeout_s: float = PATIENCE_S,
    ) -> Ended:
        """Run a command of this copy to its end, as `crawling.voicesieve` runs one of the program itself."""
        variables = environment(settings) | {"PYTHONDONTWRITEBYTECODE": ""}  # so that it is compiled once
        if not self.installed:
            variables["PYTHONPATH"] = os.pathsep.join((str(self.root / "src"), variables["PYTHONPATH"]))
        done = subprocess.run(
            [str(self.python), "-m", "voicesieve", *map(str, arguments)],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=self.root,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert code is None or done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stderr}"
        return Ended(done.returncode, done.stdout, done.stderr)

    def install(self, folder: Path) -> House:
        """Build a wheel and install it into a new virtual environment in ``folder``.

        The libraries under it are those of the environment that runs the tests; its own copy of the program is not.
        """
        _run(
            sys.executable,
            "-m",
            "pip",
            "wheel",
            *_QUIETLY,
            "--no-deps",
            "--no-build-isolation",
            "-w",
            folder,
            self.root,
        )
        _run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
        python = folder / "venv" / "bin" / "python"
        packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
        with zipfile.ZipFile(next(folder.glob("voicesieve-*.whl"))) as wheel:
            wheel.extractall(packages)
        libraries = next(path for path in sys.path if path.endswith("site-packages"))
        (packages / "libraries.pth").write_text(f"{libraries}\n")
        return House(folder, python, installed=True)


def changed(house: House) -> set[str]:
    """The files of the package of a copy that differ from ours or are not in it."""
    copy, own = house.root / "src" / "voicesieve", ROOT / "src" / "voicesieve"
    files = {path.relative_to(copy): path for path in copy.rglob("*") if path.suffix != ".pyc" and path.is_file()}
    return {
        name.as_posix()
        for name, path in files.items()
        if not (own / name).exists() or (own / name).read_bytes() != path.read_bytes()
    }


def house_with(root: Path, *toys: Toy) -> House:
    """A copy of the project in ``root``, with ``toys`` added."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    package = root / "src" / "voicesieve"
    shutil.copytree(ROOT / "src" / "voicesieve", package)
    for toy in toys:
        assert not (package / toy.place).exists(), f"{toy.place} is there already"
        shutil.copy(TOYS / toy.file, package / toy.place)
        for record in toy.records:
            _add(package / record.file, record)
    return House(root)


def _add(file: Path, record: Record) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    places = [number for number, line in enumerate(lines, start=1) if record.behind in line]
    assert len(places) == 1, f"{record.behind!r} stands in {len(places)} lines of {record.file}"
    lines.insert(places[0], record.line)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


_QUIETLY = ("--quiet", "--disable-pip-version-check", "--no-index")


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode == 0, done.stderr
