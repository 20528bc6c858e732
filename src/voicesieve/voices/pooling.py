"""From stored window scores to a verdict: a pure function, so that a changed threshold re-decides without the sound.

Windows of one voice are joined into runs and their log-odds averaged over the run: averaging over phonemes is worth
more than any single feature, averaging over a whole recording would drown a child who speaks little in it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from voicesieve.domain.verdicts import Label, Model, OperatingPoint, Segment, Verdict, VerdictLabel
from voicesieve.voices.scores import NONSPEECH, WindowScores, child_log_odds

MAX_PAUSE_S = 0.6
"""A longer pause ends a run: turns of a conversation are rarely closer, words of a sentence rarely farther apart."""
SWITCH_COST = 3.0
"""Nats of evidence that a change of speaker between two windows costs: one odd window does not make a new voice."""
MAX_LOG_ODDS = 4.0
"""No window counts as more certain than 98 %: they overlap in context and are not independent."""
SHORT_CLIP_SHARE = 0.4
"""In a short clip, child speech for this share of its length is enough where the operating point asks for more
seconds: a clip of 4 s is decided on 1.6 s, one of 20 s or more on the full 8 s."""
EVIDENCE_S = 8.0
"""The recording's score looks at its most child-like seconds of speech, this many."""
SCORE_SLOPE, SCORE_OFFSET = 0.74, -0.16
"""Logistic calibration of the score on recordings of single held-out speakers, where as many recordings hold children
as not (``score_of_a_recording`` of the recipe's figures). Where children are rarer, so are they among recordings of the
same score."""

POOLING = hashlib.sha256(
    repr((MAX_PAUSE_S, SWITCH_COST, MAX_LOG_ODDS, SHORT_CLIP_SHARE, EVIDENCE_S, SCORE_SLOPE, SCORE_OFFSET)).encode()
).hexdigest()[:12]
"""Revision of the pooling: part of the policy's revision, since a decision rests on these constants too."""

CORPUS = OperatingPoint(
    name="corpus",
    child_probability=0.75,
    adult_probability=0.3,
    min_run_s=1.0,
    min_child_s=8.0,
    min_child_runs=2,
    doubt_child_s=3.0,
)
"""Precision first: for filling a corpus. The lowest threshold, in steps of 0.05, that calls fewer than 5 of 100
simulated videos of adults ``child`` (docs/accuracy.md)."""

DISCOVER = OperatingPoint(
    name="discover",
    child_probability=0.65,
    adult_probability=0.3,
    min_run_s=1.0,
    min_child_s=3.0,
    min_child_runs=1,
    doubt_child_s=1.5,
)
"""Recall first: for finding channels that may be worth a closer look. The lowest threshold, in steps of 0.05, that
calls fewer than 8 % of windows of Vietnamese women ``child`` (docs/accuracy.md)."""

OPERATING_POINTS = {point.name: point for point in (CORPUS, DISCOVER)}


@dataclass(frozen=True)
class _Run:
    start: float
    end: float
    log_odds: float

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def probability(self) -> float:
        return _logistic(self.log_odds)


def pool(scores: WindowScores, duration_s: float, point: OperatingPoint, model: Model) -> Verdict:
    """The verdict of ``model`` on a recording of ``duration_s`` seconds at ``point``, from its window scores alone.

    A recording is called ``child`` when its child segments last ``point.min_child_s`` in total, or `SHORT_CLIP_SHARE`
    of a short clip, in at least ``point.min_child_runs`` segments or in one that is long enough by itself. The
    seconds below which a recording is called ``no_child`` shrink in the same proportion.
    """
    runs = list(_runs(scores, duration_s))
    segments = [Segment(run.start, run.end, Label.UNSURE, run.probability) for run in runs]
    return _verdict(segments, duration_s, _score(runs, duration_s), point, model)


def relabel(
    segments: Iterable[Segment], duration_s: float, score: float, point: OperatingPoint, model: Model
) -> Verdict:
    """What `pool` would say at ``point``, from the segments and the score that it gave at any other.

    Runs and score do not depend on the operating point, only the labels do. So the windows need not be read again as
    long as the method is the same (`POOLING`).
    """
    speech = [segment for segment in segments if segment.label is not Label.NONSPEECH]
    return _verdict(speech, duration_s, score, point, model)


@functools.cache
def revision_of_point(point: OperatingPoint) -> str:
    """12 hex digits that change with any threshold of an operating point."""
    return hashlib.sha256(repr(point).encode()).hexdigest()[:12]


def _verdict(
    speech: Iterable[Segment], duration_s: float, score: float, point: OperatingPoint, model: Model
) -> Verdict:
    segments = [Segment(s.start, s.end, _label(s.score, _length(s), point), s.score) for s in speech]
    child = [_length(segment) for segment in segments if segment.label is Label.CHILD]
    speech_s = sum(map(_length, segments))
    return Verdict(
        model=model,
        operating_point=point.name,
        label=_verdict_label(segments, duration_s, point),
        duration_s=duration_s,
        speech_s=speech_s,
        child_s=sum(child),
        child_share=sum(child) / speech_s if speech_s else 0.0,
        child_runs=len(child),
        score=score,
        segments=tuple(_with_nonspeech(segments, duration_s)),
        pooling=POOLING,
        point=revision_of_point(point),
    )


