"""Durations as feeds write them."""

from __future__ import annotations

import re

_SECONDS = re.compile(r"\d{1,7}(?:[.,]\d{1,9})?", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2}(?:[.,]\d{1,9})?)", re.ASCII)
_ISO_8601 = re.compile(
    r"P(?:(\d{1,3})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,7}(?:[.,]\d{1,9})?)S)?)?", re.ASCII | re.IGNORECASE
)


def parse_duration(text: str) -> float | None:
    """Seconds of ``3723``, ``3723.5``, ``62:03``, ``1:02:03`` or ``PT1H2M3S``.

    ``None`` for anything else and for zero, which programs write when they do not know.
    """
    value = text.strip()
    if _SECONDS.fullmatch(value):
        seconds = _number(value)
    elif clock := _CLOCK.fullmatch(value):
        seconds = _number(clock[1]) * 3_600 + _number(clock[2]) * 60 + _number(clock[3])
    elif iso := _ISO_8601.fullmatch(value):
        seconds = _number(iso[1]) * 86_400 + _number(iso[2]) * 3_600 + _number(iso[3]) * 60 + _number(iso[4])
    else:
        return None
    return seconds or None


def _number(digits: str | None) -> float:
    return float(digits.replace(",", ".")) if digits else 0.0
