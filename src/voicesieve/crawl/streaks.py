"""Distinguishing a defect of our own from an odd video: it strikes one video after the other."""

from __future__ import annotations

from voicesieve.catalog.records import Claim
from voicesieve.domain.failures import Failure
from voicesieve.domain.states import Stage

LONGEST = 10
"""If this many different videos in a row fail with the same ``internal_error`` and none succeeds between them, the
videos are not the cause. Hosts take turns, so one site with odd files does not fill a row while others are due."""


class Streaks:
    """For each stage: the videos in a row that met the same defect, with no success between them."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._causes: dict[Stage, tuple[str, str | None]] = {}
        self._videos: dict[Stage, dict[str, None]] = {}

    def struck(self, claim: Claim, method: str, failure: Failure) -> list[str]:
        """Note a defect. Returns the ids of the videos of the row when it has become too long, else none."""
        cause = (method, failure.exception_type)
        if self._causes.get(claim.stage) != cause:
            self._causes[claim.stage] = cause
            self._videos[claim.stage] = {}
        row = self._videos[claim.stage]
        row[claim.video] = None
        return list(row) if len(row) >= self._longest else []

    def succeeded(self, claim: Claim) -> None:
        """A video went through its stage: the row is broken."""
        self._causes.pop(claim.stage, None)
