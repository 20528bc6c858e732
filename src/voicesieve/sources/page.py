"""A web page that shows or links recordings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from urllib.parse import urlsplit

from voicesieve.domain.candidates import Candidate, PassedOver, SourceProblem
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.languages import EvidenceKind
from voicesieve.domain.platforms import is_youtube
from voicesieve.domain.text import clean_text, quoted
from voicesieve.sources.dates import epoch_s
from voicesieve.sources.documents import (
    MAX_FINDINGS,
    Document,
    DocumentLimits,
    DocumentSource,
    Origin,
    first_request,
    web_argument,
)
from voicesieve.sources.durations import plausible_duration
from voicesieve.sources.encodings import decoded
from voicesieve.sources.identity import absolute_url, host_of, normalise_url, youtube_video_id
from voicesieve.sources.kinds import SourceKind, SourceTools
from voicesieve.sources.markup import Reference, Seen, read_markup
from voicesieve.sources.media import is_media_address, is_media_type
from voicesieve.sources.offers import remote_candidate
from voicesieve.sources.protocol import Reader, Source
from voicesieve.sources.robots import RobotsSource

_HTML_TYPES = frozenset({"", "text/html", "application/xhtml+xml"})
_FEED_TYPES = frozenset({"application/rss+xml", "application/atom+xml", "application/xml", "text/xml"})
_HTML = re.compile(rb"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_PRESCAN_BYTES = 1_024  # HTML standard, section 4.2.5.4: the encoding is declared within the first 1024 bytes
_WATCH_SEGMENTS = frozenset({"watch", "video", "videos", "episode", "episodes", "v", "listen", "play"})
_CACHE_BUSTER = re.compile(r"^https?:|[?&]_=\d+$")
"""How two addresses of one recording on a page differ: by the scheme (``og:video``) or a counter (WordPress)."""

_Finding = Candidate | SourceProblem | PassedOver


def read_page(origin: Origin, body: bytes) -> Document:
    """The recordings of one HTML page. Raises FailureError if the document is not HTML."""
    if origin.mime_type not in _HTML_TYPES and not _HTML.search(body[:_PRESCAN_BYTES]):
        raise FailureError(Failure(FailureKind.UNSUPPORTED, f"it is not a web page: {_hint(origin.mime_type)}"))
    stated = _META_CHARSET.search(body[:_PRESCAN_BYTES])
    seen = read_markup(decoded(body, origin.charset, stated[1].decode("ascii") if stated else None))
    return Document(tuple(_findings(seen, origin.url)))


class PageSource(DocumentSource):
    """The recordings of one HTML page, in document order.

    - ``<audio>`` and ``<video>`` elements, each by its own address or the best of its ``<source>`` elements (the others
      are the same recording in other formats), also if the address is in ``data-src`` and similar attributes;
    - ``og:audio``, ``og:video`` and ``twitter:player:stream``;
    - ``contentUrl`` in structured data (JSON-LD), and addresses with a media suffix in any data for scripts;
    - links to a media suffix on any host, and links marked for download;
    - videos of YouTube that the page embeds;
    - links on the page's own host that look like the page of one recording: one of the path segments ``watch``,
      ``video``, ``videos``, ``episode``, ``episodes``, ``v``, ``listen``, ``play`` followed by another segment, or
      ``watch`` at the end with a query.

    What cannot be used, such as the player of another site, is counted with an example.
    """

    def __init__(self, reader: Reader, limits: DocumentLimits) -> None:
        super().__init__(reader, read_page, limits.page)


def _findings(seen: Seen, page_url: str) -> Iterator[_Finding]:
    base = _joined(page_url, seen.base) or page_url
    recordings = 0
    for what in islice(_recordings(seen, base, page_url), MAX_FINDINGS):
        recordings += isinstance(what, Candidate)
        yield what
    if len(seen.references) > MAX_FINDINGS:
        yield SourceProblem("page", f"more than {MAX_FINDINGS:,} addresses; the rest is not read")
    if seen.broken_off:
        yield SourceProblem("page", f"cannot be read beyond {seen.broken_off}; the part before that is used")
    left_out = list(_left_out(seen, base))
    yield from left_out
    if not recordings:
        also = " that can be used" if left_out else ""
        yield SourceProblem("page", f"no audio or video{also} was recognised on {quoted(page_url)}")


def _recordings(seen: Seen, base: str, page_url: str) -> Iterator[Candidate | SourceProblem]:
    seen_keys: set[str] = set()
    looked_at: set[tuple[str, bool]] = set()
    page_title, licence = clean_text(seen.title), _joined(base, seen.licence) if seen.licence else ""
    embedded = [Reference(address) for address in seen.frames if _is_usable_frame(_joined(base, address))]
    for number, reference in enumerate([*seen.references, *embedded], start=1):
        if (place := (reference.address, reference.is_link)) in looked_at:
            continue
        looked_at.add(place)
        address = _joined(base, reference.address)
        if reference.is_link and not (address and _looks_like_recording(address, page_url)):
            continue
        try:
            candidate = remote_candidate(
                address or reference.address,
                title=clean_text(reference.title) or page_title,
                channel=host_of(page_url),
                duration_s=plausible_duration(reference.duration),
                published_at=epoch_s(reference.published),
                language=seen.language,
                licence=licence,
            )
        except ValueError as error:
            yield SourceProblem(f"reference {number}", f"{error}: {quoted(reference.address)}")
            continue
        key = _CACHE_BUSTER.sub("", candidate.url)
        if key not in seen_keys:
            seen_keys.add(key)
            yield candidate


def _left_out(seen: Seen, base: str) -> Iterator[PassedOver]:
    frames = [address for address in seen.frames if not _is_usable_frame(_joined(base, address))]
    links = [_joined(base, reference.address) for reference in seen.references if reference.is_link]
    examples = {
        "links to videos on YouTube (list them for urls:)": [
            address for address in links if _is_youtube_video(address)
        ],
        "embedded frames, such as players of other sites": frames,
        "addresses inside of scripts": seen.in_scripts,
        "feeds that the page links (read them by rss:)": [_joined(base, address) for address in seen.feeds],
    }
    for what, addresses in examples.items():
        if addresses:
            yield PassedOver(what, len(addresses), quoted(addresses[0]))
    if seen.silent_players:
        yield PassedOver("players that name no recording", seen.silent_players)
    if seen.unread_data:
        yield PassedOver("blocks of structured data that are no JSON", seen.unread_data)


def _is_usable_frame(address: str) -> bool:
    """Whether a frame shows one recording, and not another page."""
    try:
        url = normalise_url(address)
    except ValueError:
        return False
    return is_media_address(url) or youtube_video_id(url) is not None


def _is_youtube_video(address: str) -> bool:
    try:
        # The cheap check comes first: a page may have a hundred thousand links.
        return is_youtube(address) and youtube_video_id(normalise_url(address)) is not None
    except ValueError:
        return False


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
    """``address`` resolved against ``base``, empty if it is not an address."""
    try:
        return absolute_url(base, address)
    except ValueError:
        return ""


def _hint(mime_type: str) -> str:
    if is_media_type(mime_type):
        return "it is a media file; put its address into a list and use urls:"
    if mime_type in _FEED_TYPES:
        return "it looks like a feed; use rss: for it"
    return f"it is of type {quoted(mime_type)}; check the address in a browser"


def _source(tools: SourceTools) -> Source:
    pages = PageSource(tools.reader, tools.settings.limits)
    return RobotsSource(pages, tools.reader) if tools.settings.obey_robots else pages


KIND = SourceKind(
    name="page",
    argument="URL",
    summary="media that a web page plays, embeds, names in its data (JSON-LD) or links to",
    examples=("page:https://example.org/stories",),
    parse=web_argument,
    source=_source,
    refresh_setting="discovery.refresh_s",
    estimate=lambda argument, cursor, settings: first_request(argument),
    declares=EvidenceKind.PAGE_LANGUAGE,
    preload=("voicesieve.sources.page",),
)
