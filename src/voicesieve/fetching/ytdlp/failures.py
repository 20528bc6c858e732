"""yt-dlp's exceptions as typed failures. Imported by the worker process only, because it imports yt_dlp.

Few refusals have a class of their own; most differ by their English text alone, so this table needs a
check whenever yt-dlp is upgraded.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from dataclasses import replace

from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, TransportError
from yt_dlp.utils import (
    ContentTooShortError,
    ExtractorError,
    GeoRestrictedError,
    UnsupportedError,
    UserNotLive,
)

from voicesieve.domain.failures import Failure, FailureKind
from voicesieve.domain.passwords import without_passwords
from voicesieve.domain.text import clean_text
from voicesieve.fetching.guard import NOT_PUBLIC, ForbiddenAddressError, ForbiddenPlatformError
from voicesieve.fetching.statuses import status_failure
from voicesieve.files import OUT_OF_SPACE
from voicesieve.machine import EXHAUSTED

YOUTUBE_PAUSE_S = 3_600.0
"""YouTube's own words: rate-limited "for up to an hour"."""

_MAX_MESSAGE_CHARS = 600
_MAX_CHAIN = 12

_TEXTS: tuple[tuple[str, FailureKind], ...] = (
    # Before `gone`: the text of YouTube's rate limit mentions unavailable content, too.
    (r"rate-limited by youtube|isn't available, try again later|too many requests", FailureKind.RATE_LIMITED),
    (r"confirm you'?re not a bot|captcha|no supported javascript runtime|po[ _]token", FailureKind.NEEDS_OPERATOR),
    (r"members-only|join this channel|music premium members|premium members", FailureKind.MEMBERS_ONLY),
    (r"private video|video is private", FailureKind.PRIVATE),
    (r"confirm your age|age-restricted|inappropriate for some users", FailureKind.AGE_RESTRICTED),
    (r"in your country|geo.?restrict|from your location", FailureKind.GEO_BLOCKED),
    (r"drm protected|drm protection", FailureKind.DRM),
    (
        r"live event will begin|premieres? (in|will)|not currently live|live stream is offline",
        FailureKind.LIVE_OR_UPCOMING,
    ),
    (
        r"video unavailable|video has been removed|has been terminated|no longer available|does not exist",
        FailureKind.GONE,
    ),
    (r"ffmpeg could not be found|ffmpeg is not installed|no video formats found", FailureKind.UNSUPPORTED),
)
_KINDS_BY_TEXT = tuple((re.compile(pattern), kind) for pattern, kind in _TEXTS)

_SOURCE_WIDE = frozenset({FailureKind.RATE_LIMITED, FailureKind.NEEDS_OPERATOR})

_ADVICE = {
    FailureKind.RATE_LIMITED: "Wait at least an hour, then resume more slowly.",
    FailureKind.NEEDS_OPERATOR: "Update yt-dlp and its JavaScript runtime; if that does not help, wait some hours.",
}
_FOR_DEVELOPERS = re.compile(
    r"\s*(\(caused by |; please report this issue|You might want to use a VPN|Use --cookies|See  https:).*", re.DOTALL
)
"""The tail of yt-dlp's messages: causes, which the chain already holds, and advice for users of yt-dlp."""

_REFUSALS = (ForbiddenAddressError, ForbiddenPlatformError)
"""What our own guard raises."""

_GAVE_UP = "giving up after"
"""After its last retry the downloader raises only a text, which quotes the last error."""

_Judge = Callable[[list[BaseException], str, bool], Failure | FailureKind | None]


def classify(error: BaseException, *, youtube: bool) -> Failure:
    """Type what yt-dlp raised for one URL. ``youtube``: refusals that YouTube aims at the caller, not at the video, are
    typed as such."""
    related = _related(error)
    text = str(error).replace("’", "'").lower()
    verdict = next((verdict for judge in _JUDGES if (verdict := judge(related, text, youtube)) is not None), None)
    failure = verdict if isinstance(verdict, Failure) else Failure(verdict or FailureKind.SERVER_ERROR, "")
    if (status := _by_status(related, text, youtube)) is not None:
        failure = replace(failure, retry_after_s=status.retry_after_s)
    if youtube and failure.kind is FailureKind.RATE_LIMITED and failure.retry_after_s is None:
        failure = replace(failure, retry_after_s=YOUTUBE_PAUSE_S)
    root = related[-1]
    return replace(
        failure,
        message=_message(related, failure.kind),
        exception_type=f"{type(root).__module__}.{type(root).__name__}",
        chain=tuple(dict.fromkeys(map(_link, related))),
    )


