"""Deleting what is kept long enough: audio of rejected recordings, files in quarantine, and lent descriptions."""

from __future__ import annotations

from dataclasses import dataclass

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import audits, lending, retention
from voicesieve.datafolder.deletions import finish_deletions
from voicesieve.datafolder.strays import let_go
from voicesieve.domain.audits import AuditEntry, Deed

DAY_S = 86_400.0


@dataclass(frozen=True)
class RetentionRules:
    """How many days audio of rejected recordings, and what lies in quarantine, are kept; 0 keeps them for good."""

    rejected_audio_days: float
    quarantine_days: float = 0.0


@dataclass
class Retained:
    """What was purged: audio of rejected recordings, descriptions and files in quarantine whose time was up."""

    rejected_audio: int = 0
    lent_descriptions: int = 0
    quarantined: int = 0


def retain(catalog: Catalog, store: RecordingStore, rules: RetentionRules, now: float, *, actor: str) -> Retained:
    """Purge what is due, a batch in one transaction, and record it in the audit log if there was anything.

    Audio is deleted once all of its videos have been rejected for that long. A file is deleted after the commit that
    forgets it; after a crash in between, the next run deletes it.
    """
    done = Retained()
    after = ""
    while rules.rejected_audio_days > 0:
        with catalog.write() as connection:
            purged = retention.purge_rejected(connection, now - rules.rejected_audio_days * DAY_S, now, after)
        done.rejected_audio += len(purged)
        if len(purged) < retention.BATCH:
            break
        after = purged[-1]
    done.lent_descriptions = forget_expired(catalog, now)
    finish_deletions(catalog, store)
    if rules.quarantine_days > 0:
        done.quarantined = let_go(catalog, store, before=now - rules.quarantine_days * DAY_S)
    if done != Retained():
        reason = (
            f"retention.rejected_audio_days = {rules.rejected_audio_days:g}, "
            f"retention.quarantine_days = {rules.quarantine_days:g}"
        )
        details = {"rejected_audio": done.rejected_audio, "lent_descriptions": done.lent_descriptions}
        if done.quarantined:
            details["quarantined"] = done.quarantined
        with catalog.write() as connection:
            audits.record(connection, AuditEntry(now, actor, Deed.RETENTION, "catalog", reason, details))
    return done


def forget_expired(catalog: Catalog, now: float) -> int:
    """Forget all lent descriptions whose time is up. Returns the number of videos."""
    forgotten = 0
    while True:
        with catalog.write() as connection:
            count = lending.forget_expired(connection, now)
        forgotten += count
        if count < lending.BATCH:
            return forgotten
