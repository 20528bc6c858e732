"""The settings as a run uses them: plain values and the rules of the policies, without the settings tree itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicesieve.catalog.records import Paces
from voicesieve.datafolder.copies import BackupRules
from voicesieve.datafolder.retention import RetentionRules
from voicesieve.domain.fetching import FetchLimits
from voicesieve.languages.fusion import FusionRules
from voicesieve.languages.recognition import Recogniser
from voicesieve.policy.acceptance import AcceptanceRules
from voicesieve.policy.retries import RetryRules
from voicesieve.policy.screening import ScreeningRules

if TYPE_CHECKING:
    from voicesieve.voices.detector import DetectorChoice


@dataclass(frozen=True)
class FrontierRules:
    """``by_yield``: choose by expected yield, else in order of discovery. ``max_videos_per_channel`` bounds what the
    crawl itself looks for in a channel, not what a person asks for."""

    by_yield: bool
    expand_channels: bool
    max_videos_per_channel: int


@dataclass(frozen=True)
class Rules:
    """What the stages of a run go by. Times in seconds.

    ``closed_platforms`` get no request, because no legal basis is stated. ``only_driver``: no other run can work on
    this catalog, so every lease that a new run finds belongs to a dead one. ``backups`` is ``None`` if the database has
    tools of its own.
    """

    fetch_limits: FetchLimits
    methods: tuple[str, ...]
    min_duration_s: float
    max_concurrent_downloads: int
    pace: Paces
    retry: RetryRules
    screening: ScreeningRules
    acceptance: AcceptanceRules
    fusion: FusionRules
    recogniser: Recogniser | None
    detector: DetectorChoice
    analysis_deadline_s: float
    refresh_s: float
    own_refresh_s: Mapping[str, float]
    quotas: Mapping[str, int]
    page_size: int
    rights_basis: str
    rights_statement: str
    closed_platforms: tuple[str, ...]
    frontier: FrontierRules
    retention: RetentionRules
    backups: BackupRules | None
    only_driver: bool

    def refresh_of(self, kind: str) -> float:
        """Seconds after which a remote query of ``kind`` that was read to its end is asked again."""
        return self.own_refresh_s.get(kind, self.refresh_s)
