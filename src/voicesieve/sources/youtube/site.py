"""The source ``youtube:``: searches, channels, playlists and channel feeds as the site shows them to a guest.

A list states neither licence nor language; both are read, and judged, when a video is fetched.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from voicesieve.domain.candidates import Budget, Candidate, Cursor, Page, Query, SourceProblem
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.listings import ListedVideo, ListPage
from voicesieve.domain.platforms import YOUTUBE, YOUTUBE_HOST, youtube_video
from voicesieve.domain.quotas import Price
from voicesieve.domain.text import quoted
from voicesieve.sources.documents import DocumentLimits
from voicesieve.sources.kinds import SourceKind, SourceSettings, SourceTools
from voicesieve.sources.offers import remote_candidate
from voicesieve.sources.protocol import Lister, Reader, Source
from voicesieve.sources.rss import KIND as FEEDS
from voicesieve.sources.rss import FeedSource
from voicesieve.sources.youtube.queries import (
    CHANNEL,
    FEED,
    PLAYLIST,
    SEARCH,
    YoutubeQuery,
    count,
    one_of,
    page_cost,
    parse_argument,
)
from voicesieve.sources.youtube.settings import YoutubeSettings

FEED_URL = f"https://{YOUTUBE_HOST}/feeds/videos.xml?channel_id="
PAGE_VIDEOS = {SEARCH: 20, CHANNEL: 30, PLAYLIST: 100}
"""Videos on a page of the site, by the form of the query: what the fake site of the tests sends, so an estimate."""
MAX_SEEN = 400
"""Latest entries whose IDs are kept, by which a list that leads in a circle is recognised."""

_DATES = {"hour": 1, "day": 2, "week": 3, "month": 4, "year": 5}
_DURATIONS = {"short": 1, "long": 2, "medium": 3}
_ORDERS = {"relevance": 0, "rating": 1, "date": 2, "views": 3}

SEARCH_OPTIONS: dict[str, Callable[[str], str]] = {
    "captions": one_of("any", "with"),
    "duration": one_of("any", *_DURATIONS),
    "licence": one_of("any", "creative_commons"),
    "max": count,
    "order": one_of(*_ORDERS),
    "uploaded": one_of("any", *_DATES),
}
OPTIONS: dict[str, Callable[[str], str]] = {**SEARCH_OPTIONS, "tab": one_of("videos", "shorts", "streams")}


def normal_argument(argument: str) -> str:
    """The normal form of an argument. Raises ValueError with what is wrong."""
    query = parse_argument(argument, OPTIONS)
    fitting = {SEARCH: set(SEARCH_OPTIONS), CHANNEL: {"max", "tab"}, FEED: set()}.get(query.form, {"max"})
    unfit = sorted(set(query.options) - fitting)
    if unfit:
        raise ValueError(f"option {unfit[0]} cannot be used with a {query.form}; it takes {', '.join(sorted(fitting))}")
    return str(query)


def search_parameters(options: Mapping[str, str]) -> str:
    """The site's ``sp=`` for a search of videos with these filters: a small protobuf message, base64.

    Field 1 is the order; field 2 holds date (1), type (2, 1 = video), duration (3), captions (5), creative commons
    (6). It is not documented; the numbers are from addresses of the site and from Invidious (``search/filters.cr``).
    """
    filters = {
        1: _DATES.get(options.get("uploaded", ""), 0),
        2: 1,
        3: _DURATIONS.get(options.get("duration", ""), 0),
        5: int(options.get("captions") == "with"),
        6: int(options.get("licence") == "creative_commons"),
    }
    inner = b"".join(bytes((number << 3, value)) for number, value in filters.items() if value)
    order = _ORDERS.get(options.get("order", ""), 0)
    head = bytes((1 << 3, order)) if order else b""
    return base64.urlsafe_b64encode(head + bytes((2 << 3 | 2, len(inner))) + inner).decode()


@dataclass(frozen=True)
class _Walk:
    """The position of a walk: ``place`` is the site's continuation, ``seen`` are IDs of the latest entries."""

    place: Mapping[str, object] | None = None
    video_count: int = 0
    pages: int = 0
    seen: tuple[str, ...] = ()
    channel: str = ""
    channel_id: str = ""


