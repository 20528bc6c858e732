"""User names and passwords inside addresses: recognised even if mistyped, and hidden before an address is shown."""

from __future__ import annotations

import re

_BEFORE_HOST = r"(?:(?<![^:\s\"'“‘(<]))//"
_PROPER = _BEFORE_HOST + r"[^/?#\s]*@"
_WITH_DELIMITERS = _BEFORE_HOST + r"[^\s/?#@:\[]+:(?!\d{0,5}(?:[/?#\s\"'”’>,;).]|$))[^\n]*@"
"""A password with ``/``, ``?``, ``#`` or a blank in it, which make the address invalid. A port is not a password."""
_WITHOUT_SLASHES = r"(?<![\w/])[\w.+-]+:[\\/]*[^\s/?#\\\"“”<>@\[]+(?<!:)@(?=[\w\[])"
"""``user:password@host`` without a scheme, or with one that is mistyped."""

_IN_ADDRESS = re.compile(f"{_PROPER}|{_WITH_DELIMITERS}")
_IN_WHAT_SHOULD_BE_ONE = re.compile(_WITHOUT_SLASHES)


def password_in(address: str) -> bool:
    """Whether ``address`` carries a user name or password before its host."""
    match = _IN_ADDRESS.search(address)
    return match is not None and match.start() == address.find("//")


def without_passwords(text: str) -> str:
    """``text``, any text with addresses in it, without what stands before their hosts."""
    return _IN_ADDRESS.sub("//[secret]@", text)


def without_password(text: str) -> str:
    """``text`` that should be an address, without what may be a password."""
    return _IN_WHAT_SHOULD_BE_ONE.sub("[secret]@", without_passwords(text))
