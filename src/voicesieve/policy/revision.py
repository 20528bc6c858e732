"""A short name for a set of rules, so that every decision says which rules made it."""

from __future__ import annotations

import dataclasses
import hashlib
import json


def revision_of(rules: object) -> str:
    """12 hex digits of the SHA-256 over the fields of a frozen dataclass; equal rules have equal revisions.

    Raises `TypeError` for anything that is not a dataclass instance.
    """
    if not dataclasses.is_dataclass(rules) or isinstance(rules, type):
        raise TypeError(f"rules are dataclass instances, not {type(rules).__name__}")
    text = json.dumps(dataclasses.asdict(rules), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
