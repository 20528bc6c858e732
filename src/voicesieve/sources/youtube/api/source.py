"""The source ``youtube-api:``: each page is one request to the API, and the cursor says which is next."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from voicesieve.domain.candidates import Budget, Candidate, Cursor, Page, Query, SourceProblem
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.platforms import YOUTUBE
from voicesieve.domain.quotas import GENERAL_UNITS, SEARCH_CALLS, Price
from voicesieve.domain.text import quoted
from voicesieve.sources.kinds import SourceKind, SourceSettings
from voicesieve.sources.protocol import Reader
from voicesieve.sources.youtube.api.client import PAGE_SIZE, Listing, Request, call
from voicesieve.sources.youtube.api.errors import StalePageTokenError
from voicesieve.sources.youtube.api.filters import OPTIONS, search, window_of
from voicesieve.sources.youtube.api.listing import (
    ListPlace,
    after_items,
    channel,
    list_place,
    playlist_items,
    uploads_of,
)
from voicesieve.sources.youtube.api.searching import SearchPlace, after_results, search_place
from voicesieve.sources.youtube.api.videos import candidate_of, details
from voicesieve.sources.youtube.queries import CHANNEL, PLAYLIST, YoutubeQuery, page_cost, parse_argument
from voicesieve.sources.youtube.queries import SEARCH as SEARCH_FORM
from voicesieve.sources.youtube.settings import YoutubeSettings

MAX_RESTARTS = 3
"""How often a walk starts again because the API rejects its page token, before that counts as a failure."""

Place = SearchPlace | ListPlace


def normal_argument(argument: str) -> str:
    """The normal form of an argument. Raises ValueError with what is wrong."""
    query = parse_argument(argument, OPTIONS)
    if query.form not in (SEARCH_FORM, CHANNEL, PLAYLIST):
        raise ValueError(f"the Data API has no {query.form}s; use youtube:{query}")
    if query.form != SEARCH_FORM and set(query.options) - {"max"}:
        raise ValueError(f"a {query.form} takes the option max only; filters are for searches")
    return str(query)


class YoutubeApiSource:
    """Searches, channels' uploads and playlists. A video becomes a candidate when `videos.list` has described it."""

    def __init__(self, reader: Reader, settings: YoutubeSettings, clock: Callable[[], float] = time.time) -> None:
        self._reader = reader
        self._settings = settings
        self._clock = clock

    def fair_host(self, query: Query) -> str | None:
        return self._settings.access.host if self._settings.access else None

    def price(self, query: Query, cursor: Cursor | None, memory: Cursor) -> Price | None:
        """What the next request of ``query`` takes from the day's quota."""
        if self._settings.access is None:
            return None
        parsed = parse_argument(query.argument, OPTIONS)
        return self._request(parsed, self._place(parsed, cursor, memory)).price

    async def page(self, query: Query, cursor: Cursor | None, memory: Cursor, budget: Budget) -> Page:
        access = self._settings.access
        if access is None:
            message = "there is no key for the YouTube Data API: set youtube_api.key (VOICESIEVE_YOUTUBE_API__KEY)"
            raise FailureError(Failure(FailureKind.NEEDS_OPERATOR, message, retry_after_s=0.0))
        parsed = parse_argument(query.argument, OPTIONS)
        place = self._place(parsed, cursor, memory)
        request = self._request(parsed, place)
        try:
            listing = await call(self._reader, access, request, _condition(place))
        except StalePageTokenError:
            if place.restarts >= MAX_RESTARTS:
                raise
            problem = SourceProblem(request.resource, "the API rejects the page token; the listing starts again")
            return self._answer(parsed, _begun_again(place), problems=(problem,))
        if place.pending:
            return self._described(parsed, place, listing)
        if isinstance(place, SearchPlace):
            moved, problems = after_results(place, listing, max_calls=self._settings.max_calls, limit=parsed.limit)
            return self._answer(parsed, moved, problems=problems)
        return self._listed(parsed, place, listing)

    def _listed(self, parsed: YoutubeQuery, place: ListPlace, listing: Listing) -> Page:
        if listing.unchanged:
            return self._answer(parsed, replace(place, done=True))
        if place.playlist is None:
            uploads = uploads_of(listing)
            if uploads is None:
                message = f"the channel {quoted(parsed.subject)} does not exist (any more): check it in a browser"
                raise FailureError(Failure(FailureKind.GONE, message))
            return self._answer(parsed, replace(place, playlist=uploads))
        moved, problems = after_items(place, listing, parsed, by_date=parsed.form == CHANNEL)
        return self._answer(parsed, moved, problems=problems)

    def _described(self, parsed: YoutubeQuery, place: Place, listing: Listing) -> Page:
        candidates: dict[str, Candidate] = {}
        problems: list[SourceProblem] = []
        for item in listing.items:
            try:
                candidate = candidate_of(item)
            except ValueError as error:
                problems.append(SourceProblem(f"video {quoted(str(item.get('id')))}", str(error)))
            else:
                candidates[candidate.native_id] = candidate
        asked = place.pending[:PAGE_SIZE]
        problems += [
            SourceProblem(f"video {video}", "listed, but deleted, private or hidden from us")
            for video in asked
            if video not in candidates
        ]
        described = tuple(candidates[video] for video in asked if video in candidates)
        rest = replace(place, pending=place.pending[PAGE_SIZE:])
        return self._answer(parsed, rest, candidates=described, problems=tuple(problems))

    def _answer(
        self,
        parsed: YoutubeQuery,
        place: Place,
        *,
        candidates: tuple[Candidate, ...] = (),
        problems: tuple[SourceProblem, ...] = (),
    ) -> Page:
        finished = place.done and not place.pending
        return Page(
            candidates=candidates,
            cursor=None if finished else {**place.cursor(), "filters": self._options(parsed)},
            memory=place.memory() if isinstance(place, ListPlace) else {},
            problems=problems,
            requests=1,
        )

    def _options(self, parsed: YoutubeQuery) -> dict[str, str]:
        return {**self._settings.filters, **parsed.options} if parsed.form == SEARCH_FORM else dict(parsed.options)

    def _place(self, parsed: YoutubeQuery, cursor: Cursor | None, memory: Cursor) -> Place:
        """The position of the walk: its start if the cursor has other filters or another revision wrote it."""
        searching = parsed.form == SEARCH_FORM
        if cursor is not None and cursor.get("filters") == self._options(parsed):
            try:
                return search_place(cursor) if searching else list_place(cursor)
            except (KeyError, TypeError, ValueError):
                pass  # of another revision: the walk starts again
        if searching:
            return SearchPlace(until=self._clock(), window=window_of(self._options(parsed)))
        playlist = parsed.subject if parsed.form == PLAYLIST else memory.get("playlist")
        newest, etag = memory.get("newest"), memory.get("etag")
        return ListPlace(
            playlist=playlist if isinstance(playlist, str) else None,
            newest_before=float(newest) if isinstance(newest, int | float) and parsed.form == CHANNEL else 0.0,
            etag=etag if isinstance(etag, str) else None,
        )

    def _request(self, parsed: YoutubeQuery, place: Place) -> Request:
        if place.pending:
            return details(place.pending[:PAGE_SIZE])
        if isinstance(place, SearchPlace):
            return search(parsed, self._options(parsed), place.window, place.token)
        return channel(parsed.subject) if place.playlist is None else playlist_items(place)


