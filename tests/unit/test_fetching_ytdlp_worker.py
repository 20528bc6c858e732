"""What the worker makes of yt-dlp's description of a video."""

from __future__ import annotations

import time
from typing import Any

import pytest

from voicesieve.domain.failures import FailureError, FailureKind
from voicesieve.fetching.ytdlp.video_worker import Order, check_wanted, facts_of

ORDER = Order(
    url="https://www.youtube.com/watch?v=x",
    scratch="/nowhere",
    stall_s=30,
    max_bytes=1_000,
    max_duration_s=600,
    allow_private_addresses=False,
    user_agent="voicesieve/test",
)


def test_the_facts_of_a_video() -> None:
    info = {
        "title": "Kể\x00 chuyện",
        "uploader": "A channel",
        "channel_id": "UC1",
        "license": "Creative Commons Attribution license (reuse allowed)",
        "language": "vi",
        "duration": 61,
        "age_limit": 0,
        "availability": "public",
        "live_status": "not_live",
        "extractor": "youtube",
        "webpage_url": "https://www.youtube.com/watch?v=x",
        "automatic_captions": {"en": [], "vi-orig": [], "vi": []},
        "subtitles": {"vi": [], "en": []},
        "description": "Kể cho bé nghe",
        "tags": ["kids", 3, None],
        "thumbnail": "not kept",
    }
    assert facts_of(info) == {
        "title": "Kể chuyện",
        "channel": "A channel",
        "channel_id": "UC1",
        "licence": "Creative Commons Attribution license (reuse allowed)",
        "language": "vi",
        "availability": "public",
        "live_status": "not_live",
        "extractor": "youtube",
        "webpage_url": "https://www.youtube.com/watch?v=x",
        "duration_s": 61.0,
        "age_limit": 0.0,
        "asr_language": "vi",
        "subtitle_languages": ["vi", "en"],
        "description": "Kể cho bé nghe",
        "tags": ["kids"],
    }


def test_what_is_missing_or_of_another_shape_is_left_out() -> None:
    hostile: dict[str, Any] = {
        "title": {"a": 1},
        "channel": 7,
        "duration": float("nan"),
        "age_limit": True,
        "automatic_captions": ["vi-orig"],
        "subtitles": None,
    }
    assert facts_of(hostile) == {}
    assert len(str(facts_of({"title": "x" * 10_000})["title"])) == 500


@pytest.mark.parametrize(
    ("info", "kind"),
    [
        ({"live_status": "is_live"}, FailureKind.LIVE_OR_UPCOMING),
        ({"live_status": "post_live"}, FailureKind.LIVE_OR_UPCOMING),
        ({"availability": "private"}, FailureKind.PRIVATE),
        ({"availability": "needs_auth"}, FailureKind.PRIVATE),
        ({"availability": "needs_auth", "age_limit": 18}, FailureKind.AGE_RESTRICTED),
        ({"availability": "subscriber_only"}, FailureKind.MEMBERS_ONLY),
        ({"availability": "premium_only"}, FailureKind.MEMBERS_ONLY),
        ({"duration": 601}, FailureKind.TOO_LONG),
    ],
)
def test_what_is_refused_before_it_is_fetched(info: dict[str, object], kind: FailureKind) -> None:
    with pytest.raises(FailureError) as caught:
        check_wanted(info, ORDER)
    assert caught.value.failure.kind is kind


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"live_status": "was_live", "availability": "public", "duration": 600},
        {"availability": "unlisted", "age_limit": 18},
    ],
)
def test_what_is_wanted(info: dict[str, object]) -> None:
    check_wanted(info, ORDER)


def test_an_upcoming_video_says_when_to_come_back() -> None:
    info = {"live_status": "is_upcoming", "release_timestamp": time.time() + 3_600}
    with pytest.raises(FailureError) as caught:
        check_wanted(info, ORDER)
    assert caught.value.failure.retry_after_s == pytest.approx(3_600, abs=10)
