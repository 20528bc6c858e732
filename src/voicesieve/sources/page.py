"""A web page that shows or links recordings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import ClassVar
from urllib.parse import urlsplit

from voicesieve.domain.candidates import MAX_TITLE_CHARS, Candidate, SourceProblem
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.sources.cleaning import is_character_set, shown
from voicesieve.sources.documents import Document, DocumentSource, content_type
from voicesieve.sources.identity import absolute_url, host_of, normalise_url
from voicesieve.sources.media import is_media_address, is_media_type
from voicesieve.sources.offers import remote_candidate
from voicesieve.sources.protocol import Answer

_HTML_TYPES = frozenset({"", "text/html", "application/xhtml+xml"})
_FEED_TYPES = frozenset({"application/rss+xml", "application/atom+xml", "application/xml", "text/xml"})
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_PRESCAN_BYTES = 1_024  # HTML standard, section 4.2.5.4: the encoding stands within the first 1024 bytes
_OPEN_GRAPH = re.compile(r"og:(?:audio|video)(?::url|:secure_url)?", re.IGNORECASE)
_WATCH_SEGMENTS = frozenset({"watch", "video", "videos", "episode", "episodes", "v", "listen", "play"})


class PageSource(DocumentSource):
    """The recordings of one HTML page, in document order.

    - ``<audio>`` and ``<video>`` elements, each by its ``src`` or its first ``<source>``: the others are the same
      recording in other formats;
    - ``og:audio`` and ``og:video``;
    - links to a media suffix, on whatever host;
    - links on the page's own host that look like the page of one recording: a path segment out of ``watch``, ``video``,
      ``videos``, ``episode``, ``episodes``, ``v``, ``listen``, ``play`` with another segment behind it, or ``watch`` at
      the end with a query.
    """

    kind: ClassVar[str] = "page"

    def parse(self, answer: Answer) -> Document:
        seen = _Seen()
        # Not closed at the end: closing rescans an unfinished construct from every "<" in it, in quadratic time.
        _Collector(seen).feed(_decode(answer))
        findings = tuple(_findings(seen, answer.url))
        if not any(isinstance(what, Candidate) for what in findings):
            nothing = SourceProblem(
                "page", f"{shown(answer.url)} shows and links no audio or video that was recognised"
            )
            findings = (*findings, nothing)
        return Document(findings)


@dataclass
class _Reference:
    """An address in the page. A shown one is a recording; a linked one (``is_link``) has to look like one."""

    address: str
    is_link: bool
    title: str = ""


@dataclass
class _Seen:
    references: list[_Reference] = field(default_factory=list)
    base: str = ""
    language: str = ""
    licence: str = ""
    title: str = ""


class _Collector(HTMLParser):
    """Notes what matters while the parser goes through the document."""

    def __init__(self, seen: _Seen) -> None:
        super().__init__(convert_charrefs=True)
        self._seen = seen
        self._open_link: _Reference | None = None
        self._player_needs_source = False
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in reversed(attrs)}  # of two equal names the first counts
        seen = self._seen
        if tag == "html":
            seen.language = seen.language or attributes.get("lang", "")
        elif tag == "base":
            seen.base = seen.base or attributes.get("href", "")
        elif tag == "title":
            self._in_title = not seen.title
        elif tag == "meta" and _OPEN_GRAPH.fullmatch(attributes.get("property") or attributes.get("name", "")):
            self._note(attributes.get("content", ""))
        elif tag in ("audio", "video"):
            self._player_needs_source = "src" not in attributes
            self._note(attributes.get("src", ""), attributes.get("title", ""))
        elif tag == "source" and self._player_needs_source:
            self._player_needs_source = "src" not in attributes
            self._note(attributes.get("src", ""))
        elif tag in ("a", "link", "area") and "license" in attributes.get("rel", "").lower().split():
            seen.licence = seen.licence or attributes.get("href", "")
        elif tag == "a" and "href" in attributes:
            self._open_link = _Reference(attributes["href"], is_link=True, title=attributes.get("title", ""))
            seen.references.append(self._open_link)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._open_link = None
        elif tag in ("audio", "video"):
            self._player_needs_source = False
        elif tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self._seen.title = _extended(self._seen.title, data)
        elif self._open_link is not None:
            self._open_link.title = _extended(self._open_link.title, data)

    def _note(self, address: str, title: str = "") -> None:
        if address.strip():
            self._seen.references.append(_Reference(address, is_link=False, title=title))


def _extended(text: str, more: str) -> str:
    return text if len(text) > MAX_TITLE_CHARS else f"{text}{more[: 4 * MAX_TITLE_CHARS]}"


def _findings(seen: _Seen, page_url: str) -> Iterator[Candidate | SourceProblem]:
    base = _joined(page_url, seen.base) or page_url
    known: set[str] = set()
    for number, reference in enumerate(seen.references, start=1):
        address = _joined(base, reference.address)
        if reference.is_link and not (address and _looks_like_recording(address, page_url)):
            continue
        try:
            candidate = remote_candidate(
                address or reference.address,
                title=reference.title.strip() or seen.title,
                channel=host_of(page_url),
                language=seen.language,
                licence=_joined(base, seen.licence) if seen.licence else "",
            )
        except ValueError as error:
            yield SourceProblem(f"reference {number}", f"{error}: {shown(reference.address)}")
            continue
        if candidate.id not in known:
            known.add(candidate.id)
            yield candidate


def _looks_like_recording(address: str, page_url: str) -> bool:
    try:
        if is_media_address(address):
            return True
        url = normalise_url(address)
    except ValueError:
        return False
    if host_of(url) != host_of(page_url) or url == normalise_url(page_url):
        return False
    parts = urlsplit(url)
    segments = [segment for segment in parts.path.split("/") if segment]
    if segments[-1:] == ["watch"] and parts.query:
        return True
    return any(segment in _WATCH_SEGMENTS for segment in segments[:-1])


def _joined(base: str, address: str) -> str:
    """``address`` against ``base``, empty for what is no address."""
    try:
        return absolute_url(base, address)
    except ValueError:
        return ""


def _decode(answer: Answer) -> str:
    mime_type, charset = content_type(answer)
    if mime_type not in _HTML_TYPES:
        raise FailureError(
            Failure(FailureKind.UNSUPPORTED, f"{shown(answer.url)} is not a web page: {_hint(mime_type)}")
        )
    if answer.body.startswith((b"\xff\xfe", b"\xfe\xff")):
        charset = "utf-16"
    stated = _META_CHARSET.search(answer.body[:_PRESCAN_BYTES])
    if charset is None and stated is not None and is_character_set(stated[1].decode("ascii")):
        charset = stated[1].decode("ascii")
    return answer.body.decode(charset or "utf-8", "replace")


def _hint(mime_type: str) -> str:
    if is_media_type(mime_type):
        return "it is a media file; put its address into a list and use urls:"
    if mime_type in _FEED_TYPES:
        return "it looks like a feed; use rss: for it"
    return f"it is of type {shown(mime_type)}; check the address in a browser"
