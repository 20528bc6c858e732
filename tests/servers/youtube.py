"""A YouTube on loopback, good enough for the real extractor of yt-dlp: search, channels, playlists, feeds, videos.

It speaks HTTPS under YouTube's own names. A program is led to it by two variables of its environment (`Site.leads_to`):
a `sitecustomize` that resolves those names to loopback, and the certificate. Nothing in the program knows.

By hand: ``python -m tests.servers.youtube`` serves a small world and prints these variables and a command to try.
"""

from __future__ import annotations

import argparse
import base64
import functools
import html
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from demo.answers import Content
from demo.server import Exchange, LoopbackServer, serving
from tests.servers.youtube_world import CLIPS, Channel, Video, World, mixed_world

GUARD = Path(__file__).parent.parent / "guard" / "sitecustomize.py"
SEARCH_PAGE, TAB_PAGE, PLAYLIST_PAGE = 20, 30, 100
MEDIA_HOST = "rr1---sn-fake.googlevideo.com"

_ROUTE = """
import runpy, socket
{guard}
_look_up = socket.getaddrinfo
_DOMAINS = ("youtube.com", "googlevideo.com", "ytimg.com")

def _led_astray(host, port, *rest, **more):
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host or ""
    if any(name == domain or name.endswith("." + domain) for domain in _DOMAINS):
        return _look_up("127.0.0.1", {port}, *rest, **more)
    return _look_up(host, port, *rest, **more)

socket.getaddrinfo = _led_astray
"""

_PLAYABILITY: dict[str, dict[str, Any]] = {
    "removed": {"status": "ERROR", "reason": "Video unavailable. This video has been removed by the uploader"},
    "terminated": {
        "status": "ERROR",
        "reason": "This video is no longer available because the YouTube account associated with this video has been "
        "terminated.",
    },
    "private": {
        "status": "LOGIN_REQUIRED",
        "reason": "Private video",
        "messages": ["This is a private video. Please sign in to verify that you may see it."],
    },
    "members": {
        "status": "UNPLAYABLE",
        "reason": "Join this channel to get access to members-only content like this video, and other exclusive perks.",
    },
    "age": {"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm your age"},
    "geo": {
        "status": "UNPLAYABLE",
        "reason": "Video unavailable",
        "errorScreen": {
            "playerErrorMessageRenderer": {
                "subreason": {"simpleText": "The uploader has not made this video available in your country"}
            }
        },
    },
    "drm": {"status": "UNPLAYABLE", "reason": "This video is DRM protected"},
    "upcoming": {"status": "LIVE_STREAM_OFFLINE", "reason": "This live event will begin in 3 hours."},
    "bot": {"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm you’re not a bot"},
    "rate_limited": {
        "status": "UNPLAYABLE",
        "reason": "This content isn't available, try again later. The current session has been rate-limited by "
        "YouTube for up to an hour.",
    },
    "captcha": {"status": "LOGIN_REQUIRED", "reason": "YouTube is requiring a captcha challenge before playback"},
}


@dataclass
class Site:
    """The state of the server. ``asked`` are its requests in order: a word for the kind, and what was asked for.

    ``refuse_all`` is a word of `_PLAYABILITY` that every player answer gives instead, ``status`` an HTTP status that
    requests of a kind get, ``loops`` lets the last page of every list lead back to the first. ``agents`` are what the
    callers said they are.
    """

    world: World
    folder: Path
    port: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    times: list[tuple[str, float]] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    refuse_all: str = ""
    status: dict[str, int] = field(default_factory=dict)
    loops: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, kind: str) -> list[str]:
        with self.lock:
            return [what for name, what in self.asked if name == kind]

    def counts(self) -> Counter[str]:
        with self.lock:
            return Counter(name for name, _ in self.asked)

    def note(self, kind: str, what: str) -> None:
        with self.lock:
            self.asked.append((kind, what))
            self.times.append((kind, time.monotonic()))

    def leads_to(self) -> dict[str, str]:
        """The variables that lead a program, and all programs it starts, to this site."""
        earlier = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
        return {
            "PYTHONPATH": os.pathsep.join([str(self.folder), *earlier]),
            "SSL_CERT_FILE": str(self.folder / "certificate.pem"),
        }


