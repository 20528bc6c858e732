"""The figures on the card of a corpus, counted item by item in memory that does not grow with the corpus."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from voicesieve.corpus.formats.protocol import Item
from voicesieve.corpus.json_lines import Row
from voicesieve.domain.verdicts import Label

MAX_NAMES = 50_000
"""Channels that are counted by name; the channels after them are counted together."""
REST = "(further channels)"
DURATION_BINS_S = (0, 1, 2, 4, 6, 8, 10, 15, 20, 30, 60, 300, 1800)


@dataclass
class Tally:
    """Items, and their seconds of child speech."""

    items: int = 0
    seconds: float = 0.0


class CorpusFacts:
    """Counts and seconds. ``seconds`` is the length of all items, ``child_s`` the child speech in them.

    ``by`` counts items by the value of a column, such as ``by["language"]["vi"]``. ``left_out`` counts clips,
    recordings and spans by the reason. ``detectors`` counts recordings by ``name revision (operating point)``.
    ``score_bins`` are seconds of child speech for each tenth of the score.
    """

    def __init__(self) -> None:
        self.items = 0
        self.seconds = 0.0
        self.child_s = 0.0
        self.segments = 0
        self.recordings = 0
        self.by: dict[str, dict[str, Tally]] = defaultdict(dict)
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
        children = [segment for segment in item.segments if segment.label == Label.CHILD]
        child_s = sum(segment.end - segment.start for segment in children) if item.segments else item.duration_s
        self.items += 1
        self.segments += len(item.segments) or 1
        self.seconds += item.duration_s
        self.child_s += child_s
        if row.id != self._last:
            self._last = row.id
            self.recordings += 1
            self.detectors[f"{row.detector} {row.detector_revision} ({row.operating_point})"] += 1
            self.newest_change = max(self.newest_change, row.changed_at)
        self._count("language", item.language, child_s)
        self._count("licence", row.licence or "not stated", child_s)
        self._count("rights_basis", row.rights_basis or "not stated", child_s)
        self._count("source", row.source, child_s)
        self._count("split", item.split, child_s)
        channel = row.channel or "(no channel)"
        full = len(self.by["channel"]) >= MAX_NAMES and channel not in self.by["channel"]
        self._count("channel", REST if full else channel, child_s)
        stretches = [(segment.end - segment.start, segment.score) for segment in children]
        for length, score in stretches or [(item.duration_s, item.score)]:
            self.score_bins[min(9, int(score * 10))] += length
            bin_start = max(start for start in DURATION_BINS_S if start <= length)
            self._count("length", f"{bin_start}", length)

    def _count(self, what: str, name: str, seconds: float) -> None:
        tally = self.by[what].setdefault(name, Tally())
        tally.items += 1
        tally.seconds += seconds

    def table(self, what: str, most: int = 20) -> list[tuple[str, int, float]]:
        """Names with count and hours, the most hours first; what follows the first ``most`` is one row."""
        rows = sorted(self.by[what].items(), key=lambda entry: (-entry[1].seconds, entry[0]))
        shown = [(name, tally.items, tally.seconds / 3600) for name, tally in rows[:most]]
        rest = [tally for _, tally in rows[most:]]
        if rest:
            hours = sum(tally.seconds for tally in rest) / 3600
            shown.append((f"{len(rest)} more", sum(tally.items for tally in rest), hours))
        return shown

    def as_json(self) -> Row:
        return {
            "items": self.items,
            "recordings": self.recordings,
            "segments": self.segments,
            "hours": round(self.seconds / 3600, 4),
            "child_s": round(self.child_s, 3),
            "left_out": dict(sorted(self.left_out.items())),
        }
