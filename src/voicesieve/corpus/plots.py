"""Bar charts as SVG, drawn by hand: three pictures are no reason for a plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from voicesieve.corpus.facts import DURATION_BINS_S, CorpusFacts
from voicesieve.files import SHARED_FILE, write_text
from voicesieve.observability.terminal import safe_text

WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 560, 110, 80, 18, 6, 40
_STYLE = "font-family:sans-serif;font-size:12px;fill:#333"


def write_plots(folder: Path, facts: CorpusFacts) -> None:
    """Make ``folder`` with the charts of a card: hours by language, length and score."""
    folder.mkdir()
    languages = [(name, hours) for name, _, hours in facts.table("language", 12)]
    lengths = facts.by["length"]
    edges = [f"{start:g}" for start in DURATION_BINS_S if f"{start}" in lengths]
    least = next((index for index, seconds in enumerate(facts.score_bins) if seconds), 9)
    scores = [(f"{index / 10:.1f}", facts.score_bins[index] / 3600) for index in range(least, 10)]
    plots = {
        "language": bars("Hours of child speech by language", languages),
        "length": bars("Hours by length of segment, from ... seconds", [(e, lengths[e].seconds / 3600) for e in edges]),
        "score": bars("Hours by detector score, from ...", scores),
    }
    for name, svg in plots.items():
        write_text(folder / f"{name}.svg", svg, mode=SHARED_FILE)


def bars(title: str, rows: Sequence[tuple[str, float]]) -> str:
    """A chart of ``rows`` (name, hours), one bar below the other."""
    height = TOP + max(1, len(rows)) * (BAR + GAP) + GAP
    most = max((value for _, value in rows), default=0.0) or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{_text(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="22" style="{_STYLE};font-weight:bold">{_text(title)}</text>',
    ]
    for number, (name, value) in enumerate(rows):
        y = TOP + number * (BAR + GAP)
        width = (WIDTH - LEFT - RIGHT) * value / most
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end" style="{_STYLE}">{_text(name)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="#2f7ebc"/>',
            f'<text x="{LEFT + width + 6:.1f}" y="{y + 13}" style="{_STYLE}">{_shown(value)}</text>',
        ]
    if not rows:
        parts.append(f'<text x="12" y="{TOP + 13}" style="{_STYLE}">nothing</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _shown(hours: float) -> str:
    return f"{hours:.3g} h" if hours >= 1 or not hours else f"{hours * 60:.3g} min"


def _text(text: str) -> str:
    return escape(safe_text(text, limit=60))
