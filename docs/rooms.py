"""Draws the rooms of the code and what imports what, from the imports themselves: docs/images/rooms.svg.

    python docs/rooms.py

A room is a package or a module right below src/voicesieve. It stands above all that it imports. An arrow is left out
where a longer way says the same.
"""

from __future__ import annotations

import ast
import functools
import html
import itertools
import re
import statistics
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOUSE = ROOT / "src" / "voicesieve"
PICTURE = ROOT / "docs" / "images" / "rooms.svg"

WIDTH, HEIGHT = 196, 70
GAP_X, GAP_Y = 28, 56
MARGIN = 24
CHARACTERS = 30
SWEEPS = 8

Rooms = Mapping[str, frozenset[str]]


def rooms(house: Path = HOUSE) -> dict[str, frozenset[str]]:
    """Each room with the rooms that it imports from."""
    found: dict[str, set[str]] = {}
    for file in sorted(house.rglob("*.py")):
        room = file.relative_to(house).parts[0].removesuffix(".py")
        if room.startswith("__"):
            continue
        imports = found.setdefault(room, set())
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                modules = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                continue
            imports |= {name.split(".")[1] for name in modules if name.startswith("voicesieve.")}
    return {room: frozenset(imports & found.keys() - {room}) for room, imports in found.items()}


def purpose(room: str, house: Path = HOUSE) -> str:
    """What a room is for: its docstring up to the first colon or full stop."""
    package = house / room / "__init__.py"
    file = package if package.exists() else house / f"{room}.py"
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(re.split("[:.]", text)[0].split())


def floors(imported: Rooms) -> list[list[str]]:
    """The rooms by floor, the lowest first; each stands right above the highest of those that it imports."""

    @functools.cache
    def floor(room: str) -> int:
        return max((floor(below) + 1 for below in imported[room]), default=0)

    levels: list[list[str]] = [[] for _ in range(max(map(floor, imported)) + 1)]
    for room in sorted(imported):
        levels[floor(room)].append(room)
    return levels


def arrows(imported: Rooms) -> list[tuple[str, str]]:
    """The imports that no longer way implies."""

    @functools.cache
    def reach(room: str) -> frozenset[str]:
        return imported[room].union(*(reach(below) for below in imported[room]))

    return [
        (room, below)
        for room in sorted(imported)
        for below in sorted(imported[room])
        if not any(below in reach(other) for other in imported[room] - {below})
    ]


@dataclass(frozen=True)
class _Lane:
    """Where an arrow passes a floor between its two rooms."""

    start: str
    to: str
    floor: int


_Place = str | _Lane


def _ways(levels: list[list[str]], drawn: list[tuple[str, str]]) -> list[list[_Place]]:
    """Each arrow as the places that it runs through, downwards: its room, a lane on each floor between, its goal."""
    floor = {room: number for number, level in enumerate(levels) for room in level}
    return [
        [start, *(_Lane(start, to, number) for number in range(floor[start] - 1, floor[to], -1)), to]
        for start, to in drawn
    ]


def _rows(levels: list[list[str]], ways: list[list[_Place]]) -> list[list[_Place]]:
    """The floors from the top with their lanes, in an order in which few arrows cross (barycentres, Sugiyama 1981)."""
    lanes = [place for way in ways for place in way if isinstance(place, _Lane)]
    rows = [[*level, *(lane for lane in lanes if lane.floor == number)] for number, level in enumerate(levels)][::-1]
    neighbours: dict[_Place, list[_Place]] = {place: [] for row in rows for place in row}
    for way in ways:
        for above, below in itertools.pairwise(way):
            neighbours[above].append(below)
            neighbours[below].append(above)
    for row in rows * SWEEPS:
        at = {place: (number + 0.5) / len(each) for each in rows for number, place in enumerate(each)}
        row.sort(key=lambda place: statistics.fmean(at[other] for other in neighbours[place] or [place]))
    return rows


def _middles(rows: list[list[_Place]], width: float) -> dict[_Place, float]:
    """The x of the middle of each place; each row is centred."""
    middles: dict[_Place, float] = {}
    for row in rows:
        sizes = [WIDTH if isinstance(place, str) else 0 for place in row]
        x = (width - sum(sizes) - GAP_X * (len(row) - 1)) / 2
        for place, size in zip(row, sizes, strict=True):
            middles[place] = x + size / 2
            x += size + GAP_X
    return middles


def picture(house: Path = HOUSE) -> str:
    """The drawing as SVG."""
    imported = rooms(house)
    levels = floors(imported)
    ways = _ways(levels, arrows(imported))
    rows = _rows(levels, ways)
    widths = [sum(WIDTH if isinstance(place, str) else 0 for place in row) + GAP_X * (len(row) - 1) for row in rows]
    width, height = 2 * MARGIN + max(widths), 2 * MARGIN + len(rows) * (HEIGHT + GAP_Y) - GAP_Y
    middles = _middles(rows, width)
    tops = {place: MARGIN + number * (HEIGHT + GAP_Y) for number, row in enumerate(rows) for place in row}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" role="img">',
        "<title>The rooms of the code: each imports only from rooms below it</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#64748b"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *(_arrow([(middles[place], tops[place]) for place in way]) for way in ways),
        *(_box(middles[room] - WIDTH / 2, tops[room], room, purpose(room, house)) for room in sorted(imported)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _arrow(points: list[tuple[float, float]]) -> str:
    """A line through the places, straight down beside rooms and bent between floors."""
    x, y = points[0][0], points[0][1] + HEIGHT
    path = f"M{x:.0f} {y:.0f}"
    for number, (next_x, top) in enumerate(points[1:], start=2):
        last = number == len(points)
        end = top - 3 if last else top
        middle = (y + end) / 2
        path += f"C{x:.0f} {middle:.0f} {next_x:.0f} {middle:.0f} {next_x:.0f} {end:.0f}"
        x, y = next_x, top + HEIGHT
        path += "" if last else f"V{y:.0f}"
    return f'<path d="{path}" fill="none" stroke="#94a3b8" stroke-width="1.5" marker-end="url(#tip)"/>'


def _box(x: float, y: float, room: str, text: str) -> str:
    lines = "".join(
        f'<tspan x="{x + 12:.0f}" dy="16">{html.escape(line)}</tspan>' for line in textwrap.wrap(text, CHARACTERS)
    )
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#f8fafc" stroke="#475569"/>'
        f'<text x="{x + 12:.0f}" y="{y + 23:.0f}" font-size="15" font-weight="bold" fill="#0f172a">{room}</text>'
        f'<text x="{x + 12:.0f}" y="{y + 27:.0f}" font-size="12" fill="#334155">{lines}</text>'
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    print(f"Wrote {PICTURE}")
