"""Whether an answer holds media: its first bytes decide or, if they are unclear, the stated type."""

from __future__ import annotations

import re

from voicesieve.domain.failures import Failure, FailureKind
from voicesieve.domain.text import clean_text

HEAD_BYTES = 512
"""Enough for the start of every container, and for a page after leading blanks."""

_MEDIA_STARTS = (
    *(b"ID3", b"OggS", b"fLaC", b"RIFF", b"RIFX", b"RF64", b"FORM", b".snd", b"wvpk", b"MAC ", b"caff", b"TTA1"),
    *(
        b"#!AMR",
        b"\x1aE\xdf\xa3",
        b"0&\xb2u\x8ef\xcf\x11",
        b"FLV\x01",
        b"\x0bw",
        b"\x00\x00\x01\xba",
        b"\x00\x00\x01\xb3",
    ),
)
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp")
"""What an ISO media file (MP4, M4A, QuickTime) begins with, behind four bytes of length."""
_MPEG_FRAME = re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x00-\xef]|\xff[\xf0\xf1\xf8\xf9]")
"""The header of an MPEG audio frame of layer 1 to 3, or of AAC in ADTS."""

_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<[a-zA-Z!?]|\xff\xfe\s?\x00?<\x00|\xfe\xff\x00<")
_LIST = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:#extm3u|\[playlist\]|ffconcat)", re.IGNORECASE)
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\s*[\"}]")
_NOT_MEDIA_TYPES = re.compile(
    r"text/html|application/xhtml\+xml|text/css|text/javascript|application/javascript|application/pdf|image/.*"
    r"|application/(.*\+)?json|application/(.*\+)?xml|text/xml"
    r"|audio/(x-)?mpegurl|application/(x-|vnd\.apple\.)mpegurl|audio/x-scpls|application/pls\+xml"
)


def refusal(head: bytes, content_type: str) -> Failure | None:
    """Why a body that begins with ``head`` is no media; ``None`` for what may be some.

    A page that is called ``audio/mpeg`` is refused, and a recording that is called ``text/html`` is not.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if head.startswith(_MEDIA_STARTS) or head[4:8] in _BOXES:
        return None
    if _PAGE.match(head) or ("html" in kind and _NOT_MEDIA_TYPES.fullmatch(kind) and not _MPEG_FRAME.match(head)):
        what = "a web page, not media; it may be one to log in on: open the address in a browser"
    elif _LIST.match(head):
        what = "a playlist, not media"
    elif _JSON.match(head):
        what = "data for programs (JSON), not media; it may be a refusal: open the address in a browser"
    elif _NOT_MEDIA_TYPES.fullmatch(kind) and not _MPEG_FRAME.match(head):
        what = f"{clean_text(kind, 100)!r}, not media"
    else:
        return None
    return Failure(FailureKind.UNSUPPORTED, f"the address holds {what}")
