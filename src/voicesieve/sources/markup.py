"""What a web page shows, links and embeds, read in one pass over its markup, which may be broken."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

from voicesieve.domain.candidates import MAX_TITLE_CHARS
from voicesieve.domain.platforms import youtube_video
from voicesieve.sources.media import Likeness, likeness

_ADDRESS_ATTRIBUTES = ("src", "data-src", "data-lazy-src", "data-original", "data-url")
"""Attributes that may hold an element's address: first the standard one, then those that scripts read later."""
_PLAYERS = frozenset({"audio", "video", "amp-audio", "amp-video"})
_FRAMES = {"iframe": _ADDRESS_ATTRIBUTES, "amp-iframe": _ADDRESS_ATTRIBUTES, "frame": ("src",), "embed": ("src",)}
_FEED_TYPES = frozenset({"application/rss+xml", "application/atom+xml", "application/feed+json"})
_META = re.compile(r"og:(?:audio|video)(?::url|:secure_url)?|twitter:player:stream", re.IGNORECASE)
_META_FRAME = re.compile(r"twitter:player", re.IGNORECASE)
_STRUCTURED = re.compile(r"application/(?:[\w.-]+\+)?json", re.IGNORECASE)
_DATA_MARKS = re.compile(r"^\s*(?://)?\s*<!(?:\[CDATA\[|--)|(?://)?\s*(?:\]\]|--)>\s*$")
_IN_SCRIPT = re.compile(
    r"(?:https?:(?:\\?/){2}|(?<=[\"'])\.{0,2}\\?/)[^\s\"'<>]{1,1000}?\.(?:mp3|m4a|m4b|mp4|ogg|oga|opus|wav|flac|webm)\b"
)

_ADDRESS_BEGINS = ("http://", "https://", "/", "./", "../")

_YOUTUBE_ATTRIBUTES = ("data-youtube-id", "data-youtube", "data-yt-id", "data-ytid", "data-yt")
_YOUTUBE_ELEMENTS = {"lite-youtube": "videoid", "amp-youtube": "data-videoid"}
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")

_MAX_DEPTH = 100
"""Deepest nesting of structured data that is read; real pages have some ten levels."""


@dataclass
class Reference:
    """An address on the page: of a recording, or of a link (``is_link``) that has to look like one."""

    address: str
    is_link: bool = False
    title: str = ""
    duration: str = ""
    published: str = ""


@dataclass
class Seen:
    """What one page holds. ``broken_off`` says where its reading failed, empty if it reached the end."""

    references: list[Reference] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    feeds: list[str] = field(default_factory=list)
    in_scripts: list[str] = field(default_factory=list)
    silent_players: int = 0
    unread_data: int = 0
    base: str = ""
    language: str = ""
    licence: str = ""
    title: str = ""
    broken_off: str = ""


def read_markup(text: str) -> Seen:
    """What the page ``text`` holds, in document order, up to the first place that cannot be parsed."""
    collector = _Collector()
    try:
        # It is not closed: closing scans an unfinished construct again from every "<" in it, in quadratic time.
        collector.feed(text)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - what html.parser raises for broken markup is not documented
        line, column = collector.getpos()
        collector.seen.broken_off = f"line {line}, column {column + 1} ({type(error).__name__}: {error})"
    collector.end_player()
    return collector.seen


