"""The one way a video's row changes: state, queue position and all counters move together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, bindparam, select, update

from voicesieve.catalog.rows import insert_missing as insert_missing
from voicesieve.catalog.schema import host, recording, verdict, video
from voicesieve.catalog.store import add_to_counter
from voicesieve.catalog.writes import arms
from voicesieve.domain.errors import InnerError
from voicesieve.domain.states import DECIDED, VideoState, may_move

NEWEST_FIRST = (verdict.c.analysed_at.desc(), verdict.c.model, verdict.c.revision)
"""Order of a recording's verdicts; the last two only settle a tie, so that everybody picks the same."""


class IllegalMoveError(InnerError):
    """A defect of ours: a stage tried a move that the state machine does not allow."""


def load(connection: Connection, key: int) -> Row[Any]:
    """The video's row, locked until the transaction ends where the database locks rows."""
    return connection.execute(select(video).where(video.c.key == key).with_for_update()).one()


def change(connection: Connection, old: Row[Any], now: float, **values: Any) -> None:
    """Update the row ``old`` (as loaded in this transaction) and every count that depends on it."""
    change_many(connection, [(old._asdict(), values)], now)


def change_many(
    connection: Connection, changes: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], now: float
) -> None:
    """Update many rows and the counts, in a number of statements that does not grow with them.

    Each change is the row as read in this transaction, or the columns of it that counts depend on (`COUNTED`) with its
    ``key`` and ``id``, and its new values. No row may stand there twice.
    """
    tally = _Tally()
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for old, values in changes:
        new = {**old, **values}
        if not may_move(VideoState(old["state"]), VideoState(new["state"])):
            raise IllegalMoveError(f"{old['id']}: {old['state']} -> {new['state']}")
        tally.add(old, new)
        columns = tuple(sorted(values))
        by_columns[columns].append({"of_key": old["key"], **{f"new_{name}": values[name] for name in columns}})
    for columns, rows in by_columns.items():
        new_values: dict[Any, Any] = {video.c[name]: bindparam(f"new_{name}") for name in columns}
        changed = update(video).where(video.c.key == bindparam("of_key")).values(new_values).values(changed_at=now)
        connection.execute(changed, rows)
    tally.write(connection)
    arms.account_many(connection, [(old, {**old, **values}) for old, values in changes])


def discount(connection: Connection, row: Row[Any]) -> None:
    """Take a video out of all that is counted, before its row is deleted."""
    whole = row._asdict()
    tally = _Tally()
    tally.count(whole, -1)
    tally.write(connection)
    arms.account_many(connection, [(whole, {**whole, "state": VideoState.DISCOVERED, "stage": None})])


def add_hosts(connection: Connection, names: Sequence[str]) -> None:
    """Make sure that each host has its row."""
    fresh = {"waiting": 0, "slot_at": 0.0, "blocked_until": 0.0, "refusals": 0}
    insert_missing(connection, host, [{"name": name, **fresh} for name in names])


def add_waiting(connection: Connection, name: str, amount: int) -> None:
    """Count ``amount`` more videos that wait to be fetched from a host."""
    if amount:
        connection.execute(update(host).where(host.c.name == name).values(waiting=host.c.waiting + amount))


COUNTED = (
    "state",
    "failure_kind",
    "language",
    "language_state",
    "language_unavailable",
    "stage",
    "due_at",
    "host",
    "recording",
    "arm",
    "first_query",
    "merit",
    "child_s",
)
"""Columns of a video that counts depend on."""


class _Tally:
    """What changes of rows add up to, for counters, hosts and recordings."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.waiting: Counter[str] = Counter()
        self.holders: Counter[str] = Counter()

    def add(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self.count(old, -1)
        self.count(new, 1)

    def count(self, row: Mapping[str, Any], step: int) -> None:
        self.counters[f"state:{row['state']}"] += step
        if row["failure_kind"]:
            self.counters[f"failure:{row['failure_kind']}"] += step
        for name in _language_counters(row):
            self.counters[name] += step
        if _waits_for_fetch(row):
            self.waiting[row["host"]] += step
        if row["state"] == VideoState.ACCEPTED and row["recording"]:
            self.holders[row["recording"]] += step

    def write(self, connection: Connection) -> None:
        for name, amount in self.counters.items():
            add_to_counter(connection, name, amount)
        for name, amount in self.waiting.items():
            add_waiting(connection, name, amount)
        _count_recordings(connection, {sha256: step for sha256, step in self.holders.items() if step})


def _language_counters(row: Mapping[str, Any]) -> set[str]:
    """The counters in which a video counts: of what was decided, how well its language is known."""
    if row["state"] not in DECIDED or row["language_state"] is None:
        return set()
    names = {f"language_state:{row['language_state']}"}
    names |= {f"language_unavailable:{detector}" for detector in row["language_unavailable"] or {}}
    if row["state"] == VideoState.ACCEPTED:
        names.add(f"language:{row['language']}")
    return names


def _waits_for_fetch(row: Mapping[str, Any]) -> bool:
    return row["stage"] == "fetch" and row["due_at"] is not None


def _count_recordings(connection: Connection, steps: Mapping[str, int]) -> None:
    """A recording counts once, however many videos carry it."""
    rows = [
        row
        for some in chunks(list(steps))
        for row in connection.execute(
            select(recording.c.sha256, recording.c.accepted_videos, recording.c.duration_s).where(
                recording.c.sha256.in_(some)
            )
        )
    ]
    if not rows:
        return
    holders = {row.sha256: row.accepted_videos + steps[row.sha256] for row in rows}
    connection.execute(
        update(recording).where(recording.c.sha256 == bindparam("of")).values(accepted_videos=bindparam("holders")),
        [{"of": sha256, "holders": count} for sha256, count in holders.items()],
    )
    crossed = {
        row.sha256: 1 if holders[row.sha256] else -1 for row in rows if not row.accepted_videos * holders[row.sha256]
    }
    child_s = child_seconds_of(connection, list(crossed))
    add_to_counter(connection, "accepted_recordings", sum(crossed.values()))
    add_to_counter(connection, "accepted_s", sum(crossed.get(row.sha256, 0) * row.duration_s for row in rows))
    add_to_counter(connection, "child_s", sum(step * child_s.get(sha256, 0.0) for sha256, step in crossed.items()))


def child_seconds(connection: Connection, sha256: str) -> float:
    """Child seconds of the newest verdict on a recording, 0 without one."""
    return child_seconds_of(connection, [sha256]).get(sha256, 0.0)


def child_seconds_of(connection: Connection, recordings: Sequence[str]) -> dict[str, float]:
    """Child seconds of the newest verdict on each recording that has one."""
    found: dict[str, float] = {}
    for some in chunks(recordings):
        rows = connection.execute(
            select(verdict.c.recording, verdict.c.child_s)
            .where(verdict.c.recording.in_(some))
            .order_by(verdict.c.recording, *NEWEST_FIRST)
        )
        for row in rows:
            found.setdefault(row.recording, row.child_s)
    return found


_Value = TypeVar("_Value")

MOST_PARAMETERS = 5_000
"""In one statement; SQLite takes 32,766, PostgreSQL twice that."""


def chunks(values: Sequence[_Value]) -> Iterator[Sequence[_Value]]:
    """``values`` in portions that one statement can name."""
    for start in range(0, len(values), MOST_PARAMETERS):
        yield values[start : start + MOST_PARAMETERS]
