"""Which file names and types mean audio or video."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from voicesieve.domain.media_formats import MEDIA_SUFFIXES


def is_media_name(name: str) -> bool:
    """Whether the file name ``name`` ends in a media suffix, in whatever case."""
    return PurePosixPath(name).suffix.lower() in MEDIA_SUFFIXES


def is_media_address(url: str) -> bool:
    """Whether the path of ``url`` ends in a media suffix. Raises ValueError for what is no URL."""
    return is_media_name(unquote(urlsplit(url).path))


def is_media_type(mime_type: str) -> bool:
    """Whether a MIME type such as ``audio/mpeg`` says audio or video."""
    return mime_type.strip().lower().startswith(("audio/", "video/"))


_OTHER = """
    .7z .atom .azw3 .bmp .css .csv .doc .docx .epub .exe .gif .gz .htm .html .ico .jpe .jpeg .jpg .js .json .md .mobi
    .pdf .png .ppt .pptx .rar .rss .rtf .srt .svg .swf .tar .tif .tiff .torrent .txt .vtt .webp .xls .xlsx .xml .zip
"""
_OTHER_SUFFIXES = frozenset(_OTHER.split())
_PLAYLIST_SUFFIXES = frozenset({".m3u", ".m3u8", ".mpd", ".pls", ".xspf"})
_MEDIA_WORD = re.compile(
    r"(?<![a-z0-9])(?:x-)?(?:audio|video|mpeg|mp[234]|m4[abv]|ogg|opus|wave?|flac|aac|webm|mpga)(?![a-z])"
)
_PLAYLIST_TYPE = re.compile(r"mpegurl|dash\+xml|scpls|xspf")
_OTHER_TYPE = re.compile(
    r"(?:text|font|model|message|multipart)/.*|application/(?:.*(?:xml|json|pdf|zip|epub|rar|tar|flash|bittorrent|"
    r"script|mobipocket|word|office|opendocument|powerpoint|excel).*|rtf|gzip|x-7z-compressed)"
)


class Likeness(IntEnum):
    """How likely it is that an address leads to audio or video, the most likely first."""

    MEDIA = 0
    UNKNOWN = 1
    """Only the bytes can decide."""
    PLAYLIST = 2
    """Not a recording, but a list of addresses."""
    OTHER = 3


def likeness(mime_type: str, url: str) -> Likeness:
    """What ``url`` leads to, by its path and by the type that is stated of it (empty: none is).

    Stated types are typed by hand (``mp3``, ``audio``, ``image/jpeg`` for a whole feed), so the address counts first,
    and an image has to look like one in its address too.
    """
    stated = mime_type.partition(";")[0].strip().lower()
    suffix = _suffix(url)
    if suffix in MEDIA_SUFFIXES:
        return Likeness.MEDIA
    if suffix in _PLAYLIST_SUFFIXES or _PLAYLIST_TYPE.search(stated):
        return Likeness.PLAYLIST
    if _MEDIA_WORD.search(stated):
        return Likeness.MEDIA
    if _OTHER_TYPE.fullmatch(stated) or suffix in _OTHER_SUFFIXES:
        return Likeness.OTHER
    return Likeness.UNKNOWN


def _suffix(url: str) -> str:
    try:
        return PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()
    except ValueError:
        return ""
