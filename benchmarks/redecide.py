"""How long re-deciding takes, beside the least that reading the same rows can cost.

    python -m benchmarks.redecide [--videos 1000000] [--folder DIR] [--json]

The floor is one SELECT of the verdicts' numbers through the sqlite3 module. ``numbers`` changes a threshold of the
policy, ``point`` the operating point (labels are made anew from the segments), ``scores`` forgets how they were pooled
and pools ``--scores`` of them from their windows.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests import filled_catalog
from tests.filled_catalog import FUSION, rules
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.reads.decided import NUMBERS
from voicesieve.catalog.store import Catalog
from voicesieve.operations.redecide import redecide
from voicesieve.voices.pooling import DISCOVER


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--videos", type=int, default=1_000_000)
    arguments.add_argument("--windows", type=int, default=100)
    arguments.add_argument("--scores", type=int, default=5_000)
    arguments.add_argument("--folder", type=Path, help="where the catalog is made (several GB)")
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="redecide-", dir=options.folder) as folder:
        catalog = open_catalog(Path(folder), create=True)
        filled_catalog.fill(catalog, options.videos, windows=options.windows)
        facts = measure(catalog, Path(folder), options)
        catalog.close()
    if options.json:
        print(json.dumps(facts))
        return
    print(f"{facts['videos']} videos, catalog of {facts['catalog_gb']:.1f} GB, peak {facts['peak_mb']:.0f} MB")
    for name, (seconds, cpu_s, seen, moved) in facts["runs"].items():
        ratio = f"{seconds / facts['floor_s']:6.1f} x floor"
        print(f"{name:>24}  {seconds:8.1f} s  {cpu_s:8.1f} s of CPU  {ratio}  {seen / seconds:8.0f}/s  {moved} moved")


def measure(catalog: Catalog, folder: Path, options: Any) -> dict[str, Any]:
    started = time.monotonic()
    numbers = ", ".join(f"d.{name}" for name in NUMBERS)
    with sqlite3.connect(folder / "catalog.sqlite3") as connection:
        query = f"SELECT v.key, {numbers} FROM video v JOIN verdict d "
        seen = sum(1 for _ in connection.execute(query + "ON d.recording = v.recording ORDER BY v.key"))
    floor_s = time.monotonic() - started
    runs: dict[str, tuple[float, float, int, int]] = {"floor": (floor_s, floor_s, seen, 0)}

    def timed(name: str, *, dry_run: bool, **policy: Any) -> None:
        began, cpu = time.monotonic(), time.process_time()
        found = redecide(catalog, rules(**policy), FUSION, time.time(), dry_run=dry_run)
        runs[name] = (time.monotonic() - began, time.process_time() - cpu, found.seen, sum(found.moved.values()))

    timed("numbers, dry run", dry_run=True, min_score=0.9)
    timed("numbers, few move", dry_run=False, min_child_s=9.0)
    timed("numbers, most move", dry_run=False, min_child_share=1.0)
    timed("point, dry run", dry_run=True, point=DISCOVER)
    timed("point, written", dry_run=False, point=DISCOVER)
    with catalog.write() as connection:
        connection.execute(text("UPDATE verdict SET pooling = NULL WHERE rowid <= :n"), {"n": options.scores})
        connection.execute(text("UPDATE video SET state = 'failed' WHERE key > :n"), {"n": options.scores})
    timed("scores", dry_run=True, point=DISCOVER)
    return {
        "videos": options.videos,
        "catalog_gb": (folder / "catalog.sqlite3").stat().st_size / 1e9,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "floor_s": floor_s,
        "runs": runs,
    }


if __name__ == "__main__":
    main()
