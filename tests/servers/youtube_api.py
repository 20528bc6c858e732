"""A YouTube Data API on loopback: four methods, two quota buckets, pages that loop, and every error of the real one.

By hand: ``python -m tests.servers.youtube_api`` serves a small world and prints the settings that lead to it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from demo.server import Answer, Exchange, serving
from tests.servers.youtube_world import Video, World, mixed_world

KEY = "AIzaSyFakeKeyForTestsOnly_0123456789abc"
BASE = "/youtube/v3"
RESOURCES = ("search", "videos", "channels", "playlistItems")
SHOWN = 500
"""Results of a search that are ever shown."""


def _error(code: int, reason: str, message: str, domain: str = "youtube.api", **more: object) -> tuple[int, bytes]:
    entry = {"message": message, "domain": domain, "reason": reason}
    return code, json.dumps({"error": {"code": code, "message": message, "errors": [entry], **more}}).encode()


def _per_day(metric: str) -> tuple[int, bytes]:
    message = (
        f"Quota exceeded for quota metric '{metric}' and limit '{metric} per day' of service "
        "'youtube.googleapis.com' for consumer 'project_number:1'."
    )
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "RATE_LIMIT_EXCEEDED",
            "domain": "googleapis.com",
            "metadata": {"quota_limit": "SearchQueriesPerDayPerProject", "quota_metric": metric},
        }
    ]
    return _error(429, "rateLimitExceeded", message, "global", status="RESOURCE_EXHAUSTED", details=details)


ERRORS: dict[str, tuple[int, bytes]] = {
    "search_spent": _per_day("Search Queries"),
    "units_spent": _error(
        403,
        "quotaExceeded",
        'The request cannot be completed because you have exceeded your <a href="/youtube/v3/getting-started#quota">'
        "quota</a>.",
        "youtube.quota",
    ),
    "daily_limit": _error(403, "dailyLimitExceeded", "Daily Limit Exceeded", "usageLimits"),
    "per_minute": _error(403, "rateLimitExceeded", "Queries per minute exceeded", "usageLimits"),
    "per_user": _error(403, "userRateLimitExceeded", "User Rate Limit Exceeded", "usageLimits"),
    "hurried_429": _error(429, "rateLimitExceeded", "Quota exceeded for limit 'Queries per minute'", "global"),
    "forbidden": _error(403, "forbidden", "Access forbidden. The request may not be properly authorized."),
    "key_invalid": _error(
        400,
        "badRequest",
        "API key not valid. Please pass a valid API key.",
        "global",
        status="INVALID_ARGUMENT",
        details=[{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
    ),
    "not_configured": _error(403, "accessNotConfigured", "YouTube Data API v3 has not been used in project 1 before."),
    "referer": _error(403, "ipRefererBlocked", "The request did not specify any referer."),
    "page_token": _error(400, "invalidPageToken", "The request specifies an invalid page token."),
    "bad_request": _error(400, "badRequest", "Invalid value"),
    "bad_filters": _error(400, "invalidFilters", "Invalid combination of search filters."),
    "incompatible": _error(400, "incompatibleParameters", "Incompatible parameters specified in the request."),
    "unexpected": _error(400, "unexpectedParameter", "Unexpected parameter."),
    "no_playlist": _error(404, "playlistNotFound", "The playlist cannot be found."),
    "no_channel": _error(404, "channelNotFound", "The channel cannot be found."),
    "backend": _error(503, "backendError", "Backend Error", "global"),
    "html_500": (500, b"<!DOCTYPE html><html><title>Error 500</title></html>"),
    "not_json": (200, b"<html>captive portal</html>"),
    "list": (200, b"[1, 2]"),
}
"""Status and body by a name of ours."""


@dataclass
class Api:
    """The state of the server. ``asked`` are the requests in order: resource and parameters.

    ``limits`` are the units of each bucket that are left, ``errors`` the names of `ERRORS` that the next requests for
    a resource meet, ``loops`` lets tokens behind the cap lead back to the first page, ``slow_s`` delays every answer.
    """

    world: World
    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    used: Counter[str] = field(default_factory=Counter)
    limits: dict[str, int] = field(default_factory=lambda: {"search": 100, "units": 10_000})
    errors: dict[str, list[str]] = field(default_factory=dict)
    shown: int = SHOWN
    loops: bool = False
    duplicates: bool = False
    slow_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, resource: str) -> list[dict[str, str]]:
        with self.lock:
            return [parameters for name, parameters in self.asked if name == resource]


@contextmanager
def youtube_api(world: World, *, port: int = 0) -> Iterator[Api]:
    """Serve ``world`` as the Data API does."""
    api = Api(world)

    def routes(base_url: str) -> dict[str, Answer]:
        api.url = base_url + BASE
        return {f"{BASE}/{resource}": _route(api, resource) for resource in RESOURCES}

    with serving(routes, port=port):
        yield api


def _route(api: Api, resource: str) -> Answer:
    def answer(exchange: Exchange) -> None:
        given = {name: values[0] for name, values in parse_qs(urlsplit(exchange.path).query).items()}
        with api.lock:
            api.asked.append((resource, given))
            api.headers.append(dict(exchange.asked.headers))
            bucket = "search" if resource == "search" else "units"
            api.used[bucket] += 1
            spent = api.used[bucket] > api.limits[bucket]
            wanted = api.errors.get(resource) or []
            name = wanted.pop(0) if wanted else ""
        if api.slow_s:
            exchange.wait(api.slow_s)
        if exchange.asked.headers.get("x-goog-api-key") != KEY or "key" in given:
            name = "key_invalid"
        elif spent and not name:
            name = "search_spent" if bucket == "search" else "units_spent"
        status, body = ERRORS[name] if name else _METHODS[resource](api, given)
        tag = json.loads(body)["etag"] if status == 200 and body[:1] == b"{" else '"error"'
        if status == 200 and exchange.asked.headers.get("if-none-match") == tag:
            status, body = 304, b""
        headers = {"Content-Type": "application/json; charset=UTF-8", "Content-Length": str(len(body)), "ETag": tag}
        if exchange.begin(status, headers if status != 304 else {"ETag": tag}) and body:
            exchange.send(body)

    return answer


def _search(api: Api, given: dict[str, str]) -> tuple[int, bytes]:
    if given.get("type") != "video" and any(name.startswith("video") for name in given):
        return ERRORS["bad_filters"]
    results = [video for video in api.world.found_by(given.get("q", "")) if _passes(video, given)]
    if given.get("order") == "date":
        results.sort(key=lambda video: -video.published)
    items = [
        {"kind": "youtube#searchResult", "id": {"kind": "youtube#video", "videoId": v.id}, "snippet": _snippet(v)}
        for v in results
    ]
    return _page(api, given, items, total=len(items), shown=api.shown)


def _passes(video: Video, given: dict[str, str]) -> bool:
    wanted = given.get("videoLicense", "any")
    if wanted != "any" and wanted != video.licence:
        return False
    if not _moment(given.get("publishedAfter"), 0.0) <= video.published < _moment(given.get("publishedBefore"), 1e12):
        return False
    if given.get("channelId", video.channel.id) != video.channel.id:
        return False
    lengths = {"any": (0, 1e9), "short": (0, 240), "medium": (240, 1_200), "long": (1_200, 1e9)}
    least, most = lengths[given.get("videoDuration", "any")]
    return least <= video.seconds < most


def _videos(api: Api, given: dict[str, str]) -> tuple[int, bytes]:
    ids = given.get("id", "").split(",")
    if len(ids) > 50:
        return ERRORS["bad_filters"]
    videos = [api.world.videos[id_] for id_ in ids if id_ in api.world.videos]
    return _ok([_described(video, given["part"].split(",")) for video in videos if video.privacy != "private"])


def _channels(api: Api, given: dict[str, str]) -> tuple[int, bytes]:
    wanted = given.get("id") or given.get("forHandle")
    channels = [c for c in api.world.channels.values() if wanted in (c.id, c.handle)]
    items = [
        {"kind": "youtube#channel", "id": c.id, "contentDetails": {"relatedPlaylists": {"uploads": c.uploads}}}
        for c in channels
    ]
    return _ok(items)


def _playlist_items(api: Api, given: dict[str, str]) -> tuple[int, bytes]:
    owner = next((c for c in api.world.channels.values() if c.uploads == given.get("playlistId")), None)
    if owner is None:
        return ERRORS["no_playlist"]
    videos = api.world.uploads_of(owner.id)
    items = [
        {
            "kind": "youtube#playlistItem",
            "contentDetails": {"videoId": video.id, "videoPublishedAt": _written(video.published)},
        }
        for video in videos
    ]
    return _page(api, given, items, total=len(items), shown=20_000)


_METHODS: dict[str, Callable[[Api, dict[str, str]], tuple[int, bytes]]] = {
    "search": _search,
    "videos": _videos,
    "channels": _channels,
    "playlistItems": _playlist_items,
}


def _page(api: Api, given: dict[str, str], items: list[Any], *, total: int, shown: int) -> tuple[int, bytes]:
    size = int(given.get("maxResults", "5"))
    try:
        start = int(base64.b64decode(given["pageToken"])) if "pageToken" in given else 0
    except ValueError:
        return ERRORS["page_token"]
    end = min(start + size, shown)
    chosen = items[start:end]
    following = end if end < min(len(items), shown) else None
    if following is None and api.loops and len(items) > end:
        following = 0
    if api.duplicates and chosen:
        chosen = [*chosen, chosen[0]][:size]
    more = {} if following is None else {"nextPageToken": base64.b64encode(str(following).encode()).decode()}
    return _ok(chosen, pageInfo={"totalResults": total, "resultsPerPage": size}, **more)


def _ok(items: list[Any], **more: object) -> tuple[int, bytes]:
    tag = hashlib.sha256(json.dumps([items, more]).encode()).hexdigest()[:20]
    return 200, json.dumps({"kind": "youtube#list", "etag": f'"{tag}"', "items": items, **more}).encode()


def _described(video: Video, parts: list[str]) -> dict[str, Any]:
    everything: dict[str, Any] = {
        "snippet": _snippet(video),
        "contentDetails": {
            "duration": f"PT{int(video.seconds) // 3600}H{int(video.seconds) % 3600 // 60}M{int(video.seconds) % 60}S",
            "caption": "true" if video.asr_language else "false",
            "licensedContent": False,
            "contentRating": {"ytRating": "ytAgeRestricted"} if video.age_restricted else {},
        },
        "status": {
            "uploadStatus": "processed",
            "privacyStatus": video.privacy,
            "embeddable": True,
            "madeForKids": video.made_for_kids,
            "containsSyntheticMedia": video.synthetic,
        },
        "topicDetails": {"topicCategories": ["https://en.wikipedia.org/wiki/Knowledge"]},
    }
    if video.licence:
        everything["status"]["license"] = video.licence
    if video.live != "none":
        everything["liveStreamingDetails"] = {"scheduledStartTime": _written(video.published)}
    return {"kind": "youtube#video", "id": video.id, **{part: everything[part] for part in parts if part in everything}}


def _snippet(video: Video) -> dict[str, Any]:
    language = {"defaultAudioLanguage": video.declared_language} if video.declared_language else {}
    return {
        "publishedAt": _written(video.published),
        "channelId": video.channel.id,
        "channelTitle": video.channel.title,
        "title": video.title,
        "description": f"Description of {video.title}",
        "tags": list(video.tags),
        "categoryId": "27",
        "liveBroadcastContent": video.live,
        **language,
    }


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str | None, otherwise: float) -> float:
    return otherwise if text is None else datetime.fromisoformat(text).timestamp()


def main() -> None:
    world = mixed_world(["bé kể chuyện", "trẻ em hát", "children talking"], 70)
    with youtube_api(world) as api:
        print(f"export VOICESIEVE_YOUTUBE_API__ENDPOINT={api.url}\nexport VOICESIEVE_YOUTUBE_API__KEY={KEY}")
        print("export VOICESIEVE_FETCHING__ALLOW_PRIVATE_ADDRESSES=true", flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
