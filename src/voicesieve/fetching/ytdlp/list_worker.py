"""The process that asks YouTube for one page of a search, channel or playlist (see
`voicesieve.fetching.ytdlp.frame`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voicesieve.domain.platforms import YOUTUBE
from voicesieve.domain.text import clean_text
from voicesieve.fetching.ytdlp.frame import Journal, Parent, common_options, serve

_RETRIES = 1
"""What fails twice is tried again by the walk, which keeps the pace."""
_COMPATIBLE = frozenset({"no-youtube-unavailable-videos"})
"""A playlist is not requested again to see its hidden videos: that costs a request and brings nothing to fetch."""
_MAX_TITLE_CHARS = 1_000
_MAX_DESCRIPTION_CHARS = 2_000
_MAX_TOKEN_CHARS = 20_000
_TEXTS = ("id", "url", "title", "channel", "channel_id", "live_status", "availability")


@dataclass(frozen=True)
class Order:
    """A search (``phrase`` with ``parameters``) or a list (``url``), from ``place`` on; ``timeout_s`` of a socket."""

    url: str
    phrase: str
    parameters: str | None
    place: Mapping[str, Any] | None
    timeout_s: float
    allow_private_addresses: bool
    user_agent: str


def main() -> None:
    """Answer the one order on stdin."""
    serve(_work, platform=lambda _: YOUTUBE)


def _work(fields: Mapping[str, Any], parent: Parent, journal: Journal) -> dict[str, object]:
    from voicesieve.fetching.ytdlp.downloader import HonestDownloader
    from voicesieve.fetching.ytdlp.lists import one_page

    order = Order(**fields)
    options = {**common_options(journal, order.timeout_s, _RETRIES), "extract_flat": True, "compat_opts": _COMPATIBLE}
    with HonestDownloader(options, journal, order.user_agent) as downloader:
        about, entries, place = one_page(
            downloader, url=order.url, phrase=order.phrase, parameters=order.parameters, place=order.place
        )
    return {
        "about": {name: clean_text(str(about.get(name) or ""), _MAX_TITLE_CHARS) for name in ("channel", "channel_id")},
        "entries": [_entry(entry) for entry in entries if entry.get("ie_key") == "Youtube"],
        "place": place if place is None or len(str(place)) <= _MAX_TOKEN_CHARS else None,
    }


def _entry(entry: Mapping[str, Any]) -> dict[str, object]:
    facts: dict[str, object] = {name: clean_text(str(entry.get(name) or ""), _MAX_TITLE_CHARS) for name in _TEXTS}
    facts["description"] = clean_text(str(entry.get("description") or ""), _MAX_DESCRIPTION_CHARS)
    facts["duration_s"] = entry.get("duration")
    return {name: value for name, value in facts.items() if value not in ("", None)}


if __name__ == "__main__":
    main()
