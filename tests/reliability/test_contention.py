"""Twenty processes write one catalog of 100,000 videos: no change is lost, nobody gives up, every wait is counted.

Figures beside the manifest that this replaces: `python -m benchmarks.catalog_contention`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import LONG, MEMORY, often

from benchmarks.catalog_contention import OurCatalog, contend, lost_in_catalog, p99, preloaded
from voicesieve.catalog.counters import add_to_counter
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.reads.status import catalog_counts

VIDEOS = 100_000
WRITERS = 20
TRANSACTIONS = 200 if LONG else 20


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="voicesieve-contention-", dir=MEMORY) as made:
        preloaded(Path(made), VIDEOS)
        yield Path(made)


def test_twenty_writers_lose_nothing_and_count_their_waits(folder: Path, figure: Callable[[str, str], None]) -> None:
    result = contend(lambda: OurCatalog(folder), writers=WRITERS, transactions=TRANSACTIONS, limit_s=600)
    figure(
        f"{WRITERS} writers on one catalog of {VIDEOS:,} videos",
        f"{result.done} transactions in {result.took_s:.1f} s, {result.done / result.took_s:.0f} a second, "
        f"p99 {p99(result.latencies_s) * 1e3:.0f} ms, worst {max(result.latencies_s) * 1e3:.0f} ms, nothing lost",
    )
    assert result.errors == []
    assert result.timeouts == 0
    assert result.done == WRITERS * TRANSACTIONS
    assert lost_in_catalog(folder, result) == 0
    catalog = open_catalog(folder, create=False)
    with catalog.write() as connection:
        add_to_counter(connection, "waits are saved with the next write", 1)
    with catalog.read() as connection:
        status = catalog_counts(connection)
    catalog.close()
    assert status["videos"]["discovered"] == VIDEOS + result.added
    assert status["catalog"]["busy_waits"] > WRITERS
    assert status["catalog"]["wait_s"] > 0
    assert status["catalog"]["timeouts"] == 0


def test_a_writer_killed_while_it_holds_the_write_blocks_no_other(
    folder: Path, figure: Callable[[str, str], None]
) -> None:
    """The shortest of several waits shows the mechanism; on a busy machine a single one measures the machine."""
    waits = []
    for _ in range(often(4, 20)):
        held, hold = os.pipe()
        opened, open_ = os.pipe()
        holder = os.fork()
        if holder == 0:
            keep_only(opened, hold)
            os.read(opened, 1)
            store = OurCatalog(folder)
            with store.catalog.write() as connection:
                add_to_counter(connection, "never committed", 1)
                os.write(hold, b"held")
                os.read(opened, 1)
            os._exit(1)
        catalog = open_catalog(folder, create=False)
        os.write(open_, b"g")
        assert os.read(held, 4) == b"held"
        os.kill(holder, signal.SIGKILL)
        killed = time.monotonic()
        with catalog.write() as connection:
            add_to_counter(connection, "survivor", 1)
        waits.append(time.monotonic() - killed)
        catalog.close()
        os.waitpid(holder, 0)
        for end in (held, hold, opened, open_):
            os.close(end)
    summary = f"{len(waits)} kills; the next writer had it after {min(waits) * 1e3:.1f} to {max(waits) * 1e3:.1f} ms"
    figure("SIGKILL of a writer that holds the catalog", summary)
    assert min(waits) < 1.0
    catalog = open_catalog(folder, create=False)
    with catalog.read() as connection:
        names = {row.name for row in connection.exec_driver_sql("SELECT name FROM counter")}
    assert catalog.damage() == []
    catalog.close()
    assert "survivor" in names
    assert "never committed" not in names


def keep_only(*wanted: int) -> None:
    """Close what a fork has inherited: a lock in line, and the other ends of the pipes, so that it ends with us."""
    for name in [path.name for path in Path("/proc/self/fd").iterdir()]:
        if int(name) > 2 and int(name) not in wanted:
            with contextlib.suppress(OSError):  # the listing's own descriptor is gone already
                os.close(int(name))
