"""RSS and Atom feeds: podcasts, and the feeds of video channels."""

from __future__ import annotations

import calendar
import io
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import feedparser

from voicesieve.domain.candidates import Candidate, SourceProblem
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.sources.cleaning import is_character_set, shown
from voicesieve.sources.documents import Document, DocumentSource, content_type
from voicesieve.sources.durations import parse_duration
from voicesieve.sources.identity import absolute_url
from voicesieve.sources.media import is_media_address, is_media_type
from voicesieve.sources.offers import remote_candidate
from voicesieve.sources.protocol import Answer

_XML_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([^\"'>]{0,100})", re.IGNORECASE)
_Described = dict[str, Any]
"""A feed, an entry or a link as feedparser describes it. Always read by ``dict.get``: the ``get`` of its own class
answers some keys, ``license`` among them, from elsewhere or not at all."""
_NO_MEDIA_TYPES = frozenset({"", "application/octet-stream"})


class FeedSource(DocumentSource):
    """Every entry of a feed and of the older pages it links to (``rel="next"``, RFC 5005) on the same host.

    An entry is its first audio or video enclosure or ``media:content``; without one, it is the page it links to.
    """

    kind: ClassVar[str] = "rss"

    def parse(self, answer: Answer) -> Document:
        parsed = _parsed(answer)
        feed = parsed["feed"]
        channel = _Channel(_text(feed, "title"), _text(feed, "language"), _licence(feed))
        findings = tuple(
            _read_entry(entry, f"entry {number}", channel, answer.url)
            for number, entry in enumerate(parsed["entries"], start=1)
        )
        if not findings:
            findings = (SourceProblem("feed", f"{shown(answer.url)} has no entries"),)
        return Document(findings, _next_url(feed, answer.url))


@dataclass(frozen=True)
class _Channel:
    """What holds for every entry that does not say otherwise."""

    title: str
    language: str
    licence: str


@dataclass(frozen=True)
class _Offer:
    address: str
    duration: str = ""


def _parsed(answer: Answer) -> _Described:
    encoding = _XML_ENCODING.match(answer.body.lstrip()[:500])
    if encoding and not is_character_set(encoding[1].decode("latin-1")):
        raise _no_feed(answer, "it claims to be encoded in something that is no character set")
    mime_type, charset = content_type(answer)
    stated_type = f"{mime_type or 'application/xml'}" + (f"; charset={charset}" if charset else "")
    try:
        parsed: _Described = feedparser.parse(
            io.BytesIO(answer.body),
            response_headers={"content-type": stated_type, "content-location": answer.url},
            resolve_relative_uris=False,  # these two concern HTML inside of texts, which we do not use
            sanitize_html=False,
        )
    except Exception as error:  # feedparser is lenient code for broken input: what it may raise is not known
        raise _no_feed(answer, "its parsing failed", error) from error
    if not parsed.get("version") and not parsed["entries"]:
        raise _no_feed(answer, _what_it_is(mime_type, answer.body))
    return parsed


def _read_entry(entry: _Described, where: str, channel: _Channel, base: str) -> Candidate | SourceProblem:
    offer = next(_media(entry), None) or _Offer(_text(entry, "link"))
    if not offer.address.strip():
        return SourceProblem(where, "it has neither an audio or video enclosure nor a link")
    try:
        return remote_candidate(
            offer.address,
            base=base,
            title=_text(entry, "title"),
            channel=channel.title or _text(entry, "author"),
            duration_s=parse_duration(_text(entry, "itunes_duration")) or parse_duration(offer.duration),
            published_at=_published_at(entry),
            language=_text(entry, "language") or channel.language,
            licence=_licence(entry) or channel.licence,
        )
    except ValueError as error:
        return SourceProblem(where, f"{error}: {shown(offer.address)}")


def _media(entry: _Described) -> Iterator[_Offer]:
    """The audio and video of an entry, enclosures first."""
    for link in _mappings(entry, "links"):
        if _text(link, "rel") == "enclosure" and _is_media(link, "href"):
            yield _Offer(_text(link, "href"))
    for content in _mappings(entry, "media_content"):
        if _text(content, "medium") in ("audio", "video") or _is_media(content, "url"):
            yield _Offer(_text(content, "url"), _text(content, "duration"))


def _is_media(link: _Described, key: str) -> bool:
    mime_type = _text(link, "type").strip().lower()
    if mime_type not in _NO_MEDIA_TYPES:
        return is_media_type(mime_type)
    try:
        return is_media_address(_text(link, key))
    except ValueError:
        return False


def _licence(described: _Described) -> str:
    """The licence of a feed or an entry as it states it: a licence element or link, else the copyright line."""
    links = (_text(link, "href") for link in _mappings(described, "links") if _text(link, "rel") == "license")
    media = dict.get(described, "media_license")
    media_link = _text(media, "href") if isinstance(media, dict) else ""
    named = (_text(described, key) for key in ("license", "podcast_license", "rights"))
    return next((text for text in (*links, media_link, *named) if text.strip()), "")


def _published_at(entry: _Described) -> float | None:
    """Seconds since the epoch; ``None`` when the entry has no date that can be read."""
    moment = dict.get(entry, "published_parsed")
    if not isinstance(moment, time.struct_time):
        return None
    try:
        return float(calendar.timegm(moment))
    except (ValueError, OverflowError):
        return None


def _next_url(feed: _Described, base: str) -> str | None:
    for link in _mappings(feed, "links"):
        if _text(link, "rel") == "next" and _text(link, "href"):
            try:
                return absolute_url(base, _text(link, "href"))
            except ValueError:
                return _text(link, "href")  # refused, with a problem, where it would be followed
    return None


def _mappings(described: _Described, key: str) -> list[_Described]:
    return [item for item in dict.get(described, key) or [] if isinstance(item, dict)]


def _text(described: _Described, key: str) -> str:
    value = dict.get(described, key)
    return value if isinstance(value, str) else ""


def _what_it_is(mime_type: str, body: bytes) -> str:
    if is_media_type(mime_type):
        return "it is a media file; put its address into a list and use urls:"
    if b"<html" in body[:2_000].lower():
        return "it is a web page; use page: for it, or look there for the address of the feed"
    return "it holds no RSS or Atom; check the address in a browser"


def _no_feed(answer: Answer, reason: str, error: Exception | None = None) -> FailureError:
    message = f"{shown(answer.url)} is not a feed: {reason}"
    if error is None:
        return FailureError(Failure(FailureKind.UNSUPPORTED, message))
    return FailureError(Failure.from_exception(FailureKind.UNSUPPORTED, error, message))
