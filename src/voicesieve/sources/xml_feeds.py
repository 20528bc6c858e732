"""Feeds in XML: every version of RSS, RDF and Atom, well-formed or not."""

from __future__ import annotations

import io
import re
import xml.sax
from collections.abc import Callable
from typing import Any, ClassVar

from feedparser.api import LooseFeedParser, StrictFeedParser
from feedparser.mixin import _FeedParserMixin
from feedparser.sanitizer import replace_doctype

from voicesieve.sources.dates import epoch_s
from voicesieve.sources.feeds import MAX_OFFERS, Entry, Feed, NoFeedError, Offer
from voicesieve.sources.identity import absolute_url
from voicesieve.sources.media import Likeness, likeness

_Described = dict[str, Any]
"""A feed, an entry or a link as feedparser describes it. It is always read with ``dict.get``: the ``get`` of its own
class takes some keys, ``license`` among them, from elsewhere or ignores them."""

_DECLARATION = re.compile(r"<\?xml[^>]{0,500}\?>\s*", re.IGNORECASE)
_ROOT = re.compile(r"<(?:\?xml\b|!DOCTYPE\s|rss\b|feed\b|[\w-]{1,20}:(?:RDF|feed)\b)", re.IGNORECASE)
_JUNK_CHARS = 10_000
"""The latest place at which a feed may begin: programs print warnings and comments before it."""
_REFERENCE = re.compile(r"&#(x[0-9a-f]{1,20}|\d{1,20});", re.IGNORECASE)
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # XML 1.0, section 2.2

_DATES = ("published", "updated", "created")

_WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_REGISTERED = "http://www.iana.org/assignments/relation/"
"""A relation means the same with this prefix and without it (RFC 4287, section 4.2.7.2)."""

_PODCAST = "https://podcastindex.org/namespace/1.0"
_PODCAST_DRAFT = "https://github.com/podcastindex-org/podcast-namespace/blob/main/docs/1.0.md"
_ENCLOSURES_OF_RDF = "http://purl.oclc.org/net/rss_2.0/enc#"


def read_xml_feed(text: str, url: str, max_entries: int) -> Feed:
    """The feed in ``text``, which was read at ``url``, up to the first place that cannot be parsed.

    Raises `NoFeedError`.
    """
    version, parsed, broken_off = _parsed(text, url, max_entries)
    if not parsed.entries and (broken_off or not version):
        raise NoFeedError(f"its parsing failed ({broken_off})" if broken_off else "it holds no RSS or Atom")
    feed: _Described = parsed.feeddata
    return Feed(
        tuple(_entry(entry) for entry in parsed.entries[:max_entries]),
        title=_text(feed, "title"),
        language=_text(feed, "language"),
        licence=_licence(feed),
        next_url=_linked(feed, "next", url) or _linked(feed, "prev-archive", url),
        moved_url=_text(feed, "itunes_new-feed-url").strip() or None,
        guid=_text(feed, "podcast_guid").strip().lower(),
        has_more=len(parsed.entries) > max_entries,
        broken_off=broken_off,
    )


class _EnoughError(Exception):
    """More entries were read than are wanted."""


