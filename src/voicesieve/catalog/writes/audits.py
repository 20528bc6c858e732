"""Writing the audit log. The database refuses to change or delete what stands in it."""

from __future__ import annotations

from sqlalchemy import Connection

from voicesieve.catalog import schema
from voicesieve.domain.audits import AuditEntry


def record(connection: Connection, entry: AuditEntry) -> None:
    """Write a deed down in the transaction that does it, so that neither is there without the other."""
    connection.execute(
        schema.audit.insert().values(
            at=entry.at,
            actor=entry.actor,
            action=entry.deed,
            subject=entry.subject,
            reason=entry.reason,
            details=dict(entry.details),
        )
    )
