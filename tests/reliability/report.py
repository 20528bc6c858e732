"""Writes the table of `docs/reliability.md` from what the long tests took down and what the benchmark measured.

python tests/reliability/report.py FIGURES.jsonl [CONTENTION.json]
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import sqlite3
import sys
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def main() -> None:
    figures = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    lines = [
        f"Taken down on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; "
        f"load {os.getloadavg()[1]:.1f}, SHARE={os.environ.get('RELIABILITY_SHARE') or 1}.",
        "",
        "| what was done | what came of it |",
        "|---|---|",
        *(f"| {figure['what']} | {figure['figure']} |" for figure in figures),
    ]
    if len(sys.argv) > 2:
        lines += contention(json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text("\n".join([before + BEGIN, *lines, END]) + after, encoding="utf-8")


def contention(measured: dict) -> list[str]:
    ours = measured["stores"][0]
    rows = [
        f"| {row['store']} | {row['transactions']} | {row['per_s']:.2f} | {row['p99_ms']:,.0f} | {row['max_ms']:,.0f} "
        f"| {row['timeouts']} | {row['lost']} | {_ratio(ours, row)} |"
        for row in measured["stores"]
    ]
    return [
        "",
        f"{measured['writers']} writers on {measured['videos']:,} videos (`python -m benchmarks.catalog_contention`), "
        "each store in the same run; the manifests are the earlier crawler's, re-implemented:",
        "",
        "| store | transactions | per s | p99 ms | worst ms | timeouts | lost | the catalog does |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
    ]


def _ratio(ours: dict, row: dict) -> str:
    return "" if row is ours or not row["per_s"] else f"{ours['per_s'] / row['per_s']:,.0f} x as many"


if __name__ == "__main__":
    main()
