"""Power loss: what was acknowledged is there after everything that no fsync had made durable is gone.

The data folder lies on an ext4 of its own, in a file. The writer is stopped at a random moment, the file is copied as
it is, which is what a disk holds when the power goes, and the copy is mounted and looked at. Needs root and loop
mounts; kill -9 cannot show this, because the page cache survives it.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from accepting import accepted_in
from conftest import often
from injection import holds_its_promises

DISK_BYTES = 48 << 20
TIMES = often(3, 40)


def may_mount() -> str | None:
    """Why no file system can be mounted here, ``None`` if it can."""
    if os.geteuid() != 0:
        return "mounting needs root"
    missing = [program for program in ("mkfs.ext4", "mount", "umount") if shutil.which(program) is None]
    return f"no {missing[0]} here" if missing else None


@contextmanager
def mounted(image: Path, where: Path) -> Iterator[Path]:
    where.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-o", "loop", str(image), str(where)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no loop mounts here: {done.stderr.strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)


@pytest.fixture
def disk(tmp_path: Path, blank_catalog_file: Path) -> Iterator[tuple[Path, Path]]:
    """The image file and the mounted folder, with an empty catalog that is durable."""
    reason = may_mount()
    if reason:
        pytest.skip(reason)
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    with mounted(image, tmp_path / "disk") as folder:
        for name in ("scratch", "recordings"):
            (folder / name).mkdir()
        shutil.copy(blank_catalog_file, folder / "catalog.sqlite3")
        subprocess.run(["sync", "-f", str(folder)], check=True)
        yield image, folder


def test_nothing_accepted_is_lost_when_the_power_goes(
    disk: tuple[Path, Path], tmp_path: Path, chance: random.Random, figure: Callable[[str, str], None]
) -> None:
    image, folder = disk
    paths = os.pathsep.join((str(Path(__file__).parent.parent / "unit"), os.environ["PYTHONPATH"]))
    acknowledged_file = tmp_path / "acknowledged"
    with acknowledged_file.open("wb") as out:
        writer = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("accepting.py")), str(folder), "100000"],
            stdout=out,
            env={**os.environ, "PYTHONPATH": paths},
        )
    shown, copies = 0, []
    try:
        while not acknowledged_file.read_bytes():
            assert writer.poll() is None, "the writer ended by itself"
            time.sleep(0.05)
        for number in range(TIMES):
            time.sleep(chance.uniform(0.1, 0.6))
            assert writer.poll() is None
            writer.send_signal(signal.SIGSTOP)
            acknowledged = acknowledged_file.read_text().rpartition("\n")[0].splitlines()
            copies.append((tmp_path / f"copy{number}.img", acknowledged))
            shutil.copyfile(image, copies[-1][0])
            writer.send_signal(signal.SIGCONT)
    finally:
        writer.kill()
        writer.wait()
    for copy, acknowledged in copies:
        with mounted(copy, tmp_path / "after") as after:
            survived = accepted_in(after)
            missing = set(acknowledged) - survived
            assert missing == set(), f"{len(missing)} of {len(acknowledged)} acknowledged videos are gone"
            assert holds_its_promises(after) == len(survived)
            shown += len(acknowledged)
        copy.unlink()
    figure(
        "Power loss while videos are accepted", f"{TIMES} losses, {shown} acknowledged videos looked for, none missing"
    )
    assert shown > TIMES
