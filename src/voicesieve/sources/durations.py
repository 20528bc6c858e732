"""Durations as feeds and pages write them."""

from __future__ import annotations

import re

_SECONDS = re.compile(r"\d{1,7}(?:[.,]\d{1,9})?", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2}(?:[.,]\d{1,9})?)", re.ASCII)
_ISO_8601 = re.compile(
    r"P(?:(\d{1,3})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,7}(?:[.,]\d{1,9})?)S)?)?", re.ASCII | re.IGNORECASE
)

LONGEST_STATED_S = 12 * 3600.0
"""Durations stated by mistake are 60 times too long (minutes typed as hours) or 1,000 times (milliseconds); real
recordings of more than half a day hardly occur in feeds. To lose a recording because of a typing error is worse than to
fetch it once: its real length is then measured."""
SHORTEST_STATED_S = 1.0
_SUSPICIOUS_S = 2 * 3600.0
"""Above this, a clock time in whole minutes (``5:30:00``) and a number that ends in 000 are more likely such a mistake
than a recording of exactly that length."""


def plausible_duration(text: str) -> float | None:
    """Seconds of a duration that was typed by hand; ``None`` if it is probably wrong."""
    seconds = parse_duration(text)
    if seconds is None or not SHORTEST_STATED_S <= seconds <= LONGEST_STATED_S:
        return None
    rounded = seconds % 60 == 0 if ":" in text else seconds % 1_000 == 0
    return None if rounded and seconds > _SUSPICIOUS_S else seconds


def parse_duration(text: str) -> float | None:
    """Seconds of ``3723``, ``3723.5``, ``62:03``, ``1:02:03`` or ``PT1H2M3S``.

    ``None`` for anything else, for clocks with more than 59 seconds, or minutes behind hours, and for zero, which
    programs write when they do not know.
    """
    value = text.strip()
    if _SECONDS.fullmatch(value):
        seconds = _number(value)
    elif clock := _CLOCK.fullmatch(value):
        if _number(clock[3]) >= 60 or (_number(clock[1]) and _number(clock[2]) >= 60):
            return None
        seconds = _number(clock[1]) * 3_600 + _number(clock[2]) * 60 + _number(clock[3])
    elif iso := _ISO_8601.fullmatch(value):
        seconds = _number(iso[1]) * 86_400 + _number(iso[2]) * 3_600 + _number(iso[3]) * 60 + _number(iso[4])
    else:
        return None
    return seconds or None


def _number(digits: str | None) -> float:
    return float(digits.replace(",", ".")) if digits else 0.0
