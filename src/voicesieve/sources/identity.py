"""Who a candidate is: one recording behind many spellings of its address gets one id.

No id holds remote text, except the 11 characters of a YouTube video ID, which are checked.
"""

from __future__ import annotations

import hashlib
import os
import re
from ipaddress import IPv6Address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, unquote_to_bytes, urljoin, urlsplit

import idna

from voicesieve.domain.candidates import MAX_URL_CHARS
from voicesieve.domain.platforms import YOUTUBE, YOUTUBE_HOST, is_youtube

URL = "url"
FILE = "file"

_ID_HEX_DIGITS = 32  # 128 bits of SHA-256: no collision by chance among any number of recordings that a disk holds
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_HOST_CHARS = 253  # RFC 1035, section 2.3.4
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986, section 2.3
_ESCAPE_OR_ILLEGAL_IN_PATH = re.compile(r"%([0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/]")
_ILLEGAL_IN_QUERY = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]")
_NO_HOST = "the address has no valid host name and port"
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

_YOUTUBE_PATHS = frozenset({"shorts", "embed", "live", "v", "e"})
"""Behind these the next part of the path is the ID."""
_YOUTUBE_PAGES = frozenset(
    {"watch", "watch.php", "watch_popup", "watch_popup.php", "movie", "movie.php", "movie_popup", "movie_popup.php"}
)
"""These, and the bare host, name the video in the query."""
_YOUTUBE_ID = re.compile(r"([A-Za-z0-9_-]{11})(?![A-Za-z0-9_-])")
_NO_VIDEO_IDS = frozenset({"videoseries", "live_stream"})
"""Words of 11 letters that stand where ``/embed/`` has the ID: a playlist and a channel's current broadcast."""


class Identity(NamedTuple):
    """``source`` and ``native_id`` name the recording; ``url`` is its normal address."""

    source: str
    native_id: str
    url: str


def candidate_identity(url: str) -> Identity:
    """The identity behind an ``http``, ``https`` or ``file`` URL.

    Raises ValueError, with a reason for people, for everything else.
    """
    if url[:5].lower() == "file:":
        return file_identity(_path_of_file_url(url))
    normal = normalise_url(url)
    video = youtube_video_id(normal)
    if video is not None:
        return Identity(YOUTUBE, video, f"https://{YOUTUBE_HOST}/watch?v={video}")
    return Identity(URL, _digest(normal.encode("ascii")), normal)


def file_identity(path: Path) -> Identity:
    """The identity of a local file by its absolute path. The bytes of the path survive, whatever they are.

    Raises ValueError for a relative path and for one that no URL of ours can hold.
    """
    if not path.is_absolute():
        raise ValueError("not an absolute path")
    raw = os.fsencode(path)
    if b"\x00" in raw:
        raise ValueError("a path cannot hold a NUL byte")
    url = "file://" + quote(raw, safe="/")
    _check_length(url)
    return Identity(FILE, _digest(raw), url)


def normalise_url(url: str) -> str:
    """The one spelling of an ``http`` or ``https`` URL that we keep: ASCII, without fragment.

    Equivalences of RFC 3986, section 6.2: case of scheme and host, default port, percent-encoding and dot segments of
    the path. The host is IDNA 2008 with the mapping of UTS 46, as browsers have it. The query is kept, with only its
    illegal characters encoded, since servers read it as they like. Normalising twice changes nothing.

    Raises ValueError, with a reason for people, when it is not such a URL, or carries a user name or password.
    """
    text = url.strip()
    _check_length(text)
    if _FORBIDDEN.search(text):
        raise ValueError("the address holds control characters")
    parts = _split(text)
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("not an http or https address")
    if "@" in parts.netloc:
        raise ValueError("the address carries a user name or password")
    query = _ILLEGAL_IN_QUERY.sub(_encode, parts.query)
    normal = f"{parts.scheme}://{_normal_authority(parts)}{_normal_path(parts.path)}" + (f"?{query}" if query else "")
    _check_length(normal)
    return normal


def absolute_url(base: str, address: str) -> str:
    """``address`` as it reads on the document at ``base``. Raises ValueError for what no URL can be."""
    _check_length(address)
    try:
        return urljoin(base, address.strip())
    except ValueError as error:
        raise ValueError(_NO_HOST) from error


def host_of(url: str) -> str:
    """The host of a normalised URL, without port."""
    return urlsplit(url).hostname or ""


def youtube_video_id(url: str) -> str | None:
    """The video ID in a normalised YouTube URL of whatever form; ``None`` for channels, playlists, other sites."""
    parts = urlsplit(url)
    if not is_youtube(url):
        return None
    segments = [segment for segment in parts.path.split("/") if segment]
    if host_of(url).rstrip(".").endswith("youtu.be"):
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
    parts = _split(url)
    if parts.netloc not in ("", "localhost"):
        raise ValueError("a file on another host")
    return Path(os.fsdecode(unquote_to_bytes(parts.path)))


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:  # its text would carry the host, at any length
        raise ValueError(_NO_HOST) from error


def _normal_authority(parts: SplitResult) -> str:
    try:
        host = _normal_host(parts)
        port = parts.port
    except ValueError as error:
        raise ValueError(_NO_HOST) from error
    return host if port is None or port == _DEFAULT_PORTS[parts.scheme] else f"{host}:{port}"


def _normal_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        if "%" in host:
            raise ValueError("an IPv6 zone means something else on every machine")
        return f"[{IPv6Address(host).compressed}]"
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode("ascii")
    if len(host) > _MAX_HOST_CHARS or not _HOST.fullmatch(host):
        raise ValueError("not a host name")
    return host


def _normal_path(path: str) -> str:
    normal = _ESCAPE_OR_ILLEGAL_IN_PATH.sub(_decode_if_unreserved, path or "/")
    segments = normal.split("/")[1:]
    if not {".", ".."} & set(segments):
        return normal
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _decode_if_unreserved(match: re.Match[str]) -> str:
    if match[1] is None:
        return _encode(match)
    char = chr(int(match[1], 16))
    return char if char in _UNRESERVED else match[0].upper()


def _encode(match: re.Match[str]) -> str:
    return quote(match[0], safe="")


def _check_length(url: str) -> None:
    if len(url) > MAX_URL_CHARS:
        raise ValueError(f"the address has {len(url)} characters, more than {MAX_URL_CHARS}")


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:_ID_HEX_DIGITS]
