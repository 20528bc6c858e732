"""The n-th system call kills the process, or fails, for n = 1, 2, 3 ...: inside SQLite's commits too.

`tests/reliability/test_killed.py` stops between lines of ours; strace reaches between the writes of one commit. The
method is SQLite's own (sqlite.org/testing.html, section 3). Needs strace and the right to trace a child.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from accepting import accepted_in
from conftest import LONG, SHARE

CALLS = ("pwrite64", "fdatasync", "fsync", "rename", "ftruncate", "unlink", "mkdir")
"""System calls by which a store changes."""

FAULTS = ("signal=KILL", "error=EIO", "error=ENOSPC")
VIDEOS = 3


def accept(data: Path, *, inject: str | None = None) -> tuple[list[str], int, str]:
    """Run the writer; returns what it acknowledged, its exit status and its errors."""
    command = [sys.executable, str(Path(__file__).with_name("accepting.py")), str(data), str(VIDEOS)]
    if inject:
        command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"inject={inject}", *command]
    paths = os.pathsep.join((str(Path(__file__).parent.parent / "unit"), os.environ["PYTHONPATH"]))
    # Otherwise the n-th call may be one of Python's compiler.
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    return done.stdout.split(), done.returncode, done.stderr


@pytest.fixture
def start(tmp_path: Path, blank_catalog_file: Path) -> Path:
    if shutil.which("strace") is None:
        pytest.skip("no strace here")
    traced = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True)
    if traced.returncode:
        pytest.skip(f"tracing is not allowed here: {traced.stderr.strip()}")
    folder = tmp_path / "start"
    for name in ("scratch", "recordings"):
        (folder / name).mkdir(parents=True)
    shutil.copy(blank_catalog_file, folder / "catalog.sqlite3")
    return folder


def calls_of(start: Path, tmp_path: Path) -> dict[str, int]:
    """How often the writer makes each call."""
    data, counted = tmp_path / "counted", tmp_path / "counts"
    shutil.copytree(start, data)
    paths = os.pathsep.join((str(Path(__file__).parent.parent / "unit"), os.environ["PYTHONPATH"]))
    program = [sys.executable, str(Path(__file__).with_name("accepting.py")), str(data), str(VIDEOS)]
    subprocess.run(
        ["strace", "-f", "-qq", "-o", str(counted), "-e", f"trace={','.join(CALLS)}", *program],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    lines = counted.read_text().splitlines()
    return {call: sum(f" {call}(" in line for line in lines) for call in CALLS}


def test_every_system_call_may_be_the_last_or_fail(
    start: Path, tmp_path: Path, chance: random.Random, figure: Callable[[str, str], None]
) -> None:
    counts = calls_of(start, tmp_path)
    assert counts["pwrite64"] > 10
    assert counts["fdatasync"] > 5
    points = [(call, n, fault) for call in CALLS for n in range(1, counts[call] + 1) for fault in FAULTS]
    chosen = chance.sample(points, max(6, round(len(points) * SHARE)) if LONG else 6)
    hits = 0
    for number, (call, n, fault) in enumerate(chosen):
        data = tmp_path / f"data{number}"
        shutil.copytree(start, data)
        acknowledged, status, errors = accept(data, inject=f"{call}:{fault}:when={n}")
        hits += status != 0
        accepted = accepted_in(data)
        assert set(acknowledged) <= accepted, f"{call} {n} {fault}: acknowledged and lost\n{errors}"
        again, status, errors = accept(data)
        assert status == 0, f"{call} {n} {fault}: {errors}"
        assert len(accepted_in(data)) >= VIDEOS
        assert not set(again) & accepted, "nothing accepted is done again"
        shutil.rmtree(data)
    figure(
        "The n-th system call kills or fails (strace)", f"{len(chosen)} points, {hits} stopped the writer, none lost"
    )
