"""The site's texts: a podcast feed (RSS 2.0), an index page, and pages that play one recording each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from xml.etree import ElementTree

LICENCE = "https://creativecommons.org/licenses/by/4.0/"

FIRST_EPISODE = datetime(2025, 3, 1, 8, 0, tzinfo=UTC)

_ITUNES = "http://www.itunes.com/dtds/podcast-1.0.dtd"
_CREATIVE_COMMONS = "http://backend.userland.com/creativeCommonsRssModule"
ElementTree.register_namespace("itunes", _ITUNES)
ElementTree.register_namespace("creativeCommons", _CREATIVE_COMMONS)


@dataclass(frozen=True)
class Episode:
    """One entry of a feed. ``url`` is absolute, ``bytes`` the length that the enclosure declares."""

    guid: str
    title: str
    url: str
    type: str
    bytes: int
    seconds: float | None = None


@dataclass(frozen=True)
class Link:
    href: str
    text: str


def feed(title: str, home: str, language: str, episodes: Iterable[Episode]) -> bytes:
    """A podcast feed; the episodes are dated a day apart, in their order."""
    rss = ElementTree.Element("rss", version="2.0")
    channel = ElementTree.SubElement(rss, "channel")
    _add(channel, "title", title)
    _add(channel, "link", home)
    _add(channel, "description", "Synthetic voices and sounds. No person is heard.")
    _add(channel, "language", language)
    _add(channel, "copyright", LICENCE)
    _add(channel, f"{{{_CREATIVE_COMMONS}}}license", LICENCE)
    for day, episode in enumerate(episodes):
        item = ElementTree.SubElement(channel, "item")
        _add(item, "title", episode.title)
        _add(item, "guid", episode.guid).set("isPermaLink", "false")
        _add(item, "pubDate", format_datetime(FIRST_EPISODE + timedelta(days=day)))
        if episode.seconds is not None:
            _add(item, f"{{{_ITUNES}}}duration", _clock(episode.seconds))
        ElementTree.SubElement(item, "enclosure", url=episode.url, type=episode.type, length=str(episode.bytes))
    return bytes(ElementTree.tostring(rss, encoding="utf-8", xml_declaration=True))


def index(title: str, language: str, links: Iterable[Link], feed_path: str) -> bytes:
    """A page of links."""
    items = "\n".join(f'<li><a href="{escape(link.href)}">{escape(link.text)}</a></li>' for link in links)
    return _page(
        title,
        language,
        head=f'<link rel="alternate" type="application/rss+xml" href="{escape(feed_path)}">',
        body=f"<h1>{escape(title)}</h1>\n<ul>\n{items}\n</ul>\n"
        f'<p>Licence: <a rel="license" href="{LICENCE}">CC BY 4.0</a></p>',
    )


@dataclass(frozen=True)
class Watch:
    """A page that plays one recording: its own URL, and the recording's URL, type and length."""

    title: str
    language: str
    url: str
    media_url: str
    media_type: str
    seconds: float


def watch_described(watch: Watch) -> bytes:
    """A watch page as video sites make it: the player is a script's affair, schema.org data name the recording."""
    video = {
        "@context": "https://schema.org",
        "@type": "VideoObject",
        "name": watch.title,
        "description": "Synthetic voices and sounds. No person is heard.",
        "contentUrl": watch.media_url,
        "duration": f"PT{watch.seconds:.0f}S",
        "uploadDate": FIRST_EPISODE.isoformat(),
        "inLanguage": watch.language,
        "license": LICENCE,
    }
    # Inside <script> nothing is unescaped, so that a title could end it.
    data = json.dumps(video, ensure_ascii=False).replace("<", "\\u003c")
    return _watch_page(watch, f'<script type="application/ld+json">{data}</script>')


def watch_embedded(watch: Watch) -> bytes:
    """A watch page as a small site makes it: an ``<audio>`` element and nothing for machines."""
    source = f'<source src="{escape(watch.media_url)}" type="{escape(watch.media_type)}">'
    return _watch_page(watch, f"<audio controls>{source}</audio>")


def _watch_page(watch: Watch, player: str) -> bytes:
    return _page(
        watch.title,
        watch.language,
        head=f'<meta property="og:title" content="{escape(watch.title)}">\n'
        '<meta property="og:type" content="video.other">\n'
        f'<meta property="og:url" content="{escape(watch.url)}">\n'
        f'<meta property="og:audio" content="{escape(watch.media_url)}">',
        body=f"<h1>{escape(watch.title)}</h1>\n{player}",
    )


def _page(title: str, language: str, head: str, body: str) -> bytes:
    text = (
        f'<!doctype html>\n<html lang="{escape(language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<title>{escape(title)}</title>\n<link rel="license" href="{LICENCE}">\n{head}\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )
    return text.encode()


def _add(parent: ElementTree.Element, name: str, text: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, name)
    element.text = text
    return element


def _clock(seconds: float) -> str:
    """``HH:MM:SS``, as podcast feeds write durations."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest:02}"