def _runs(scores: WindowScores, duration_s: float) -> Iterator[_Run]:
    """Runs of one voice. Overlapping windows meet in the middle of their overlap."""
    starts, ends = scores.starts.astype(float), scores.ends.astype(float)
    overlap = ends[:-1] > starts[1:]
    middle = (ends[:-1] + starts[1:]) / 2
    ends[:-1] = np.where(overlap, middle, ends[:-1])
    starts[1:] = np.where(overlap, middle, starts[1:])
    starts, ends = np.clip(starts, 0, duration_s), np.clip(ends, 0, duration_s)
    logs = scores.log_probabilities.astype(float)
    log_odds = np.clip(child_log_odds(logs), -MAX_LOG_ODDS, MAX_LOG_ODDS)
    speech = np.flatnonzero((logs[:, NONSPEECH] < np.log(0.5)) & (ends > starts))
    for stretch in np.split(speech, np.flatnonzero(starts[speech[1:]] - ends[speech[:-1]] > MAX_PAUSE_S) + 1):
        if len(stretch) == 0:
            continue
        voices = _voices(log_odds[stretch])
        for run in np.split(stretch, np.flatnonzero(np.diff(voices)) + 1):
            lengths = ends[run] - starts[run]
            yield _Run(float(starts[run[0]]), float(ends[run[-1]]), float(np.average(log_odds[run], weights=lengths)))


def _voices(log_odds: np.ndarray) -> np.ndarray:
    """The most likely sequence of adult (0) and child (1) for windows that follow one another (Viterbi)."""
    gains = np.stack([-log_odds / 2, log_odds / 2], axis=1)
    best = gains[0]
    came_from = np.zeros((len(gains), 2), int)
    for index in range(1, len(gains)):
        switched = best[::-1] - SWITCH_COST
        came_from[index] = np.where(switched > best, [1, 0], [0, 1])
        best = np.maximum(best, switched) + gains[index]
    voices = np.zeros(len(gains), int)
    voices[-1] = int(np.argmax(best))
    for index in range(len(gains) - 1, 0, -1):
        voices[index - 1] = came_from[index, voices[index]]
    return voices


def _label(probability: float, seconds: float, point: OperatingPoint) -> Label:
    if probability >= point.child_probability:
        return Label.CHILD if seconds >= point.min_run_s else Label.UNSURE
    return Label.ADULT if probability <= point.adult_probability else Label.UNSURE


def _verdict_label(segments: list[Segment], duration_s: float, point: OperatingPoint) -> VerdictLabel:
    required_s = min(point.min_child_s, SHORT_CLIP_SHARE * duration_s)
    doubt_s = point.doubt_child_s * required_s / point.min_child_s
    child = [_length(segment) for segment in segments if segment.label is Label.CHILD]
    possible_s = sum(_length(segment) for segment in segments if segment.label in (Label.CHILD, Label.UNSURE))
    if child and sum(child) >= required_s and (len(child) >= point.min_child_runs or max(child) >= required_s):
        return VerdictLabel.CHILD
    return VerdictLabel.NO_CHILD if possible_s == 0 or possible_s < doubt_s else VerdictLabel.UNSURE


def _score(runs: list[_Run], duration_s: float) -> float:
    """Calibrated probability that a child speaks: the mean log-odds of the most child-like seconds.

    Where there are fewer seconds of speech than would be enough for a verdict, the score shrinks in proportion.
    """
    taken_s, evidence = 0.0, 0.0
    for run in sorted(runs, key=lambda run: run.log_odds, reverse=True):
        seconds = min(run.seconds, EVIDENCE_S - taken_s)
        taken_s += seconds
        evidence += seconds * run.log_odds
        if taken_s >= EVIDENCE_S:
            break
    if taken_s == 0:
        return 0.0
    enough_s = min(EVIDENCE_S, SHORT_CLIP_SHARE * duration_s)
    return _logistic(SCORE_SLOPE * evidence / taken_s + SCORE_OFFSET) * min(1.0, taken_s / enough_s)


def _with_nonspeech(speech: list[Segment], duration_s: float) -> Iterator[Segment]:
    """``speech`` with the gaps between filled, so that the segments cover the recording."""
    covered = 0.0
    for segment in speech:
        if segment.start > covered:
            yield Segment(covered, segment.start, Label.NONSPEECH, 0.0)
        yield segment
        covered = segment.end
    if duration_s > covered:
        yield Segment(covered, duration_s, Label.NONSPEECH, 0.0)


def _length(segment: Segment) -> float:
    return segment.end - segment.start


def _logistic(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))
