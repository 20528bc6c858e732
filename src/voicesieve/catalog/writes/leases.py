"""Runs, leases and attempts: who works on what, and what becomes of it when a worker dies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, update

from voicesieve.catalog import schema
from voicesieve.catalog.records import Claim, Pace, Paces, StaleLeaseError
from voicesieve.catalog.writes import choosing
from voicesieve.catalog.writes.changes import change, load
from voicesieve.catalog.writes.choosing import YieldOrder
from voicesieve.domain.failures import Failure
from voicesieve.domain.states import Stage, VideoState

video, host = schema.video, schema.host


def start_run(connection: Connection, run: str, now: float) -> None:
    connection.execute(schema.run.insert().values(id=run, started_at=now))


def end_run(connection: Connection, run: str, now: float, ending: str) -> None:
    connection.execute(update(schema.run).where(schema.run.c.id == run).values(ended_at=now, ending=ending))


def recover(connection: Connection, now: float, *, only_driver: bool) -> int:
    """Take back leases whose worker is dead and close its open attempts. Returns the number of videos taken back.

    With ``only_driver`` (the caller holds the coordinator lock) every lease is dead; otherwise the expired ones.
    A lost lease is the machine's failure and is not counted against the video.
    """
    leased = select(video.c.key).where(video.c.lease_token.is_not(None))
    if not only_driver:
        leased = leased.where(video.c.lease_until < now)
    keys = list(connection.execute(leased).scalars())
    for key in keys:
        _give_back(connection, load(connection, key), now)
    interrupt_attempts(connection, None if only_driver else keys, "the program ended before this attempt did", now)
    return len(keys)


def interrupt_attempts(connection: Connection, keys: Sequence[int] | None, message: str, now: float) -> None:
    """End the open attempts on some videos, or on all, whose lease is taken away."""
    open_attempts = schema.attempt.c.outcome == "running"
    if keys is not None:
        open_attempts &= schema.attempt.c.video.in_(keys)
    connection.execute(
        update(schema.attempt)
        .where(open_attempts)
        .values(outcome="interrupted", ended_at=now, message=message, next="due")
    )


def claim_fetches(
    connection: Connection,
    limit: int,
    now: float,
    *,
    lease_s: float,
    pace: Pace | Paces,
    new_token: Callable[[], str],
    chance: Callable[[], float] = lambda: 0.0,
    order: YieldOrder | None = None,
) -> list[Claim]:
    """Lease up to ``limit`` due videos, taking turns between hosts and taking one slot of the host's pace each.

    ``chance`` gives numbers in [0, 1) for the pace's jitter. Within a host ``order`` chooses; without one it is first
    come, first served.
    """
    ready = connection.execute(
        select(host.c.name, host.c.slot_at)
        .where(schema.HAS_WAITING, host.c.blocked_until <= now, schema.first_due_of_host <= now)
        .order_by(host.c.slot_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    slots = {row.name: row.slot_at for row in ready}
    turns = -(-limit // max(1, len(ready)))
    queues = {row.name: _due_on(connection, row.name, now, turns) if order is None else [] for row in ready}
    claims: list[Claim] = []
    while len(claims) < limit and queues:
        for name in list(queues):
            local = name == ""
            if not local and pace.of(name).earliest(slots[name]) > now:
                del queues[name]
                continue
            taken = choosing.take(connection, name, now, order) if order else _first(queues[name])
            if taken is None:
                del queues[name]
                continue
            row, choice = taken
            claims.append(_lease(connection, row, Stage.FETCH, now, lease_s, new_token(), choice=choice))
            slots[name] = now if local else pace.of(name).after_request(slots[name], now, chance())
            connection.execute(update(host).where(host.c.name == name).values(slot_at=slots[name], set_at=now))
            if len(claims) == limit:
                break
    return claims


def _first(queue: list[Row[Any]]) -> tuple[Row[Any], dict[str, Any]] | None:
    return (queue.pop(0), {"order": "fifo"}) if queue else None


def _due_on(connection: Connection, name: str, now: float, limit: int) -> list[Row[Any]]:
    return list(
        connection.execute(
            select(video)
            .where(video.c.stage == Stage.FETCH, video.c.host == name, video.c.due_at <= now)
            .order_by(video.c.due_at, video.c.key)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
    )


def claim_analyses(
    connection: Connection, limit: int, now: float, *, lease_s: float, new_token: Callable[[], str]
) -> list[Claim]:
    """Lease up to ``limit`` fetched videos that are due for analysis."""
    rows = connection.execute(
        select(video)
        .where(video.c.stage == Stage.ANALYSE, video.c.due_at <= now)
        .order_by(video.c.due_at, video.c.key)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    return [_lease(connection, row, Stage.ANALYSE, now, lease_s, new_token()) for row in rows]


def _lease(
    connection: Connection, row: Row[Any], stage: Stage, now: float, lease_s: float, token: str, **values: Any
) -> Claim:
    change(connection, row, now, lease_token=token, lease_until=now + lease_s, due_at=None, **values)
    path = None
    if row.recording:
        path = connection.execute(
            select(schema.recording.c.path).where(schema.recording.c.sha256 == row.recording)
        ).scalar_one()
    return Claim(
        key=row.key,
        video=row.id,
        stage=stage,
        token=token,
        waiting_state=VideoState.QUEUED if stage is Stage.FETCH else VideoState.FETCHED,
        source=row.source,
        url=row.url,
        host=row.host,
        title=row.title,
        item_failures=row.item_failures,
        machine_failures=row.machine_failures,
        declared_duration_s=row.duration_s,
        declared_language=row.declared_language,
        facts=row.facts,
        recording=row.recording,
        recording_path=path,
        channel=row.channel,
        licence=row.licence,
        metadata=row.metadata,
    )


def leased(connection: Connection, claim: Claim) -> Row[Any]:
    row = load(connection, claim.key)
    if row.lease_token != claim.token:
        raise StaleLeaseError(claim.video)
    return row


def release(connection: Connection, claim: Claim, now: float) -> None:
    """Give an unfinished video back as it was, due at once. A stale lease has nothing to give back."""
    row = load(connection, claim.key)
    if row.lease_token == claim.token:
        _give_back(connection, row, now)


def _give_back(connection: Connection, row: Row[Any], now: float) -> None:
    choice = None if row.stage == Stage.FETCH else row.choice
    change(connection, row, now, lease_token=None, lease_until=None, due_at=now, choice=choice)


def start_attempt(
    connection: Connection, run: str, claim: Claim, method: str, now: float, *, scratch: str | None = None
) -> int:
    """Record that a method is about to be tried, so that a crash leaves a trace.

    Raises `StaleLeaseError` if the video is no longer ours to try.
    """
    leased(connection, claim)
    values = {"video": claim.key, "run": run, "stage": claim.stage, "method": method, "scratch": scratch}
    insert = schema.attempt.insert().values(**values, started_at=now, outcome="running", bytes=0)
    key: int = connection.execute(insert.returning(schema.attempt.c.id)).scalar_one()
    return key


def finish_attempt(
    connection: Connection,
    attempt_id: int,
    now: float,
    *,
    size: int = 0,
    failure: Failure | None = None,
    interrupted: bool = False,
    screened_out: bool = False,
    next_sentence: str = "",
) -> None:
    """End an open attempt. One that has ended already stays as it is."""
    values: dict[str, Any] = {"ended_at": now, "bytes": size, "next": next_sentence}
    values["outcome"] = "interrupted" if interrupted else "failed" if failure else "ok"
    if screened_out:
        values["outcome"] = "screened_out"
    if failure:
        values |= {
            "kind": str(failure.kind),
            "message": failure.message,
            "exception_type": failure.exception_type,
            "chain": list(failure.chain),
        }
    still_open = (schema.attempt.c.id == attempt_id) & (schema.attempt.c.outcome == "running")
    connection.execute(update(schema.attempt).where(still_open).values(**values))
