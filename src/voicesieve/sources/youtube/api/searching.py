"""The walk of a search: pages of results, and narrower windows of publication dates where the cap hides results.

``search.list`` returns at most about 500 results of a query; after that the token is missing, or leads in a circle. So
a window whose results come near the cap is split at their median date, and both halves are searched. Every page costs
one of the day's few search calls; the details of 50 videos cost one unit.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from voicesieve.domain.candidates import Cursor, SourceProblem
from voicesieve.sources.youtube.api.client import Listing
from voicesieve.sources.youtube.api.videos import moment_of, video_id

NEAR_CAP = 450
"""Results of one window from which more are assumed to be hidden: nine full pages of the ten that the API shows."""
SHORTEST_WINDOW_S = 86_400.0
"""A window of a day is not split further: no useful phrase is that common."""
FOUNDING = 1_108_339_200.0
"""2005-02-14, when YouTube's domain was registered: nothing was published before."""

Window = tuple[float | None, float | None]


@dataclass(frozen=True)
class SearchPlace:
    """The position of a search. ``pending`` are results whose details are requested next.

    ``seen`` and ``dates`` are the results of this window and their dates. ``rest`` are the windows still to be
    searched. ``until`` is when the walk started: the open end of all windows.
    """

    until: float
    window: Window
    rest: tuple[Window, ...] = ()
    token: str | None = None
    pending: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    dates: tuple[float, ...] = ()
    calls: int = 0
    video_count: int = 0
    restarts: int = 0
    done: bool = False

    def cursor(self) -> dict[str, object]:
        return {
            "until": self.until,
            "window": list(self.window),
            "rest": [list(window) for window in self.rest],
            "token": self.token,
            "pending": list(self.pending),
            "seen": list(self.seen),
            "dates": list(self.dates),
            "calls": self.calls,
            "found": self.video_count,
            "restarts": self.restarts,
            "done": self.done,
        }


def search_place(cursor: Cursor) -> SearchPlace:
    """The position in ``cursor``. Raises `KeyError`, `TypeError` or `ValueError` if another revision wrote it."""
    stored: dict[str, Any] = dict(cursor)
    return SearchPlace(
        until=float(stored["until"]),
        window=_window(stored["window"]),
        rest=tuple(_window(window) for window in stored["rest"]),
        token=None if stored["token"] is None else str(stored["token"]),
        pending=tuple(map(str, stored["pending"])),
        seen=tuple(map(str, stored["seen"])),
        dates=tuple(map(float, stored["dates"])),
        calls=int(stored["calls"]),
        video_count=int(stored["found"]),
        restarts=int(stored["restarts"]),
        done=bool(stored["done"]),
    )


def after_results(
    place: SearchPlace, listing: Listing, *, max_calls: int, limit: int | None
) -> tuple[SearchPlace, tuple[SourceProblem, ...]]:
    """The position after a page of results, and the problems with that page."""
    results = [(video, when) for item in listing.items if (video := video_of(item)) for when in (_date(item),)]
    fresh = list(dict.fromkeys(video for video, _ in results if video not in place.seen))
    dates = [when for video, when in results if video in fresh and when is not None]
    if limit is not None:
        fresh = fresh[: max(0, limit - place.video_count)]
    place = replace(
        place,
        pending=tuple(fresh),
        seen=place.seen + tuple(fresh),
        dates=place.dates + tuple(dates),
        calls=place.calls + 1,
        video_count=place.video_count + len(fresh),
        token=listing.next_token,
    )
    if limit is not None and place.video_count >= limit:
        return replace(place, done=True), ()
    where = f"search call {place.calls}"
    if listing.next_token is not None and results and not fresh:
        problem = SourceProblem(where, "the listing leads in a circle: it repeats earlier videos only")
        return _next_window(place, capped=len(place.seen) >= NEAR_CAP, max_calls=max_calls, problems=(problem,))
    if listing.next_token is None or not results:
        return _next_window(place, capped=len(place.seen) >= NEAR_CAP, max_calls=max_calls)
    if len(place.seen) >= NEAR_CAP:
        return _next_window(place, capped=True, max_calls=max_calls)
    return _within_calls(place, max_calls)


def _next_window(
    place: SearchPlace, *, capped: bool, max_calls: int, problems: tuple[SourceProblem, ...] = ()
) -> tuple[SearchPlace, tuple[SourceProblem, ...]]:
    rest = place.rest
    if capped:
        halves = _halves(place)
        if halves:
            rest = (*rest, *halves)
        else:
            message = f"more than {len(place.seen)} results within a day: the API hides the rest"
            problems = (*problems, SourceProblem(f"search call {place.calls}", message))
    if not rest:
        return replace(place, done=True, token=None), problems
    window, rest = rest[-1], rest[:-1]
    moved = replace(place, window=window, rest=rest, token=None, seen=(), dates=())
    settled, more = _within_calls(moved, max_calls)
    return settled, (*problems, *more)


def _within_calls(place: SearchPlace, max_calls: int) -> tuple[SearchPlace, tuple[SourceProblem, ...]]:
    if place.calls < max_calls:
        return place, ()
    message = f"stopped after {place.calls} search calls, the most for a query (youtube_api.max_calls_per_query)"
    return replace(place, done=True), (SourceProblem(f"search call {place.calls}", message),)


def _halves(place: SearchPlace) -> tuple[Window, ...]:
    """The window split at the median date of its results; the later half is searched first."""
    begin, end = place.window[0] or FOUNDING, place.window[1] or place.until
    if end - begin <= SHORTEST_WINDOW_S:
        return ()
    inside = [when for when in place.dates if begin < when < end]
    middle = float(round(statistics.median(inside) if inside else (begin + end) / 2))
    if not begin < middle < end:
        middle = float(round((begin + end) / 2))
    return (begin, middle), (middle, end)


def video_of(item: Mapping[str, Any]) -> str | None:
    """The video ID of a search result; ``None`` if it is not a video."""
    id_ = item.get("id")
    return video_id(id_.get("videoId")) if isinstance(id_, dict) else None


def _date(item: Mapping[str, Any]) -> float | None:
    snippet = item.get("snippet")
    return moment_of(snippet.get("publishedAt")) if isinstance(snippet, dict) else None


def _window(value: Any) -> Window:
    begin, end = value
    return (None if begin is None else float(begin)), (None if end is None else float(end))
