"""Arms: what the frontier knows of each channel, kept right by every change of a video.

An arm is a channel on one host. Its counts and its evidence are sums over its videos, so a decision that changes, a
recording that is fetched anew and a takedown correct them by the same difference, in the same transaction.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from voicesieve.catalog import schema
from voicesieve.catalog.rows import chunks, insert_missing
from voicesieve.domain.names import name_key
from voicesieve.domain.states import DECIDED, Stage, VideoState
from voicesieve.frontier.rates import NOTHING, evidence

video, arm, query = schema.video, schema.arm, schema.query

OUTSIDE = frozenset({VideoState.DISCOVERED, VideoState.SCREENED_OUT, VideoState.WITHDRAWN})
"""States in which a video is nothing to the frontier."""


def arm_key(source: str, host: str, channel: str) -> str:
    return hashlib.sha256(f"{source}\0{host}\0{name_key(channel)}".encode("utf-8", "surrogatepass")).hexdigest()


def account_many(connection: Connection, changes: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """Correct the arms and the first queries of videos that change from the first row of a pair to the second.

    A video without an arm is nothing to the frontier; one that changes its arm takes its part with it.
    """
    steps: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    weights: dict[int, list[tuple[int, tuple[float, ...]]]] = defaultdict(list)
    queries: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for old, new in changes:
        reweighed = (old["arm"], _weighs(old)) != (new["arm"], _weighs(new))
        for sign, row in ((-1, old), (1, new)):
            if row["arm"] is None:
                continue
            part = {name: sign * amount for name, amount in part_of(row).items()}
            _add(steps[row["arm"]], part)
            if row["first_query"] is not None:
                _add(queries[row["first_query"]], part)
            if reweighed and _weighs(row):
                weights[row["arm"]].append((sign, weight_of(row)))
    for key, step in steps.items():
        values: dict[str, Any] = {name: arm.c[name] + amount for name, amount in step.items() if amount}
        if key in weights:
            total = connection.execute(select(arm.c.evidence).where(arm.c.id == key).with_for_update()).scalar_one()
            for sign, weight in weights[key]:
                total = [held + sign * part for held, part in zip(total, weight, strict=True)]
            values["evidence"] = total
        if values:
            connection.execute(update(arm).where(arm.c.id == key).values(stale=True, **values))
    for query_key, step in queries.items():
        _account_query(connection, query_key, step)


def _add(total: dict[str, float], part: Mapping[str, float]) -> None:
    for name, amount in part.items():
        total[name] += amount


def _account_query(connection: Connection, key: int, step: Mapping[str, float]) -> None:
    values = {name: query.c[name] + step[name] for name in ("accepted", "child_s") if step[name]}
    ended = step["judged"] + step["lost"]
    if ended:
        values["fetched"] = query.c.fetched + ended
    if values:
        connection.execute(update(query).where(query.c.id == key).values(**values))


def part_of(row: Mapping[str, Any]) -> dict[str, float]:
    """What a video adds to the counts of its arm."""
    state = row["state"]
    accepted = state == VideoState.ACCEPTED
    return {
        "known": int(state not in OUTSIDE),
        "waiting": int(row["stage"] == Stage.FETCH and row["due_at"] is not None),
        "judged": int(state in DECIDED),
        "accepted": int(accepted),
        "lost": int(state == VideoState.GIVEN_UP),
        "child_s": row["child_s"] if accepted else 0.0,
    }


def _weighs(row: Mapping[str, Any]) -> tuple[bool, float] | None:
    return (row["state"] == VideoState.ACCEPTED, row["merit"]) if row["state"] in DECIDED else None


def weight_of(row: Mapping[str, Any]) -> tuple[float, ...]:
    said = _weighs(row)
    return NOTHING if said is None else evidence(accepted=said[0], merit=said[1])


def ids_of(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """The arm of each video by the video's key; an arm that is not there yet is added. No video is changed."""
    keys = {row["key"]: arm_key(row["source"], row["host"], row["channel"]) for row in rows}
    insert_missing(connection, arm, [_fresh_arm(keys[row["key"]], row) for row in rows])
    ids: dict[str, int] = {}
    for some in chunks(sorted(set(keys.values()))):
        ids |= {row.key: row.id for row in connection.execute(select(arm.c.key, arm.c.id).where(arm.c.key.in_(some)))}
    return {key: ids[name] for key, name in keys.items()}


def _fresh_arm(key: str, row: Mapping[str, Any]) -> dict[str, Any]:
    counts: dict[str, Any] = dict.fromkeys(("known", "waiting", "judged", "accepted", "lost"), 0)
    return {
        "key": key,
        "source": row["source"],
        "host": row["host"],
        "query": row["first_query"],
        **counts,
        "child_s": 0.0,
        "evidence": list(NOTHING),
        "expanded": False,
        "rate": 0.0,
        "score": 0.0,
        "stale": True,
    }


def top_merits(connection: Connection, arms: Sequence[int]) -> dict[int, float]:
    """The best merit that waits in each of ``arms``; arms without a waiting video are left out."""
    rows = connection.execute(
        select(video.c.arm, func.max(video.c.merit))
        .where(schema.TO_FETCH, video.c.arm.in_(arms), schema.unindexed_due_at.is_not(None))
        .group_by(video.c.arm)
    )
    return {row[0]: row[1] for row in rows}