class _Collector(HTMLParser):
    """Collects recordings while the parser goes through the document."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen = Seen()
        self._open_link: Reference | None = None
        self._player: _Player | None = None
        self._in_title = False
        self._script: _Script | None = None

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """In HTML ``<![`` begins a comment that ends at the next ``>``, as in browsers. The inherited method raises
        AssertionError for any word that it does not know."""
        end = self.rawdata.find(">", i + 3)
        return end + 1 if end >= 0 else -1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in reversed(attrs)}  # of equal names the first counts
        seen = self.seen
        if tag == "html":
            seen.language = seen.language or attributes.get("lang", "")
        elif tag == "base":
            seen.base = seen.base or attributes.get("href", "")
        elif tag == "title":
            self._in_title = not seen.title
        elif tag == "meta":
            self._meta(attributes.get("property") or attributes.get("name", ""), attributes.get("content", ""))
        elif tag == "script":
            self._script = _Script(bool(_STRUCTURED.fullmatch(attributes.get("type", "").partition(";")[0].strip())))
        elif tag in _PLAYERS:
            self.end_player()
            self._player = _Player(attributes.get("title", ""), [_Source.of(attributes)])
        elif tag == "source" and self._player is not None:
            self._player.sources.append(_Source.of(attributes))
        elif tag in _FRAMES:
            self._note_frame(_address(attributes, _FRAMES[tag]))
        elif tag == "object":
            self._note_frame(attributes.get("data", ""))
        elif tag == "link" and attributes.get("type", "").strip().lower() in _FEED_TYPES:
            seen.feeds.append(attributes.get("href", ""))
        elif tag == "a" and "href" in attributes:
            self._begin_link(attributes)
        if tag in ("a", "link", "area") and "license" in attributes.get("rel", "").lower().split():
            seen.licence = seen.licence or attributes.get("href", "")
        if "contentUrl" in attributes.get("itemprop", "").split():
            self._note(_address(attributes, ("content", "href", "src")))
        self._late(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._open_link = None
        elif tag in _PLAYERS:
            self.end_player()
        elif tag == "title":
            self._in_title = False
        elif tag == "script" and self._script is not None:
            self._read_script(self._script)
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self._script.pieces.append(data)
        elif self._in_title:
            self.seen.title = _extended(self.seen.title, data)
        elif self._open_link is not None:
            self._open_link.title = _extended(self._open_link.title, data)

    def end_player(self) -> None:
        """Record the best source of a player: the others are the same recording in other formats."""
        player, self._player = self._player, None
        if player is None:
            return
        sources = [source for source in player.sources if source.address.strip()]
        if sources:
            best = min(sources, key=lambda source: source.worth)
            self.seen.references.append(Reference(best.address, title=player.title))
        else:
            self.seen.silent_players += 1

    def _begin_link(self, attributes: Mapping[str, str]) -> None:
        name = attributes.get("download")
        offered = name is not None and likeness("", name) is not Likeness.OTHER
        shown = offered and likeness(attributes.get("type", ""), attributes["href"]) is not Likeness.OTHER
        self._open_link = Reference(attributes["href"], is_link=not shown, title=attributes.get("title", ""))
        self.seen.references.append(self._open_link)

    def _meta(self, name: str, content: str) -> None:
        if _META.fullmatch(name):
            self._note(content)
        elif _META_FRAME.fullmatch(name):
            self._note_frame(content)

    def _note(self, address: str) -> None:
        if address.strip():
            self.seen.references.append(Reference(address))

    def _note_frame(self, address: str) -> None:
        if address.strip() and address.strip() not in ("about:blank", "#"):
            self.seen.frames.append(address)

    def _late(self, tag: str, attributes: Mapping[str, str]) -> None:
        """What scripts turn into a player when the visitor scrolls or clicks."""
        names = [name for name in attributes if name.startswith("data-")] if tag not in _PLAYERS | {"source"} else []
        lazy = [attributes.get(name) for name in _ADDRESS_ATTRIBUTES]
        for address in dict.fromkeys(attributes[name] for name in names):
            if _is_media_address(address) or (address in lazy and likeness("", address) is Likeness.MEDIA):
                self.seen.references.append(Reference(address, is_link=True, title=attributes.get("title", "")))
        for name in names:
            if attributes[name].lstrip().startswith(("{", "[")):
                self._read_data(attributes[name])
        ids = [attributes.get(name, "") for name in (*_YOUTUBE_ATTRIBUTES, _YOUTUBE_ELEMENTS.get(tag, ""))]
        if "youtube" in attributes.get("data-plyr-provider", "").lower():
            ids.append(attributes.get("data-plyr-embed-id", ""))
        for video in filter(_YOUTUBE_ID.fullmatch, dict.fromkeys(ids)):
            self.seen.frames.append(youtube_video(video))

    def _read_script(self, script: _Script) -> None:
        text = "".join(script.pieces)
        if not script.is_data:
            self.seen.in_scripts += _IN_SCRIPT.findall(text)
            return
        if text.strip() and not self._read_data(_DATA_MARKS.sub("", text)):
            self.seen.unread_data += 1

    def _read_data(self, text: str) -> bool:
        """Record the recordings in JSON; false if it is not JSON."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return False
        self.seen.references += _structured(data)
        return True


@dataclass(frozen=True)
class _Source:
    address: str
    mime_type: str

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> _Source:
        return cls(_address(attributes, _ADDRESS_ATTRIBUTES), attributes.get("type", ""))

    @property
    def worth(self) -> tuple[bool, Likeness]:
        try:
            scheme = urlsplit(self.address.strip()).scheme.lower()
        except ValueError:
            scheme = ""
        return scheme not in ("", "http", "https"), likeness(self.mime_type, self.address)


@dataclass(frozen=True)
class _Player:
    title: str
    sources: list[_Source]


@dataclass(frozen=True)
class _Script:
    is_data: bool
    pieces: list[str] = field(default_factory=list)


def _address(attributes: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((attributes[name] for name in names if attributes.get(name, "").strip()), "")


def _extended(text: str, more: str) -> str:
    return text if len(text) > MAX_TITLE_CHARS else f"{text}{more[: 4 * MAX_TITLE_CHARS]}"


def _structured(data: object, depth: int = 0) -> Iterator[Reference]:
    """The recordings in JSON-LD (schema.org) and in any other data that a page gives to its scripts."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(data, list):
        for item in data:
            yield from _structured(item, depth + 1)
    if not isinstance(data, dict):
        return
    named = {key: value for key, value in data.items() if isinstance(value, str)}
    fields = [(str(key), value if isinstance(value, list) else [value]) for key, value in data.items()]
    texts = [(key, text) for key, values in fields for text in values if isinstance(text, str)]
    for address in dict.fromkeys(text for key, text in texts if _is_content(key, text, data)):
        yield Reference(
            address,
            title=named.get("name") or named.get("headline") or named.get("title") or "",
            duration=named.get("duration", ""),
            published=named.get("uploadDate") or named.get("datePublished") or "",
        )
    for value in data.values():
        yield from _structured(value, depth + 1)


def _is_content(key: str, text: str, data: Mapping[str, object]) -> bool:
    if key.lower() != "contenturl":
        return _is_media_address(text)
    stated = data.get("encodingFormat") or data.get("fileFormat")
    return "Image" not in str(data.get("@type")) and likeness(str(stated or ""), text) is not Likeness.OTHER


def _is_media_address(text: str) -> bool:
    """Whether any ``text`` has the form of an address and a media suffix."""
    return text.lstrip().startswith(_ADDRESS_BEGINS) and likeness("", text) is Likeness.MEDIA
