"""When a clock is set back, times that were set by the later clock count from now instead."""

from __future__ import annotations

from sqlalchemy import Connection, update

from voicesieve.catalog import schema
from voicesieve.catalog.writes.changes import change_where
from voicesieve.domain.states import Stage

SLACK_S = 60.0
"""Clocks of machines that share a catalog differ by less; so do the steps of a clock that is kept right."""


def set_right(connection: Connection, now: float) -> int:
    """Move the times of hosts, queries and videos that were set by a clock later than ``now``. Returns how many rows.

    Such a time counts from the moment at which it was set, and from now on it counts from ``now``: nothing waits longer
    than was meant, and a host that is paused stays paused for as long as was meant.
    """
    host, query, video = schema.host, schema.query, schema.video
    later = now + SLACK_S
    ahead = {table: written - now for table, written in ((host, host.c.set_at), (query, query.c.set_at))}
    moved = connection.execute(
        update(host)
        .where(host.c.set_at > later)
        .values(slot_at=host.c.slot_at - ahead[host], blocked_until=host.c.blocked_until - ahead[host], set_at=now)
    ).rowcount
    moved += connection.execute(
        update(query).where(query.c.set_at > later).values(due_at=query.c.due_at - ahead[query], set_at=now)
    ).rowcount
    put_off = video.c.stage.in_((Stage.FETCH, Stage.ANALYSE)) & (video.c.due_at > now) & (video.c.changed_at > later)
    return moved + change_where(connection, put_off, now, due_at=video.c.due_at - (video.c.changed_at - now))
