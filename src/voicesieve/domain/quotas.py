"""Daily budgets of metered services: what a request costs, and when a day ends.

The YouTube Data API counts its days in Pacific time and keeps one bucket for calls of ``search.list`` and one for
everything else (its quota calculator and revision history of 2026-06-01).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from voicesieve.domain.failures import Failure, FailureError

PACIFIC = ZoneInfo("America/Los_Angeles")

SEARCH_CALLS = "youtube-api search calls"
"""100 a day unless Google grants more; every page of a search is a call."""
GENERAL_UNITS = "youtube-api units"
"""10,000 a day unless Google grants more; the listings that we use cost 1 unit each."""


@dataclass(frozen=True)
class Price:
    """What a request takes out of a bucket, whether or not it succeeds."""

    bucket: str
    units: int = 1


class QuotaSpentError(FailureError):
    """The service says that a bucket is empty for today. No retry can succeed before its day ends."""

    def __init__(self, failure: Failure, bucket: str) -> None:
        super().__init__(failure)
        self.bucket = bucket

    def __reduce__(self) -> tuple[type[QuotaSpentError], tuple[Failure, str]]:  # type: ignore[override]
        return (QuotaSpentError, (self.failure, self.bucket))


def quota_day(now: float) -> str:
    """The day, as ``2026-11-01``, against which a request at epoch second ``now`` counts."""
    return datetime.fromtimestamp(now, PACIFIC).date().isoformat()


def next_reset(now: float) -> float:
    """The epoch second of the next Pacific midnight: 23 to 25 hours after the last, by daylight saving time."""
    tomorrow = datetime.fromtimestamp(now, PACIFIC).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=PACIFIC).timestamp()
