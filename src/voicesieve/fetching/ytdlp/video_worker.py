"""The process that runs yt-dlp for one URL (see `voicesieve.fetching.ytdlp.frame`). It asks its parent once, before any
media."""

from __future__ import annotations

import stat
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.platforms import platform_of
from voicesieve.domain.text import clean_text
from voicesieve.fetching.scratch import MEDIA_NAME
from voicesieve.fetching.ytdlp.frame import Journal, Parent, common_options, serve

if TYPE_CHECKING:
    from yt_dlp import YoutubeDL

DOWNLOAD_FOLDER = "download"

_RETRIES = 3
"""As for direct HTTP: what fails three more times is left to the queue, which waits longer."""
_ADULT_AGE = 18
_LIVE = ("is_live", "is_upcoming", "post_live")
_MAX_TEXT_CHARS = 500
_MAX_DESCRIPTION_CHARS = 2_000
"""Enough to recognise its language; the rest is links and hashtags."""
_MAX_TAGS = 30
_MAX_CODE_CHARS = 35
"""Room for any language tag without private subtags (RFC 5646, section 4.4.1)."""
_MAX_LANGUAGES = 500
"""YouTube offers translations of captions into somewhat more than a hundred languages."""

_CLOSED_DOORS = {
    "private": FailureKind.PRIVATE,
    "subscriber_only": FailureKind.MEMBERS_ONLY,
    "premium_only": FailureKind.MEMBERS_ONLY,
    "needs_auth": FailureKind.PRIVATE,
}
_TEXT_FACTS = {
    "title": ("title",),
    "channel": ("channel", "uploader"),
    "channel_id": ("channel_id", "uploader_id"),
    "licence": ("license",),
    "language": ("language",),
    "availability": ("availability",),
    "live_status": ("live_status",),
    "extractor": ("extractor",),
    "webpage_url": ("webpage_url",),
}
"""Our name of a fact and yt-dlp's fields that may hold it, best first."""


@dataclass(frozen=True)
class Order:
    """What the parent orders. Seconds and bytes; ``scratch`` is an absolute path."""

    url: str
    scratch: str
    stall_s: float
    max_bytes: int
    max_duration_s: float
    allow_private_addresses: bool
    user_agent: str


def main() -> None:
    """Answer the one order on stdin."""
    serve(_work, platform=lambda order: platform_of(order["url"]))


def _work(order: Mapping[str, Any], parent: Parent, journal: Journal) -> dict[str, object]:
    return _fetch(Order(**order), parent, journal)


def _fetch(order: Order, parent: Parent, journal: Journal) -> dict[str, object]:
    from yt_dlp.utils import unsmuggle_url

    from voicesieve.fetching.ytdlp.downloader import HonestDownloader

    folder = Path(order.scratch) / DOWNLOAD_FOLDER
    folder.mkdir()
    # yt-dlp passes options to its extractors inside URLs; a URL from outside may not set any.
    url, _ = unsmuggle_url(order.url)
    with HonestDownloader(_options(order, folder, journal), journal, order.user_agent) as downloader:
        info = _one_video(downloader, url)
        parent.ask(facts_of(info))
        check_wanted(info, order)
        downloader.process_ie_result(info, download=True)
    size = _keep_the_only_file(folder, Path(order.scratch) / MEDIA_NAME)
    return {"bytes": size, "duration_s": _number(info.get("duration")), "facts": facts_of(info)}


def _options(order: Order, folder: Path, journal: Journal) -> dict[str, object]:
    return {
        **common_options(journal, order.stall_s, _RETRIES),
        "progress_hooks": [_size_check(order.max_bytes)],
        # The original language before any dub, and of that the smallest format: speech needs no more.
        "format": "ba/b",
        "format_sort": ["lang", "+br"],
        "fixup": "never",
        "hls_prefer_native": True,
        "paths": {"home": str(folder)},
        "outtmpl": {"default": f"{MEDIA_NAME}.%(ext)s"},
        "updatetime": False,
        "noplaylist": True,
        "extract_flat": "in_playlist",
        "playlist_items": "1:2",  # enough to see whether there are several entries
        "retries": _RETRIES,
        "fragment_retries": _RETRIES,
        "skip_unavailable_fragments": False,  # a file with a hole is not complete
    }


def _size_check(max_bytes: int) -> Callable[[Mapping[str, Any]], None]:
    """Stops a file that grows too large before the parent, which checks only now and then, would notice."""

    def check(progress: Mapping[str, Any]) -> None:
        size = max(_number(progress.get("total_bytes")) or 0, _number(progress.get("downloaded_bytes")) or 0)
        if size > max_bytes:
            message = f"the file has {size:,.0f} bytes or more; {max_bytes:,} are allowed"
            raise FailureError(Failure(FailureKind.TOO_LONG, message))

    return check


