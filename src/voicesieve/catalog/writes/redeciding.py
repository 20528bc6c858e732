"""Many new decisions at once, from scores and evidence that are stored already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from voicesieve.catalog import schema
from voicesieve.catalog.columns import json_text
from voicesieve.catalog.writes.changes import change_many
from voicesieve.catalog.writes.counting import counted_verdicts
from voicesieve.catalog.writes.languages import save_language
from voicesieve.domain.decisions import Decision, Outcome
from voicesieve.domain.languages import SpokenLanguage
from voicesieve.domain.states import Stage, VideoState
from voicesieve.domain.verdicts import Verdict

video, verdict = schema.video, schema.verdict
PURGED = "audio_purged"
POOLED = ("operating_point", "label", "speech_s", "child_s", "child_share", "child_runs", "score", "pooling", "point")


@dataclass(frozen=True)
class Redecision:
    """A new decision on a video, ``old`` being its row of `decided.decided_batch`.

    ``verdict`` and ``language`` are given where they are other than what is stored.
    """

    old: Row[Any]
    decision: Decision
    verdict: Verdict | None = None
    language: SpokenLanguage | None = None

    @cached_property
    def state(self) -> VideoState:
        """Where the video goes: what a policy wants again after its audio was purged is fetched first."""
        wanted = self.decision.outcome is not Outcome.REJECTED and self.old.audio_purged_at is not None
        return VideoState.QUEUED if wanted else self.decision.outcome.state

    @cached_property
    def reasons(self) -> list[dict[str, str]]:
        if self.state is VideoState.QUEUED:
            message = f"would be {self.decision.outcome} now; its audio was purged and is fetched again"
            return [{"rule": PURGED, "message": message}]
        return [{"rule": reason.rule, "message": reason.message} for reason in self.decision.reasons]

    @cached_property
    def redecided(self) -> bool:
        """Whether anything about the decision itself is new."""
        return bool(self.state != self.old.state or json_text(self.reasons) != self.old.reasons_json)

    @property
    def changed(self) -> bool:
        return self.redecided or self.verdict is not None or self.language is not None


def apply(connection: Connection, wanted: Sequence[Redecision], now: float) -> int:
    """Write what is new; a decision that stays as it was keeps the policy that made it. Returns how many were written.

    A video that changed since it was read is passed over: whoever changed it decided by the rules in force.
    """
    fresh = _unchanged(connection, [item for item in wanted if item.changed])
    _save_verdicts(connection, [item for item in fresh if item.verdict is not None])
    changes: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    for item in fresh:
        values: dict[str, Any] = {}
        if item.language is not None:
            values |= save_language(connection, item.old.key, item.language)
        if item.verdict is not None:
            values["child_s"] = item.verdict.child_s
        if item.redecided:
            values |= {"state": item.state, "reasons": item.reasons}
        if item.state is VideoState.QUEUED:
            values |= {"stage": Stage.FETCH, "due_at": now, "recording": None, "item_failures": 0}
        if values:
            changes.append((item.old._asdict(), values))
    change_many(connection, changes, now)
    decisions = [_decision_row(item, now) for item in fresh if item.redecided and item.state is not VideoState.QUEUED]
    if decisions:
        connection.execute(schema.decision.insert(), decisions)
    return len(fresh)


def _unchanged(connection: Connection, wanted: Sequence[Redecision]) -> list[Redecision]:
    if not wanted:
        return []
    keys = [item.old.key for item in wanted]
    compared = ("changed_at", "state", "recording")
    rows = connection.execute(
        select(video.c.key, *(video.c[name] for name in compared)).where(video.c.key.between(min(keys), max(keys)))
    )
    now_at = {row.key: tuple(row)[1:] for row in rows}
    return [item for item in wanted if now_at.get(item.old.key) == tuple(getattr(item.old, name) for name in compared)]


def _save_verdicts(connection: Connection, wanted: Sequence[Redecision]) -> None:
    """Replace what the thresholds make of the scores; the scores and when they were made stay."""
    by_recording = {item.old.recording: item for item in wanted}
    if not by_recording:
        return
    rows = [
        {
            "of_recording": sha256,
            "of_model": item.old.model,
            "of_revision": item.old.revision,
            "new_segments": [
                {"start": s.start, "end": s.end, "label": s.label, "score": s.score} for s in item.verdict.segments
            ],
            **{f"new_{name}": getattr(item.verdict, name) for name in POOLED},
        }
        for sha256, item in by_recording.items()
        if item.verdict is not None
    ]
    key = (
        (verdict.c.recording == bindparam("of_recording"))
        & (verdict.c.model == bindparam("of_model"))
        & (verdict.c.revision == bindparam("of_revision"))
    )
    values: dict[Any, Any] = {verdict.c[name]: bindparam(f"new_{name}") for name in (*POOLED, "segments")}
    with counted_verdicts(connection, list(by_recording)):
        connection.execute(update(verdict).where(key).values(values), rows)


def _decision_row(item: Redecision, now: float) -> dict[str, Any]:
    return {
        "video": item.old.key,
        "outcome": item.decision.outcome,
        "reasons": item.reasons,
        "policy_revision": item.decision.policy_revision,
        "model": item.old.model,
        "revision": item.old.revision,
        "decided_at": now,
    }
