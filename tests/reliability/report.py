"""Writes the table of `docs/reliability.md` from what the long tests took down and what the benchmark measured.

python tests/reliability/report.py FIGURES.jsonl... [--contention CONTENTION.json]

A long run may be done in parts, file by file, each with its own share: name all that they took down.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
from collections import Counter
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("figures", nargs="*", type=Path, help="JSON lines; of two of one thing the later counts")
    parser.add_argument("--contention", type=Path, help="what `benchmarks.catalog_contention --json` printed")
    arguments = parser.parse_args()
    rows: dict[str, dict] = {}
    for file in arguments.figures:
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            rows[row["what"]] = row
    if rows:
        put("figures", table(list(rows.values())))
    if arguments.contention:
        put("contention", contention(json.loads(arguments.contention.read_text(encoding="utf-8"))))


def put(part: str, lines: list[str]) -> None:
    """Replace what stands in the document between the two comments of that name; the rest stays."""
    begin, end = f"<!-- {part} -->", f"<!-- end of {part} -->"
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    DOCUMENT.write_text("\n".join([before + begin, *lines, end]) + after, encoding="utf-8")


def table(rows: list[dict]) -> list[str]:
    """The days and the cores above, where all rows have them in common; in the row what differs."""
    days = sorted({row["on"] for row in rows})
    cores = Counter(row["cores"] for row in rows).most_common(1)[0][0]
    return [
        f"Recorded on {' to '.join(dict.fromkeys((days[0], days[-1])))}, with {cores} of {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}. Share is the part of the full length "
        "that was run (`make reliability SHARE=...`), load the machine's five-minute average just then.",
        "",
        "| what was done | what came of it | share | load |",
        "|---|---|---|---|",
        *(
            f"| {row['what']} | {row['figure']} | {row['share']:g} "
            f"| {row['load']}{'' if row['cores'] == cores else ' on {} cores'.format(row['cores'])} |"
            for row in rows
        ),
    ]


def contention(measured: dict) -> list[str]:
    ours = measured["stores"][0]
    rows = [
        f"| {row['store']} | {row['transactions']} | {row['per_s']:.2f} | {row['p99_ms']:,.0f} | {row['max_ms']:,.0f} "
        f"| {row['timeouts']} | {row['lost']} | {_ratio(ours, row)} |"
        for row in measured["stores"]
    ]
    return [
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
