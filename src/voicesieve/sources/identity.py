"""Who a candidate is: one recording behind many spellings of its address gets one id.

No id holds remote text, except the 11 characters of a YouTube video ID, which are checked.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlsplit

from voicesieve.domain import addresses
from voicesieve.domain.platforms import YOUTUBE, YOUTUBE_SHORT, is_youtube, youtube_video

URL = "url"
FILE = "file"

_ID_HEX_DIGITS = 32  # 128 bits of SHA-256: no collision by chance among any number of recordings that a disk holds
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986, section 2.3
_ESCAPE_OR_ILLEGAL_IN_PATH = re.compile(r"%([0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/]")
_ILLEGAL_IN_QUERY = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]")

_YOUTUBE_PATHS = frozenset({"shorts", "embed", "live", "v", "e"})
"""After these segments the next segment of the path is the ID."""
_YOUTUBE_PAGES = frozenset(
    {"watch", "watch.php", "watch_popup", "watch_popup.php", "movie", "movie.php", "movie_popup", "movie_popup.php"}
)
"""These pages, and the bare host, name the video in the query."""
_YOUTUBE_ID = re.compile(r"([A-Za-z0-9_-]{11})(?![A-Za-z0-9_-])")
_NO_VIDEO_IDS = frozenset({"videoseries", "live_stream"})
"""Words of 11 letters in the place of the ID after ``/embed/``: a playlist, and a channel's current broadcast."""


class Identity(NamedTuple):
    """``source`` and ``native_id`` identify the recording; ``url`` is its address as given, usable in a request."""

    source: str
    native_id: str
    url: str


def candidate_identity(url: str) -> Identity:
    """The identity behind an ``http``, ``https`` or ``file`` URL.

    Raises ValueError, with a readable reason, for everything else.
    """
    if url[:5].lower() == "file:":
        return file_identity(_path_of_file_url(url))
    normal = normalise_url(url)
    video = youtube_video_id(normal)
    if video is not None:
        return Identity(YOUTUBE, video, youtube_video(video))
    return Identity(URL, _digest(normal.encode("ascii")), str(addresses.web_address(url)))


def video_named(text: str) -> str:
    """The id of the video that a person names by its id or by any spelling of its address."""
    try:
        identity = candidate_identity(text)
    except ValueError:
        return text
    return f"{identity.source}:{identity.native_id}"


def file_identity(path: Path) -> Identity:
    """The identity of a local file by its absolute path. Every byte of the path is kept, valid UTF-8 or not.

    Raises ValueError for a relative path, and for one that does not fit into a URL.
    """
    if not path.is_absolute():
        raise ValueError("not an absolute path")
    raw = os.fsencode(path)
    if b"\x00" in raw:
        raise ValueError("a path cannot hold a NUL byte")
    url = "file://" + quote(raw, safe="/")
    addresses.check_length(url)
    return Identity(FILE, _digest(raw), url)


def normalise_url(url: str) -> str:
    """The one spelling of an ``http`` or ``https`` URL in which two addresses are compared: ASCII, without fragment.

    Equivalences of RFC 3986, section 6.2: case of scheme and host, default port, percent-encoding and dot segments of
    the path. The host is IDNA 2008 with the mapping of UTS 46, as in browsers. The query is kept, with only its illegal
    characters encoded, since every server interprets it in its own way. Normalising twice changes nothing.

    Requests never use this spelling: they use `domain.addresses.web_address`, the address as it was given.

    Raises ValueError, with a readable reason, if it is not such a URL, or holds a user name or password.
    """
    parts = addresses.split(url)
    query = _ILLEGAL_IN_QUERY.sub(_encode, parts.query or "")
    normal = parts.origin + _normal_path(parts.path) + (f"?{query}" if query else "")
    addresses.check_length(normal)
    return normal


def absolute_url(base: str, address: str) -> str:
    """``address`` resolved against the document at ``base``. Raises ValueError if it cannot be a URL."""
    addresses.check_length(address)
    return addresses.resolved(base, address)


def host_of(url: str) -> str:
    """The host of a normalised URL, without port."""
    return urlsplit(url).hostname or ""


def youtube_video_id(url: str) -> str | None:
    """The video ID in a normalised YouTube URL of any form; ``None`` for channels, playlists and other sites."""
    parts = urlsplit(url)
    if not is_youtube(url):
        return None
    segments = [segment for segment in parts.path.split("/") if segment]
    if host_of(url).rstrip(".").endswith(YOUTUBE_SHORT):
        stated = segments[0] if segments else ""
    elif segments and segments[0] in _YOUTUBE_PATHS:
        stated = segments[1] if len(segments) > 1 else ""
    elif not segments or segments[0] in _YOUTUBE_PAGES:
        stated = dict(reversed(parse_qsl(parts.query))).get("v", "")
    else:
        return None
    match = _YOUTUBE_ID.match(stated)
    return match[1] if match and match[1] not in _NO_VIDEO_IDS else None


def _path_of_file_url(url: str) -> Path:
    try:
        parts = urlsplit(url)
    except ValueError as error:  # its message would hold the host, at any length
        raise ValueError(addresses.NO_HOST) from error
    if parts.netloc not in ("", "localhost"):
        raise ValueError("a file on another host")
    return Path(os.fsdecode(unquote_to_bytes(parts.path)))


def _normal_path(path: str) -> str:
    return addresses.without_dot_segments(_ESCAPE_OR_ILLEGAL_IN_PATH.sub(_decode_if_unreserved, path or "/"))


def _decode_if_unreserved(match: re.Match[str]) -> str:
    if match[1] is None:
        return _encode(match)
    char = chr(int(match[1], 16))
    return char if char in _UNRESERVED else match[0].upper()


def _encode(match: re.Match[str]) -> str:
    return quote(match[0], safe="")


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:_ID_HEX_DIGITS]