def _begun_again(place: Place) -> Place:
    if isinstance(place, SearchPlace):
        return replace(place, token=None, seen=(), dates=(), restarts=place.restarts + 1)
    return replace(place, token=None, pages=0, last=(), etag=None, restarts=place.restarts + 1)


def _condition(place: Place) -> str | None:
    """The ETag of the last walk, for the first page of this walk."""
    if isinstance(place, ListPlace) and place.playlist and not place.pages and not place.pending:
        return place.etag
    return None


def _parse(argument: str) -> str:
    try:
        return normal_argument(argument)
    except ValueError as error:
        raise ValueError(f"youtube-api: {error}") from error


def _estimate(argument: str, cursor: Cursor | None, settings: SourceSettings) -> dict[str, int]:
    """The requests for a list without ``max`` are those for 500 videos."""
    most_calls = settings.youtube.max_calls
    query = parse_argument(argument, OPTIONS)
    done = {name: value for name in ("calls", "pages") if isinstance(value := (cursor or {}).get(name), int)}
    if query.form != SEARCH_FORM:
        pages = max(1, -(-(query.limit or 500) // PAGE_SIZE) - done.get("pages", 0))
        return {GENERAL_UNITS: 2 * pages + (query.form == CHANNEL and not cursor)}
    wanted = min(most_calls, -(-query.limit // PAGE_SIZE)) if query.limit else most_calls
    calls = max(1, wanted - done.get("calls", 0))
    return {SEARCH_CALLS: calls, GENERAL_UNITS: calls}


def _missing(settings: SourceSettings) -> str:
    return "" if settings.youtube.access is not None else "there is no key (youtube_api.key)"


KIND = SourceKind(
    name="youtube-api",
    argument="...",
    summary="searches, channels and playlists through the YouTube Data API, with your own key",
    examples=("youtube-api:PHRASE", "youtube-api:channel:@name", "youtube-api:playlist:PL..."),
    parse=_parse,
    source=lambda tools: YoutubeApiSource(tools.reader, tools.settings.youtube),
    platform=YOUTUBE,
    refresh_setting="youtube.refresh_s",
    quotas={SEARCH_CALLS: "youtube_api.search_calls_per_day", GENERAL_UNITS: "youtube_api.units_per_day"},
    estimate=_estimate,
    page_cost=page_cost,
    missing=_missing,
    takes_phrases=True,
    lists_channels=True,
)
