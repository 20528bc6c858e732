"""The demo site: a podcast feed and a page of videos on 127.0.0.1, with the mishaps of the real web.

    python -m demo.site [--port 0] [--seed-info FILE]

prints its base URL as the first line and runs until it is interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo import pages
from demo.answers import Content, Redirect
from demo.clips import CLIPS, Clip, read_clips
from demo.faults import Fault, failing, fault_routes
from demo.server import Answer, RequestLog, Routes, serving

OPUS = "audio/ogg"
LANGUAGE = "vi"
FEED = "/feed.xml"
TITLE = "Tiếng nói tuổi thơ"
FOLDER_TITLE = "A folder of recordings"

HOSTILE_TITLE = "\"Nấu ăn\" <b>'cùng con'</b> & ../../etc/passwd; $(id) \u202egpj.exe"

MEDIA_TYPES = {
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".webm": "audio/webm",
}
"""Registered types (IANA) of the suffixes that `folder_site` serves."""


@dataclass(frozen=True)
class Site:
    """A running site. ``media`` gives the URL of a recording by its name, ``expected`` what should become of a URL.

    The words of ``expected``: ``accepted``, ``rejected``, ``duplicate`` (the same audio as another one),
    ``gone``, ``undecodable``, ``timeout``.
    """

    url: str
    requests: RequestLog
    media: Mapping[str, str]
    expected: Mapping[str, str]

    @property
    def feed(self) -> str:
        return self.url + FEED

    @property
    def page(self) -> str:
        return self.url + "/"


@dataclass(frozen=True)
class Item:
    """One recording of the demo. ``name`` is its id in the feed and the stem of its path."""

    name: str
    title: str
    clip: str
    expected: str
    fault: Fault | None = None
    moved: bool = False
    embedded: bool = False

    @property
    def path(self) -> str:
        return f"/media/{self.name}.opus"


FEED_ITEMS = (
    Item("story", "Bé kể chuyện: đi công viên với bà", "child-vi-story", "accepted"),
    Item("counting", "Bé tập đếm", "child-vi-counting", "accepted", fault=Fault.BUSY_TWICE),
    Item("zoo", "A day at the zoo", "child-en-zoo", "accepted"),
    Item("cooking", HOSTILE_TITLE, "adult-woman-recipe", "rejected"),
    Item("news", "Bản tin thời tiết", "adult-man-news", "rejected", moved=True),
    Item("melody", "Nhạc không lời", "music", "rejected", fault=Fault.RESET),
    Item("story-again", "Bé kể chuyện (đăng lại)", "child-vi-story", "duplicate"),
    Item("removed", "Bài đã gỡ", "child-vi-counting", "gone", fault=Fault.MISSING),
    Item("damaged", "Tệp hỏng", "child-vi-counting", "undecodable", fault=Fault.BROKEN),
    Item("slow", "A very slow server", "adult-man-reading", "timeout", fault=Fault.TRICKLE),
)

WATCH_ITEMS = (
    Item("interview", "Bố và con: vì sao bầu trời xanh?", "mixed-interview", "accepted"),
    Item("reading", "The new bridge", "adult-man-reading", "rejected", embedded=True),
    Item("quiet", "Mười giây yên lặng", "silence", "rejected"),
)

LINKED_MEDIA = next(item for item in FEED_ITEMS if item.name == "zoo")
"""Stands on the page as well as in the feed, under the same URL."""


@contextmanager
def running_site(clips: Mapping[str, Clip] | Path = CLIPS, *, port: int = 0) -> Iterator[Site]:
    """The demo site with the clips of a folder, or with others under the same names."""
    recordings = read_clips(clips) if isinstance(clips, Path) else clips
    with serving(lambda base_url: _demo_routes(base_url, recordings), port=port) as server:
        items = {item.name: server.base_url + item.path for item in (*FEED_ITEMS, *WATCH_ITEMS)}
        expected = {server.base_url + item.path: item.expected for item in FEED_ITEMS}
        expected |= {server.base_url + _watch_path(item): item.expected for item in WATCH_ITEMS}
        yield Site(server.base_url, server.requests, items, expected)


@contextmanager
def folder_site(paths: Iterable[Path], *, language: str = LANGUAGE) -> Iterator[Site]:
    """A site of any audio files, each in the feed and on the page; ``media`` gives URLs by path.

    The URLs hold a number and the suffix, never a file's name. Raises `ValueError` for an unknown suffix.
    """
    files = {f"/media/{number}{path.suffix.lower()}": path for number, path in enumerate(paths, start=1)}
    contents = {url: Content(path, _media_type(path)) for url, path in files.items()}

    def routes(base_url: str) -> Routes:
        episodes = [
            pages.Episode(url, _printable_stem(path), base_url + url, contents[url].type, path.stat().st_size)
            for url, path in files.items()
        ]
        links = [pages.Link(url, _printable_stem(path)) for url, path in files.items()]
        return {**contents, **_listings(base_url, FOLDER_TITLE, language, episodes, links)}

    with serving(routes) as server:
        media = {os.fspath(path): server.base_url + url for url, path in files.items()}
        yield Site(server.base_url, server.requests, media, expected={})


def _demo_routes(base_url: str, clips: Mapping[str, Clip]) -> Routes:
    routes: dict[str, Answer] = {}
    episodes: list[pages.Episode] = []
    links: list[pages.Link] = []
    for item in FEED_ITEMS:
        clip = clips[item.clip]
        routes |= _media_routes(item, Content(clip.body, OPUS))
        url = base_url + item.path
        episodes.append(pages.Episode(item.name, item.title, url, OPUS, len(clip.body), clip.seconds))
    for item in WATCH_ITEMS:
        routes |= {item.path: Content(clips[item.clip].body, OPUS), _watch_path(item): _watch(item, base_url, clips)}
        links.append(pages.Link(_watch_path(item), item.title))
    links.append(pages.Link(LINKED_MEDIA.path, LINKED_MEDIA.title))
    routes |= fault_routes(Content(clips[LINKED_MEDIA.clip].body, OPUS))
    return routes | _listings(base_url, TITLE, LANGUAGE, episodes, links)


def _media_routes(item: Item, content: Content) -> dict[str, Answer]:
    if item.moved:
        archived = f"/archive/{item.name}.opus"
        return {item.path: Redirect(archived), archived: content}
    return {item.path: failing(item.fault, content) if item.fault else content}


def _listings(
    base_url: str, title: str, language: str, episodes: Iterable[pages.Episode], links: Iterable[pages.Link]
) -> dict[str, Answer]:
    return {
        FEED: Content(pages.feed(title, f"{base_url}/", language, episodes), "application/rss+xml; charset=utf-8"),
        "/": _html(pages.index(title, language, links, FEED)),
    }


def _watch(item: Item, base_url: str, clips: Mapping[str, Clip]) -> Content:
    clip = clips[item.clip]
    language = clip.language or LANGUAGE
    url = base_url + _watch_path(item)
    watch = pages.Watch(item.title, language, url, base_url + item.path, OPUS, clip.seconds)
    return _html(pages.watch_embedded(watch) if item.embedded else pages.watch_described(watch))


def _html(page: bytes) -> Content:
    return Content(page, "text/html; charset=utf-8", ranges=False)


def _watch_path(item: Item) -> str:
    return f"/watch/{item.name}"


def _media_type(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in MEDIA_TYPES:
        raise ValueError(f"{path.name!r} is none of {', '.join(MEDIA_TYPES)}")
    return MEDIA_TYPES[suffix]


def _printable_stem(path: Path) -> str:
    """The stem without what XML cannot hold: control characters, and bytes that are not UTF-8."""
    stem = os.fsencode(path.stem).decode("utf-8", "replace")
    return "".join(character for character in stem if character >= " " and character not in "\ufffe\uffff")


def _write_seed_info(site: Site, file: Path) -> None:
    """What to crawl and what to expect, for a script; written whole or not at all, since the script waits for it."""
    info = {
        "base_url": site.url,
        "queries": [f"rss:{site.feed}", f"page:{site.page}"],
        "expected": dict(site.expected),
    }
    partial = file.with_name(file.name + ".part")
    partial.write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
    partial.replace(file)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the demo site on 127.0.0.1 until interrupted.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--seed-info", type=Path, metavar="FILE", help="write the queries and what to expect as JSON")
    options = parser.parse_args()
    with running_site(port=options.port) as site:
        if options.seed_info:
            _write_seed_info(site, options.seed_info)
        print(site.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
