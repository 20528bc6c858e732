"""What the audit log keeps of a deed: who, what, when and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Deed(StrEnum):
    """What is written down. The name is stored; keep it stable."""

    WITHDRAW = "withdraw"
    RETENTION = "retention"
    IMPORT = "import"
    REDECIDE = "redecide"
    REANALYSE = "reanalyse"
    EXPORT = "export"
    RESTORE = "restore"


@dataclass(frozen=True)
class AuditEntry:
    """One line of the log. ``at`` is an epoch second, ``details`` plain JSON values.

    ``subject`` never holds what a takedown is meant to erase: a withdrawn channel stands there as its hash.
    """

    at: float
    actor: str
    deed: Deed
    subject: str
    reason: str = ""
    details: Mapping[str, object] = field(default_factory=dict)
