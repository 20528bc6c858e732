"""Choosing the next video by what is known of its channel, and keeping that knowledge in the catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from voicesieve.catalog import schema
from voicesieve.catalog.counters import add_to_counter
from voicesieve.catalog.rows import COUNTED, candidate_of, chunks
from voicesieve.catalog.writes import arms
from voicesieve.catalog.writes.arms import top_merits
from voicesieve.catalog.writes.changes import change_many
from voicesieve.domain.candidates import Candidate
from voicesieve.domain.states import Stage
from voicesieve.frontier.facts import ArmFacts, Worth

video, arm, host = schema.video, schema.arm, schema.host

REFRESHED_PER_CLAIM = 64
"""Arms whose worth is reckoned anew within a claim. A claim makes one stale, a decision another."""

ENROLMENT_BATCH = 1_000

CLAIMS = "frontier:claims"


@dataclass(frozen=True)
class YieldOrder:
    """How videos are chosen: by ``value`` of their arms, but every ``explore_every``-th in order of discovery.

    ``page_videos`` are thought to be left of a channel that is not listed to its end.
    """

    value: Callable[[Sequence[ArmFacts]], list[Worth]]
    explore_every: int
    page_videos: int


def refresh(connection: Connection, order: YieldOrder, limit: int = REFRESHED_PER_CLAIM) -> int:
    """Reckon up to ``limit`` stale arms anew. Returns how many were stale."""
    rows = connection.execute(select(arm).where(schema.IS_STALE).order_by(arm.c.id).limit(limit)).all()
    if not rows:
        return 0
    worths = order.value(facts_of(connection, rows, order.page_videos))
    connection.execute(
        update(arm)
        .where(arm.c.id == bindparam("b_id"))
        .values(rate=bindparam("b_rate"), score=bindparam("b_score"), stale=False),
        [
            {"b_id": row.id, "b_rate": worth.rate, "b_score": worth.score}
            for row, worth in zip(rows, worths, strict=True)
        ],
    )
    return len(rows)


def facts_of(connection: Connection, rows: Sequence[Row[Any]], page_videos: int) -> list[ArmFacts]:
    """What the rules of `frontier` need to know of arms."""
    ids = [row.id for row in rows]
    merits = top_merits(connection, ids)
    return [
        ArmFacts(
            evidence=row.evidence,
            query=row.query,
            pending=max(0, row.known - row.waiting - row.judged - row.lost),
            left=row.waiting + (0 if row.expanded else page_videos),
            top_merit=merits.get(row.id),
            judged=row.judged,
            accepted=row.accepted,
            lost=row.lost,
            child_s=row.child_s,
        )
        for row in rows
    ]


def take(connection: Connection, name: str, now: float, order: YieldOrder) -> tuple[Row[Any], dict[str, Any]] | None:
    """The video of a host to fetch next, and why it is that one. ``None`` when none is due."""
    turn = _count_claim(connection) % order.explore_every == 0
    if not turn:
        refresh(connection, order)
        best = _best_arm(connection, name, now)
        row = None if best is None else _best_video(connection, best.id, now)
        if best is not None and row is not None:
            return row, {"order": "yield", "turn": False, **_told(best, row)}
    row = _oldest(connection, name, now)
    if row is None:
        return None
    own = connection.execute(select(arm).where(arm.c.id == row.arm)).one_or_none()
    return row, {"order": "yield", "turn": True, **_told(own, row)}


def _count_claim(connection: Connection) -> int:
    counter = schema.counter
    counted = update(counter).where(counter.c.name == CLAIMS).values(value=counter.c.value + 1)
    value: float | None = connection.execute(counted.returning(counter.c.value)).scalar()
    if value is None:
        add_to_counter(connection, CLAIMS, 1)
    return int(value or 1)


def _best_arm(connection: Connection, name: str, now: float) -> Row[Any] | None:
    due = select(video.c.key).where(video.c.arm == arm.c.id, schema.TO_FETCH, schema.unindexed_due_at <= now)
    ready = select(arm).where(schema.HAS_WAITING, arm.c.host == name, due.exists())
    return connection.execute(ready.order_by(arm.c.score.desc(), arm.c.id.desc()).limit(1)).one_or_none()


def _best_video(connection: Connection, arm_id: int, now: float) -> Row[Any] | None:
    return connection.execute(
        select(video)
        .where(schema.TO_FETCH, video.c.arm == arm_id, schema.unindexed_due_at <= now)
        .order_by(video.c.merit.desc(), video.c.key)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()


def _oldest(connection: Connection, name: str, now: float) -> Row[Any] | None:
    return connection.execute(
        select(video)
        .where(video.c.stage == Stage.FETCH, video.c.host == name, video.c.due_at <= now)
        .order_by(video.c.due_at, video.c.key)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()


def _told(own: Row[Any] | None, row: Row[Any]) -> dict[str, Any]:
    """What was known of a video's channel at the moment of its choice."""
    if own is None:
        return {"merit": round(row.merit, 3)}
    return {
        "merit": round(row.merit, 3),
        "channel_judged": own.judged,
        "channel_accepted": own.accepted,
        "rate": round(own.rate, 4),
        "child_s_per_cost": round(own.score, 2),
    }


def mark_all_stale(connection: Connection) -> None:
    connection.execute(update(arm).values(stale=True))


def set_merits(connection: Connection, merits: Mapping[int, float]) -> None:
    """Give waiting videos new merits. What was taken meanwhile keeps the merit it was taken with."""
    columns = [video.c[name] for name in ("key", "id", *COUNTED)]
    for some in chunks(list(merits)):
        waiting = select(*columns).where(video.c.key.in_(some), schema.TO_FETCH, video.c.due_at.is_not(None))
        rows = connection.execute(waiting).all()
        change_many(connection, [(row._asdict(), {"merit": merits[row.key]}) for row in rows], None)


def enrol_missing(connection: Connection, merit: Callable[[Candidate], float]) -> int:
    """Give videos of a catalog that is older than its arms their arm and merit, a batch at a time.

    Returns the number of videos; call again until it is 0.
    """
    rows = connection.execute(
        select(video).where(schema.WITHOUT_ARM).order_by(video.c.key).limit(ENROLMENT_BATCH)
    ).all()
    of = arms.ids_of(connection, [row._asdict() for row in rows])
    placed = [(row._asdict(), {"arm": of[row.key], "merit": merit(candidate_of(row))}) for row in rows]
    change_many(connection, placed, None)
    return len(rows)


def keep_knowledge(connection: Connection, value: Mapping[str, Any], now: float) -> None:
    """Replace what is known; arms are reckoned anew by it, a batch at a time."""
    table = schema.knowledge
    values = {"value": dict(value), "learnt_at": now}
    if not connection.execute(update(table).where(table.c.name == "frontier").values(**values)).rowcount:
        connection.execute(table.insert().values(name="frontier", **values))
    mark_all_stale(connection)


def mark_expanded(connection: Connection, arm_id: int) -> None:
    connection.execute(update(arm).where(arm.c.id == arm_id).values(expanded=True, stale=True))
