"""Power loss: what was acknowledged is there after everything that no fsync had made durable is gone.

The data folder lies on an ext4 of its own, in a file. The writer is stopped at a random moment, the file is copied as
it is, which is what a disk holds when the power goes, and the copy is mounted and looked at. Needs root and loop
mounts; kill -9 cannot show this, because the page cache survives it.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import often
from injection import holds_its_promises

DISK_BYTES = 48 << 20
TIMES = often(3, 40)

WRITER = """
    import hashlib, sys
    from pathlib import Path
    from catalog_world import World, candidate, recording
    from voicesieve.audio.store import RecordingStore
    from voicesieve.catalog.store import open_catalog
    from voicesieve.catalog.transactions import results
    from voicesieve.domain.decisions import Outcome
    from voicesieve.domain.fetching import FetchedRecording

    data = Path(sys.argv[1])
    world = World(open_catalog(data, create=False))
    store = RecordingStore(data / "recordings")
    query = world.query()
    for number in range(100_000):
        wanted = candidate(number)
        world.discover(wanted, query=query, cursor={"at": number})
        world.screen()
        (claim,) = world.claim()
        content = f"audio {number}".encode() * 2_000
        sha256 = hashlib.sha256(content).hexdigest()
        (data / "scratch" / claim.token).write_bytes(content)
        path = store.adopt(data / "scratch" / claim.token, sha256, ".opus")
        media = recording("x").media
        fetched = FetchedRecording(Path("x"), sha256, len(content), media, {})
        world.step(results.finish_fetch, claim, fetched, path, world.now, rights_basis="own_channel")
        (claim,) = world.claim_analysis()
        world.publish(claim, Outcome.ACCEPTED)
        print(wanted.id, flush=True)
"""
"""The order of the pipeline, file first and then the one transaction; each line is an acknowledgement."""


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
            [sys.executable, "-c", textwrap.dedent(WRITER), str(folder)],
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
            found = accepted_in(after)
            missing = set(acknowledged) - found
            assert missing == set(), f"{len(missing)} of {len(acknowledged)} acknowledged videos are gone"
            assert holds_its_promises(after) == len(found)
            shown += len(acknowledged)
        copy.unlink()
    figure(
        "Power loss while videos are accepted", f"{TIMES} losses, {shown} acknowledged videos looked for, none missing"
    )
    assert shown > TIMES


def accepted_in(data: Path) -> set[str]:
    """What is accepted, with its file whole, as a program finds it that starts after the power came back."""
    from catalog_world import World

    from voicesieve.catalog import schema
    from voicesieve.catalog.store import open_catalog

    world = World(open_catalog(data, create=False))
    rows = [row for row in world.rows(schema.video) if row.state == "accepted"]
    stored = {row.sha256: row.path for row in world.rows(schema.recording)}
    world.check_counts()
    world.catalog.close()
    for row in rows:
        content = (data / "recordings" / stored[row.recording]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row.recording, row.id
    return {row.id for row in rows}