def _one_video(downloader: YoutubeDL, url: str) -> dict[str, Any]:
    """Everything about the one video behind ``url``; a list with exactly one entry counts as that entry."""
    info = _extracted(downloader, url, None)
    if not _is_list(info):
        return info
    entries = [entry for entry in info.get("entries") or () if entry]
    if len(entries) != 1:
        raise FailureError(_not_one(len(entries)))
    entry: dict[str, Any] = entries[0]
    if entry.get("_type") in ("url", "url_transparent"):
        entry = _extracted(downloader, entry["url"], entry.get("ie_key"))
    if _is_list(entry):
        raise FailureError(_not_one(2))
    return entry


def _extracted(downloader: YoutubeDL, url: str, extractor: str | None) -> dict[str, Any]:
    info = downloader.extract_info(url, download=False, ie_key=extractor)
    if not isinstance(info, dict):
        raise FailureError(_not_one(0))
    return info


def _is_list(info: Mapping[str, Any]) -> bool:
    return info.get("_type") in ("playlist", "multi_video", "compat_list")


def _not_one(count: int) -> Failure:
    if count == 0:
        return Failure(FailureKind.UNSUPPORTED, "there is no video at this address")
    message = "the address holds several videos; add it as a source (channel, playlist or feed), not as a video"
    return Failure(FailureKind.UNSUPPORTED, message)


def check_wanted(info: Mapping[str, Any], order: Order) -> None:
    """Refuse before a byte of media is fetched: unfinished, not public, or too long. Raises `FailureError`.

    ``info`` is yt-dlp's dictionary of one video.
    """
    live_status = info.get("live_status")
    if live_status in _LIVE:
        starts_at = _number(info.get("release_timestamp"))
        wait = max(starts_at - time.time(), 0.0) if live_status == "is_upcoming" and starts_at else None
        message = f"it is not a finished recording ({live_status})"
        raise FailureError(Failure(FailureKind.LIVE_OR_UPCOMING, message, retry_after_s=wait))
    availability = str(info.get("availability"))
    if availability in _CLOSED_DOORS:
        grown_up = availability == "needs_auth" and (_number(info.get("age_limit")) or 0) >= _ADULT_AGE
        kind = FailureKind.AGE_RESTRICTED if grown_up else _CLOSED_DOORS[availability]
        raise FailureError(Failure(kind, f"not public ({availability})"))
    duration = _number(info.get("duration"))
    if duration is not None and duration > order.max_duration_s:
        message = f"it lasts {duration:.0f} s; {order.max_duration_s:.0f} s are allowed"
        raise FailureError(Failure(FailureKind.TOO_LONG, message))


def _keep_the_only_file(folder: Path, target: Path) -> int:
    """Move what was fetched to ``target``; its size in bytes.

    yt-dlp reports success without a file, or with parts of one, in several cases: only the folder shows what there is.
    """
    files = list(folder.iterdir())
    if len(files) != 1 or not stat.S_ISREG(files[0].lstat().st_mode) or files[0].suffix in (".part", ".ytdl"):
        message = f"yt-dlp reported success but left {len(files)} files instead of one complete file"
        raise FailureError(Failure(FailureKind.TRUNCATED, message))
    size = files[0].stat().st_size
    if size == 0:
        raise FailureError(Failure(FailureKind.TRUNCATED, "the fetched file is empty"))
    files[0].replace(target)
    return size


def facts_of(info: Mapping[str, Any]) -> dict[str, object]:
    """What is worth keeping of yt-dlp's dictionary of one video, limited in length and cleaned; missing facts are left
    out."""
    facts: dict[str, object] = {}
    for name, fields in _TEXT_FACTS.items():
        value = next((info[field] for field in fields if isinstance(info.get(field), str)), "")
        facts[name] = clean_text(value, _MAX_TEXT_CHARS)
    facts["duration_s"] = _number(info.get("duration"))
    facts["age_limit"] = _number(info.get("age_limit"))
    languages = _asr_languages(info.get("automatic_captions"))
    facts["asr_language"] = next(iter(languages), None)
    facts["asr_languages"] = languages if len(languages) > 1 else []
    facts["category"] = next(iter(_words(info.get("categories"))), "")
    facts["subtitle_languages"] = _languages(info.get("subtitles"))
    description = info.get("description")
    facts["description"] = clean_text(description, _MAX_DESCRIPTION_CHARS) if isinstance(description, str) else ""
    facts["tags"] = _words(info.get("tags"))
    return {name: value for name, value in facts.items() if value not in (None, "", [])}


def _asr_languages(captions: object) -> list[str]:
    """The languages that YouTube's speech recognition named: keys of untranslated tracks, one for each dub."""
    if not isinstance(captions, Mapping):
        return []
    spoken = {str(code): tracks for code, tracks in captions.items() if str(code).endswith("-orig")}
    return [code.removesuffix("-orig") for code in _languages(spoken)]


def _languages(tracks: object) -> list[str]:
    codes = tracks if isinstance(tracks, Mapping) else {}
    return [clean_text(str(code), _MAX_CODE_CHARS) for code in codes][:_MAX_LANGUAGES]


def _words(values: object) -> list[str]:
    words = values if isinstance(values, list) else []
    return [clean_text(word, _MAX_TEXT_CHARS) for word in words if isinstance(word, str)][:_MAX_TAGS]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None


if __name__ == "__main__":
    main()
