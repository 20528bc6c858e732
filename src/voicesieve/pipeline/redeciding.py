"""Applying changed thresholds and weights to stored scores and evidence: nothing is fetched, nothing is analysed."""

from __future__ import annotations

from dataclasses import dataclass, field

from voicesieve.catalog import views
from voicesieve.catalog.evidence import stored_language
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.transactions import results
from voicesieve.domain.verdicts import Model
from voicesieve.languages.fusion import FusionRules, fuse
from voicesieve.policy.acceptance import AcceptanceRules, decide
from voicesieve.voices.detector import WindowScores
from voicesieve.voices.pooling import pool


@dataclass
class Redecided:
    """How many decided videos were looked at, and how many moved, by ``"old -> new"``."""

    seen: int = 0
    moved: dict[str, int] = field(default_factory=dict)


def redecide(
    catalog: Catalog, rules: AcceptanceRules, fusion: FusionRules, now: float, *, dry_run: bool = False
) -> Redecided:
    """Decide every decided video anew, a batch in one transaction. ``dry_run`` only counts.

    The stored evidence of the language is weighed anew too.
    """
    found = Redecided()
    after = 0
    while True:
        with catalog.read() as connection:
            rows = views.decided_videos(connection, after)
            work = [
                (row, views.newest_verdict(connection, row.recording), stored_language(connection, row)) for row in rows
            ]
        if not work:
            return found
        changes = []
        for row, stored, known in work:
            found.seen += 1
            if stored is None:
                continue
            model = Model(stored.model, stored.revision)
            scores = WindowScores.from_bytes(stored.windows)
            verdict = pool(scores, stored.duration_s, rules.operating_point, model)
            language = fuse(known.evidence, fusion, known.unavailable) if known else fuse((), fusion)
            decision = decide(verdict, rules, language)
            if decision.outcome.value != row.state:
                move = f"{row.state} -> {decision.outcome}"
                found.moved[move] = found.moved.get(move, 0) + 1
            changes.append((row.key, verdict, stored.windows, stored.levels, language, decision))
        if not dry_run:
            with catalog.write() as connection:
                for change in changes:
                    results.redecide(connection, *change, now)
        after = work[-1][0].key
