"""Feeds: podcasts, and the feeds of video channels."""

from __future__ import annotations

from collections.abc import Iterator

from voicesieve.domain.candidates import Candidate, PassedOver, SourceProblem, added_up
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.languages import EvidenceKind
from voicesieve.domain.text import quoted
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
from voicesieve.sources.encodings import XML_ENCODING, decoded
from voicesieve.sources.feeds import Entry, Feed, NoFeedError, Offer
from voicesieve.sources.identity import absolute_url
from voicesieve.sources.json_feeds import read_json_feed
from voicesieve.sources.kinds import SourceKind
from voicesieve.sources.markup import read_markup
from voicesieve.sources.media import Likeness, is_media_type
from voicesieve.sources.offers import remote_candidate
from voicesieve.sources.protocol import Reader

_MAX_NAMED = 10
"""Most omissions of one entry that are listed one by one."""


def read_feed(origin: Origin, body: bytes) -> Document:
    """Every entry of a feed. Raises FailureError if the document is not a feed."""
    feed = _feed(origin, body)
    findings: list[Candidate | SourceProblem] = []
    left_out: list[PassedOver] = []
    for number, entry in enumerate(feed.entries, start=1):
        for what in _read_entry(entry, number, feed, origin):
            if isinstance(what, PassedOver):
                left_out.append(what)
            else:
                findings.append(what)
    if feed.has_more:
        message = f"has more than {MAX_FINDINGS:,} entries; the rest is not read"
        findings.append(SourceProblem("feed", message))
    if feed.broken_off:
        message = f"cannot be read beyond entry {len(feed.entries)} ({feed.broken_off}); those before that are used"
        findings.append(SourceProblem("feed", message))
    if not findings:
        findings.append(SourceProblem("feed", f"{quoted(origin.url)} has no entries"))
    return Document((*findings, *added_up(left_out)), feed.next_url, feed.moved_url, (feed.guid,) if feed.guid else ())


class FeedSource(DocumentSource):
    """Every entry of a feed and of the older pages it links to (``next``, ``prev-archive``: RFC 5005) on the same host.

    Of the enclosures of an entry the best is taken: judged by the address, then by the stated type; where both say
    nothing, the bytes decide. Enclosures that are certainly not audio or video are passed over. An entry without an
    enclosure stands for the page that it links to. A feed that says that it has moved is also read at its new address,
    once.
    """

    def __init__(self, reader: Reader, limits: DocumentLimits) -> None:
        super().__init__(reader, read_feed, limits.feed, limits.max_documents)


def _feed(origin: Origin, body: bytes) -> Feed:
    # feedparser is slow to import, and needed only in the process that reads documents, which imports it at its start.
    from voicesieve.sources.xml_feeds import read_xml_feed

    stated = XML_ENCODING.search(body[:2_000])
    text = decoded(body, origin.charset, stated[1].decode("latin-1") if stated else None)
    read = read_json_feed if text.lstrip().startswith("{") else read_xml_feed
    try:
        return read(text, origin.url, MAX_FINDINGS)
    except NoFeedError as error:
        reason = f"{error}; {_advice(origin.mime_type, text)}"
        raise FailureError(Failure(FailureKind.UNSUPPORTED, f"it is not a feed: {reason}")) from error


def _read_entry(
    entry: Entry, number: int, feed: Feed, origin: Origin
) -> Iterator[Candidate | SourceProblem | PassedOver]:
    where = f"entry {number}"
    usable = sorted((offer for offer in entry.offers if offer.likeness is not Likeness.OTHER), key=_rank)
    offered = usable or ([Offer(entry.link, origin.url, Likeness.UNKNOWN)] if entry.link.strip() else [])
    left_out = [offer for offer in entry.offers if offer.likeness is Likeness.OTHER]
    objection = "it has neither an audio or video enclosure nor a link"
    if left_out:
        objection = f"it has no link, and its enclosure is not audio or video: {_described(left_out[0])}"
    for place, offer in enumerate(offered):
        further = [other for other in offered[place + 1 :] if not (other.is_form or other.address == offer.address)]
        named = [f"a further enclosure: {quoted(other.address)}" for other in further]
        named += [f"an enclosure that is not audio or video: {_described(other)}" for other in left_out]
        try:
            yield remote_candidate(
                absolute_url(offer.base, offer.address) if offer.base else offer.address,
                base=origin.url,
                title=entry.title,
                channel=feed.title or entry.author,
                duration_s=plausible_duration(entry.duration) or plausible_duration(offer.duration),
                published_at=entry.published_at,
                language=entry.language or feed.language,
                licence=entry.licence or feed.licence,
                metadata={"passed_over": named[:_MAX_NAMED]} if named else {},
                guid=entry.guid,
            )
        except ValueError as error:
            objection = f"{error}: {quoted(offer.address)}" if place == 0 else objection
            continue
        yield from (PassedOver("further enclosures", 1, f"{where}: {quoted(other.address)}") for other in further)
        break
    else:
        yield SourceProblem(where, objection)
    for other in left_out:
        yield PassedOver("enclosures that are no audio or video", 1, f"{where}: {_described(other)}")


def _rank(offer: Offer) -> tuple[Likeness, bool]:
    return offer.likeness, offer.is_form


def _described(offer: Offer) -> str:
    return f"{quoted(offer.address)} of type {quoted(offer.stated)}" if offer.stated else quoted(offer.address)


def _advice(mime_type: str, text: str) -> str:
    if is_media_type(mime_type):
        return "it is a media file; put its address into a list and use urls:"
    if "<html" in text[:2_000].lower():
        feed = next(iter(read_markup(text).feeds), None)
        if feed is not None:
            return f"it is a web page, and its feed is {quoted(feed)}: use rss: with that address"
        return "it is a web page; use page: for it, or look on it for the address of its feed"
    return "check the address in a browser"


KIND = SourceKind(
    name="rss",
    argument="URL",
    summary="RSS, Atom and JSON feeds of podcasts, with paging",
    examples=("rss:https://example.org/feed.xml",),
    parse=web_argument,
    source=lambda tools: FeedSource(tools.reader, tools.settings.limits),
    refresh_setting="discovery.refresh_s",
    estimate=lambda argument, cursor, settings: first_request(argument),
    declares=EvidenceKind.FEED_LANGUAGE,
    preload=("voicesieve.sources.xml_feeds",),
)
