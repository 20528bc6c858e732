"""yt-dlp under our own name: by default it says that it is a browser. Imported by worker processes only."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from yt_dlp import YoutubeDL
from yt_dlp.networking.common import Request, Response
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils.networking import std_headers

from voicesieve.domain.text import clean_text
from voicesieve.fetching.ytdlp.frame import Journal

_BROWSER = "Mozilla/"
"""How the User-Agent of every browser begins."""
_OF_BROWSERS = ("Sec-", "Upgrade-Insecure-Requests")


class HonestDownloader(YoutubeDL):  # type: ignore[misc]
    """Sends our User-Agent where yt-dlp or an extractor would send a browser's, and no header that only browsers have.

    The User-Agent of an app's own protocol stays, because it names the protocol. Every request is noted in ``journal``.
    """

    def __init__(self, options: Mapping[str, Any], journal: Journal, user_agent: str) -> None:
        self._journal = journal
        self._user_agent = user_agent
        # Read by yt-dlp for every request, and by extractors for their own.
        std_headers.clear()
        std_headers.update({"User-Agent": user_agent, "Accept": "*/*", "Accept-Language": "en"})
        super().__init__(dict(options))

    def urlopen(self, req: Any) -> Response:
        request = Request(req) if isinstance(req, str) else req
        if isinstance(request, Request):
            self._introduce(request)
        started = time.monotonic()
        status, error = None, ""
        try:
            response: Response = super().urlopen(request)
            status = response.status
        except HTTPError as refusal:
            status = refusal.status
            raise
        except Exception as failure:
            error = clean_text(str(failure), 300)
            raise
        else:
            return response
        finally:
            url = request.url if isinstance(request, Request) else request.full_url
            self._journal.request(url, status, time.monotonic() - started, error)

    def _introduce(self, request: Request) -> None:
        for name, value in list(request.headers.items()):
            if name.title().startswith(_OF_BROWSERS):
                del request.headers[name]
            elif name.title() == "User-Agent" and value.startswith(_BROWSER):
                request.headers[name] = self._user_agent
