"""What a query may cost before it is read to its end: upper bounds, for people who plan a run."""

from __future__ import annotations

from collections.abc import Mapping

from voicesieve.domain.candidates import Cursor, Query
from voicesieve.domain.platforms import YOUTUBE_HOST
from voicesieve.sources.identity import host_of
from voicesieve.sources.youtube.queries import FEED, SEARCH
from voicesieve.sources.youtube.settings import YoutubeSettings

YOUTUBE_PAGES = {SEARCH: 20, "channel": 30, "playlist": 100}
"""Videos on a page of the site, by the form of the query: what the fake site of the tests sends, so an estimate."""


def most_it_costs(query: Query, cursor: Cursor | None, settings: YoutubeSettings) -> dict[str, int]:
    """Most requests by quota bucket (``youtube-api:``) or by host (the rest); empty for what asks nobody.

    Feeds and pages of other sites lead on to others, whose number nobody knows: one is counted.
    """
    if query.source == "youtube-api":
        from voicesieve.sources.youtube.api.source import estimate

        return estimate(query.argument, settings, cursor)
    if query.source == "youtube":
        return {YOUTUBE_HOST: _pages(query, cursor, settings)}
    return {host_of(query.argument): 1} if query.source in ("rss", "page") else {}


def _pages(query: Query, cursor: Cursor | None, settings: YoutubeSettings) -> int:
    from voicesieve.sources.youtube.queries import parse_argument
    from voicesieve.sources.youtube.site import OPTIONS

    parsed = parse_argument(query.argument, OPTIONS)
    if parsed.form == FEED:
        return 1
    found = _count(cursor, "found")
    left = max(1, (parsed.limit or settings.max_results) - found)
    return -(-left // YOUTUBE_PAGES[parsed.form])


def _count(cursor: Mapping[str, object] | None, name: str) -> int:
    value = (cursor or {}).get(name)
    return value if isinstance(value, int) else 0
