"""What the card of a corpus states: counted while its items go by, in memory that does not grow with them."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from voicesieve.corpus.formats.protocol import Item

MAX_NAMES = 50_000
"""Channels that are counted by name; what comes later is counted together."""
REST = "(further channels)"
DURATION_BINS_S = (0, 1, 2, 4, 6, 8, 10, 15, 20, 30, 60, 300, 1800)


class CorpusFacts:
    """Counts and hours. ``seconds`` are of items; of whole recordings, child speech is counted beside it."""

    def __init__(self) -> None:
        self.items = 0
        self.seconds = 0.0
        self.child_s = 0.0
        self.segments = 0
        self.recordings = 0
        self.by: dict[str, dict[str, list[float]]] = defaultdict(dict)
        self.left_out: Counter[str] = Counter()
        self.score_bins = [0.0] * 10
        self.detectors: Counter[str] = Counter()
        self.newest_change = 0.0
        self._last = ""

    def leave_out(self, reason: str, count: int = 1) -> None:
        if count:
            self.left_out[reason] += count

    def add(self, item: Item) -> None:
        row = item.recording
        child_s = item.duration_s
        children = [segment for segment in item.segments if segment["label"] == "child"]
        if item.segments:
            child_s = sum(segment["end"] - segment["start"] for segment in children)
        self.items += 1
        self.segments += len(item.segments) or 1
        self.seconds += item.duration_s
        self.child_s += child_s
        if row["id"] != self._last:
            self._last = row["id"]
            self.recordings += 1
            self.detectors[f"{row['detector']} {row['detector_revision']} ({row['operating_point']})"] += 1
            self.newest_change = max(self.newest_change, row["changed_at"])
        self._count("language", item.language, child_s)
        self._count("licence", row["licence"] or "not stated", child_s)
        self._count("rights_basis", row["rights_basis"] or "not stated", child_s)
        self._count("source", row["source"], child_s)
        self._count("split", item.split, child_s)
        self._count("split and language", f"{item.split} / {item.language}", child_s)
        channel = row["channel"] or "(no channel)"
        self._count(
            "channel",
            channel if len(self.by["channel"]) < MAX_NAMES or channel in self.by["channel"] else REST,
            child_s,
        )
        for length, score in [(s["end"] - s["start"], s["score"]) for s in children] or [
            (item.duration_s, item.columns["score"])
        ]:
            self.score_bins[min(9, int(score * 10))] += length
            bin_start = max(start for start in DURATION_BINS_S if start <= length)
            self._count("length", f"{bin_start}", length)

    def _count(self, what: str, name: str, seconds: float) -> None:
        entry = self.by[what].setdefault(name, [0, 0.0])
        entry[0] += 1
        entry[1] += seconds

    def table(self, what: str, most: int = 20) -> list[tuple[str, int, float]]:
        """Names with count and hours, the most hours first; what follows the first ``most`` is one row."""
        rows = sorted(self.by[what].items(), key=lambda entry: (-entry[1][1], entry[0]))
        shown = [(name, int(count), seconds / 3600) for name, (count, seconds) in rows[:most]]
        rest = rows[most:]
        if rest:
            count, seconds = sum(int(e[1][0]) for e in rest), sum(e[1][1] for e in rest)
            shown.append((f"{len(rest)} more", count, seconds / 3600))
        return shown

    def as_json(self) -> dict[str, Any]:
        return {
            "items": self.items,
            "recordings": self.recordings,
            "segments": self.segments,
            "hours": round(self.seconds / 3600, 4),
            "child_s": round(self.child_s, 3),
            "left_out": dict(sorted(self.left_out.items())),
        }
