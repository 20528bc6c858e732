"""What the frontier reads of the catalog. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from voicesieve.catalog import schema
from voicesieve.domain.states import DECIDED, Stage
from voicesieve.frontier.facts import ArmFacts

video, arm, host = schema.video, schema.arm, schema.host


def knowledge(connection: Connection) -> Any:
    """What was learnt, as it was kept; ``None`` when nothing was."""
    table = schema.knowledge
    return connection.execute(select(table.c.value).where(table.c.name == "frontier")).scalar()


def decisions(connection: Connection) -> int:
    """How many videos are decided."""
    names = [f"state:{state}" for state in DECIDED]
    counter = schema.counter
    return int(connection.execute(select(func.sum(counter.c.value)).where(counter.c.name.in_(names))).scalar() or 0)


def judged_arms(connection: Connection) -> list[tuple[int, ArmFacts]]:
    """Arms with decided videos, by id."""
    rows = connection.execute(select(arm).where(arm.c.judged > 0).order_by(arm.c.id))
    return [
        (row.id, ArmFacts(row.evidence, row.query, 0, 1, None, row.judged, row.accepted, row.lost, row.child_s))
        for row in rows
    ]


def decided_with_arm(connection: Connection, limit: int) -> Iterator[Row[Any]]:
    """The newest ``limit`` decided videos, newest first."""
    rows = select(video).where(video.c.state.in_(DECIDED), video.c.arm.is_not(None)).order_by(video.c.key.desc())
    yield from connection.execute(rows.limit(limit).execution_options(yield_per=1_000))


def waiting_after(connection: Connection, key: int, limit: int) -> Sequence[Row[Any]]:
    """Videos that wait to be fetched, in order of their key."""
    waits = (video.c.stage == Stage.FETCH, video.c.due_at.is_not(None), video.c.key > key)
    return connection.execute(select(video).where(*waits).order_by(video.c.key).limit(limit)).all()


def best_score(connection: Connection, now: float) -> float:
    """Child seconds per unit of cost of the best fetch at hand; 0 when nothing waits at a host that may be asked."""
    blocked = select(host.c.name).where(host.c.blocked_until > now)
    found = connection.execute(
        select(func.max(arm.c.score)).where(schema.HAS_WAITING, arm.c.host.not_in(blocked))
    ).scalar()
    return float(found or 0.0)
