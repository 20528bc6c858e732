"""One page of a list on YouTube for one request, by yt-dlp's own extractors. Imported by a worker process only.

yt-dlp walks a list in one go and offers no way to resume later. What it reads of one answer before its next request is
a page, though, and that request holds the place to resume from. So its extractor is stopped before its second request,
and later started again with that place as its first request. Three of its inner methods are used for that
(`_extract_response`, `_entries`, `_search_results`); a test with the real package fails when one of them changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from yt_dlp import YoutubeDL
from yt_dlp.extractor.youtube import YoutubeTabIE

from voicesieve.domain.failures import Failure, FailureError, FailureKind

_VISITOR = "X-Goog-Visitor-Id"
MAX_ENTRIES = 400
"""Far more than a page of any list holds (100 in a playlist)."""


class _NextPage(Exception):  # noqa: N818 - not an error: where the walk was stopped
    def __init__(self, query: Mapping[str, Any], visitor: str | None) -> None:
        super().__init__("the page ends here")
        self.place = {
            "continuation": query.get("continuation"),
            "click": (query.get("clickTracking") or {}).get("clickTrackingParams"),
            "visitor": visitor,
        }


class _OnePage(YoutubeTabIE):  # type: ignore[misc]
    """yt-dlp's extractor of lists, cut off before its second request."""

    IE_NAME = "youtube:one-page"

    def __init__(self, downloader: YoutubeDL, place: Mapping[str, Any] | None) -> None:
        super().__init__(downloader)
        self._place = place
        self._stop_at_next = False

    @property
    def skip_webpage(self) -> bool:
        """A further page needs no start page; what that says is in the place already."""
        return self._place is not None

    def _extract_response(self, *args: Any, query: dict[str, Any], headers: Any = None, **more: Any) -> Any:
        headers = dict(headers or {})
        if self._stop_at_next:
            raise _NextPage(query, headers.get(_VISITOR))
        if query.get("continuation") or more.get("ep") == "search":
            self._stop_at_next = True
        if self._place is not None:
            query = {**query, **self._continuation(self._place)}
            if self._place.get("visitor"):
                headers[_VISITOR] = self._place["visitor"]
        return super()._extract_response(*args, query=query, headers=headers, **more)

    @staticmethod
    def _continuation(place: Mapping[str, Any]) -> dict[str, Any]:
        click = {"clickTracking": {"clickTrackingParams": place["click"]}} if place.get("click") else {}
        return {"continuation": place["continuation"], **click}

    def search(self, phrase: str, parameters: str | None) -> Iterator[dict[str, Any]]:
        """Results of a search; ``parameters`` are the filters as the site's addresses have them (``sp=``)."""
        yield from self._search_results(phrase, parameters)

    def listed(self, url: str) -> tuple[Mapping[str, Any], Iterator[dict[str, Any]]]:
        """What a channel's tab or a playlist says of itself (empty after its first page), and its entries."""
        if self._place is not None:
            command = {"continuationCommand": {"token": self._place["continuation"]}}
            item = {"continuationItemRenderer": {"continuationEndpoint": command}}
            tab = {"content": {"sectionListRenderer": {"contents": [item]}}}
            return {}, self._entries(tab, "list", {}, None, self._place.get("visitor"))
        info = self.extract(url)
        if info.get("_type") in ("url", "url_transparent"):
            info = self.extract(info["url"])
        if info.get("_type") != "playlist":
            raise FailureError(Failure(FailureKind.UNSUPPORTED, "this address does not lead to a list of videos"))
        self._stop_at_next = True
        return info, iter(info["entries"])


def one_page(
    downloader: YoutubeDL, *, url: str, phrase: str, parameters: str | None, place: Mapping[str, Any] | None
) -> tuple[Mapping[str, Any], list[dict[str, Any]], Mapping[str, Any] | None]:
    """What the list says of itself, the entries of one page, and the place of the next; ``None`` at the end.

    Raises what yt-dlp raises, and `FailureError`.
    """
    extractor = _OnePage(downloader, place)
    extractor.initialize()
    try:
        about, entries = ({}, extractor.search(phrase, parameters)) if phrase else extractor.listed(url)
        page: list[dict[str, Any]] = []
        for entry in entries:
            page.append(entry)
            if len(page) >= MAX_ENTRIES:
                break
    except _NextPage as stopped:
        return about, page, stopped.place if stopped.place["continuation"] else None
    return about, page, None
