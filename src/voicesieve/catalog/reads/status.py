"""What `status` shows: counts, hosts that are paused, quotas."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from voicesieve.catalog import schema
from voicesieve.catalog.reads.queries import query_facts
from voicesieve.domain.quotas import next_reset, quota_day
from voicesieve.domain.states import VideoState
from voicesieve.domain.times import iso


def catalog_counts(connection: Connection) -> dict[str, Any]:
    """The counts of the whole catalog. Reads only counters and queries, so it is instant at any size."""
    counters = dict(connection.execute(select(schema.counter.c.name, schema.counter.c.value)).all())
    return {
        "videos": {state.value: int(counters.get(f"state:{state}", 0)) for state in VideoState},
        "failures": _whole(counters, "failure:"),
        "languages": {
            "accepted": _whole(counters, "language:"),
            "states": _whole(counters, "language_state:"),
            "unavailable": _whole(counters, "language_unavailable:"),
        },
        "accepted_s": round(max(0.0, counters.get("accepted_s", 0.0)), 3),
        "child_s": round(max(0.0, counters.get("child_s", 0.0)), 3),
        "accepted_recordings": int(counters.get("accepted_recordings", 0)),
        "further_sound_tracks": int(counters.get("further_sound_tracks", 0)),
        "queries": [query_facts(row) for row in connection.execute(select(schema.query).order_by(schema.query.c.id))],
        "catalog": {
            "busy_waits": int(counters.get("catalog:busy_waits", 0)),
            "wait_s": round(counters.get("catalog:wait_s", 0.0), 3),
            "timeouts": int(counters.get("catalog:timeouts", 0)),
        },
        "backups": {
            "made": int(counters.get("backup:made", 0)),
            "failed": int(counters.get("backup:failed", 0)),
            "last": iso(counters.get("backup:last_at")),
        },
    }


def _whole(counters: dict[str, float], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): int(value)
        for name, value in sorted(counters.items())
        if name.startswith(prefix) and value > 0
    }


def holds_videos(connection: Connection) -> bool:
    """Whether anything was ever discovered."""
    return connection.execute(select(schema.video.c.key).limit(1)).scalar() is not None


def waiting_by_host(connection: Connection) -> dict[str, int]:
    """Videos that wait to be fetched, by host; the hosts with most of them."""
    host = schema.host
    rows = connection.execute(
        select(host.c.name, host.c.waiting).where(schema.HAS_WAITING).order_by(host.c.waiting.desc()).limit(100)
    )
    return {row.name: row.waiting for row in rows}


def paused_hosts(connection: Connection, now: float) -> list[dict[str, Any]]:
    """Hosts that are paused because they refused our requests, with the time at which each pause ends."""
    host = schema.host
    rows = connection.execute(
        select(host).where(schema.HAS_WAITING, host.c.blocked_until > now).order_by(host.c.blocked_until).limit(100)
    )
    return [
        {"host": r.name, "until": iso(r.blocked_until), "waiting": r.waiting, "reason": r.block_reason} for r in rows
    ]


def quotas(connection: Connection, now: float) -> list[dict[str, Any]]:
    """What today's quota days have spent so far. ``closed``: the other side says that the bucket is empty."""
    table = schema.quota
    rows = connection.execute(select(table).where(table.c.day == quota_day(now)).order_by(table.c.bucket))
    return [{"bucket": row.bucket, "used": row.used, "closed": row.closed, "resets": reset_at(now)} for row in rows]


def reset_at(now: float) -> str | None:
    """When today's quotas are whole again, in ISO 8601."""
    return iso(next_reset(now))
