"""Applying changed thresholds and weights to stored scores and evidence: nothing is fetched, nothing is analysed."""

from __future__ import annotations

from dataclasses import dataclass, field

from voicesieve.catalog import views
from voicesieve.catalog.evidence import stored_language
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.transactions import results
from voicesieve.domain.languages import EvidenceKind, SpokenLanguage
from voicesieve.domain.verdicts import Model
from voicesieve.languages.fusion import FusionRules, fuse
from voicesieve.policy.acceptance import AcceptanceRules, decide, rejects_voices
from voicesieve.voices.detector import WindowScores
from voicesieve.voices.pooling import pool

NOT_HEARD = "nobody listened, since it was rejected when it was analysed; `voicesieve retry --language` does"


@dataclass
class Redecided:
    """How many decided videos were looked at, and how many moved, by ``"old -> new"``."""

    seen: int = 0
    moved: dict[str, int] = field(default_factory=dict)


def redecide(
    catalog: Catalog,
    rules: AcceptanceRules,
    fusion: FusionRules,
    now: float,
    *,
    listens: bool = False,
    dry_run: bool = False,
) -> Redecided:
    """Decide every decided video anew, a batch in one transaction. ``dry_run`` only counts.

    The stored evidence of the language is weighed anew too. ``listens``: a recogniser is set up, so that evidence of it
    is missing where an earlier rejection spared it the work.
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
            language = _weighed(known, fusion, missing=listens and not rejects_voices(verdict, rules))
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


def _weighed(known: SpokenLanguage | None, fusion: FusionRules, *, missing: bool) -> SpokenLanguage:
    """What is stored, weighed anew; ``missing``: it should hold what a recogniser heard."""
    if known is None:
        return fuse((), fusion)
    told = {piece.source for piece in known.evidence} | {detector for detector, _ in known.unavailable}
    unavailable = known.unavailable
    if missing and EvidenceKind.WHISPER not in told:
        unavailable = (*unavailable, (EvidenceKind.WHISPER.value, NOT_HEARD))
    return fuse(known.evidence, fusion, unavailable)
