"""Queueing what a new model should hear again; the next crawl hears it, and until then nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass

from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import audits, reanalysing
from voicesieve.domain.audits import AuditEntry, Deed
from voicesieve.domain.verdicts import Model

BATCH = 2_000


@dataclass
class Requeued:
    """How many videos are due again, and how many cannot be since retention purged their audio."""

    queued: int = 0
    purged: int = 0


def reanalyse(catalog: Catalog, model: Model, now: float, *, every: bool, dry_run: bool, actor: str) -> Requeued:
    """Make due what ``model`` has not heard, or with ``every`` everything decided, a batch in one transaction."""
    done = Requeued()
    after = 0
    while True:
        with catalog.read() as connection:
            found = reanalysing.wanted(connection, model, after, BATCH, every=every)
        if found is None:
            break
        if found.queue and not dry_run:
            with catalog.write() as connection:
                again = reanalysing.wanted(connection, model, after, BATCH, every=every)
                found = again or found
                reanalysing.queue(connection, found.queue, model, now, every=every)
        done.queued += len(found.queue)
        done.purged += found.purged
        after = found.last
    if not dry_run:
        subject = f"{model.name} {model.revision}"
        entry = AuditEntry(now, actor, Deed.REANALYSE, subject, details={"queued": done.queued, "all": every})
        with catalog.write() as connection:
            audits.record(connection, entry)
    return done
