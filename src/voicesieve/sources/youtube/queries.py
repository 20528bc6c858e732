"""The arguments of ``youtube:`` and ``youtube-api:``: a phrase, a channel or a playlist, and options.

``kể chuyện bé [duration=medium, region=VN]`` is a search, ``channel:@name``, ``channel:UC...``, ``playlist:PL...`` and
``feed:UC...`` are lists; an address on YouTube stands for its channel or playlist.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from urllib.parse import parse_qs, unquote, urlsplit

from voicesieve.domain.names import composed
from voicesieve.domain.platforms import is_youtube
from voicesieve.domain.text import quoted
from voicesieve.frontier.costs import LISTING_PAGE, SEARCH_PAGE
from voicesieve.sources.identity import normalise_url

SEARCH, CHANNEL, PLAYLIST, FEED = "search", "channel", "playlist", "feed"
FORMS = (SEARCH, CHANNEL, PLAYLIST, FEED)

MAX_PHRASE_CHARS = 500
_OPTIONS_AT_END = re.compile(r"\s*\[([^\[\]]*)\]$")
_CHANNEL_ID = re.compile(r"UC[A-Za-z0-9_-]{22}")
_HANDLE = re.compile(r"@[^\s/@?#&]{1,100}")
_PLAYLIST_ID = re.compile(r"[A-Za-z0-9_-]{2,64}")


@dataclass(frozen=True)
class YoutubeQuery:
    """A parsed argument. ``subject`` is the phrase, the channel (``UC...`` or ``@handle``) or the playlist's ID."""

    form: str
    subject: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def limit(self) -> int | None:
        """The most videos to return (option ``max``)."""
        return int(self.options["max"]) if "max" in self.options else None

    def __str__(self) -> str:
        """The normal form: equal queries are equal strings."""
        needs_prefix = self.form != SEARCH or self.subject.partition(":")[0] in FORMS or "//" in self.subject
        text = f"{self.form}:{self.subject}" if needs_prefix else self.subject
        options = ", ".join(f"{name}={value}" for name, value in sorted(self.options.items()))
        return f"{text} [{options}]" if options else text


def parse_argument(text: str, allowed: Mapping[str, Callable[[str], str]]) -> YoutubeQuery:
    """Read an argument; ``allowed`` maps each option of the source to its check.

    Raises ValueError with what is wrong and what to write instead.
    """
    match = _OPTIONS_AT_END.search(text)
    options = _options(match[1], allowed) if match else {}
    bare = " ".join(composed(text[: match.start()] if match else text).split())
    if bare.startswith(("https://", "http://")):
        return YoutubeQuery(*_from_address(bare), options)
    form, colon, subject = bare.partition(":")
    if not colon or form not in FORMS:
        form, subject = SEARCH, bare
    return YoutubeQuery(form, _SUBJECTS[form](subject.strip()), options)


def page_cost(argument: str) -> float:
    """The cost of one request for a page: of a search, or of a list (`voicesieve.frontier.costs`)."""
    form, colon, _ = argument.partition(":")
    return LISTING_PAGE if colon and form in (CHANNEL, PLAYLIST, FEED) else SEARCH_PAGE


def moment(day: str) -> float:
    """The epoch second at which a day such as ``2024-01-31`` begins in UTC."""
    parsed = date.fromisoformat(day)
    return datetime(parsed.year, parsed.month, parsed.day, tzinfo=UTC).timestamp()


def one_of(*words: str) -> Callable[[str], str]:
    """A check for an option with a fixed set of values."""

    def check(value: str) -> str:
        if value not in words:
            raise ValueError(f"{quoted(value)} is not one of {', '.join(words)}")
        return value

    return check


def matching(pattern: str, example: str) -> Callable[[str], str]:
    """A check for an option whose values match a pattern."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(f"{quoted(value)} is not like {example}")
        return value

    return check


def day(value: str) -> str:
    """A check for dates."""
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError as error:
        raise ValueError(f"{quoted(value)} is not a day like 2024-01-31") from error


def count(value: str) -> str:
    """A check for whole numbers from 1."""
    if not value.isascii() or not value.isdigit() or not 0 < int(value[:9]) <= 1_000_000 or len(value) > 7:
        raise ValueError(f"{quoted(value)} is not a number from 1 to 1000000")
    return str(int(value))


def _options(text: str, allowed: Mapping[str, Callable[[str], str]]) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or name not in allowed:
            near = difflib.get_close_matches(name, allowed, n=1)
            hint = f"; did you mean {near[0]}?" if near else f". Options: {', '.join(sorted(allowed))}"
            raise ValueError(f"{quoted(part)} is not an option of this source{hint}")
        try:
            options[name] = allowed[name](value)
        except ValueError as error:
            raise ValueError(f"option {name}: {error}") from error
    return options


def _from_address(address: str) -> tuple[str, str]:
    url = normalise_url(address)
    parts = urlsplit(url)
    if not is_youtube(url):
        raise ValueError(f"{quoted(address)} is not an address of YouTube; use page: or rss: for other sites")
    playlist = parse_qs(parts.query).get("list")
    if playlist:
        return PLAYLIST, _playlist(playlist[0])
    segments = [unquote(segment) for segment in parts.path.split("/") if segment]
    if segments and segments[0].startswith("@"):
        return CHANNEL, _channel(segments[0])
    if len(segments) > 1 and segments[0] == "channel":
        return CHANNEL, _channel(segments[1])
    raise ValueError(f"{quoted(address)} is neither of a channel nor of a playlist; put single videos into urls:")


def _phrase(text: str) -> str:
    if not text:
        raise ValueError("a search needs a phrase")
    if len(text) > MAX_PHRASE_CHARS or not text.isprintable():
        raise ValueError(
            f"{quoted(text)} cannot be searched for: write at most {MAX_PHRASE_CHARS} printable characters"
        )
    return text


def _channel(text: str) -> str:
    if _CHANNEL_ID.fullmatch(text) or (_HANDLE.fullmatch(text) and text.isprintable()):
        return text
    raise ValueError(f"{quoted(text)} is not a channel: write its ID (UC and 22 characters) or its @handle")


def _channel_id(text: str) -> str:
    if _CHANNEL_ID.fullmatch(text):
        return text
    raise ValueError(f"{quoted(text)} is not a channel ID: a feed needs UC and 22 characters")


def _playlist(text: str) -> str:
    if _PLAYLIST_ID.fullmatch(text):
        return text
    raise ValueError(f"{quoted(text)} is not a playlist ID: copy the text after list= in its address")


_SUBJECTS: dict[str, Callable[[str], str]] = {
    SEARCH: _phrase,
    CHANNEL: _channel,
    PLAYLIST: _playlist,
    FEED: _channel_id,
}
