"""The few figures of a training that travel with its network, so that the card of a corpus can state them.

    python -m training.network.summary OUTPUT src/voicesieve/voices/network.json

puts those of OUTPUT, which the recipe wrote, into the facts of the same network where it is shipped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicesieve.voices.pooling import OPERATING_POINTS

GROUPS = ("so child", "so woman", "cv woman", "prompt woman")


def main() -> None:
    folder, shipped = Path(sys.argv[1]), Path(sys.argv[2])
    metrics, trained, about = (
        json.loads(path.read_text("utf-8")) for path in (folder / "metrics.json", folder / "network.json", shipped)
    )
    if trained["revision"] != about["revision"]:
        raise SystemExit(
            f"{folder} is a training of {trained['revision']}, {shipped} of {about['revision']}: nothing was written."
        )
    shipped.write_text(json.dumps(with_summary(about, metrics), indent=1) + "\n", encoding="utf-8")


def with_summary(about: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """``about`` with what was measured before its long ``reference``."""
    rest = {name: value for name, value in about.items() if name not in ("measured", "reference")}
    return rest | {"measured": summary(metrics)} | {"reference": about["reference"]}


def summary(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Through an equalised channel. Operating points whose probability the recipe's table lacks are left out."""
    figures = metrics["network"]["equalised"]
    tables = {group: figures["windows_by_least_probability"][group] for group in GROUPS}
    points = {name: point.child_probability for name, point in OPERATING_POINTS.items()}
    return {
        "speakers": {group: figures["speakers"][group] for group in GROUPS},
        "auc_child_woman": figures["auc_child_woman"],
        "auc_child_woman_interval": figures["auc_child_woman_interval"],
        "windows_called_child": {
            name: {"child_probability": least, **{group: table[str(least)] for group, table in tables.items()}}
            for name, least in points.items()
            if all(str(least) in table for table in tables.values())
        },
    }


if __name__ == "__main__":
    main()
