"""The kinds of sources, one record each. Nothing else knows a kind by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from voicesieve.domain.candidates import Query
from voicesieve.domain.languages import EvidenceKind
from voicesieve.domain.platforms import platform_of
from voicesieve.domain.text import quoted
from voicesieve.frontier.costs import LISTING_PAGE
from voicesieve.sources import folder, page, rss, urls
from voicesieve.sources.kinds import SourceKind
from voicesieve.sources.youtube import site
from voicesieve.sources.youtube.api import source as api

KINDS = (
    folder.KIND,
    urls.KIND,
    rss.KIND,
    page.KIND,
    site.KIND,
    api.KIND,
)
"""Every kind, in the order of the help and the guide."""

NAMES = tuple(kind.name for kind in KINDS)

_BY_NAME = {kind.name: kind for kind in KINDS}


def kind_named(name: str) -> SourceKind:
    """The kind of this name. Raises ValueError, with what to write instead, for an unknown one."""
    kind = _BY_NAME.get(name)
    if kind is None:
        raise ValueError(f"{quoted(name)} is no source{_nearest(name)}. {_all_kinds()}")
    return kind


def parse_query(text: str) -> Query:
    """The query that ``KIND:ARGUMENT`` names, with its argument in normal form.

    Raises ValueError with what is wrong and what to write instead.
    """
    name, colon, argument = text.strip().partition(":")
    if name.lower() in ("http", "https"):
        forms = f"{quoted(f'rss:{text}')} for a feed, {quoted(f'page:{text}')} for a page"
        raise ValueError(f"{quoted(text)} does not say what it is: write {forms}")
    if name not in _BY_NAME:
        raise ValueError(f"{quoted(text)} is no source{_nearest(name)}. {_all_kinds()}")
    kind = kind_named(name)
    if not colon or not argument.strip():
        raise ValueError(f"{name}: needs an argument. {kind}")
    return Query(name, kind.parse(argument.strip()))


def as_known(query: Query, registered: Iterable[Query]) -> Query:
    """The query among ``registered`` that asks for the same thing; ``query`` itself if there is none.

    Older catalogs hold folders under the path as it was typed. Continuing under that path keeps the query from being
    stored twice.
    """
    kind = _BY_NAME.get(query.source)
    if kind is None or not kind.is_respelt:
        return query
    same_kind = (other for other in registered if other.source == query.source)
    return next((other for other in same_kind if _parsed(kind, other.argument) == query.argument), query)


def platform_of_query(query: Query) -> str | None:
    """The platform that ``query`` asks, if any."""
    kind = _BY_NAME.get(query.source)
    return platform_of(query.argument) if kind is None else kind.platform_of(query.argument)


def page_cost(query: Query) -> float:
    """The cost of one request for a page of ``query`` (unit: `voicesieve.frontier.costs`)."""
    kind = _BY_NAME.get(query.source)
    return LISTING_PAGE if kind is None else kind.page_cost(query.argument)


def declared_as(name: str | None) -> EvidenceKind:
    """The kind of evidence that a language stated by a source of this kind is; without a source, that of the audio."""
    kind = _BY_NAME.get(name or "")
    return EvidenceKind.DECLARED_AUDIO if kind is None else kind.declares


def channel_query(name: str, metadata: Mapping[str, object]) -> Query | None:
    """The query for all uploads of a video's channel, from the metadata that its source gave.

    ``None`` if there is none: a feed or a page is its own channel, and a list says nothing about channels.
    """
    kind, channel = _BY_NAME.get(name), metadata.get("channel_id")
    if kind is None or not kind.lists_channels or not isinstance(channel, str):
        return None
    argument = _parsed(kind, f"channel:{channel}")
    return None if argument is None else Query(name, argument)


def _parsed(kind: SourceKind, argument: str) -> str | None:
    try:
        return kind.parse(argument)
    except ValueError:
        return None


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), NAMES, n=1)
    return f"; did you mean {near[0]}:?" if near else ""


def _all_kinds() -> str:
    return "The kinds are: " + "; ".join(map(str, KINDS))
