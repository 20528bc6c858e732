"""JSON Feed, versions 1 and 1.1 (jsonfeed.org)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from voicesieve.sources.dates import epoch_s
from voicesieve.sources.feeds import MAX_OFFERS, Entry, Feed, NoFeedError, Offer
from voicesieve.sources.identity import absolute_url
from voicesieve.sources.media import likeness


def read_json_feed(text: str, url: str, max_entries: int) -> Feed:
    """The feed in ``text``, which was read at ``url``. Raises `NoFeedError`."""
    try:
        feed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoFeedError(f"it looks like JSON, but is broken: {error}") from error
    items = feed.get("items") if isinstance(feed, Mapping) else None
    if not isinstance(items, list) or "jsonfeed.org" not in str(feed.get("version")):
        raise NoFeedError("it is JSON, but not a JSON Feed (jsonfeed.org)")
    return Feed(
        tuple(_entry(item, url) for item in items[:max_entries] if isinstance(item, Mapping)),
        title=_text(feed, "title"),
        language=_text(feed, "language"),
        next_url=_next_url(feed, url),
        has_more=len(items) > max_entries,
    )


def _entry(item: Mapping[str, object], url: str) -> Entry:
    return Entry(
        tuple(_offers(item, url)),
        link=_text(item, "url") or _text(item, "external_url"),
        guid=_text(item, "id"),
        title=_text(item, "title"),
        author=next((_text(author, "name") for author in _authors(item)), ""),
        language=_text(item, "language"),
        published_at=epoch_s(_text(item, "date_published")) or epoch_s(_text(item, "date_modified")),
    )


def _offers(item: Mapping[str, object], url: str) -> Iterator[Offer]:
    titles: set[str] = set()
    for attachment in _mappings(item.get("attachments"))[:MAX_OFFERS]:
        address, stated, title = (_text(attachment, name) for name in ("url", "mime_type", "title"))
        if address.strip():
            duration = _text(attachment, "duration_in_seconds")
            # By the specification, attachments with the same title are one recording in several formats.
            yield Offer(address, url, likeness(stated, address), stated, duration, bool(title) and title in titles)
            titles.add(title)


def _authors(item: Mapping[str, object]) -> list[Mapping[str, object]]:
    return _mappings(item.get("authors")) + _mappings([item.get("author")])


def _next_url(feed: Mapping[str, object], url: str) -> str | None:
    following = _text(feed, "next_url")
    try:
        return absolute_url(url, following) if following.strip() else None
    except ValueError:
        return following  # refused, with a problem, before it would be followed


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(described: Mapping[str, object], key: str) -> str:
    """A text or a number, as text: identifiers and durations occur as both."""
    value = described.get(key)
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
