"""Secrets never reach a log, a metric or a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from voicesieve.domain.passwords import without_passwords

_CREDENTIAL_NAMES = "auth|ei|hdn[a-z]{1,3}|hmac|ip|jwt|key|lsig|pass|pwd|sig"
_CREDENTIAL_PARTS = "api[_-]?key|credential|password|secret|signature|token"
_PARAMETER = re.compile(rf"([?&;](?:{_CREDENTIAL_NAMES}|[\w-]*(?:{_CREDENTIAL_PARTS}))=)[^&#;\s'\"]+", re.IGNORECASE)
"""Parameters of URLs that grant access: keys, the signatures of storage providers and of media servers."""


def redact(value: Any, secrets: Sequence[str] = ()) -> Any:
    """``value`` as plain JSON values, with credentials, signed parameters of URLs and ``secrets`` redacted."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {redact(str(key), secrets): redact(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, secrets) for item in value]
    text = str(value)
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    return without_passwords(_PARAMETER.sub(r"\1[secret]", text))
