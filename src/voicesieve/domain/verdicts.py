"""What the models say about a recording."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Label(StrEnum):
    """Label of a segment."""

    CHILD = "child"
    ADULT = "adult"
    NONSPEECH = "nonspeech"
    UNSURE = "unsure"


class VerdictLabel(StrEnum):
    CHILD = "child"
    NO_CHILD = "no_child"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Model:
    """A detector by name and revision; the revision changes whenever a score could change."""

    name: str
    revision: str


@dataclass(frozen=True)
class Segment:
    """A merged stretch with one label. Times in seconds; ``score`` is P(child) pooled over the stretch, 0..1."""

    start: float
    end: float
    label: Label
    score: float


@dataclass(frozen=True)
class OperatingPoint:
    """How window scores become segments and a verdict label.

    ``child_probability``: a run is child speech when its pooled P(child | speech) reaches this.
    ``adult_probability``: a run is adult speech when its pooled P(child | speech) is at most this; between the
    two it is ``unsure``. ``min_run_s``: shorter child runs do not count. ``min_child_s`` and ``min_child_runs``:
    what a recording needs to be called ``child``. ``doubt_child_s``: with less possible child speech (child and
    unsure segments) than this a recording is called ``no_child``; anything between is ``unsure``. Seconds.
    """

    name: str
    child_probability: float
    adult_probability: float
    min_run_s: float
    min_child_s: float
    min_child_runs: int
    doubt_child_s: float


@dataclass(frozen=True)
class Verdict:
    """What one model says about one recording at one operating point.

    ``score`` is the calibrated probability (0..1) that the recording contains child speech; ``child_share`` is
    child seconds over speech seconds. All times in seconds. ``pooling`` and ``point`` are the revisions of the method
    and of the operating point that made it from the scores; empty if that is no longer known.
    """

    model: Model
    operating_point: str
    label: VerdictLabel
    duration_s: float
    speech_s: float
    child_s: float
    child_share: float
    child_runs: int
    score: float
    segments: tuple[Segment, ...]
    pooling: str = ""
    point: str = ""