class _OfferReader:
    """Makes feedparser record every address that an entry offers, with the base that applies there.

    feedparser calls ``_start_PREFIX_NAME`` and ``_end_PREFIX_NAME`` for each element; for enclosures it forgets
    ``xml:base``, and of several elements whose name it does not know it keeps the last.
    """

    namespaces: ClassVar[dict[str, str]] = {
        **_FeedParserMixin.namespaces,
        _PODCAST: "podcast",
        _PODCAST_DRAFT: "podcast",
        _ENCLOSURES_OF_RDF: "enc",
    }
    _matchnamespaces: ClassVar[dict[str, str]] = {}
    max_entries = 0
    _in_group = False
    _is_form = False
    _alternate_type = ""

    # Attributes of feedparser's own classes.
    inentry: int
    baseuri: str
    entries: list[_Described]
    elementstack: list[tuple[str, int, list[str]]]
    guidislink: bool
    _get_context: Callable[[], _Described]

    def _start_item(self, attrs: _Described) -> None:
        if len(self.entries) > self.max_entries:
            raise _EnoughError
        self._in_group = self._is_form = False
        super()._start_item(attrs)  # type: ignore[misc]

    _start_entry = _start_item

    def _end_guid(self) -> None:
        # By default feedparser treats the guid as an address: it would resolve it against the address of the feed, so
        # that it changes when the feed moves, and use it as the link of the entry.
        element, _, pieces = self.elementstack[-1]
        if element == "id" and not _WEB_ADDRESS.match("".join(pieces).strip()):
            self.guidislink = False
        super()._end_guid()  # type: ignore[misc]

    _end_id = _end_guid

    def _start_enclosure(self, attrs: _Described) -> None:
        self._offer(_first(attrs, "url", "href", "uri"), _text(attrs, "type"))

    def _start_enc_enclosure(self, attrs: _Described) -> None:
        self._offer(_first(attrs, "rdf:resource", "resource", "enc:url"), _first(attrs, "enc:type", "type"))

    def _start_link(self, attrs: _Described) -> None:
        super()._start_link(attrs)  # type: ignore[misc]
        if _text(attrs, "rel").strip().removeprefix(_REGISTERED) == "enclosure":
            self._offer(_text(attrs, "href"), _text(attrs, "type"))

    def _start_content(self, attrs: _Described) -> None:
        super()._start_content(attrs)  # type: ignore[misc]
        if _text(attrs, "src"):
            self._offer(_text(attrs, "src"), _text(attrs, "type"))

    def _start_media_group(self, attrs: _Described) -> None:
        self._in_group, self._is_form = True, False

    def _end_media_group(self) -> None:
        self._in_group = self._is_form = False

    def _start_media_content(self, attrs: _Described) -> None:
        address, stated = _text(attrs, "url"), _text(attrs, "type")
        medium = _text(attrs, "medium").strip().lower()
        if medium in ("audio", "video") and likeness(stated, address) is Likeness.UNKNOWN:
            stated = medium
        # Most elements of this name hold pictures, so there must be a sign that this one does not.
        likely = likeness(stated, address)
        if medium in ("", "audio", "video") and (likely is not Likeness.UNKNOWN or "octet" in stated):
            self._offer(address, stated, likely, _text(attrs, "duration"))

    def _start_podcast_alternateenclosure(self, attrs: _Described) -> None:
        self._alternate_type = _text(attrs, "type")

    def _start_podcast_source(self, attrs: _Described) -> None:
        self._is_form = True
        self._offer(_text(attrs, "uri"), _text(attrs, "contenttype") or self._alternate_type)
        self._is_form = self._in_group

    def _offer(self, address: str, stated: str, likely: Likeness | None = None, duration: str = "") -> None:
        offers = self._get_context().setdefault("offers", []) if self.inentry else []
        if address.strip() and len(offers) < MAX_OFFERS:
            likely = likeness(stated, address) if likely is None else likely
            offers.append(Offer(address, self.baseuri, likely, stated, duration, self._is_form))
            self._is_form = self._in_group


class _Strict(_OfferReader, StrictFeedParser):  # type: ignore[misc]
    pass


class _Loose(_OfferReader, LooseFeedParser):  # type: ignore[misc]
    pass


