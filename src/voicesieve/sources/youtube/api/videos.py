"""Videos as ``videos.list`` describes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from voicesieve.domain.candidates import Candidate
from voicesieve.domain.platforms import youtube_video
from voicesieve.domain.text import clean_text
from voicesieve.languages.codes import normalise
from voicesieve.sources.durations import parse_duration
from voicesieve.sources.offers import remote_candidate
from voicesieve.sources.protocol import Reader
from voicesieve.sources.youtube.api.client import VIDEOS, Request, call
from voicesieve.sources.youtube.settings import ApiAccess

KEEP_S = 30 * 86_400.0
"""Data of the API may be kept for 30 calendar days, then it is refreshed or deleted (Developer Policies, III.E.4.d)."""

MAX_DESCRIPTION_CHARS = 5_000
MAX_TAGS = 60
MAX_REGIONS = 260
_LIVE = {"live": "is_live", "upcoming": "is_upcoming"}
_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_AGE_RESTRICTED = "ytAgeRestricted"


def details(ids: Sequence[str]) -> Request:
    """The request for the details of up to 50 videos: one unit, however many."""
    parts = "contentDetails,liveStreamingDetails,snippet,status,topicDetails"
    return Request(VIDEOS, {"part": parts, "id": ",".join(ids), "maxResults": str(len(ids))})


async def describe(reader: Reader, access: ApiAccess, ids: Sequence[str]) -> dict[str, Candidate]:
    """What the API says about up to 50 videos, by candidate ID; videos that it hides or has lost are missing.

    Raises `FailureError`.
    """
    listing = await call(reader, access, details(ids))
    candidates = [candidate_of(item) for item in listing.items if item.get("id") in ids]
    return {candidate.id: candidate for candidate in candidates}


def candidate_of(item: Mapping[str, Any]) -> Candidate:
    """The candidate that an item of ``videos.list`` describes. Raises ValueError if it is not a video."""
    snippet, content, status = (_part(item, name) for name in ("snippet", "contentDetails", "status"))
    video = item.get("id")
    return remote_candidate(
        youtube_video(str(video)),
        title=snippet.get("title"),
        channel=snippet.get("channelTitle"),
        duration_s=parse_duration(str(content.get("duration") or "")) or None,
        published_at=moment_of(snippet.get("publishedAt")),
        language=_text(snippet, "defaultAudioLanguage", 40) or None,
        licence=status.get("license"),
        metadata={key: value for key, value in _metadata(item).items() if value not in (None, "", [])},
        keep_s=KEEP_S,
    )


def _metadata(item: Mapping[str, Any]) -> dict[str, object]:
    snippet, content, status = (_part(item, name) for name in ("snippet", "contentDetails", "status"))
    region = _part(content, "regionRestriction")
    live = _LIVE.get(str(snippet.get("liveBroadcastContent")))
    upload = str(status.get("uploadStatus") or "")
    return {
        "channel_id": _text(snippet, "channelId", 40),
        "description": _text(snippet, "description", MAX_DESCRIPTION_CHARS),
        "tags": _texts(snippet.get("tags"), MAX_TAGS),
        "category": _text(snippet, "categoryId", 10),
        "text_language": normalise(_text(snippet, "defaultLanguage", 40)),
        "captions": _flag(content.get("caption")),
        "made_for_kids": _flag(status.get("madeForKids")),
        "synthetic_media": _flag(status.get("containsSyntheticMedia")),
        "availability": _text(status, "privacyStatus", 20),
        "upload_status": upload if upload != "processed" else "",
        "live_status": live or ("was_live" if _part(item, "liveStreamingDetails") else "not_live"),
        "age_limit": 18 if _part(content, "contentRating").get("ytRating") == _AGE_RESTRICTED else None,
        "regions_allowed": _texts(region.get("allowed"), MAX_REGIONS) if "allowed" in region else None,
        "regions_blocked": _texts(region.get("blocked"), MAX_REGIONS),
        "topics": _texts(_part(item, "topicDetails").get("topicCategories"), 20),
    }


def video_id(value: object) -> str | None:
    """``value`` if it has the form of a video ID."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def moment_of(text: object) -> float | None:
    """Epoch seconds of an RFC 3339 time; ``None`` if it is not one."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return moment.timestamp() if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _part(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = item.get(name)
    return part if isinstance(part, dict) else {}


def _text(part: Mapping[str, Any], name: str, limit: int) -> str:
    return clean_text(part.get(name), limit)


def _texts(values: object, most: int) -> list[str]:
    return (
        [clean_text(value, 200) for value in values[:most] if clean_text(value, 200)]
        if isinstance(values, list)
        else []
    )


def _flag(value: object) -> bool | None:
    """A flag, which the API states as JSON or as text."""
    return {"true": True, "false": False}.get(str(value).lower())
