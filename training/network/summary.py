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

from voicesieve.domain.verdicts import OperatingPoint
from voicesieve.voices.pooling import DISCOVER, OPERATING_POINTS

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
    """Through an equalised channel. Operating points whose probability was not measured are left out."""
    figures = metrics["network"]["equalised"]
    called = {name: _called(figures, point) for name, point in OPERATING_POINTS.items()}
    return {
        "speakers": {group: figures["speakers"][group] for group in GROUPS},
        "auc_child_woman": figures["auc_child_woman"],
        "auc_child_woman_interval": figures["auc_child_woman_interval"],
        "windows_called_child": {name: found for name, found in called.items() if found},
    }


def _called(figures: Mapping[str, Any], point: OperatingPoint) -> dict[str, float]:
    """The probability that ``point`` asks for, and the share of windows of each group that reach it."""
    shares = {group: _share(figures, group, point) for group in GROUPS}
    known = {group: share for group, share in shares.items() if share is not None}
    return {"child_probability": point.child_probability, **known} if len(known) == len(GROUPS) else {}


def _share(figures: Mapping[str, Any], group: str, point: OperatingPoint) -> float | None:
    """From the table of probabilities; a run before `DISCOVER`'s was in it has that as a text, ``1 of 4 (0.250)``.

    That text is not believed where the table's neighbours say that it was counted at another probability."""
    table = {float(least): share for least, share in figures["windows_by_least_probability"][group].items()}
    if point.child_probability in table:
        return float(table[point.child_probability])
    if point != DISCOVER:
        return None
    share = float(figures["windows_called_child_at_discover"][group].rpartition("(")[2].rstrip(")"))
    above = max((found for least, found in table.items() if least > point.child_probability), default=0.0)
    below = min((found for least, found in table.items() if least < point.child_probability), default=1.0)
    return share if above <= share <= below else None


if __name__ == "__main__":
    main()
