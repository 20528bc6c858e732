"""Deciding again what is decided: by other thresholds and weights (`redecide`), or by another model (`reanalyse`).

`redecide` fetches and analyses nothing, and reads only what a changed setting touches: the numbers of a verdict where
only the policy changed, its segments where the operating point did, its window scores where the pooling itself did;
evidence of the language where its weights did. `reanalyse` queues recordings; the next crawl scores them, and until
then nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from voicesieve.catalog.reads import decided
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import audits, reanalysing, redeciding
from voicesieve.catalog.writes.redeciding import Redecision
from voicesieve.domain.audits import AuditEntry, Deed
from voicesieve.domain.languages import EvidenceKind, LanguageEvidence, LanguageState, SpokenLanguage
from voicesieve.domain.states import VideoState
from voicesieve.domain.verdicts import Model, Verdict, VerdictLabel
from voicesieve.languages.fusion import FusionRules, fuse
from voicesieve.policy.acceptance import AcceptanceRules, decide, rejects_voices
from voicesieve.voices.pooling import POOLING, pool, relabel, revision_of_point
from voicesieve.voices.scores import WindowScores

BATCH = 2_000
"""Videos in one transaction: other writers wait a few tenths of a second for it."""
BATCH_OF_SCORES = 100
"""The same where window scores are pooled anew, which takes milliseconds for each."""

EXAMPLES = 5
NOT_RECOGNISED = "not recognised, since it was rejected when it was analysed; `voicesieve retry --language` does it"


@dataclass
class Redecided:
    """What re-deciding did, or would do.

    ``moved``: how many videos by ``"old -> new"``; ``examples``: the first ids of each; ``moved_child_s``: seconds of
    child speech in them. ``written`` counts also those whose state stays and whose reasons or seconds are new.
    ``by_person`` were decided by a person and stay as they are. Child seconds count each accepted recording once.
    """

    policy_revision: str
    seen: int = 0
    written: int = 0
    by_person: int = 0
    child_s_before: float = 0.0
    child_s_after: float = 0.0
    moved: dict[str, int] = field(default_factory=dict)
    moved_child_s: dict[str, float] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, made: Redecision) -> None:
        self.seen += 1
        self.written += made.changed
        if made.state != made.old.state:
            move = f"{made.old.state} -> {made.state}"
            child_s = made.old.v_child_s if made.verdict is None else made.verdict.child_s
            self.moved[move] = self.moved.get(move, 0) + 1
            self.moved_child_s[move] = self.moved_child_s.get(move, 0.0) + child_s
            if len(examples := self.examples.setdefault(move, [])) < EXAMPLES:
                examples.append(made.old.id)


@dataclass
class _Holders:
    """Which recordings stay or become accepted, worked out from only those videos that change something."""

    left: dict[str, int] = field(default_factory=dict)
    child_s: float = 0.0

    def add(self, made: Redecision) -> None:
        sha256 = made.old.recording
        before = made.old.v_child_s
        after = before if made.verdict is None else made.verdict.child_s
        step = (made.state is VideoState.ACCEPTED) - (made.old.state == VideoState.ACCEPTED)
        if not step and (after == before or not made.old.accepted_videos):
            return
        first = sha256 not in self.left
        holders = self.left.setdefault(sha256, made.old.accepted_videos)
        if first and holders:
            self.child_s += after - before
        self.left[sha256] = holders + step
        self.child_s += after * ((self.left[sha256] > 0) - (holders > 0))


def redecide(
    catalog: Catalog,
    rules: AcceptanceRules,
    fusion: FusionRules,
    now: float,
    *,
    recognises: bool = False,
    dry_run: bool = False,
    actor: str = "",
    progressed: Callable[[int], None] = lambda seen: None,
) -> Redecided:
    """Decide anew every video that a policy decided, one transaction for each batch. ``dry_run`` only looks.

    The stored evidence of the language is weighed anew where other rules weighed it. ``recognises``: a recogniser is
    set up, so that evidence of it is missing where an earlier rejection spared it the work. The same call again does
    what is left, so an interruption costs nothing.
    """
    done = Redecided(rules.revision)
    holders = _Holders()
    with catalog.read() as connection:
        done.child_s_before = decided.counted_child_s(connection)
    after, limit = 0, BATCH
    while True:
        with catalog.read() as connection:
            keys = decided.decided_keys(connection, after, limit)
            if not keys:
                break
            rows = decided.decided_batch(connection, keys[0], keys[-1])
            if limit == BATCH and any(row.pooling != POOLING for row in rows):
                limit = BATCH_OF_SCORES
                continue
            by_policy = [row for row in rows if row.decided_by != decided.PERSON]
            batch = _decide_anew(connection, by_policy, rules, fusion, recognises=recognises)
        after, limit = keys[-1], BATCH
        done.by_person += len(rows) - len(by_policy)
        for made in batch:
            done.add(made)
            holders.add(made)
        if not dry_run and any(made.changed for made in batch):
            with catalog.write() as connection:
                redeciding.apply(connection, batch, now)
        progressed(done.seen + done.by_person)
    done.child_s_after = max(0.0, done.child_s_before + holders.child_s)
    if not dry_run:
        details = {"seen": done.seen, "written": done.written, **done.moved}
        entry = AuditEntry(now, actor, Deed.REDECIDE, f"policy {rules.revision}", details=details)
        with catalog.write() as connection:
            audits.record(connection, entry)
    return done


def _decide_anew(
    connection: Connection, rows: list[Any], rules: AcceptanceRules, fusion: FusionRules, *, recognises: bool
) -> list[Redecision]:
    anew = _verdicts_anew(connection, rows, rules)
    verdicts = {row.key: anew.get(row.key) or _stored_verdict(row) for row in rows}
    asked = {row.key for row in rows if recognises and not rejects_voices(verdicts[row.key], rules)}
    unread = [row.key for row in rows if row.key in asked or _evidence_is_needed(row, fusion.revision)]
    evidence = decided.evidence_of(connection, unread)
    made = []
    for row in rows:
        stored = _stored_language(row, evidence.get(row.key, ()))
        language = _weighed(stored, fusion, missing=row.key in asked)
        decision = decide(verdicts[row.key], rules, language)
        made.append(Redecision(row, decision, anew.get(row.key), None if language is stored else language))
    return made


def _evidence_is_needed(row: Any, weighed_by: str) -> bool:
    """To weigh it anew, or to name it in the reason of a contradiction."""
    return bool(row.language_fusion != weighed_by or row.language_state == LanguageState.CONTRADICTED)


def _weighed(stored: SpokenLanguage, fusion: FusionRules, *, missing: bool) -> SpokenLanguage:
    """What is stored, weighed anew if need be; ``missing``: it should hold the result of a recogniser."""
    sources = {piece.source for piece in stored.evidence} | {detector for detector, _ in stored.unavailable}
    if missing and EvidenceKind.WHISPER not in sources:
        unavailable = (*stored.unavailable, (EvidenceKind.WHISPER.value, NOT_RECOGNISED))
        return fuse(stored.evidence, fusion, unavailable)
    return stored if stored.fusion == fusion.revision else fuse(stored.evidence, fusion, stored.unavailable)


def _stored_verdict(row: Any) -> Verdict:
    return Verdict(
        Model(row.model, row.revision),
        row.v_operating_point,
        VerdictLabel(row.v_label),
        row.v_duration_s,
        row.v_speech_s,
        row.v_child_s,
        row.v_child_share,
        row.v_child_runs,
        row.v_score,
        (),
    )


def _verdicts_anew(connection: Connection, rows: list[Any], rules: AcceptanceRules) -> dict[int, Verdict]:
    """By key, the verdicts of those rows that were made by another method or at another operating point."""
    point = rules.operating_point
    of_point = revision_of_point(point)
    relabelled = [row for row in rows if row.pooling == POOLING and row.point != of_point]
    repooled = [row for row in rows if row.pooling != POOLING]
    segments = decided.segments_of(connection, relabelled)
    windows = decided.windows_of(connection, repooled)
    verdicts = {}
    for row in relabelled:
        model = Model(row.model, row.revision)
        verdicts[row.key] = relabel(segments[row.key], row.v_duration_s, row.v_score, point, model)
    for row in repooled:
        scores = WindowScores.from_bytes(windows[row.key])
        verdicts[row.key] = pool(scores, row.v_duration_s, point, Model(row.model, row.revision))
    return verdicts


def _stored_language(row: Any, evidence: tuple[LanguageEvidence, ...]) -> SpokenLanguage:
    return SpokenLanguage(
        row.language or "und",
        evidence,
        row.language_probability or 0.0,
        contradicted=row.language_state == LanguageState.CONTRADICTED,
        unavailable=tuple(sorted((row.language_unavailable or {}).items())),
        fusion=row.language_fusion or "",
    )


@dataclass
class Requeued:
    """How many videos are due again, and how many cannot be since retention purged their audio."""

    queued: int = 0
    purged: int = 0


def reanalyse(catalog: Catalog, model: Model, now: float, *, every: bool, dry_run: bool, actor: str) -> Requeued:
    """Make due what ``model`` has not scored, or with ``every`` everything decided, a batch in one transaction."""
    done = Requeued()
    after = 0
    while True:
        with catalog.read() as connection:
            batch = reanalysing.wanted(connection, model, after, BATCH, every=every)
        if batch is None:
            break
        if batch.queue and not dry_run:
            with catalog.write() as connection:
                again = reanalysing.wanted(connection, model, after, BATCH, every=every)
                batch = again or batch
                reanalysing.queue(connection, batch.queue, model, now, every=every)
        done.queued += len(batch.queue)
        done.purged += batch.purged
        after = batch.last
    if not dry_run:
        subject = f"{model.name} {model.revision}"
        entry = AuditEntry(now, actor, Deed.REANALYSE, subject, details={"queued": done.queued, "all": every})
        with catalog.write() as connection:
            audits.record(connection, entry)
    return done