def _related(error: BaseException) -> list[BaseException]:
    """``error`` and all that led to it: yt-dlp keeps causes in three attributes of its own besides Python's."""
    related: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(related) < _MAX_CHAIN:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or any(current is earlier for earlier in related):
            continue
        related.append(current)
        exc_info = getattr(current, "exc_info", None) or (None, None)
        waiting += [current.__cause__, getattr(current, "cause", None), exc_info[1], current.__context__]
        waiting.append(getattr(current, "reason", None))
    return related


def _message(related: list[BaseException], kind: FailureKind) -> str:
    refusal = next((error for error in related if isinstance(error, _REFUSALS)), None)
    text = _FOR_DEVELOPERS.sub("", without_passwords(str(refusal or related[0])).removeprefix("ERROR: "))
    sentences = filter(None, (clean_text(text, _MAX_MESSAGE_CHARS), _ADVICE.get(kind)))
    return " ".join(sentences) or type(related[0]).__name__


def _link(error: BaseException) -> str:
    return clean_text(f"{type(error).__name__}: {without_passwords(str(error))}", _MAX_MESSAGE_CHARS)


def _by_our_own_limits(related: list[BaseException], text: str, youtube: bool) -> FailureKind | None:
    if any(isinstance(error, _REFUSALS) for error in related) or NOT_PUBLIC in text:
        return FailureKind.FORBIDDEN_ADDRESS
    if any(isinstance(error, MemoryError) for error in related):
        return FailureKind.OUT_OF_MEMORY
    errors = [error for error in related if isinstance(error, OSError)]
    if any(error.errno in OUT_OF_SPACE for error in errors):
        return FailureKind.DISK_FULL
    # Errors of files name the file, those of connections do not; yt-dlp writes only in our scratch folder.
    ours = any(error.errno in EXHAUSTED or (error.filename and error.errno != errno.ENOENT) for error in errors)
    return FailureKind.MACHINE_FAULT if ours else None


def _by_class(related: list[BaseException], text: str, youtube: bool) -> FailureKind | None:
    if any(isinstance(error, GeoRestrictedError) for error in related):
        return FailureKind.GEO_BLOCKED
    if any(isinstance(error, UserNotLive) for error in related):
        return FailureKind.LIVE_OR_UPCOMING
    if any(isinstance(error, UnsupportedError) for error in related):
        return FailureKind.UNSUPPORTED
    return None


def _by_text(related: list[BaseException], text: str, youtube: bool) -> FailureKind | None:
    if "requested format is not available" in text:
        return FailureKind.NEEDS_OPERATOR if youtube else FailureKind.NO_AUDIO
    if "downloaded file is empty" in text:
        return FailureKind.RATE_LIMITED if youtube else FailureKind.TRUNCATED
    kinds = (kind for pattern, kind in _KINDS_BY_TEXT if pattern.search(text))
    # Elsewhere the text holds names that strangers chose, and no stranger's text may pause a whole host.
    return next((kind for kind in kinds if youtube or kind not in _SOURCE_WIDE), None)


def _by_status(related: list[BaseException], text: str, youtube: bool) -> Failure | None:
    refusal = next((error for error in related if isinstance(error, HTTPError)), None)
    if refusal is None:
        return None
    failure = status_failure(refusal.status, dict(refusal.response.headers.items()))
    if youtube and refusal.status == 403:
        return replace(failure, kind=FailureKind.RATE_LIMITED)
    return failure


def _by_transport(related: list[BaseException], text: str, youtube: bool) -> FailureKind | None:
    if any(isinstance(error, IncompleteRead | ContentTooShortError) for error in related) or "more expected" in text:
        return FailureKind.TRUNCATED
    if any(isinstance(error, TransportError | ConnectionError | TimeoutError) for error in related) or _GAVE_UP in text:
        return FailureKind.NETWORK
    return None


def _by_expectation(related: list[BaseException], text: str, youtube: bool) -> FailureKind | None:
    """An unexpected error means that yt-dlp no longer understands the site: on YouTube that affects every video.

    An expected refusal that no rule above knows stays undecided: it is better to try again than to lose the video.
    """
    if any(isinstance(error, ExtractorError) and error.expected for error in related):
        return None
    return FailureKind.NEEDS_OPERATOR if youtube else FailureKind.UNSUPPORTED


_JUDGES: tuple[_Judge, ...] = (
    _by_our_own_limits,
    _by_class,
    _by_text,
    _by_status,
    _by_transport,
    _by_expectation,
)
"""Tried in this order; the first result counts."""
