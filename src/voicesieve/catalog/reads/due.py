"""What waits for its time, and when that comes."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from voicesieve.catalog import schema
from voicesieve.catalog.records import Pace, Paces
from voicesieve.domain.states import Stage, VideoState


def next_claim_at(
    connection: Connection, pace: Pace | Paces, now: float, *, scheduled_by: float, fetch: bool, analyse: bool
) -> float | None:
    """The epoch second at which the next claim can succeed, ``None`` when nothing is scheduled.

    Looks no further once something is ready ``now``. Only videos whose retry time and whose source's pause end by
    ``scheduled_by`` count; the wait for the host's pace comes on top of that.
    """
    video, host = schema.video, schema.host
    times: list[float] = []
    if analyse:
        first_due = connection.execute(
            select(func.min(video.c.due_at)).where(video.c.stage == Stage.ANALYSE, video.c.due_at.is_not(None))
        ).scalar()
        times += [] if first_due is None or first_due > scheduled_by else [first_due]
    if fetch:
        hosts = (
            select(host.c.name, host.c.slot_at, host.c.blocked_until, schema.first_due_of_host.label("due"))
            .where(schema.HAS_WAITING)
            .order_by(host.c.slot_at)
            .execution_options(yield_per=64)
        )
        with connection.execute(hosts) as rows:
            for row in rows:
                if row.due is None or max(row.due, row.blocked_until) > scheduled_by:
                    continue
                slot = 0.0 if row.name == "" else pace.of(row.name).earliest(row.slot_at)
                times.append(max(row.due, row.blocked_until, slot))
                if times[-1] <= now:
                    break
    return min(times, default=None)


def waiting_for_analysis(connection: Connection) -> int:
    """How many videos are fetched and not yet analysed; fetching holds back when they pile up."""
    counter = schema.counter
    name = f"state:{VideoState.FETCHED}"
    value: float | None = connection.execute(select(counter.c.value).where(counter.c.name == name)).scalar()
    return int(value or 0)


def scheduled(connection: Connection) -> int:
    """How many videos wait for a later fetch."""
    waiting: int | None = connection.execute(select(func.sum(schema.host.c.waiting))).scalar()
    return int(waiting or 0)


def next_due_at(connection: Connection) -> float | None:
    """When the first scheduled video is due, ``None`` when none is."""
    first_due: float | None = connection.execute(
        select(func.min(schema.video.c.due_at)).where(schema.video.c.stage == Stage.FETCH)
    ).scalar()
    return first_due