def _parsed(text: str, url: str, max_entries: int) -> tuple[str, Any, str]:
    """The version of the feed (empty if it is not a feed), the parser of feedparser that read it, and the error that
    ended the reading (empty if none did)."""
    begin = _ROOT.search(text[:_JUNK_CHARS])
    text = _REFERENCE.sub(_valid_reference, text)
    text = _NO_XML.sub("", _DECLARATION.sub("", text[begin.start() if begin else 0 :], count=1))
    doctype, body, entities = replace_doctype(text.encode("utf-8", "replace"))
    parser = _prepared(_Strict(url, None, "utf-8"), max_entries)
    source = xml.sax.xmlreader.InputSource()
    source.setByteStream(io.BytesIO(body))
    source.setEncoding("utf-8")
    reader = xml.sax.make_parser()  # noqa: S317 - entities were removed above, and nothing external is read
    reader.setFeature(xml.sax.handler.feature_namespaces, True)
    reader.setFeature(xml.sax.handler.feature_external_ges, False)
    reader.setContentHandler(parser)
    reader.setErrorHandler(parser)
    broken_off = _error_of(lambda: reader.parse(source))
    if broken_off:
        parser = _prepared(_Loose(url, None, "utf-8", entities), max_entries)
        broken_off = _error_of(lambda: parser.feed(body.decode("utf-8", "replace")))
    return doctype or parser.version, parser, broken_off


def _error_of(parse: Callable[[], object]) -> str:
    """The error that ``parse`` raised, empty if none. What it read before that stays in its parser."""
    try:
        parse()
    except _EnoughError:
        return ""
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - what feedparser raises for broken input is not documented
        return f"{type(error).__name__}: {error}"
    return ""


def _valid_reference(match: re.Match[str]) -> str:
    """A character reference, or nothing if XML does not allow its character."""
    digits = match[1]
    number = int(digits[1:], 16) if digits[0] in "xX" else int(digits)
    is_char = number in (0x9, 0xA, 0xD) or 0x20 <= number < 0xD800 or 0xE000 <= number <= 0x10FFFF
    return match[0] if is_char and number not in (0xFFFE, 0xFFFF) else ""


def _prepared(parser: Any, max_entries: int) -> Any:
    parser.max_entries = max_entries
    # Both are about HTML inside texts, which is not used.
    parser.resolve_relative_uris = parser.sanitize_html = False
    return parser


def _entry(entry: _Described) -> Entry:
    return Entry(
        tuple(dict.get(entry, "offers") or ()),
        link=_text(entry, "link"),
        guid=_text(entry, "id"),
        title=_text(entry, "title") or _text(entry, "itunes_title"),
        author=_text(entry, "author"),
        language=_text(entry, "language"),
        licence=_licence(entry),
        duration=_text(entry, "itunes_duration"),
        published_at=_published_at(entry),
    )


def _published_at(entry: _Described) -> float | None:
    # feedparser's own parsing turns nearly any text into a date: 2026/03/03 into November, 03-03-2026 into 2003.
    return next((moment for name in _DATES if (moment := epoch_s(_text(entry, name))) is not None), None)


def _licence(described: _Described) -> str:
    """The stated licence of a feed or an entry: a licence element or link, else the copyright line."""
    links = (_text(link, "href") for link in _mappings(described, "links") if _text(link, "rel") == "license")
    media = dict.get(described, "media_license")
    media_link = _text(media, "href") if isinstance(media, dict) else ""
    named = (_text(described, key) for key in ("license", "podcast_license", "rights"))
    return next((text for text in (*links, media_link, *named) if text.strip()), "")


def _linked(feed: _Described, rel: str, base: str) -> str | None:
    for link in _mappings(feed, "links"):
        if _text(link, "rel") == rel and _text(link, "href"):
            try:
                return absolute_url(base, _text(link, "href"))
            except ValueError:
                return _text(link, "href")  # refused, with a problem, before it would be followed
    return None


def _mappings(described: _Described, key: str) -> list[_Described]:
    return [item for item in dict.get(described, key) or [] if isinstance(item, dict)]


def _first(described: _Described, *keys: str) -> str:
    return next(filter(str.strip, (_text(described, key) for key in keys)), "")


def _text(described: _Described, key: str) -> str:
    value = dict.get(described, key)
    return value if isinstance(value, str) else ""
