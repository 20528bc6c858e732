"""Which names and types mean audio or video."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

_SUFFIXES = """
    .3gp .aac .ac3 .aif .aiff .amr .ape .au .avi .caf .flac .flv .m4a .m4b .m4v .mka .mkv .mov .mp2 .mp3 .mp4 .mpeg
    .mpg .oga .ogg .ogv .opus .wav .weba .webm .wma .wmv .wv
"""
MEDIA_SUFFIXES = frozenset(_SUFFIXES.split())
"""Suffixes of containers that the FFmpeg libraries inside PyAV read. ``.ts`` is left out: it is mostly TypeScript."""


def is_media_name(name: str) -> bool:
    """Whether the file name ``name`` ends in a media suffix, in whatever case."""
    return PurePosixPath(name).suffix.lower() in MEDIA_SUFFIXES


def is_media_address(url: str) -> bool:
    """Whether the path of ``url`` ends in a media suffix. Raises ValueError for what is no URL."""
    return is_media_name(unquote(urlsplit(url).path))


def is_media_type(mime_type: str) -> bool:
    """Whether a MIME type such as ``audio/mpeg`` says audio or video."""
    return mime_type.strip().lower().startswith(("audio/", "video/"))
