"""Scoring one file: `voicesieve.analyse`, and the answer that ``voicesieve analyse`` prints."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicesieve.crawl.work import LocalFile, LocalResult, analyse_local
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import SoundTrack
from voicesieve.domain.verdicts import Model, OperatingPoint, Segment, VerdictLabel
from voicesieve.settings import Settings
from voicesieve.voices.detector import DetectorChoice
from voicesieve.voices.pooling import OPERATING_POINTS, pool
from voicesieve.voices.scores import WindowScores


@dataclass(frozen=True)
class Analysis:
    """What a detector says of one file. Times in seconds from the first decoded sample, scores as probabilities.

    ``verdict`` is ``child``, ``no_child`` or ``unsure``; ``score`` is the probability that the recording contains
    children's speech; ``child_share`` is ``child_s`` over ``speech_s``. ``sound_tracks`` names all tracks of a file
    that has several; the one marked as chosen was scored.

    >>> analysis = voicesieve.analyse("child.opus")  # doctest: +SKIP
    >>> [(segment.start, segment.end) for segment in analysis.segments if segment.label == "child"]  # doctest: +SKIP
    [(0.36, 5.4)]
    """

    path: Path
    sha256: str
    duration_s: float
    speech_s: float
    child_s: float
    child_share: float
    child_runs: int
    score: float
    verdict: VerdictLabel
    segments: tuple[Segment, ...]
    model: Model
    sound_tracks: tuple[SoundTrack, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The contract of ``analyse --json``: seconds to a thousandth, probabilities to four places."""
        facts: dict[str, Any] = {
            "path": shown_path(self.path),
            "sha256": self.sha256,
            "duration_s": round(self.duration_s, 3),
            "speech_s": round(self.speech_s, 3),
            "child_s": round(self.child_s, 3),
            "child_share": round(self.child_share, 4),
            "child_runs": self.child_runs,
            "score": round(self.score, 4),
            "verdict": self.verdict.value,
            "segments": [
                {
                    "start": round(segment.start, 3),
                    "end": round(segment.end, 3),
                    "label": segment.label.value,
                    "score": round(segment.score, 4),
                }
                for segment in self.segments
            ],
            "model": {"name": self.model.name, "revision": self.model.revision},
        }
        if len(self.sound_tracks) > 1:
            facts["sound_tracks"] = [dataclasses.asdict(track) for track in self.sound_tracks]
        return facts


def shown_path(path: Path) -> str:
    """A path as text; bytes that are no UTF-8 are written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def analyse(
    path: str | os.PathLike[str], *, detector: str | None = None, operating_point: str | None = None
) -> Analysis:
    """Score one file with an embedded detector, in this process.

    ``detector`` and ``operating_point`` are names as in the settings ``analysis.detector`` and
    ``policy.operating_point``; their defaults hold for ``None``. Memory does not grow with the file's length.

    Raises `FailureError` for a file that cannot be read, decoded or scored (``error.failure.kind`` says why), and
    `ValueError` for a name that does not exist. A file that makes a decoder crash ends this process: for files that
    you do not trust, use the command ``voicesieve analyse``, which works in processes of its own.
    """
    settings = Settings.model_construct()
    point = OPERATING_POINTS.get(operating_point or settings.policy.operating_point)
    if point is None:
        raise ValueError(f"{operating_point!r} is no operating point; there are {', '.join(OPERATING_POINTS)}")
    choice = DetectorChoice(detector or settings.analysis.detector)
    order = LocalFile(Path(path), choice, settings.fetching.max_duration_s)
    try:
        return analysis_of(order.path, analyse_local(order), point)
    except OSError as error:
        raise FailureError(unreadable(error)) from error


def unreadable(error: OSError) -> Failure:
    """Why a file that a person named cannot be read."""
    return Failure.from_exception(FailureKind.UNSUPPORTED, error, f"cannot be read: {error.strerror}")


def analysis_of(path: Path, result: LocalResult, point: OperatingPoint) -> Analysis:
    """The answer behind a worker's scores at an operating point."""
    scored = result.analysed
    verdict = pool(WindowScores.from_bytes(scored.windows), scored.duration_s, point, scored.model)
    return Analysis(
        path=path,
        sha256=result.sha256,
        duration_s=verdict.duration_s,
        speech_s=verdict.speech_s,
        child_s=verdict.child_s,
        child_share=verdict.child_share,
        child_runs=verdict.child_runs,
        score=verdict.score,
        verdict=verdict.label,
        segments=verdict.segments,
        model=verdict.model,
        sound_tracks=result.tracks,
    )
