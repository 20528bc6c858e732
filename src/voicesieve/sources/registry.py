"""The kinds of sources, and how people name them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from voicesieve.domain.addresses import web_address
from voicesieve.domain.candidates import Query
from voicesieve.domain.platforms import YOUTUBE, platform_of
from voicesieve.sources.cleaning import shown
from voicesieve.sources.documents import DocumentLimits
from voicesieve.sources.paths import real_folder
from voicesieve.sources.protocol import Reader, Source
from voicesieve.sources.youtube.settings import YoutubeSettings

if TYPE_CHECKING:
    from voicesieve.sources.youtube.site import Lister

KINDS = {
    "folder": "a local folder, for example folder:./recordings",
    "urls": "a text file with one address a line, for example urls:list.txt",
    "rss": "an RSS or Atom feed, for example rss:https://example.org/feed.xml",
    "page": "a web page with recordings, for example page:https://example.org/stories",
    "youtube": "a search, channel, playlist or feed of YouTube, for example youtube:phrase, youtube:channel:@name, "
    "youtube:playlist:PL... or youtube:feed:UC...",
    "youtube-api": "a search, channel or playlist through the Data API (needs a key), for example youtube-api:phrase, "
    "youtube-api:channel:@name or youtube-api:playlist:PL...",
}
"""Every kind with its description for people."""


YOUTUBE_KINDS = ("youtube", "youtube-api")
"""Sources of YouTube, which need the operator's legal basis (design, section 7)."""


def parse_query(text: str) -> Query:
    """The query that ``KIND:ARGUMENT`` names: a path made absolute, an address as it was given, fit for a request.

    Raises ValueError with what is wrong and what to write instead.
    """
    kind, colon, argument = text.strip().partition(":")
    if kind.lower() in ("http", "https"):
        forms = f"{shown(f'rss:{text}')} for a feed, {shown(f'page:{text}')} for a page"
        raise ValueError(f"{shown(text)} does not say what it is: write {forms}")
    if kind not in KINDS:
        raise ValueError(f"{shown(text)} is no source{_nearest(kind)}. {_known_kinds()}")
    if not colon or not argument.strip():
        raise ValueError(f"{kind}: needs an argument, {KINDS[kind]}")
    return Query(kind, _ARGUMENTS[kind](argument.strip()))


def as_known(query: Query, known: Iterable[Query]) -> Query:
    """The one of the ``known`` queries that asks for the same; ``query`` itself if none does.

    Older catalogs hold folders under the path as it was typed; going on under it is what keeps them from doubling.
    """
    if query.source != "folder":
        return query
    folders = (other for other in known if other.source == "folder")
    return next((other for other in folders if str(real_folder(Path(other.argument))) == query.argument), query)


def platform_of_query(query: Query) -> str | None:
    """The platform that is asked to answer ``query``, if any: a feed or page of YouTube is YouTube, too."""
    return YOUTUBE if query.source in YOUTUBE_KINDS else platform_of(query.argument)


def make_source(
    kind: str,
    client: Reader,
    data: Path | None = None,
    youtube: YoutubeSettings | None = None,
    lister: Lister | None = None,
    limits: DocumentLimits | None = None,
    obey_robots: bool = False,
) -> Source:
    """A source of ``kind``; ``client`` is used by the remote ones, ``limits`` hold for the documents that they
    read, and ``data``, our own folder, is found by none. With ``obey_robots``, robots.txt decides which pages are read.

    ``youtube:`` needs a ``lister``.

    Raises ValueError for an unknown kind.
    """
    limits = limits or DocumentLimits()
    # Imported here because feedparser is heavy, and a list or a folder does not need it.
    if kind == "folder":
        from voicesieve.sources.folder import FolderSource

        return FolderSource(left_out=data)
    if kind == "urls":
        from voicesieve.sources.urls import UrlListSource

        return UrlListSource()
    if kind == "rss":
        from voicesieve.sources.rss import FeedSource

        return FeedSource(client, limits)
    if kind == "page":
        from voicesieve.sources.page import PageSource

        pages = PageSource(client, limits)
        if not obey_robots:
            return pages
        from voicesieve.sources.robots import RobotsSource

        return RobotsSource(pages, client)
    if kind == "youtube" and lister is not None:
        from voicesieve.sources.youtube.site import YoutubeSource

        return YoutubeSource(client, lister, youtube or YoutubeSettings())
    if kind == "youtube-api":
        from voicesieve.sources.youtube.api.source import YoutubeApiSource

        return YoutubeApiSource(client, youtube or YoutubeSettings())
    raise ValueError(f"{shown(kind)} is no source{_nearest(kind)}. {_known_kinds()}")


def channel_query(kind: str, metadata: Mapping[str, object]) -> Query | None:
    """The query for all uploads of the channel of a video, by what its source says of it.

    ``None`` where there is none: a feed or a page is its channel already, and of a list nothing more is known.
    """
    channel = metadata.get("channel_id")
    if kind not in YOUTUBE_KINDS or not isinstance(channel, str):
        return None
    try:
        return parse_query(f"{kind}:channel:{channel}")
    except ValueError:
        return None


def _nearest(kind: str) -> str:
    near = difflib.get_close_matches(kind.lower(), KINDS, n=1)
    return f"; did you mean {near[0]}:?" if near else ""


def _known_kinds() -> str:
    return "The kinds are: " + "; ".join(f"{kind}: {about}" for kind, about in KINDS.items())


def _absolute_path(argument: str) -> str:
    if "\x00" in argument:
        raise ValueError("a path cannot hold a NUL character")
    try:
        path = str(Path(argument).expanduser().absolute())
        path.encode("utf-8")
    except (RuntimeError, UnicodeEncodeError) as error:
        reason = (
            "is not valid UTF-8; reach it by a link with a plain name" if isinstance(error, UnicodeError) else error
        )
        raise ValueError(f"the path {shown(argument)} cannot be used: {reason}") from error
    return path


def _folder(argument: str) -> str:
    spelled = _absolute_path(argument)
    real = str(real_folder(Path(spelled)))
    try:
        real.encode("utf-8")
    except UnicodeEncodeError:  # the folder is reached by a link with a plain name, as we advise
        return spelled
    return real


def _web_address(argument: str) -> str:
    try:
        return str(web_address(argument))
    except ValueError as error:
        raise ValueError(f"{shown(argument)} cannot be used: {error}") from error


def _youtube(argument: str) -> str:
    from voicesieve.sources.youtube.site import normal_argument

    try:
        return normal_argument(argument)
    except ValueError as error:
        raise ValueError(f"youtube: {error}") from error


def _youtube_api(argument: str) -> str:
    from voicesieve.sources.youtube.api.source import normal_argument

    try:
        return normal_argument(argument)
    except ValueError as error:
        raise ValueError(f"youtube-api: {error}") from error


_ARGUMENTS: dict[str, Callable[[str], str]] = {
    "folder": _folder,
    "urls": _absolute_path,
    "rss": _web_address,
    "page": _web_address,
    "youtube": _youtube,
    "youtube-api": _youtube_api,
}
