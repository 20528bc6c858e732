"""Twenty processes write one catalog: ours beside the JSON manifest that it replaces, in one run.

    python -m benchmarks.catalog_contention [--videos 100000] [--writers 20] [--transactions 200] [--limit 60] [--json]

Each writer adds new videos and changes shared ones in turn, one a transaction. The manifest is re-implemented twice
from the descriptions of the earlier crawler: with the lock as it was (a file made by ``touch``, tried every 0.1 s,
given up after 30 s) and as its review proposed (0.01 s doubled up to 1 s, with jitter). Both rewrite the whole file
for each change, after a copy of it. Stores that are too slow for all transactions are stopped at ``--limit`` seconds.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import insert, select, update

from voicesieve.catalog import schema
from voicesieve.catalog.counters import add_to_counter
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import discovery
from voicesieve.domain.candidates import Candidate, Page, Query
from voicesieve.domain.states import VideoState

HOT = 100
"""Videos that all writers change."""

NOW = 1_800_000_000.0


class LockTimeoutError(Exception):
    """The lock was not to be had in time; the change is lost unless the caller tries again."""


class Store(Protocol):
    """What a writer does; each call is one durable transaction."""

    def add(self, writer: int, number: int) -> None: ...
    def change(self, hot: int) -> None: ...
    def close(self) -> None: ...


def preloaded(folder: Path, videos: int) -> None:
    """A catalog of ``videos`` discovered videos; its counters are right."""
    catalog = open_catalog(folder, create=True)
    with catalog.write() as connection:
        query = discovery.register_query(connection, Query("urls", "list"), NOW)
        rows: list[dict[str, Any]] = []
        for number in range(videos):
            rows.append(_row(f"old{number:07d}"))
            if len(rows) == 5_000 or number == videos - 1:
                connection.execute(insert(schema.video), rows)
                rows = []
        add_to_counter(connection, f"state:{VideoState.DISCOVERED}", videos)
    assert query.id == 1
    catalog.close()


def _row(name: str) -> dict[str, Any]:
    return {
        "id": f"url:{name}",
        "source": "url",
        "url": f"https://a.example/{name}.mp3",
        "host": "a.example",
        "title": f"title of {name}",
        "channel": "a channel",
        "metadata": {"views": 0, "tags": ["one", "two", "three"], "description": "words " * 40},
        "facts": {},
        "state": VideoState.DISCOVERED,
        "reasons": [],
        "item_failures": 0,
        "machine_failures": 0,
        "discovered_at": NOW,
        "changed_at": NOW,
    }


class OurCatalog:
    """One discovery page, or one read and write of a shared row, in a transaction."""

    def __init__(self, folder: Path) -> None:
        self.catalog: Catalog = open_catalog(folder, create=False)

    def add(self, writer: int, number: int) -> None:
        name = f"new{writer:03d}-{number:05d}"
        page = Page((Candidate("url", name, f"https://a.example/{name}.mp3", title=name),), cursor={"at": number})
        with self.catalog.write() as connection:
            discovery.commit_page(connection, 1, page, lambda _: "a.example", NOW, refresh_s=0.0)

    def change(self, hot: int) -> None:
        video = schema.video
        with self.catalog.write() as connection:
            wanted = video.c.id == f"url:old{hot:07d}"
            count = connection.execute(select(video.c.item_failures).where(wanted)).scalar_one()
            connection.execute(update(video).where(wanted).values(item_failures=count + 1, changed_at=NOW))

    def close(self) -> None:
        self.catalog.close()


class Manifest:
    """The earlier crawler's manifest: load, change, copy, write all, rename, under a lock made by ``touch``."""

    def __init__(self, folder: Path, *, proposed: bool) -> None:
        self._file = folder / "manifest.json"
        self._lock = folder / "manifest.json.lock"
        self._proposed = proposed

    def add(self, writer: int, number: int) -> None:
        with self._changed() as manifest:
            manifest["records"].append(_row(f"new{writer:03d}-{number:05d}"))

    def change(self, hot: int) -> None:
        with self._changed() as manifest:
            manifest["records"][hot]["item_failures"] += 1

    def close(self) -> None:
        return

    @contextmanager
    def _changed(self) -> Iterator[dict[str, Any]]:
        self._acquire()
        try:
            manifest = json.loads(self._file.read_text())
            yield manifest
            shutil.copy2(self._file, self._file.with_suffix(".json.backup"))
            temporary = self._file.with_suffix(".json.tmp")
            with temporary.open("w") as file:
                json.dump(manifest, file, indent=2)
            temporary.replace(self._file)
        finally:
            self._lock.unlink(missing_ok=True)

    def _acquire(self) -> None:
        started = time.monotonic()
        tries = 0
        while True:
            try:
                self._lock.touch(exist_ok=False)
            except FileExistsError:
                tries += 1
                if (tries >= 300) if self._proposed else (time.monotonic() - started > 30):
                    raise LockTimeoutError from None
                time.sleep(random.uniform(0.5, 1) * min(1.0, 0.01 * 2 ** min(tries, 10)) if self._proposed else 0.1)
            else:
                return


def preloaded_manifest(folder: Path, videos: int) -> None:
    records = [_row(f"old{number:07d}") for number in range(videos)]
    (folder / "manifest.json").write_text(json.dumps({"records": records}, indent=2))


@dataclass
class Result:
    """``latencies_s`` of acknowledged transactions, waiting included; ``added`` and ``changed`` were acknowledged."""

    added: int = 0
    changed: int = 0
    timeouts: int = 0
    errors: list[str] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def done(self) -> int:
        return self.added + self.changed


