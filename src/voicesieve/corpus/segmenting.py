"""From labelled segments to the clips of a corpus: merged, padded, and cut in pauses where they are too long."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from voicesieve.corpus.options import CutRules
from voicesieve.corpus.plan import Span
from voicesieve.domain.verdicts import Label, Segment

OTHER_VOICES = frozenset({Label.ADULT, Label.UNSURE})
"""Labels that never overlap a clip of child speech."""

LEVEL_HZ = 50
"""Levels of a recording per second: one for each 20 ms."""


def spans(segments: Sequence[Segment], duration_s: float, rules: CutRules) -> list[Span]:
    """Merged and padded child speech of one recording, in order of time. Spans may still be longer than allowed."""
    ordered = sorted(segments, key=lambda segment: (segment.start, segment.end))
    others = [(segment.start, segment.end) for segment in ordered if segment.label in OTHER_VOICES]
    merged: list[list[Segment]] = []
    for segment in ordered:
        if segment.label != Label.CHILD or segment.end <= segment.start:
            continue
        if merged and _may_join(merged[-1][-1].end, segment.start, others, rules):
            merged[-1].append(segment)
        else:
            merged.append([segment])
    return _padded([_span(group) for group in merged], others, duration_s, rules.padding_s)


def _may_join(end: float, start: float, others: Sequence[tuple[float, float]], rules: CutRules) -> bool:
    if start - end > rules.merge_gap_s:
        return False
    return not any(other_start < start and other_end > end for other_start, other_end in others)


def _span(group: Sequence[Segment]) -> Span:
    seconds = [segment.end - segment.start for segment in group]
    score = sum(segment.score * length for segment, length in zip(group, seconds, strict=True)) / sum(seconds)
    pauses = [(before.end, after.start) for before, after in pairwise(group) if after.start > before.end]
    return Span(group[0].start, max(segment.end for segment in group), score, tuple(pauses))


def _padded(
    unpadded: list[Span], others: Sequence[tuple[float, float]], duration_s: float, padding_s: float
) -> list[Span]:
    padded: list[Span] = []
    for index, span in enumerate(unpadded):
        # At most halfway to the next child span, so that clips never share sound; at most up to another voice.
        floor = (unpadded[index - 1].end + span.start) / 2 if index else 0.0
        ceiling = (span.end + unpadded[index + 1].start) / 2 if index + 1 < len(unpadded) else duration_s
        floor = max([floor, *(end for _, end in others if end <= span.start)])
        ceiling = min([ceiling, *(start for start, _ in others if start >= span.end)])
        start = min(span.start, max(floor, span.start - padding_s, 0.0))
        end = max(min(span.end, duration_s), min(ceiling, span.end + padding_s, duration_s))
        if end > start:
            padded.append(Span(start, end, span.score, span.pauses))
    return padded


def cut(span: Span, rules: CutRules, levels: np.ndarray | None = None) -> list[tuple[float, float]]:
    """``span`` as clips of ``min_s`` to ``max_s`` seconds; none if it is too short.

    Too long spans are cut in the middle of the longest pause that leaves both parts a legal length. Where there is no
    such pause, they are cut where ``levels`` (mean power for each 20 ms of the recording) are lowest over 100 ms;
    without ``levels``, evenly.
    """
    if span.seconds < rules.min_s:
        return []
    if span.seconds <= rules.max_s:
        return [(span.start, span.end)]
    clips: list[tuple[float, float]] = []
    start = span.start
    while span.end - start > rules.max_s:
        point = _best_cut(span, start, rules, levels)
        clips.append((start, point))
        start = point
    clips.append((start, span.end))
    return clips


def _best_cut(span: Span, start: float, rules: CutRules, levels: np.ndarray | None) -> float:
    """The end of the clip from ``start``: as late as a whole number of legal clips allows."""
    latest = min(start + rules.max_s, span.end - rules.min_s)
    earliest = max(start + rules.min_s, min(start + rules.max_s / 2, latest))
    inside = [(a, b) for a, b in span.pauses if earliest <= (a + b) / 2 <= latest]
    if inside:
        a, b = max(inside, key=lambda pause: (pause[1] - pause[0], pause[0]))
        return (a + b) / 2
    first, last = round(earliest * LEVEL_HZ), round(latest * LEVEL_HZ)
    if levels is not None and last - first >= 5 and last <= len(levels):
        smooth = np.convolve(levels[first:last], np.ones(5), mode="valid")
        return (first + int(np.argmin(smooth)) + 2.5) / LEVEL_HZ
    parts = int(np.ceil((span.end - start) / rules.max_s))
    return start + (span.end - start) / parts
