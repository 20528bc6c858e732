"""Arms: what the frontier knows of each channel, kept right by every change of a video.

An arm is a channel on one host. Its counts and its evidence are sums over its videos, so a decision that changes, a
recording that is fetched anew and a takedown correct them by the same difference, in the same transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from voicesieve.catalog import schema
from voicesieve.catalog.rows import candidate_of, insert_missing
from voicesieve.domain.candidates import Candidate
from voicesieve.domain.names import name_key
from voicesieve.domain.states import DECIDED, Stage, VideoState
from voicesieve.frontier.rates import NOTHING, evidence

video, arm, query = schema.video, schema.arm, schema.query

OUTSIDE = frozenset({VideoState.DISCOVERED, VideoState.SCREENED_OUT, VideoState.WITHDRAWN})
"""States in which a video is nothing to the frontier."""

ENROLMENT_BATCH = 1_000


def arm_key(source: str, host: str, channel: str) -> str:
    return hashlib.sha256(f"{source}\0{host}\0{name_key(channel)}".encode("utf-8", "surrogatepass")).hexdigest()


def account_many(connection: Connection, changes: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """Correct the arms and the first queries of videos that change from the first row of a pair to the second."""
    steps: dict[int, dict[str, float]] = {}
    weights: dict[int, list[tuple[tuple[float, ...], tuple[float, ...]]]] = {}
    queries: dict[int, dict[str, float]] = {}
    for old, new in changes:
        if old["arm"] is None:
            continue
        before, after = part_of(old), part_of(new)
        step = {name: after[name] - before[name] for name in after if after[name] != before[name]}
        if _weighs(old) != _weighs(new):
            weights.setdefault(old["arm"], []).append((weight_of(old), weight_of(new)))
        elif not step:
            continue
        _add(steps.setdefault(old["arm"], {}), step)
        if old["first_query"] is not None:
            _add(queries.setdefault(old["first_query"], {}), step)
    for key, step in steps.items():
        values: dict[str, Any] = {name: arm.c[name] + amount for name, amount in step.items() if amount}
        if key in weights:
            kept = connection.execute(select(arm.c.evidence).where(arm.c.id == key).with_for_update()).scalar_one()
            for gone, come in weights[key]:
                kept = [held - less + more for held, less, more in zip(kept, gone, come, strict=True)]
            values["evidence"] = kept
        connection.execute(update(arm).where(arm.c.id == key).values(stale=True, **values))
    for query_key, step in queries.items():
        _account_query(connection, query_key, step)


def _add(total: dict[str, float], step: Mapping[str, float]) -> None:
    for name, amount in step.items():
        total[name] = total.get(name, 0) + amount


def _account_query(connection: Connection, key: int | None, step: Mapping[str, float]) -> None:
    told = {name: query.c[name] + step[name] for name in ("accepted", "child_s") if step.get(name)}
    spent = step.get("judged", 0) + step.get("lost", 0)
    if spent:
        told["fetched"] = query.c.fetched + spent
    if told and key is not None:
        connection.execute(update(query).where(query.c.id == key).values(**told))


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


def enrol(connection: Connection, rows: Sequence[Row[Any]], merit: Callable[[Candidate], float]) -> None:
    """Give each video its arm and its merit. ``rows`` are as they stand now, and have none yet."""
    if not rows:
        return
    keys = {row.key: arm_key(row.source, row.host, row.channel) for row in rows}
    insert_missing(connection, arm, [_fresh_arm(keys[row.key], row) for row in rows])
    found = connection.execute(select(arm.c.key, arm.c.id, arm.c.evidence).where(arm.c.key.in_(set(keys.values()))))
    arms = {row.key: (row.id, row.evidence) for row in found}
    placed = [{"b_key": row.key, "b_arm": arms[keys[row.key]][0], "b_merit": merit(candidate_of(row))} for row in rows]
    connection.execute(
        update(video)
        .where(video.c.key == bindparam("b_key"))
        .values(arm=bindparam("b_arm"), merit=bindparam("b_merit")),
        placed,
    )
    _add_parts(connection, rows, {place["b_key"]: place for place in placed}, dict(arms.values()))


def move(connection: Connection, row: Row[Any]) -> None:
    """Let a video of an arm, ``row`` as it stands now, go over to the arm of the host that it has now."""
    whole = row._asdict()
    account_many(connection, [(whole, {**whole, "state": VideoState.DISCOVERED, "stage": None})])
    enrol(connection, [row], lambda candidate: row.merit)


def _fresh_arm(key: str, row: Row[Any]) -> dict[str, Any]:
    counts: dict[str, Any] = dict.fromkeys(("known", "waiting", "judged", "accepted", "lost"), 0)
    return {
        "key": key,
        "source": row.source,
        "host": row.host,
        "query": row.first_query,
        **counts,
        "child_s": 0.0,
        "evidence": list(NOTHING),
        "expanded": False,
        "rate": 0.0,
        "score": 0.0,
        "stale": True,
    }


def _add_parts(
    connection: Connection,
    rows: Iterable[Row[Any]],
    placed: Mapping[int, Mapping[str, Any]],
    held: Mapping[int, Sequence[float]],
) -> None:
    """Add what ``rows`` are worth to the counts of their arms and queries, a statement for each arm."""
    parts: dict[int, dict[str, float]] = {}
    weights: dict[int, list[float]] = {}
    for row in rows:
        place = placed[row.key]
        whole = {**row._asdict(), "merit": place["b_merit"]}
        part = part_of(whole)
        total = parts.setdefault(place["b_arm"], dict.fromkeys(part, 0))
        for name, amount in part.items():
            total[name] += amount
        if _weighs(whole):
            so_far = weights.setdefault(place["b_arm"], list(held[place["b_arm"]]))
            weights[place["b_arm"]] = [a + b for a, b in zip(so_far, weight_of(whole), strict=True)]
            _account_query(connection, row.first_query, part)
        elif part["lost"]:
            _account_query(connection, row.first_query, part)
    for key, total in parts.items():
        values: dict[str, Any] = {name: arm.c[name] + amount for name, amount in total.items() if amount}
        if key in weights:
            values["evidence"] = weights[key]
        connection.execute(update(arm).where(arm.c.id == key).values(stale=True, **values))


def enrol_missing(connection: Connection, merit: Callable[[Candidate], float]) -> int:
    """Enrol videos of a catalog that is older than its arms, a batch at a time. Returns how many."""
    rows = connection.execute(
        select(video).where(schema.WITHOUT_ARM).order_by(video.c.key).limit(ENROLMENT_BATCH)
    ).all()
    enrol(connection, rows, merit)
    return len(rows)


def top_merits(connection: Connection, arms: Sequence[int]) -> dict[int, float]:
    """The best merit that waits in each of ``arms``; arms without a waiting video are left out."""
    rows = connection.execute(
        select(video.c.arm, func.max(video.c.merit))
        .where(schema.TO_FETCH, video.c.arm.in_(arms), schema.unindexed_due_at.is_not(None))
        .group_by(video.c.arm)
    )
    return {row[0]: row[1] for row in rows}
