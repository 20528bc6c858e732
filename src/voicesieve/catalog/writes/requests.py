"""Permission for one request: the host's pace, its circuit, and the day's quota, settled in one transaction.

Whoever asks, in whatever process, goes through the same rows; so neither two workers nor two runs together are faster
than the pace or spend more than the day has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from voicesieve.catalog import schema
from voicesieve.catalog.records import Paces
from voicesieve.catalog.rows import insert_missing
from voicesieve.catalog.writes.changes import add_hosts
from voicesieve.domain.quotas import Price, next_reset, quota_day

host, quota = schema.host, schema.quota


@dataclass(frozen=True)
class Turn:
    """``at`` is the epoch second from which the request may be sent, or, with an ``obstacle``, be asked for again.

    ``obstacle`` is empty, or the sentence that says what stands against it; then nothing was reserved.
    ``spent`` is the bucket that is empty, if that is the obstacle.
    """

    at: float
    obstacle: str = ""
    spent: str | None = None


def reserve(
    connection: Connection,
    name: str | None,
    price: Price | None,
    now: float,
    *,
    paces: Paces,
    limits: Mapping[str, int],
    chance: float,
    patience_s: float,
) -> Turn:
    """Take a slot of host ``name`` and ``price`` out of its bucket, both or neither.

    ``limits`` are units a day by bucket; a bucket without limit is not metered. A host that is paused for longer
    than ``patience_s`` from now is an obstacle. ``chance`` in [0, 1) is the jitter of the pace.
    """
    start = now
    if name is not None:
        add_hosts(connection, [name])
        row = connection.execute(select(host).where(host.c.name == name).with_for_update()).one()
        if row.blocked_until > now + patience_s:
            return Turn(row.blocked_until, f"{name} is paused: {row.block_reason or 'it refused our requests'}")
        start = max(now, row.blocked_until, paces.of(name).earliest(row.slot_at))
    if price is not None and price.bucket in limits and not _spend(connection, price, limits[price.bucket], start):
        limit = f"{limits[price.bucket]:,}"
        message = f"today's {limit} {price.bucket} are spent; the day ends at midnight Pacific time"
        return Turn(next_reset(start), message, price.bucket)
    if name is not None:
        slot_at = paces.of(name).after_request(row.slot_at, start, chance)
        connection.execute(update(host).where(host.c.name == name).values(slot_at=slot_at, set_at=now))
    return Turn(start)


def _spend(connection: Connection, price: Price, limit: int, now: float) -> bool:
    day = quota_day(now)
    insert_missing(connection, quota, [{"bucket": price.bucket, "day": day, "used": 0, "closed": False}])
    changed = connection.execute(
        update(quota)
        .where(
            quota.c.bucket == price.bucket,
            quota.c.day == day,
            quota.c.closed.is_(False),
            quota.c.used + price.units <= limit,
        )
        .values(used=quota.c.used + price.units)
    ).rowcount
    return changed == 1


def close_bucket(connection: Connection, bucket: str, now: float) -> float:
    """The other side says that ``bucket`` is empty: nothing more today, whatever our count. Returns the reset."""
    day = quota_day(now)
    insert_missing(connection, quota, [{"bucket": bucket, "day": day, "used": 0, "closed": False}])
    connection.execute(update(quota).where(quota.c.bucket == bucket, quota.c.day == day).values(closed=True))
    return next_reset(now)


def pause_host(connection: Connection, name: str, until: float, reason: str, now: float) -> None:
    """Pause a host: it is not asked before ``until``. A longer pause in force stays."""
    add_hosts(connection, [name])
    connection.execute(
        update(host)
        .where(host.c.name == name, host.c.blocked_until < until)
        .values(blocked_until=until, block_reason=reason, set_at=now)
    )


def count_refusal(connection: Connection, name: str, now: float) -> int:
    """Count that a host refuses us; returns how often in a row. Answers to requests sent together count as one."""
    add_hosts(connection, [name])
    connection.execute(
        update(host).where(host.c.name == name, host.c.blocked_until <= now).values(refusals=host.c.refusals + 1)
    )
    refusals: int = connection.execute(select(host.c.refusals).where(host.c.name == name)).scalar_one()
    return max(1, refusals)