def contend(open_store: Any, *, writers: int, transactions: int, limit_s: float) -> Result:
    """``writers`` forked processes start together; what they were told has been done is in the result."""
    ready_in, ready_out = os.pipe()
    go_in, go_out = os.pipe()
    sinks = [tempfile.TemporaryFile() for _ in range(writers)]  # noqa: SIM115 - closed below
    processes = []
    for writer in range(writers):
        process = os.fork()
        if process == 0:
            os.close(go_out)
            code = 1
            try:
                store: Store = open_store()
                os.write(ready_out, b"r")
                os.read(go_in, 1)
                mine = _write(store, writer, transactions, limit_s)
                sinks[writer].write(json.dumps(asdict(mine)).encode())
                sinks[writer].flush()
                store.close()
                code = 0
            finally:
                os._exit(code)
        processes.append(process)
    os.close(go_in)
    for _ in processes:
        os.read(ready_in, 1)
    started = time.monotonic()
    os.close(go_out)
    whole = Result()
    for process, sink in zip(processes, sinks, strict=True):
        _, status = os.waitpid(process, 0)
        if status:
            whole.errors.append(f"a writer ended with status {status}")
        sink.seek(0)
        part = json.loads(sink.read() or b"{}")
        sink.close()
        for name in ("added", "changed", "timeouts", "errors", "latencies_s"):
            setattr(whole, name, getattr(whole, name) + part.get(name, type(getattr(whole, name))()))
    whole.took_s = time.monotonic() - started
    os.close(ready_in)
    os.close(ready_out)
    return whole


def _write(store: Store, writer: int, transactions: int, limit_s: float) -> Result:
    result = Result()
    chance = random.Random(writer)
    started = time.monotonic()
    for number in range(transactions):
        before = time.monotonic()
        if before - started > limit_s:
            break
        try:
            if number % 2:
                store.change(chance.randrange(HOT))
                result.changed += 1
            else:
                store.add(writer, number)
                result.added += 1
        except LockTimeoutError:
            result.timeouts += 1
        except Exception as error:  # noqa: BLE001 - counted, and printed by the caller
            result.errors.append(f"{type(error).__name__}: {error}"[:200])
        else:
            result.latencies_s.append(time.monotonic() - before)
    return result


def lost_in_catalog(folder: Path, result: Result) -> int:
    """Acknowledged changes that are not in the catalog."""
    catalog = open_catalog(folder, create=False)
    video = schema.video
    with catalog.read() as connection:
        added = len(connection.execute(select(video.c.key).where(video.c.id.like("url:new%"))).all())
        changed = sum(connection.execute(select(video.c.item_failures).where(video.c.id.like("url:old%"))).scalars())
    catalog.close()
    return result.done - added - int(changed)


def lost_in_manifest(folder: Path, result: Result) -> int:
    """The same of the manifest, all of it if it can no longer be read."""
    try:
        records = json.loads((folder / "manifest.json").read_text())["records"]
    except ValueError:
        return result.done
    added = sum(record["id"].startswith("url:new") for record in records)
    return result.done - added - sum(record["item_failures"] for record in records)


def p99(latencies_s: list[float]) -> float:
    """The 99th percentile by nearest rank; of fewer than a hundred, the worst."""
    ranked = sorted(latencies_s)
    return ranked[math.ceil(0.99 * len(ranked)) - 1] if ranked else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--writers", type=int, default=20)
    parser.add_argument("--transactions", type=int, default=200)
    parser.add_argument("--limit", type=float, default=60.0, help="Seconds after which no new transaction starts.")
    parser.add_argument("--folder", type=Path, help="Where to work: the disk that is measured. [a temporary folder]")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = []
    for name in ("catalog", "touch lock as it was", "touch lock as proposed"):
        with tempfile.TemporaryDirectory(dir=asked.folder, prefix="contention-") as where:
            folder = Path(where)
            ours = name == "catalog"
            (preloaded if ours else preloaded_manifest)(folder, asked.videos)

            def open_store(folder: Path = folder, ours: bool = ours, name: str = name) -> Store:
                return OurCatalog(folder) if ours else Manifest(folder, proposed=name.endswith("proposed"))

            load = os.getloadavg()[0]
            result = contend(open_store, writers=asked.writers, transactions=asked.transactions, limit_s=asked.limit)
            lost = (lost_in_catalog if ours else lost_in_manifest)(folder, result)
        rows.append(
            {
                "store": name,
                "transactions": result.done,
                "per_s": result.done / result.took_s,
                "p50_ms": statistics.median(result.latencies_s or [0.0]) * 1e3,
                "p99_ms": p99(result.latencies_s) * 1e3,
                "max_ms": max(result.latencies_s, default=0.0) * 1e3,
                "timeouts": result.timeouts,
                "errors": len(result.errors),
                "lost": lost,
                "load_before": load,
            }
        )
        if not asked.json:
            _print(rows[-1], rows[0])
    if asked.json:
        print(json.dumps({"videos": asked.videos, "writers": asked.writers, "stores": rows}))
    return 0


def _print(row: dict[str, Any], first: dict[str, Any]) -> None:
    if row is first:
        print(f"{'store':<24}{'done':>7}{'per s':>10}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}  timeouts errors lost")
    figures = f"{row['transactions']:>7}{row['per_s']:>10.2f}{row['p50_ms']:>10.1f}{row['p99_ms']:>10.1f}"
    figures += f"{row['max_ms']:>10.1f}{row['timeouts']:>10}{row['errors']:>7}{row['lost']:>5}"
    ratio = "" if row is first or not row["per_s"] else f"   catalog: {first['per_s'] / row['per_s']:,.0f} x as many"
    print(f"{row['store']:<24}{figures}{ratio}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