class YoutubeSource:
    """Every page is one request, made by a yt-dlp worker; the cursor holds the site's continuation."""

    def __init__(self, reader: Reader, lister: Lister, settings: YoutubeSettings) -> None:
        self._feeds = FeedSource(reader, DocumentLimits())
        self._lister = lister
        self._settings = settings

    def fair_host(self, query: Query) -> str | None:
        return YOUTUBE_HOST

    def price(self, query: Query, cursor: Cursor | None, memory: Cursor) -> Price | None:
        return None

    async def page(self, query: Query, cursor: Cursor | None, memory: Cursor, budget: Budget) -> Page:
        parsed = parse_argument(query.argument, OPTIONS)
        if parsed.form == FEED:
            return await self._feed(parsed, cursor, memory, budget)
        options = self._options(parsed)
        walk = _walk(cursor) if cursor is not None and cursor.get("filters") == options else _Walk()
        searching = parsed.form == SEARCH
        listed = await self._lister.page(
            url="" if searching else _address(parsed),
            phrase=parsed.subject if searching else "",
            parameters=search_parameters(options) if searching else None,
            place=walk.place,
        )
        return self._answer(parsed, walk, listed, options)

    def _answer(self, parsed: YoutubeQuery, walk: _Walk, listed: ListPage, options: Mapping[str, str]) -> Page:
        limit = parsed.limit or self._settings.max_results
        walk = replace(walk, channel=listed.channel or walk.channel, channel_id=listed.channel_id or walk.channel_id)
        fresh = [video for video in listed.videos if video.id not in walk.seen][: limit - walk.video_count]
        problems: list[SourceProblem] = []
        candidates: dict[str, Candidate] = {}
        for video in fresh:
            try:
                candidate = _candidate(video, walk)
            except ValueError as error:
                problems.append(SourceProblem(f"video {quoted(video.id)}", str(error)))
            else:
                candidates[candidate.id] = candidate
        moved = replace(
            walk,
            place=listed.place,
            video_count=walk.video_count + len(fresh),
            pages=walk.pages + 1,
            seen=(*walk.seen, *(video.id for video in fresh))[-MAX_SEEN:],
        )
        circular = bool(listed.videos) and not fresh and moved.video_count < limit
        if circular:
            message = "the list leads in a circle: it shows only what it has shown before"
            problems.append(SourceProblem(f"page {moved.pages}", message))
        ended = listed.place is None or circular or moved.video_count >= limit
        return Page(
            candidates=tuple(candidates.values()),
            cursor=None if ended else _cursor(moved, options),
            problems=tuple(problems),
            requests=1,
        )

    async def _feed(self, parsed: YoutubeQuery, cursor: Cursor | None, memory: Cursor, budget: Budget) -> Page:
        try:
            return await self._feeds.page(Query(FEEDS.name, FEED_URL + parsed.subject), cursor, memory, budget)
        except FailureError as error:
            if error.failure.kind is not FailureKind.GONE:
                raise
            # Seen for days for channels that exist (throughout 2026), so it says nothing about the channel.
            message = (
                f"YouTube has no feed for {parsed.subject} at the moment, which says nothing about the channel; "
                f"youtube:channel:{parsed.subject} reads the channel without its feed"
            )
            raise FailureError(Failure.from_exception(FailureKind.SERVER_ERROR, error, message)) from error

    def _options(self, parsed: YoutubeQuery) -> dict[str, str]:
        """The filters of a search: those of the settings that the site supports, then those of the query."""
        if parsed.form != SEARCH:
            return dict(parsed.options)
        supported = {name: value for name, value in self._settings.filters.items() if name in SEARCH_OPTIONS}
        if supported.get("licence") == "standard":
            del supported["licence"]
        return {**supported, **parsed.options}


def _address(parsed: YoutubeQuery) -> str:
    if parsed.form == CHANNEL:
        name = parsed.subject if parsed.subject.startswith("@") else f"channel/{parsed.subject}"
        return f"https://{YOUTUBE_HOST}/{name}/{parsed.options.get('tab', 'videos')}"
    return f"https://{YOUTUBE_HOST}/playlist?list={parsed.subject}"


def _candidate(video: ListedVideo, walk: _Walk) -> Candidate:
    metadata = {
        "channel_id": video.channel_id or walk.channel_id,
        "description": video.description,
        "live_status": video.live_status,
        "availability": video.availability,
    }
    return remote_candidate(
        youtube_video(video.id),
        title=video.title,
        channel=video.channel or walk.channel,
        duration_s=video.duration_s or None,
        metadata={name: value for name, value in metadata.items() if value},
    )


def _cursor(walk: _Walk, options: Mapping[str, str]) -> dict[str, object]:
    return {
        "place": dict(walk.place or {}),
        "found": walk.video_count,
        "pages": walk.pages,
        "seen": list(walk.seen),
        "channel": walk.channel,
        "channel_id": walk.channel_id,
        "filters": dict(options),
    }


def _walk(cursor: Cursor) -> _Walk:
    """The walk in ``cursor``; the start if another revision wrote it."""
    stored: dict[str, Any] = dict(cursor)
    try:
        return _Walk(
            place=dict(stored["place"]) or None,
            video_count=int(stored["found"]),
            pages=int(stored["pages"]),
            seen=tuple(map(str, stored["seen"])),
            channel=str(stored["channel"]),
            channel_id=str(stored["channel_id"]),
        )
    except (KeyError, TypeError, ValueError):
        return _Walk()


def _parse(argument: str) -> str:
    try:
        return normal_argument(argument)
    except ValueError as error:
        raise ValueError(f"youtube: {error}") from error


def _source(tools: SourceTools) -> Source:
    if tools.lister is None:
        raise ValueError("youtube: needs a lister")
    return YoutubeSource(tools.reader, tools.lister, tools.settings.youtube)


def _estimate(argument: str, cursor: Cursor | None, settings: SourceSettings) -> dict[str, int]:
    query = parse_argument(argument, OPTIONS)
    if query.form == FEED:
        return {YOUTUBE_HOST: 1}
    listed = (cursor or {}).get("found")
    left = (query.limit or settings.youtube.max_results) - (listed if isinstance(listed, int) else 0)
    return {YOUTUBE_HOST: -(-max(1, left) // PAGE_VIDEOS[query.form])}


KIND = SourceKind(
    name="youtube",
    argument="...",
    summary="searches, channels, playlists and feeds as a guest of YouTube sees them",
    examples=("youtube:PHRASE", "youtube:channel:@name", "youtube:playlist:PL...", "youtube:feed:UC..."),
    parse=_parse,
    source=_source,
    platform=YOUTUBE,
    refresh_setting="youtube.refresh_s",
    estimate=_estimate,
    page_cost=page_cost,
    takes_phrases=True,
    lists_channels=True,
)
