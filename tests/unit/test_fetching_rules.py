"""Statuses, methods, stalls and text: the small rules of fetching."""

from __future__ import annotations

from email.utils import formatdate
from time import asctime, gmtime, time, tzset

import pytest

from voicesieve.domain.failures import FailureKind
from voicesieve.fetching.methods import methods_for
from voicesieve.fetching.stall import StallClock
from voicesieve.fetching.statuses import MAX_RETRY_AFTER_S, status_failure


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (202, FailureKind.SERVER_ERROR),
        (302, FailureKind.UNSUPPORTED),
        (400, FailureKind.UNSUPPORTED),
        (401, FailureKind.PRIVATE),
        (403, FailureKind.PRIVATE),
        (404, FailureKind.GONE),
        (408, FailureKind.TIMEOUT),
        (410, FailureKind.GONE),
        (418, FailureKind.UNSUPPORTED),
        (429, FailureKind.RATE_LIMITED),
        (451, FailureKind.GEO_BLOCKED),
        (500, FailureKind.SERVER_ERROR),
        (503, FailureKind.SERVER_ERROR),
        (599, FailureKind.SERVER_ERROR),
    ],
)
def test_every_status_has_a_kind(status: int, kind: FailureKind) -> None:
    failure = status_failure(status, {})
    assert failure.kind is kind
    assert str(status) in failure.message
    assert failure.retry_after_s is None


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("-5", 0.0),
        ("999999999", MAX_RETRY_AFTER_S),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 99 Xyz 99999 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_read_with_suspicion(value: str, wait: float | None) -> None:
    assert status_failure(503, {"retry-after": value}).retry_after_s == wait


def test_retry_after_may_be_a_date() -> None:
    wait = status_failure(429, {"Retry-After": formatdate(time() + 600, usegmt=True)}).retry_after_s
    assert wait == pytest.approx(600, abs=5)


def test_a_date_without_a_zone_means_greenwich_wherever_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Ho_Chi_Minh")
    tzset()
    try:
        wait = status_failure(429, {"Retry-After": asctime(gmtime(time() + 600))}).retry_after_s
    finally:
        monkeypatch.undo()
        tzset()
    assert wait == pytest.approx(600, abs=5)


@pytest.mark.parametrize(
    ("url", "methods"),
    [
        ("file:///a.wav", ("local",)),
        ("FILE:///a.wav", ("local",)),
        ("https://www.youtube.com/watch?v=x", ("yt-dlp",)),
        ("https://YouTu.be/x", ("yt-dlp",)),
        ("https://m.youtube.com/shorts/x", ("yt-dlp",)),
        ("https://www.youtube-nocookie.com/embed/x", ("yt-dlp",)),
        ("https://notyoutube.com/x", ("http", "yt-dlp")),
        ("https://a.example/youtube.com/x.mp3", ("http", "yt-dlp")),
        ("http://[bad", ("http", "yt-dlp")),
    ],
)
def test_the_url_decides_the_methods(url: str, methods: tuple[str, ...]) -> None:
    assert methods_for(url) == methods


def test_the_configured_order_is_kept_for_ordinary_addresses() -> None:
    assert methods_for("https://a.example/b", ["yt-dlp"]) == ("yt-dlp",)


def test_a_stall_clock_moves_on_with_enough_bytes_only() -> None:
    clock = StallClock(stall_s=10, stall_bytes=1_000, now=0)
    clock.saw(999, now=9)
    assert clock.due == 10
    clock.saw(1_000_000, now=9.5)
    assert clock.due == 19.5
    clock.saw(1_000_999, now=19)
    assert clock.due == 19.5
