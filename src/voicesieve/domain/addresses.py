"""Web addresses as they go over the wire: as they were given, with only what no request can hold encoded.

Servers sign the very bytes of an address, so no escape of it is decoded, rewritten or changed in case. What two
spellings have in common is decided elsewhere (`sources.identity.normalise_url`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import SplitResult, quote, urlsplit

import idna

from voicesieve.domain.candidates import MAX_URL_CHARS
from voicesieve.domain.passwords import password_in

DEFAULT_PORTS = {"http": 80, "https": 443}
NO_HOST = "the address has no valid host name and port"
HAS_CREDENTIALS = (
    "the address carries a user name or password, which would end up in the catalog; "
    "write it without them and set fetching.credentials for its host"
)

_MAX_HOST_CHARS = 253  # RFC 1035, section 2.3.4
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LONE_PERCENT_OR_NOT_PRINTED = r"%(?![0-9A-Fa-f]{2})|[^\x21-\x7e]"
_ILLEGAL_IN_PATH = re.compile(_LONE_PERCENT_OR_NOT_PRINTED + r'|["<>\\^`{}]')
_ILLEGAL_IN_QUERY = re.compile(_LONE_PERCENT_OR_NOT_PRINTED + r'|["<>\\]')
"""What browsers encode (WHATWG URL, section 1.3) and the backslash. They send ``|`` and brackets as they are, and who
signs such addresses counts on it."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_DOT_SEGMENT = re.compile(r"(?:^|/)\.\.?(?:/|$)")
_RAW_BYTE = re.compile(r"[\udc80-\udcff]")


@dataclass(frozen=True)
class Parts:
    """A web address taken apart, path and query untouched. ``query`` is ``None`` where there is no ``?``."""

    scheme: str
    host: str
    port: int
    path: str
    query: str | None

    @property
    def origin(self) -> str:
        """Scheme, host and, unless it is the scheme's own, the port."""
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port != DEFAULT_PORTS[self.scheme] else "")


@dataclass(frozen=True)
class WebAddress:
    """Where a request goes: ``origin`` (``https://example.org:8443``) and ``target``, the path with its query.

    ``host`` is ASCII in lower case, an IPv6 address in brackets.
    """

    scheme: str
    host: str
    port: int
    origin: str
    target: str

    def __str__(self) -> str:
        return self.origin + self.target


def web_address(text: str) -> WebAddress:
    """The request for ``text``, an ``http`` or ``https`` address without user name and password.

    Its fragment is dropped, and so are dot segments that are written out, as every client drops them. Blanks, quotes,
    characters outside ASCII and a percent sign that begins no escape are encoded; nothing else is changed. Raises
    ValueError with a message that never quotes ``text``.
    """
    parts = split(text)
    target = _ILLEGAL_IN_PATH.sub(_encode, without_dot_segments(parts.path or "/"))
    if parts.query is not None:
        target += "?" + _ILLEGAL_IN_QUERY.sub(_encode, parts.query)
    check_length(parts.origin + target)
    return WebAddress(parts.scheme, parts.host, parts.port, parts.origin, target)


def split(text: str) -> Parts:
    """``text`` taken apart. Raises ValueError as `web_address` does."""
    text = text.strip()
    check_length(text)
    if _FORBIDDEN.search(text):
        raise ValueError("the address holds control characters")
    try:
        parts = urlsplit(text)
    except ValueError as error:  # its text would carry the host, at any length
        raise ValueError(NO_HOST) from error
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("not an http or https address")
    if "@" in parts.netloc or password_in(text):
        raise ValueError(HAS_CREDENTIALS)
    try:
        host, port = _ascii_host(parts), parts.port
    except ValueError as error:
        # From None: the text of such errors quotes what stands where the port should, which may be a password.
        raise ValueError(NO_HOST) from (error if "@" not in text else None)
    if port == 0:
        raise ValueError(NO_HOST)
    _, _, behind = text.partition("//")
    path, question, query = behind[len(parts.netloc) :].partition("#")[0].partition("?")
    default = DEFAULT_PORTS[parts.scheme]
    return Parts(parts.scheme, host, default if port is None else port, path, query if question else None)


def resolved(base: str, reference: str) -> str:
    """``reference`` as it reads at the web address ``base`` (RFC 3986, section 5.2), its own characters untouched.

    Raises ValueError if ``base`` is not a web address.
    """
    reference = reference.strip()
    if _SCHEME.match(reference):
        return reference
    parts = split(base)
    if reference.startswith("//"):
        return f"{parts.scheme}:{reference}"
    reference = reference.partition("#")[0]
    if reference.startswith("/"):
        return parts.origin + reference
    path = parts.path or "/"
    if reference.startswith("?"):
        return parts.origin + path + reference
    if not reference:
        return parts.origin + path + ("" if parts.query is None else f"?{parts.query}")
    return parts.origin + path[: path.rfind("/") + 1] + reference


def of_header(value: str) -> str:
    """An address out of a header, where bytes outside ASCII may be of any encoding: each of those as its escape.

    ``value`` is UTF-8 with surrogates for bytes that are not UTF-8 (``surrogateescape``).
    """
    return _RAW_BYTE.sub(lambda match: f"%{ord(match[0]) - 0xDC00:02X}", value)


def without_dot_segments(path: str) -> str:
    """``path`` without ``.`` and ``..`` (RFC 3986, section 5.2.4)."""
    if not _DOT_SEGMENT.search(path):
        return path
    segments = path.split("/")[1:]
    remaining: list[str] = []
    for segment in segments:
        if segment == "..":
            del remaining[-1:]
        elif segment != ".":
            remaining.append(segment)
    if segments[-1] in (".", ".."):
        remaining.append("")
    return "/" + "/".join(remaining)


def check_length(url: str) -> None:
    """Raises ValueError for an address that no catalog of ours would hold."""
    if len(url) > MAX_URL_CHARS:
        raise ValueError(f"the address has {len(url)} characters, more than {MAX_URL_CHARS}")


def _ascii_host(parts: SplitResult) -> str:
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


def _encode(match: re.Match[str]) -> str:
    return quote(match[0], safe="")
