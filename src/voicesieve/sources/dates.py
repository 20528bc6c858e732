"""Dates of publication as documents state them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_FIRST = datetime(1990, 1, 1, tzinfo=UTC)
_LAST = datetime(2100, 1, 1, tzinfo=UTC)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HOURS = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}  # RFC 822, section 5
_HOURS |= {"CET": 1, "CEST": 2, "BST": 1, "MSK": 3, "ICT": 7, "WIB": 7, "SGT": 8, "JST": 9, "KST": 9}
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d{1,9})?)?"
_RFC_822 = re.compile(
    r"(?:[^\W\d]{1,20}\.?,?\s{0,9})?(?P<day>\d{1,2})[\s-]{1,9}(?P<month>[a-z]{3})[a-z]{0,9}\.?,?[\s-]{1,9}"
    rf"(?P<year>\d{{4}}|\d{{2}})(?:[\s,]{{1,9}}{_CLOCK}\s{{0,9}}(?P<zone>\S{{0,20}}).{{0,40}})?",
    re.IGNORECASE,
)
_ASCTIME = re.compile(
    rf"[a-z]{{3}}\s{{1,9}}(?P<month>[a-z]{{3}})\s{{1,9}}(?P<day>\d{{1,2}})\s{{1,9}}{_CLOCK}\s{{1,9}}(?P<zone>)"
    r"(?P<year>\d{4})",
    re.IGNORECASE,
)
_OFFSET = re.compile(r"(?:GMT|UTC|UT)?(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?", re.IGNORECASE)
_FURTHEST = timedelta(hours=14)


def epoch_s(stated: str) -> float | None:
    """Seconds since the epoch of a time in ISO 8601, RFC 822 or the format of C's asctime; without a zone it is UTC.

    ``None`` for anything else: a date in which day and month could be confused, or a year in which nothing was
    published on the web (a clock that was never set, a typing error).
    """
    text = stated.strip()
    try:
        moment = _written_out(text) or datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.timestamp() if _FIRST <= moment < _LAST else None
    except (ValueError, OverflowError):
        return None


def _written_out(text: str) -> datetime | None:
    """The time in ``text`` if it names the month in words. Raises ValueError for an impossible time."""
    match = _RFC_822.fullmatch(text) or _ASCTIME.fullmatch(text)
    if match is None or match["month"].lower() not in _MONTHS:
        return None
    year, month, day = int(match["year"]), 1 + _MONTHS.index(match["month"].lower()), int(match["day"])
    if len(match["year"]) == 2:
        year += 2000 if year < 50 else 1900  # RFC 2822, section 4.3
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    # A leap second is read as the second before it.
    return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=_zone(match["zone"] or ""))


def _zone(name: str) -> timezone:
    offset = _OFFSET.fullmatch(name)
    if offset is None:
        return timezone(timedelta(hours=_HOURS.get(name.strip("()").upper(), 0)))
    distance = timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"] or 0))
    if distance > _FURTHEST:
        return UTC
    return timezone(-distance if offset["sign"] == "-" else distance)
