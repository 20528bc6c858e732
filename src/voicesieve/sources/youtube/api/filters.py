"""Every filter of ``search.list``: the name that people write, its check, and the parameter of the API.

Parameters and values are from the API's discovery document (revision 20261104); a test compares them with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from voicesieve.sources.youtube.api.client import PAGE_SIZE, SEARCH, Request
from voicesieve.sources.youtube.queries import YoutubeQuery, count, day, matching, moment, one_of

_RENAMED = {
    "creative_commons": "creativeCommon",
    "standard": "youtube",
    "with": "closedCaption",
    "without": "none",
    "views": "viewCount",
}
_COORDINATES = r"-?\d{1,2}(\.\d+)? -?\d{1,3}(\.\d+)?"

_FILTERS: dict[str, tuple[str, Callable[[str], str]]] = {
    "captions": ("videoCaption", one_of("any", "with", "without")),
    "category": ("videoCategoryId", matching(r"\d{1,4}", "27 (Education)")),
    "channel": ("channelId", matching(r"UC[A-Za-z0-9_-]{22}", "UC and 22 characters")),
    "definition": ("videoDefinition", one_of("any", "high", "standard")),
    "dimension": ("videoDimension", one_of("any", "2d", "3d")),
    "duration": ("videoDuration", one_of("any", "short", "medium", "long")),
    "embeddable": ("videoEmbeddable", one_of("any", "true")),
    "event": ("eventType", one_of("completed", "live", "upcoming")),
    "language": ("relevanceLanguage", matching(r"[a-z]{2}(-[A-Za-z]{2,4})?", "vi or zh-Hans")),
    "licence": ("videoLicense", one_of("any", "creative_commons", "standard")),
    "location": ("location", matching(_COORDINATES, "10.82 106.63")),
    "order": ("order", one_of("relevance", "date", "rating", "title", "views")),
    "paid_promotion": ("videoPaidProductPlacement", one_of("any", "true")),
    "radius": ("locationRadius", matching(r"\d{1,4}(\.\d+)?(m|km|ft|mi)", "50km")),
    "region": ("regionCode", matching(r"[A-Z]{2}", "VN")),
    "safe_search": ("safeSearch", one_of("none", "moderate", "strict")),
    "syndicated": ("videoSyndicated", one_of("any", "true")),
    "topic": ("topicId", matching(r"/m/[a-z0-9_]{1,20}", "/m/01k8wb (Knowledge)")),
    "type": ("videoType", one_of("any", "episode", "movie")),
}

OPTIONS: dict[str, Callable[[str], str]] = {
    **{name: check for name, (_, check) in _FILTERS.items()},
    "after": day,
    "before": day,
    "max": count,
}
"""Every option of a ``youtube-api:`` query with its check."""


def window_of(options: Mapping[str, str]) -> tuple[float | None, float | None]:
    """The window of publication dates in epoch seconds; ``None`` where it is open."""
    after, before = options.get("after"), options.get("before")
    return (moment(after) if after else None), (moment(before) if before else None)


def search(
    query: YoutubeQuery, options: Mapping[str, str], window: tuple[float | None, float | None], token: str | None
) -> Request:
    """The request for one page of results. ``window`` bounds when a video was published, in epoch seconds."""
    parameters = {"part": "snippet", "type": "video", "q": query.subject, "maxResults": str(PAGE_SIZE)}
    for name, (parameter, _) in _FILTERS.items():
        if name in options:
            value = _RENAMED.get(options[name], options[name])
            parameters[parameter] = value.replace(" ", ",") if name == "location" else value
    for parameter, bound in zip(("publishedAfter", "publishedBefore"), window, strict=True):
        if bound is not None:
            parameters[parameter] = datetime.fromtimestamp(bound, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if token is not None:
        parameters["pageToken"] = token
    return Request(SEARCH, parameters)
