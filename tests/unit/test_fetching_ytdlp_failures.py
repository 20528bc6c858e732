"""Every refusal of yt-dlp that has been seen, in its own words."""

from __future__ import annotations

import errno
import io

import pytest
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, TransportError
from yt_dlp.utils import (
    ContentTooShortError,
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    UnsupportedError,
    UserNotLive,
)

from voicesieve.domain.failures import FailureKind
from voicesieve.fetching.guard import ForbiddenAddressError
from voicesieve.fetching.ytdlp.failures import YOUTUBE_PAUSE_S, classify


def raised(cause: BaseException, text: str | None = None) -> DownloadError:
    """``cause`` as yt-dlp hands it on: wrapped, with the original in ``exc_info``."""
    try:
        try:
            raise cause
        except BaseException as error:
            raise DownloadError(f"ERROR: {text or error}", (type(error), error, error.__traceback__)) from None
    except DownloadError as error:
        return error


def refusal(text: str) -> DownloadError:
    return raised(ExtractorError(text, expected=True, video_id="x", ie="youtube"))


def http_error(status: int, **headers: str) -> HTTPError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTTPError(Response(io.BytesIO(), "http://a.example/", headers=named, status=status))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Video unavailable. This video has been removed by the uploader", FailureKind.GONE),
        (
            "Video unavailable. This video is no longer available because the YouTube account associated with this "
            "video has been terminated.",
            FailureKind.GONE,
        ),
        ("Video unavailable", FailureKind.GONE),
        (
            "Private video. Sign in if you've been granted access to this video",
            FailureKind.PRIVATE,
        ),
        (
            "Join this channel to get access to members-only content like this video, and other exclusive perks.",
            FailureKind.MEMBERS_ONLY,
        ),
        ("This video is only available to Music Premium members", FailureKind.MEMBERS_ONLY),
        ("Sign in to confirm your age. This video may be inappropriate for some users.", FailureKind.AGE_RESTRICTED),
        ("The uploader has not made this video available in your country", FailureKind.GEO_BLOCKED),
        ("This video is DRM protected", FailureKind.DRM),
        ("This live event will begin in 3 hours.", FailureKind.LIVE_OR_UPCOMING),
        ("Premieres in 2 days", FailureKind.LIVE_OR_UPCOMING),
        (
            "Video unavailable. This content isn't available, try again later. The current session has been "
            "rate-limited by YouTube for up to an hour.",
            FailureKind.RATE_LIMITED,
        ),
        ("This content isn’t available, try again later.", FailureKind.RATE_LIMITED),
        ("The downloaded file is empty", FailureKind.RATE_LIMITED),
        ("Sign in to confirm you’re not a bot. Use --cookies-from-browser", FailureKind.NEEDS_OPERATOR),
        ("Sign in to confirm you're not a bot", FailureKind.NEEDS_OPERATOR),
        ("YouTube is requiring a captcha challenge before playback", FailureKind.NEEDS_OPERATOR),
        ("No supported JavaScript runtime could be found", FailureKind.NEEDS_OPERATOR),
        ("web client https formats require a GVS PO Token which was not provided", FailureKind.NEEDS_OPERATOR),
        ("Requested format is not available", FailureKind.NEEDS_OPERATOR),
        ("Something nobody has seen before", FailureKind.SERVER_ERROR),
    ],
)
def test_youtube_refuses_in_words(text: str, kind: FailureKind) -> None:
    failure = classify(refusal(text), youtube=True)
    assert failure.kind is kind
    assert text.partition(".")[0] in failure.message
    assert failure.chain


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (GeoRestrictedError("Video unavailable in your country", countries=["DE"]), FailureKind.GEO_BLOCKED),
        (UserNotLive(video_id="x"), FailureKind.LIVE_OR_UPCOMING),
        (UnsupportedError("http://a.example/"), FailureKind.UNSUPPORTED),
        (http_error(404), FailureKind.GONE),
        (http_error(410), FailureKind.GONE),
        (http_error(403), FailureKind.PRIVATE),
        (http_error(429), FailureKind.RATE_LIMITED),
        (http_error(451), FailureKind.GEO_BLOCKED),
        (http_error(503), FailureKind.SERVER_ERROR),
        (TransportError("Connection reset by peer"), FailureKind.NETWORK),
        (TransportError(cause=TimeoutError("timed out")), FailureKind.NETWORK),
        (IncompleteRead(10, 20), FailureKind.TRUNCATED),
        (ContentTooShortError(10, 20), FailureKind.TRUNCATED),
        (ExtractorError("Unable to extract title"), FailureKind.UNSUPPORTED),
        (ExtractorError("Requested format is not available", expected=True), FailureKind.NO_AUDIO),
        (ExtractorError("The downloaded file is empty", expected=True), FailureKind.TRUNCATED),
        (DownloadError("m3u8 download detected but ffmpeg could not be found"), FailureKind.UNSUPPORTED),
        (DownloadError("Got error: 9 bytes read, 1 more expected. Giving up after 3 retries"), FailureKind.TRUNCATED),
        (DownloadError("Got error: 10.0.0.1 is not a public address; set x"), FailureKind.FORBIDDEN_ADDRESS),
        (DownloadError("Got error: Connection reset by peer. Giving up after 3 retries"), FailureKind.NETWORK),
        (OSError(errno.ENOSPC, "No space left on device"), FailureKind.DISK_FULL),
        (MemoryError(), FailureKind.OUT_OF_MEMORY),
        (TransportError(cause=ForbiddenAddressError("10.0.0.1 is not public")), FailureKind.FORBIDDEN_ADDRESS),
        (ExtractorError("[generic] captcha: rate-limited by YouTube", expected=True), FailureKind.SERVER_ERROR),
        (KeyError("formats"), FailureKind.UNSUPPORTED),
    ],
)
def test_errors_of_other_sites_are_classified_by_class_and_status(error: BaseException, kind: FailureKind) -> None:
    assert classify(raised(error), youtube=False).kind is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (http_error(403), FailureKind.RATE_LIMITED),
        (ExtractorError("Unable to extract player response"), FailureKind.NEEDS_OPERATOR),
        (KeyError("formats"), FailureKind.NEEDS_OPERATOR),
    ],
)
def test_youtube_means_the_caller_where_others_mean_the_video(error: BaseException, kind: FailureKind) -> None:
    assert classify(raised(error), youtube=True).kind is kind


def test_the_wait_asked_for_wins_over_the_customary_hour() -> None:
    assert classify(raised(http_error(429, Retry_After="30")), youtube=True).retry_after_s == 30.0
    assert classify(refusal("rate-limited by YouTube"), youtube=True).retry_after_s == YOUTUBE_PAUSE_S


def test_messages_are_for_the_operator() -> None:
    text = "Not in your country\nYou might want to use a VPN or a proxy server (with --proxy) to workaround."
    failure = classify(raised(GeoRestrictedError(text), text), youtube=True)
    assert "VPN" not in failure.message
    broken = classify(raised(ExtractorError("Unable to extract title", cause=KeyError("x\x1b[2J"))), youtube=True)
    assert "please report" not in broken.message
    assert "Update yt-dlp" in broken.message
    assert all(line.isprintable() for line in broken.chain)