@contextmanager
def youtube(world: World, *, port: int = 0) -> Iterator[Site]:
    """Serve ``world`` as YouTube does."""
    with tempfile.TemporaryDirectory(prefix="fake-youtube-") as name:
        folder = Path(name)
        site = Site(world, folder)
        with serving(lambda _: _Routes(site), port=port, tls=_certificate(folder)) as server:
            site.port = server.server_port
            guard = f"runpy.run_path({str(GUARD)!r})"
            (folder / "sitecustomize.py").write_text(_ROUTE.format(guard=guard, port=site.port))
            # Where the package certifi is installed, yt-dlp asks it and not OpenSSL whom to trust.
            (folder / "certifi.py").write_text(f"def where():\n    return {str(folder / 'certificate.pem')!r}\n")
            _accept_posts(server)
            yield site


def _accept_posts(server: LoopbackServer) -> None:
    server.RequestHandlerClass = _Exchange


class _Exchange(Exchange):
    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        self.do_GET()


class _Routes(dict):  # type: ignore[type-arg]
    """Every path of the site has its answer, by its form."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site

    def get(self, path: str, default: object = None) -> Any:
        return functools.partial(_answer, self._site, path)


def _certificate(folder: Path) -> ssl.SSLContext:
    """A certificate for YouTube's names that only programs led by ``folder`` trust; valid for a day."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    if shutil.which("openssl") is None:
        raise RuntimeError("the fake YouTube needs the openssl program")
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=fake-youtube"
    names = "subjectAltName=DNS:youtube.com,DNS:*.youtube.com,DNS:*.googlevideo.com,DNS:*.ytimg.com"
    command = [*make.split(), "-addext", names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _answer(site: Site, path: str, exchange: Exchange) -> None:
    site.agents.add(exchange.headers.get("User-Agent", ""))
    asked = parse_qs(urlsplit(exchange.path).query)
    length = int(exchange.headers.get("Content-Length") or 0)
    body = exchange.rfile.read(length) if length else b""
    given = {name: values[0] for name, values in asked.items()}
    if path == "/videoplayback":
        _media(site, given, exchange)
    elif path.startswith("/youtubei/v1/"):
        _api(site, path.removeprefix("/youtubei/v1/"), json.loads(body or b"{}"), exchange)
    elif path == "/feeds/videos.xml":
        site.note("feed", given.get("channel_id", ""))
        owner = site.world.channels.get(given.get("channel_id", ""))
        failed = _failed(site, "feed", exchange)
        if not failed and owner is None:
            _send(exchange, b"not found", "text/plain", 404)
        elif not failed and owner is not None:
            _send(exchange, _feed(site.world, owner), "application/atom+xml")
    elif path == "/watch":
        site.note("watch", given.get("v", ""))
        if not _failed(site, "watch", exchange):
            _send_page(exchange, _watch_data(site, given.get("v", "")), _player(site, given.get("v", "")))
    elif path == "/playlist":
        site.note("playlist", given.get("list", ""))
        if not _failed(site, "playlist", exchange):
            _send_page(exchange, _playlist_data(site, given.get("list", "")))
    elif path == "/" or path.startswith("/embed/"):
        site.note("home", path.removeprefix("/"))
        _send_page(exchange, {"contents": {}})
    else:
        site.note("tab", unquote(path))
        if not _failed(site, "tab", exchange):
            _tab(site, unquote(path), exchange)


def _failed(site: Site, kind: str, exchange: Exchange) -> bool:
    status = site.status.get(kind)
    if status is not None:
        _send(exchange, b"<html>refused</html>", "text/html", status)
    return status is not None


def _send(exchange: Exchange, body: bytes, type_: str, status: int = 200) -> None:
    headers = {"Content-Type": type_, "Content-Length": str(len(body))}
    if exchange.begin(status, headers):
        exchange.send(body)


def _send_json(exchange: Exchange, value: Mapping[str, Any]) -> None:
    _send(exchange, json.dumps(value).encode(), "application/json")


def _send_page(exchange: Exchange, data: Mapping[str, Any], player: Mapping[str, Any] | None = None) -> None:
    config = {
        "INNERTUBE_API_KEY": "fake",
        "INNERTUBE_CONTEXT": {"client": {"clientName": "WEB", "clientVersion": "2.20261101", "visitorData": "VISITOR"}},
        "VISITOR_DATA": "VISITOR",
    }
    playing = f"<script>var ytInitialPlayerResponse = {json.dumps(player)};</script>" if player else ""
    page = (
        f"<!DOCTYPE html><html><head><script>ytcfg.set({json.dumps(config)});</script></head><body>{playing}"
        f"<script>var ytInitialData = {json.dumps(data)};</script></body></html>"
    )
    _send(exchange, page.encode(), "text/html; charset=utf-8")


def _api(site: Site, endpoint: str, asked: dict[str, Any], exchange: Exchange) -> None:
    if endpoint == "player":
        site.note("player", asked["videoId"])
        if not _failed(site, "player", exchange):
            _send_json(exchange, _player(site, asked["videoId"]))
    elif endpoint == "search":
        token = _token(asked)
        site.note("search", asked.get("query", "") + (f" from {token['start']}" if token else ""))
        if not _failed(site, "search", exchange):
            _send_json(exchange, _search(site, asked, token))
    elif endpoint == "browse":
        token = _token(asked)
        site.note("browse", f"{token['list']} from {token['start']}" if token else str(asked.get("browseId")))
        if not _failed(site, "browse", exchange):
            playlist = str(asked.get("browseId")).removeprefix("VL")
            _send_json(exchange, _browse(site, token) if token else _playlist_data(site, playlist))
    else:
        _send(exchange, b"{}", "application/json", 404)


def _token(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    text = asked.get("continuation")
    return json.loads(base64.b64decode(text)) if text else None


def _continuation(**place: object) -> dict[str, Any]:
    token = base64.b64encode(json.dumps(place).encode()).decode()
    command = {"clickTrackingParams": "click", "continuationCommand": {"token": token, "request": "CONTINUATION"}}
    return {"continuationItemRenderer": {"trigger": "ON_ITEM_SHOWN", "continuationEndpoint": command}}


def _search(site: Site, asked: Mapping[str, Any], token: Mapping[str, Any] | None) -> dict[str, Any]:
    phrase = token["phrase"] if token else asked.get("query", "")
    params = token["params"] if token else unquote(asked.get("params") or "")
    start = token["start"] if token else 0
    matches = [video for video in site.world.found_by(phrase) if _passes(video, params)]
    shown, following = _slice(site, matches, start, SEARCH_PAGE)
    items: list[dict[str, Any]] = [{"itemSectionRenderer": {"contents": [_renderer(v) for v in shown]}}]
    if following is not None:
        items.append(_continuation(phrase=phrase, params=params, start=following))
    if token:
        return {"onResponseReceivedCommands": [{"appendContinuationItemsAction": {"continuationItems": items}}]}
    primary = {"sectionListRenderer": {"contents": items}}
    return {"contents": {"twoColumnSearchResultsRenderer": {"primaryContents": primary}}}


def _passes(video: Video, params: str) -> bool:
    """The filters of ``sp=`` that the tests use: creative commons (6) and duration (3)."""
    filters = _message(_message(base64.urlsafe_b64decode(params + "=" * (-len(params) % 4))).get(2, b""))
    if filters.get(6) and video.licence != "creativeCommon":
        return False
    lengths = {1: (0, 240), 2: (1_200, 1e9), 3: (240, 1_200)}
    least, most = lengths.get(filters.get(3), (0, 1e9))
    return least <= video.seconds < most


def _message(raw: Any) -> dict[int, Any]:
    """A protobuf message of numbers and messages."""
    fields: dict[int, Any] = {}
    place = 0
    while place < len(raw):
        key, place = _number(raw, place)
        value, place = _number(raw, place)
        if key & 7 == 2:
            fields[key >> 3] = raw[place : place + value]
            place += value
        else:
            fields[key >> 3] = value
    return fields


def _number(raw: Any, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        number |= (raw[place] & 127) << shift
        shift += 7
        place += 1
        if raw[place - 1] < 128:
            return number, place


def _slice(site: Site, videos: list[Video], start: int, size: int) -> tuple[list[Video], int | None]:
    end = start + size
    following = end if end < len(videos) else None
    return videos[start:end], 0 if following is None and site.loops else following


def _renderer(video: Video) -> dict[str, Any]:
    badges = [{"metadataBadgeRenderer": {"style": "BADGE_STYLE_TYPE_LIVE_NOW", "label": "LIVE"}}]
    live = {"badges": badges} if video.live == "live" else {"lengthText": {"simpleText": _clock(video.seconds)}}
    return {"videoRenderer": {**_listed(video), **live}}


def _listed(video: Video) -> dict[str, Any]:
    endpoint = {"browseEndpoint": {"browseId": video.channel.id, "canonicalBaseUrl": f"/{video.channel.handle}"}}
    byline = {"runs": [{"text": video.channel.title, "navigationEndpoint": endpoint}]}
    return {
        "videoId": video.id,
        "title": {"runs": [{"text": video.title}]},
        "ownerText": byline,
        "shortBylineText": byline,
        "viewCountText": {"simpleText": "1,234 views"},
    }


def _tab(site: Site, path: str, exchange: Exchange) -> None:
    segments = [segment for segment in path.split("/") if segment]
    name = segments[1] if segments and segments[0] == "channel" else segments[0] if segments else ""
    owner = next((c for c in site.world.channels.values() if name in (c.id, c.handle)), None)
    if owner is None:
        _send(exchange, b"<html>404 Not Found</html>", "text/html", 404)
        return
    shown, following = _slice(site, site.world.uploads_of(owner.id), 0, TAB_PAGE)
    items: list[dict[str, Any]] = [{"richItemRenderer": {"content": _renderer(video)}} for video in shown]
    if following is not None:
        items.append(_continuation(list=owner.id, start=following))
    tab = {
        "title": "Videos",
        "selected": True,
        "endpoint": {
            "commandMetadata": {"webCommandMetadata": {"url": f"/{owner.handle}/videos"}},
            "browseEndpoint": {"browseId": owner.id, "params": "EgZ2aWRlb3M"},
        },
        "content": {"richGridRenderer": {"contents": items}},
    }
    _send_page(
        exchange,
        {
            "contents": {"twoColumnBrowseResultsRenderer": {"tabs": [{"tabRenderer": tab}]}},
            "metadata": {
                "channelMetadataRenderer": {
                    "title": owner.title,
                    "externalId": owner.id,
                    "vanityChannelUrl": f"https://www.youtube.com/{owner.handle}",
                    "channelUrl": f"https://www.youtube.com/channel/{owner.id}",
                }
            },
        },
    )


def _playlist_data(site: Site, playlist: str) -> dict[str, Any]:
    owner = next((c for c in site.world.channels.values() if c.uploads == playlist), None)
    if owner is None:
        alert = {"alertRenderer": {"type": "ERROR", "text": {"runs": [{"text": "The playlist does not exist."}]}}}
        return {"alerts": [alert], "contents": {}}
    shown, following = _slice(site, site.world.uploads_of(owner.id), 0, PLAYLIST_PAGE)
    items: list[dict[str, Any]] = [_in_playlist(video) for video in shown]
    if following is not None:
        items.append(_continuation(list=owner.id, start=following, of="playlist"))
    section = {"itemSectionRenderer": {"contents": [{"playlistVideoListRenderer": {"contents": items}}]}}
    tab = {"selected": True, "content": {"sectionListRenderer": {"contents": [section]}}}
    return {
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": [{"tabRenderer": tab}]}},
        "metadata": {"playlistMetadataRenderer": {"title": "Uploads"}},
    }


def _in_playlist(video: Video) -> dict[str, Any]:
    return {"playlistVideoRenderer": {**_listed(video), "lengthSeconds": str(int(video.seconds)), "isPlayable": True}}


def _browse(site: Site, token: Mapping[str, Any]) -> dict[str, Any]:
    as_playlist = token.get("of") == "playlist"
    size = PLAYLIST_PAGE if as_playlist else TAB_PAGE
    shown, following = _slice(site, site.world.uploads_of(token["list"]), token["start"], size)
    items: list[dict[str, Any]] = [
        _in_playlist(v) if as_playlist else {"richItemRenderer": {"content": _renderer(v)}} for v in shown
    ]
    if following is not None:
        items.append(_continuation(**{**token, "start": following}))
    return {"onResponseReceivedActions": [{"appendContinuationItemsAction": {"continuationItems": items}}]}


def _watch_data(site: Site, id_: str) -> dict[str, Any]:
    video = site.world.videos.get(id_)
    if video is None:
        return {"contents": {}}
    rows = []
    if video.licence == "creativeCommon":
        text = "Creative Commons Attribution license (reuse allowed)"
        rows.append(
            {"metadataRowRenderer": {"title": {"simpleText": "License"}, "contents": [{"runs": [{"text": text}]}]}}
        )
    badges = []
    if video.privacy == "unlisted":
        badges.append({"metadataBadgeRenderer": {"icon": {"iconType": "PRIVACY_UNLISTED"}, "label": "Unlisted"}})
    contents = [
        {"videoPrimaryInfoRenderer": {"title": {"runs": [{"text": video.title}]}, "badges": badges}},
        {
            "videoSecondaryInfoRenderer": {
                "owner": {"videoOwnerRenderer": {"title": {"runs": [{"text": video.channel.title}]}}},
                "metadataRowContainer": {"metadataRowContainerRenderer": {"rows": rows}},
            }
        },
    ]
    return {"contents": {"twoColumnWatchNextResults": {"results": {"results": {"contents": contents}}}}}


def _player(site: Site, id_: str) -> dict[str, Any]:
    video = site.world.videos.get(id_)
    if video is None:
        return {"playabilityStatus": _PLAYABILITY["removed"]}
    refusal = site.refuse_all or video.refusal or ("age" if video.age_restricted else "")
    details = {
        "videoId": video.id,
        "title": video.title,
        "lengthSeconds": str(round(video.seconds)),
        "keywords": list(video.tags),
        "channelId": video.channel.id,
        "author": video.channel.title,
        "shortDescription": f"Description of {video.title}",
        "viewCount": "1234",
        "isLiveContent": video.live != "none",
        "isLive": video.live == "live",
        "isUpcoming": video.live == "upcoming",
        "isPrivate": video.privacy == "private",
    }
    micro = {
        "category": "Education",
        "isFamilySafe": not video.age_restricted,
        "isUnlisted": video.privacy == "unlisted",
        "uploadDate": datetime.fromtimestamp(video.published, UTC).isoformat(),
        "ownerProfileUrl": f"http://www.youtube.com/{video.channel.handle}",
        "externalChannelId": video.channel.id,
    }
    if video.live == "live":
        micro["liveBroadcastDetails"] = {"isLiveNow": True, "startTimestamp": "2026-01-01T00:00:00+00:00"}
    answer = {"videoDetails": details, "microformat": {"playerMicroformatRenderer": micro}}
    if refusal:
        return {**answer, "playabilityStatus": _PLAYABILITY[refusal]}
    streams = [_stream(video, 249, 48_000, None), _stream(video, 251, 130_000, None)]
    if video.dub_language:
        own = video.asr_language or "vi"
        streams = [_stream(video, itag, rate, own) for itag, rate in ((249, 50_000), (251, 130_000))]
        streams += [_stream(video, itag, rate, video.dub_language, dub=True) for itag, rate in ((249, 40_000),)]
    return {
        **answer,
        "playabilityStatus": {"status": "OK", "playableInEmbed": True},
        "streamingData": {"expiresInSeconds": "21540", "adaptiveFormats": streams},
        **({"captions": _captions(video)} if video.asr_language else {}),
    }


def _stream(video: Video, itag: int, rate: int, language: str | None, *, dub: bool = False) -> dict[str, Any]:
    track = {}
    if language:
        name = f"{language} (dubbed)" if dub else f"{language} original"
        track = {"audioTrack": {"displayName": name, "id": f"{language}.{4 if dub else 3}", "audioIsDefault": dub}}
    size = len(CLIPS[video.clip].body)
    return {
        "itag": itag,
        "url": f"https://{MEDIA_HOST}/videoplayback?id={video.id}&itag={itag}&lang={language or ''}&clen={size}&dur=1",
        "mimeType": 'audio/webm; codecs="opus"',
        "bitrate": rate,
        "averageBitrate": rate,
        "contentLength": str(size),
        "approxDurationMs": str(round(video.seconds * 1000)),
        "audioQuality": "AUDIO_QUALITY_LOW" if itag == 249 else "AUDIO_QUALITY_MEDIUM",
        "audioSampleRate": "48000",
        "audioChannels": 1,
        "quality": "tiny",
        "lastModified": "1",
        **track,
    }


def _captions(video: Video) -> dict[str, Any]:
    track = {
        "baseUrl": f"https://www.youtube.com/api/timedtext?v={video.id}&lang={video.asr_language}&kind=asr",
        "name": {"simpleText": f"{video.asr_language} (auto-generated)"},
        "vssId": f"a.{video.asr_language}",
        "languageCode": video.asr_language,
        "kind": "asr",
        "isTranslatable": True,
    }
    others = [{"languageCode": code, "languageName": {"simpleText": code}} for code in ("de", "en", "fr", "vi")]
    return {"playerCaptionsTracklistRenderer": {"captionTracks": [track], "translationLanguages": others}}


def _media(site: Site, given: Mapping[str, str], exchange: Exchange) -> None:
    site.note("media", f"{given['id']} {given['itag']} {given.get('lang', '')}".strip())
    with site.lock:
        site.ranges.append(given.get("range") or exchange.asked.range)
    video = site.world.videos.get(given["id"])
    if video is None or _failed(site, "media", exchange):
        return
    Content(CLIPS[video.clip].body, "audio/webm")(exchange)


def _feed(world: World, owner: Channel) -> bytes:
    entries = "".join(
        f"<entry><id>yt:video:{video.id}</id><yt:videoId>{video.id}</yt:videoId>"
        f"<title>{html.escape(video.title)}</title>"
        f'<link rel="alternate" href="https://www.youtube.com/watch?v={video.id}"/>'
        f"<published>{datetime.fromtimestamp(video.published, UTC).isoformat()}</published></entry>"
        for video in world.uploads_of(owner.id)[:15]
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns:yt="http://www.youtube.com/xml/schemas/2015" '
        f'xmlns="http://www.w3.org/2005/Atom"><title>{html.escape(owner.title)}</title>{entries}</feed>'
    ).encode()


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a fake YouTube on this machine.")
    parser.add_argument("--videos", type=int, default=70, help="Videos for each of three phrases.")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    phrases = ["bé kể chuyện", "trẻ em hát", "children talking"]
    with youtube(mixed_world(phrases, arguments.videos), port=arguments.port) as site:
        for name, value in site.leads_to().items():
            print(f"export {name}={value}")
        print("export VOICESIEVE_FETCHING__ALLOW_PRIVATE_ADDRESSES=true VOICESIEVE_YOUTUBE__REQUESTS_PER_HOUR=0")
        print("export VOICESIEVE_RIGHTS__BASIS=research_exception VOICESIEVE_RIGHTS__STATEMENT='my own server'")
        print(f"voicesieve crawl --data /tmp/fake-youtube-crawl --source 'youtube:{phrases[0]}'", flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
