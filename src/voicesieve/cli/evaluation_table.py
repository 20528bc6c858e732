"""The figures of ``voicesieve eval`` for a person: detectors side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from voicesieve.evaluation.scoring import CUTS
from voicesieve.observability.terminal import safe_text

TITLES = {
    "auc_child_adult": "AUC, child against adult",
    "auc_child_woman": "AUC, child against woman",
    "recall_at_1_percent": "children found at 1 % of adults called child",
    "recall_at_5_percent": "children found at 5 % of adults called child",
    "equal_error_rate": "equal error rate",
    "calibration_error": "calibration error (15 bins)",
}
WIDTH_IN_A_PIPE = 160
NAMES_WIDTH = 56
NOTHING = "–"

Rows = Iterator[tuple[str, list[str]]]


def print_table(facts: Mapping[str, Any]) -> None:
    """Print on standard output. Intervals are 95 %, over speakers where they concern scores, else Wilson's."""
    console = Console(file=sys.stdout, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = WIDTH_IN_A_PIPE
    detectors: Sequence[Mapping[str, Any]] = facts["detectors"]
    used = ", ".join(f"{count} {label}" for label, count in facts["rows_used"].items())
    console.print(f"{safe_text(facts['labels'])}: {used}")
    _section(console, "Clips", detectors, _measures([one["clips"] for one in detectors]))
    _section(console, "Speakers (all clips of each pooled)", detectors, _measures([o["speakers"] for o in detectors]))
    for duration in detectors[0]["by_duration"]:
        parts = [one["by_duration"][duration] for one in detectors]
        _section(console, f"Pieces of {duration} s, up to {CUTS} of each speaker", detectors, _measures(parts))
    groups = detectors[0]["by_group"]
    for group in groups if len(groups) > 1 else ():  # a single one repeats what is said above
        parts = [one["by_group"][group] for one in detectors]
        title = f"Group {safe_text(group, limit=60)}"
        _section(console, title, detectors, (*_measures(parts), *_shares(parts, "closer_to_child", "closer to child")))
    for point in detectors[0]["called_child"]:
        rows = _shares([one["called_child"] for one in detectors], point, "called child")
        _section(console, f"Verdicts on clips at operating point {point}", detectors, rows)
    for point, verdicts in detectors[0]["verdicts"].items():
        for unit in verdicts:
            counted = [one["verdicts"][point][unit] for one in detectors]
            title = f"Verdicts on {unit} at {point}: child / unsure / no child"
            _section(console, title, detectors, _verdicts(counted))
    unheard = _shares(detectors, "no_speech_heard", "without speech that is heard")
    _section(console, "Clips in which nobody is heard", detectors, unheard)
    _section(console, "Mean probability of a child by age", detectors, _ages([one["by_age"] for one in detectors]))


def _section(
    console: Console, title: str, detectors: Sequence[Mapping[str, Any]], rows: Iterator[Any] | Sequence[Any]
) -> None:
    found = list(rows)
    if not found:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    table.add_column(Text(title, style="bold"), min_width=NAMES_WIDTH)
    for one in detectors:
        table.add_column(f"{safe_text(one['detector'])} {safe_text(one['revision'])}")
    for name, cells in found:
        table.add_row(f"  {name}", *cells)
    console.print()
    console.print(table)


def _measures(parts: Sequence[Mapping[str, Any]]) -> Rows:
    counts = parts[0]["counts"]
    if any(parts[0][name]["value"] is not None for name in TITLES):
        told = ", ".join(f"{heard} {n['examples']} of {n['speakers']} speakers" for heard, n in counts.items())
        yield told, [""] * len(parts)
    for name, title in TITLES.items():
        if any(part[name]["value"] is not None for part in parts):
            yield title, [_figure(part[name]) for part in parts]


def _shares(parts: Sequence[Mapping[str, Any]], key: str, what: str) -> Rows:
    for heard in parts[0][key]:
        yield f"{heard} {what}", [_figure(part[key][heard]) for part in parts]


def _verdicts(counted: Sequence[Mapping[str, Mapping[str, int]]]) -> Rows:
    for heard in counted[0]:
        cells = [one[heard] for one in counted]
        yield heard, [f"{cell['child']} / {cell['unsure']} / {cell['no_child']}" for cell in cells]


def _ages(parts: Sequence[Sequence[Mapping[str, Any]]]) -> Rows:
    by_band = [{row["age"]: row for row in part} for part in parts]
    for row in parts[0]:
        cells = [f"{rows[row['age']]['mean_probability']:.2f}" if row["age"] in rows else NOTHING for rows in by_band]
        yield f"{row['age']} years, {row['clips']} clips of {row['speakers']} speakers", cells


def _figure(figure: Mapping[str, float | None]) -> str:
    value, low, high = (figure[key] for key in ("value", "low", "high"))
    if value is None:
        return NOTHING
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} ({low:.2f}–{high:.2f})"
