"""How a detector does on simulated videos, second by second and video by video, at both operating points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.simulated_videos.making import Part
from voicesieve.domain.verdicts import Label, OperatingPoint, Verdict, VerdictLabel
from voicesieve.voices.pooling import OPERATING_POINTS, pool
from voicesieve.voices.recordings import ScoredRecording

STEP_S = 0.01
ENOUGH_CHILD_S = 20.0
"""A video with this much child speech has to be found."""


@dataclass(frozen=True)
class Judged:
    """One video's truth and what a detector made of it."""

    path: Path
    truth: tuple[Part, ...]
    analysis: ScoredRecording

    @property
    def child_s(self) -> float:
        return sum(part.end_s - part.start_s for part in self.truth if part.label == "child")


def figures(judged: Sequence[Judged]) -> dict[str, dict[str, object]]:
    """By operating point: segment F1, child-second error, false-positive videos, recall, abstention."""
    return {point.name: _at(judged, point) for point in OPERATING_POINTS.values()}


def _at(judged: Sequence[Judged], point: OperatingPoint) -> dict[str, object]:
    verdicts = [pool(video.analysis.scores, video.analysis.duration_s, point, video.analysis.model) for video in judged]
    pairs = list(zip(judged, verdicts, strict=True))
    adults_only = [verdict.label for video, verdict in pairs if video.child_s == 0]
    with_children = [verdict.label for video, verdict in pairs if video.child_s >= ENOUGH_CHILD_S]
    little = [verdict.label for video, verdict in pairs if 0 < video.child_s < ENOUGH_CHILD_S]
    errors = [abs(verdict.child_s - video.child_s) for video, verdict in pairs]
    return {
        **_segment_figures(pairs),
        "child_s_mean_absolute_error": round(float(np.mean(errors)), 2),
        "child_s_true_mean": round(float(np.mean([video.child_s for video in judged])), 2),
        "false_positive_videos_per_100": _per_100(adults_only),
        "adults_only_videos": len(adults_only),
        "recall_from_20_s": _share(adults=False, labels=with_children),
        "videos_from_20_s": len(with_children),
        "recall_below_20_s": _share(adults=False, labels=little),
        "videos_below_20_s": len(little),
        "abstained": round(float(np.mean([verdict.label is VerdictLabel.UNSURE for verdict in verdicts])), 3),
    }


def _per_100(labels: Sequence[VerdictLabel]) -> float | None:
    share = _share(adults=True, labels=labels)
    return None if share is None else round(100 * share, 1)


def _share(*, adults: bool, labels: Sequence[VerdictLabel]) -> float | None:
    return round(float(np.mean([label is VerdictLabel.CHILD for label in labels])), 3) if labels else None


def _segment_figures(pairs: Iterable[tuple[Judged, Verdict]]) -> dict[str, object]:
    """F1 of each label over steps of 10 ms. Where child and adult speak at once, nothing is counted."""
    counts = {label: np.zeros(3, int) for label in (Label.CHILD, Label.ADULT, Label.NONSPEECH)}
    for video, verdict in pairs:
        steps = int(video.analysis.duration_s / STEP_S)
        child, adult = (_marks(video.truth, label, steps) for label in ("child", "adult"))
        truths = {Label.CHILD: child & ~adult, Label.ADULT: adult & ~child, Label.NONSPEECH: ~child & ~adult}
        counted = ~(child & adult)
        for label, truth in truths.items():
            called = np.zeros(steps, bool)
            for segment in verdict.segments:
                if segment.label is label:
                    called[round(segment.start / STEP_S) : round(segment.end / STEP_S)] = True
            called &= counted
            counts[label] += [(called & truth).sum(), (called & ~truth).sum(), (truth & ~called).sum()]
    return {f"segment_f1_{label.value}": _f1(*counts[label]) for label in counts}


def _marks(truth: Sequence[Part], label: str, steps: int) -> np.ndarray:
    marks = np.zeros(steps, bool)
    for part in truth:
        if part.label == label:
            marks[round(part.start_s / STEP_S) : round(part.end_s / STEP_S)] = True
    return marks


def _f1(both: int, only_called: int, only_true: int) -> float | None:
    total = 2 * both + only_called + only_true
    return round(2 * both / total, 3) if total else None
