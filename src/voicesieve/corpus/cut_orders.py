"""The order to cut one recording, as plain data for a worker."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from voicesieve.audio.encode import LIBRARY
from voicesieve.corpus.options import Audio, CutRules, Duplicates, ExportOptions, Unit
from voicesieve.corpus.plan import PlannedSegment, PlannedSpan, PlanRow

CUT_REVISION = 3
"""Part of every outcome's key: raise it when the same order gives other bytes or columns than before."""


@dataclass(frozen=True)
class CutOrder:
    """What to do with the recording ``id`` in the file ``source``.

    ``folder`` is where its clips and its outcome go. Clips are cut from ``spans``; of a recording that stays whole,
    the children's ``segments`` are measured. ``identified``: whether its packets are hashed. ``fingerprinter`` is the
    path of ``fpcalc``, or ``None``.
    """

    id: str
    sha256: str
    source: Path
    folder: Path
    unit: Unit
    audio: Audio
    rules: CutRules
    spans: tuple[PlannedSpan, ...]
    segments: tuple[PlannedSegment, ...]
    measured: bool
    identified: bool
    fingerprinter: str | None

    @property
    def key(self) -> str:
        """Equal keys give equal outcomes."""
        stretches = self.spans if self.unit is Unit.CLIPS else self.segments
        asked = (
            CUT_REVISION,
            LIBRARY,
            self.sha256,
            self.unit,
            self.audio,
            repr(self.rules),
            self.measured,
            self.identified,
            bool(self.fingerprinter),
            json.dumps(stretches, sort_keys=True, default=vars),
        )
        return hashlib.sha256(repr(asked).encode()).hexdigest()[:24]

    @property
    def outcome(self) -> Path:
        return self.folder / f"{self.id}.json"


def cut_order(row: PlanRow, options: ExportOptions, folder: Path, source: Path, program: str | None) -> CutOrder:
    """The order for one row of the plan. ``program`` is the path of ``fpcalc``, if it is installed."""
    return CutOrder(
        id=row.id,
        sha256=row.sha256,
        source=source,
        folder=folder,
        unit=options.unit,
        audio=options.audio,
        rules=options.cut,
        spans=row.spans,
        segments=row.segments,
        measured=options.measured,
        identified=options.duplicates is not Duplicates.KEEP,
        fingerprinter=program if options.duplicates is Duplicates.ACOUSTIC else None,
    )
