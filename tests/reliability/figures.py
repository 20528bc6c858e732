"""Figures that the long versions record: one JSON line each, with the state of the machine at that time."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path


def record_figure(what: str, figure: str) -> None:
    """Print a figure, and append it to the file that ``RELIABILITY_FIGURES`` names, if it names one."""
    print(f"{what}: {figure}", flush=True)
    if file := os.environ.get("RELIABILITY_FIGURES"):
        row = {
            "what": what,
            "figure": figure,
            "on": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
            "load": round(os.getloadavg()[1], 1),
            "cores": len(os.sched_getaffinity(0)),
            "share": float(os.environ.get("RELIABILITY_SHARE") or 1.0),
        }
        with Path(file).open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
