"""Secrets never reach a log, a metric or a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_CREDENTIAL_NAMES = "auth|ei|ip|key|lsig|pass|pwd|sig"
_CREDENTIAL_PARTS = "api[_-]?key|credential|password|secret|signature|token"
_PARAMETER = re.compile(rf"([?&;](?:{_CREDENTIAL_NAMES}|[\w-]*(?:{_CREDENTIAL_PARTS}))=)[^&#;\s'\"]+", re.IGNORECASE)
"""Parameters of URLs that let their bearer in: keys, the signatures of storage providers and of media servers."""

_USER_INFO = re.compile(r"(\b\w+://)[^/?#\s'\"]+@")


def redact(value: Any, secrets: Sequence[str] = ()) -> Any:
    """``value`` as plain JSON values, with credentials, signed parameters of URLs and ``secrets`` blotted out."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {redact(str(key), secrets): redact(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, secrets) for item in value]
    text = str(value)
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    return _USER_INFO.sub(r"\1[secret]@", _PARAMETER.sub(r"\1[secret]", text))
