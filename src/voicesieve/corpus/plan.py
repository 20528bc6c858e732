"""The plan of an export: one line for each accepted recording, with everything that later steps need from the catalog.

It is written from one snapshot of the catalog and then read line by line, so that no database reader stays open while
hours of sound are cut, and memory does not grow with the corpus.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicesieve.corpus.json_lines import Json, Row, read_lines
from voicesieve.domain.languages import UNDETERMINED, LanguageEvidence, SpokenLanguage

ID_CHARS = 16
"""Hex digits of the hash that name a recording: 64 bits, a collision is expected among some four billion."""


@dataclass(frozen=True)
class SourceVideo:
    """A video with this audio, as the column ``sources`` shows it."""

    video: str
    url: str
    title: str
    channel: str
    licence: str | None
    rights_basis: str | None


@dataclass(frozen=True)
class LanguagePart:
    """The language that a recogniser recognised from ``start`` to ``end`` (seconds)."""

    start: float
    end: float
    code: str
    probability: float


@dataclass(frozen=True)
class PlannedSegment:
    """A labelled stretch in seconds, rounded to milliseconds. The shares are 0..1, as `voices.shares` gives them."""

    start: float
    end: float
    label: str
    score: float
    nonspeech_share: float
    overlap_share: float


@dataclass(frozen=True)
class Span:
    """A stretch of child speech in seconds; ``pauses`` are the gaps inside it, ``score`` its mean by duration."""

    start: float
    end: float
    score: float
    pauses: tuple[tuple[float, float], ...]

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class PlannedSpan(Span):
    """A span, rounded to milliseconds, from which clips are cut."""

    nonspeech_share: float
    overlap_share: float


@dataclass(frozen=True)
class PlanRow:
    """One accepted recording.

        row = PlanRow(id="9f86d081884c7d65", video="url:a", sha256="9f86d081...", duration_s=7.0, segments=(...), ...)
        row.path                     # audio/9f/9f86d081....wav: its place in an export, as it was fetched
        row.language_at(3.0, 5.0)    # vi

    ``id`` is the start of the hash of its audio. ``video`` is the first video with this audio, to which title, channel
    and so on belong; ``sources`` are all videos with it. ``stored`` is its file below the store of recordings. Clips
    are cut from ``spans``; ``segments`` are all labelled stretches. ``place`` orders recordings by their discovery.
    ``metadata`` is what else the source stated.
    """

    id: str
    video: str
    source: str
    url: str
    title: str
    channel: str
    published: str | None
    sha256: str
    stored: str
    duration_s: float
    sample_rate: int
    language: str | None
    licence: str | None
    rights_basis: str | None
    rights_statement: str | None
    score: float
    child_s: float
    verdict: str
    detector: str
    detector_revision: str
    operating_point: str
    sources: tuple[SourceVideo, ...]
    changed_at: float
    place: tuple[int, int, int]
    metadata: Mapping[str, Json]
    parts: tuple[LanguagePart, ...]
    segments: tuple[PlannedSegment, ...]
    spans: tuple[PlannedSpan, ...]

    @property
    def also_videos(self) -> list[str]:
        """The ids of all videos with this audio but the first."""
        return [source.video for source in self.sources[1:]]

    @property
    def path(self) -> str:
        """Where an export in the format that keeps the fetched files puts this one, below its folder."""
        return f"audio/{self.stored}"

    @property
    def spoken(self) -> str:
        """The language of the whole, ``und`` where it is not known."""
        return self.language or UNDETERMINED

    def language_at(self, start: float, end: float) -> str:
        """The language of a stretch (seconds)."""
        pieces = [LanguageEvidence(p.code, "", p.probability, start=p.start, end=p.end) for p in self.parts]
        return SpokenLanguage(self.spoken, tuple(pieces)).at(start, end)

    def source_rows(self) -> list[Row]:
        """``sources`` as exports show them."""
        return [dict(vars(source)) for source in self.sources]


def recording_id(sha256: str) -> str:
    """The id that exports give to the recording with that hash."""
    return sha256[:ID_CHARS]


def plan_line(row: PlanRow) -> bytes:
    return json.dumps(vars(row), default=vars).encode() + b"\n"


def read_plan(path: Path) -> Iterator[PlanRow]:
    """The rows of a plan, read one by one."""
    return map(_plan_row, read_lines(path))


def _plan_row(values: dict[str, Any]) -> PlanRow:
    nested = {
        "sources": tuple(SourceVideo(**source) for source in values["sources"]),
        "place": tuple(values["place"]),
        "parts": tuple(LanguagePart(**part) for part in values["parts"]),
        "segments": tuple(PlannedSegment(**segment) for segment in values["segments"]),
        "spans": tuple(PlannedSpan(**{**span, "pauses": _pairs(span["pauses"])}) for span in values["spans"]),
    }
    return PlanRow(**{**values, **nested})


def _pairs(values: list[list[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((start, end) for start, end in values)
