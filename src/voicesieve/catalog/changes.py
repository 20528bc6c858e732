"""The one way a video's row changes: state, queue position and all counters move together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, update

from voicesieve.catalog import arms
from voicesieve.catalog.rows import insert_missing as insert_missing
from voicesieve.catalog.schema import host, recording, verdict, video
from voicesieve.catalog.store import add_to_counter
from voicesieve.domain.states import DECIDED, VideoState, may_move

NEWEST_FIRST = (verdict.c.analysed_at.desc(), verdict.c.model, verdict.c.revision)
"""Order of a recording's verdicts; the last two only settle a tie, so that everybody picks the same."""


class IllegalMoveError(Exception):
    """A defect of ours: a stage tried a move that the state machine does not allow."""


def load(connection: Connection, key: int) -> Row[Any]:
    """The video's row, locked until the transaction ends where the database locks rows."""
    return connection.execute(select(video).where(video.c.key == key).with_for_update()).one()


def change(connection: Connection, old: Row[Any], now: float, **values: Any) -> None:
    """Update the row ``old`` (as loaded in this transaction) and every count that depends on it."""
    before: Mapping[str, Any] = old._asdict()
    new = {**before, **values}
    if not may_move(VideoState(old.state), VideoState(new["state"])):
        raise IllegalMoveError(f"{old.id}: {old.state} -> {new['state']}")
    connection.execute(update(video).where(video.c.key == old.key).values(changed_at=now, **values))
    _count_states(connection, before, new)
    _count_languages(connection, before, new)
    _count_waiting(connection, before, new)
    _count_accepted(connection, before, new)
    arms.account(connection, before, new)


def add_hosts(connection: Connection, names: Sequence[str]) -> None:
    """Make sure that each host has its row."""
    fresh = {"waiting": 0, "slot_at": 0.0, "blocked_until": 0.0, "refusals": 0}
    insert_missing(connection, host, [{"name": name, **fresh} for name in names])


def add_waiting(connection: Connection, name: str, amount: int) -> None:
    """Count ``amount`` more videos that wait to be fetched from a host."""
    if amount:
        connection.execute(update(host).where(host.c.name == name).values(waiting=host.c.waiting + amount))


def _count_states(connection: Connection, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    if old["state"] != new["state"]:
        add_to_counter(connection, f"state:{old['state']}", -1)
        add_to_counter(connection, f"state:{new['state']}", 1)
    if old["failure_kind"] != new["failure_kind"]:
        if old["failure_kind"]:
            add_to_counter(connection, f"failure:{old['failure_kind']}", -1)
        if new["failure_kind"]:
            add_to_counter(connection, f"failure:{new['failure_kind']}", 1)


def _count_languages(connection: Connection, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    before, after = _language_counters(old), _language_counters(new)
    for name in before - after:
        add_to_counter(connection, name, -1)
    for name in after - before:
        add_to_counter(connection, name, 1)


def _language_counters(row: Mapping[str, Any]) -> set[str]:
    """The counters in which a video counts: of what was decided, how well its language is known."""
    if row["state"] not in DECIDED or row["language_state"] is None:
        return set()
    names = {f"language_state:{row['language_state']}"}
    names |= {f"language_unavailable:{detector}" for detector in row["language_unavailable"] or {}}
    if row["state"] == VideoState.ACCEPTED:
        names.add(f"language:{row['language']}")
    return names


def _count_waiting(connection: Connection, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    before, after = _waits_for_fetch(old), _waits_for_fetch(new)
    if before != after:
        add_waiting(connection, new["host"], 1 if after else -1)


def _waits_for_fetch(row: Mapping[str, Any]) -> bool:
    return row["stage"] == "fetch" and row["due_at"] is not None


def _count_accepted(connection: Connection, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    before = old["recording"] if old["state"] == VideoState.ACCEPTED else None
    after = new["recording"] if new["state"] == VideoState.ACCEPTED else None
    if before == after:
        return
    if before:
        _count_recording(connection, before, -1)
    if after:
        _count_recording(connection, after, 1)


def _count_recording(connection: Connection, sha256: str, step: int) -> None:
    """A recording counts once, however many videos carry it."""
    row = connection.execute(
        select(recording.c.accepted_videos, recording.c.duration_s).where(recording.c.sha256 == sha256)
    ).one()
    holders = row.accepted_videos + step
    connection.execute(update(recording).where(recording.c.sha256 == sha256).values(accepted_videos=holders))
    if holders == (1 if step > 0 else 0):
        add_to_counter(connection, "accepted_recordings", step)
        add_to_counter(connection, "accepted_s", step * row.duration_s)
        add_to_counter(connection, "child_s", step * child_seconds(connection, sha256))


def child_seconds(connection: Connection, sha256: str) -> float:
    """Child seconds of the newest verdict on a recording, 0 without one."""
    found = connection.execute(
        select(verdict.c.child_s).where(verdict.c.recording == sha256).order_by(*NEWEST_FIRST).limit(1)
    ).scalar()
    return float(found or 0.0)
