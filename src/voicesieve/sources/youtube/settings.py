"""The settings of the YouTube sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

API_ENDPOINT = "https://www.googleapis.com/youtube/v3"


@dataclass(frozen=True)
class ApiAccess:
    """Access to the Data API. ``key`` is sent in one header and never shown."""

    key: str
    endpoint: str = API_ENDPOINT

    def __repr__(self) -> str:
        return f"ApiAccess(endpoint={self.endpoint!r})"

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).hostname or ""


@dataclass(frozen=True)
class YoutubeSettings:
    """``filters`` are the default options of searches.

    ``max_calls`` bounds the search calls of one ``youtube-api:`` query, ``max_results`` the videos of one ``youtube:``
    query.
    """

    access: ApiAccess | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    max_calls: int = 20
    max_results: int = 500
