"""Taking over what another program has collected: videos with audio that was examined here, and videos without."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from voicesieve.catalog import schema
from voicesieve.catalog.writes.changes import add_many, change, load
from voicesieve.catalog.writes.discovery import video_row
from voicesieve.catalog.writes.results import name_recordings
from voicesieve.catalog.writes.takedown import channel_hashes, delete_unless_named, tombstone_hash
from voicesieve.domain.candidates import Candidate
from voicesieve.domain.fetching import FetchedRecording
from voicesieve.domain.states import DECIDED, Stage, VideoState

video = schema.video
METHOD = "import"
LENDABLE = ("title", "channel", "published_at")


@dataclass(frozen=True)
class Held:
    """A video to take over. ``recording`` lies durably under ``path`` (relative to the store); both may be missing.

    Where ``lent_until`` is given, its description is lent by an API and is to be forgotten then (epoch seconds).
    """

    candidate: Candidate
    recording: FetchedRecording | None = None
    path: str | None = None
    lent_until: float | None = None


@dataclass(frozen=True)
class Known:
    """What the catalog says of some candidates, by id: ``decided_or_held`` need nothing any more."""

    present: frozenset[str]
    decided_or_held: frozenset[str]
    withdrawn: frozenset[str]


def lookup(connection: Connection, candidates: Iterable[Candidate]) -> Known:
    """Which of the candidates the catalog knows, has audio of, or must keep out."""
    wanted = list(candidates)
    rows = connection.execute(
        select(video.c.id, video.c.state, video.c.recording).where(video.c.id.in_([c.id for c in wanted]))
    ).all()
    hashes = {c.id: {tombstone_hash(c.id), *channel_hashes(c.channel)} for c in wanted}
    tombstones = withdrawn_among(connection, set().union(*hashes.values()))
    return Known(
        frozenset(row.id for row in rows),
        frozenset(row.id for row in rows if row.recording or row.state in (*DECIDED, VideoState.WITHDRAWN)),
        frozenset(id_ for id_, mine in hashes.items() if mine & tombstones),
    )


def withdrawn_among(connection: Connection, hashes: Iterable[str]) -> set[str]:
    """Those of the hashes (of ids, channels or audio) that have a tombstone."""
    stone = schema.tombstone.c.hash
    return set(connection.execute(select(stone).where(stone.in_(list(hashes)))).scalars())


def take_over(
    connection: Connection,
    held: Sequence[Held],
    host_of: Callable[[str], str],
    run: str,
    now: float,
    *,
    rights_basis: str,
    rights_statement: str,
) -> dict[str, VideoState]:
    """Enter the videos, each in the state it is in now; those with audio are analysed by the next run.

    What was withdrawn meanwhile, by id, channel or audio, stays out and its file will be deleted; it is
    reported as ``withdrawn``. A video that has audio by now keeps it.
    """
    seen = lookup(connection, [item.candidate for item in held])
    audio = withdrawn_among(connection, {item.recording.sha256 for item in held if item.recording})
    states: dict[str, VideoState] = {}
    fresh: list[Held] = []
    present: list[Held] = []
    for item in held:
        if item.candidate.id in seen.withdrawn or (item.recording is not None and item.recording.sha256 in audio):
            states[item.candidate.id] = VideoState.WITHDRAWN
        else:
            (present if item.candidate.id in seen.present else fresh).append(item)
    rights = {"rights_basis": rights_basis, "rights_statement": rights_statement}
    with_audio = [(item.recording, item.path) for item in (*fresh, *present) if item.recording and item.path]
    name_recordings(connection, with_audio, now)
    held_now = _insert(connection, fresh, host_of, now, rights)
    for item in present:
        row = load(connection, _key(connection, item.candidate.id))
        states[row.id] = VideoState(row.state)
        if item.recording is not None and row.recording is None and row.lease_token is None:
            _hold(connection, row, item, now, rights)
            held_now.append(item)
    states |= {item.candidate.id: VideoState.DISCOVERED for item in fresh}
    states |= {item.candidate.id: VideoState.FETCHED for item in held_now}
    _write_attempts(connection, held_now, run, now)
    for item in held:
        if item.path is not None and states[item.candidate.id] is not VideoState.FETCHED:
            delete_unless_named(connection, item.path, now)
    return states


def _insert(
    connection: Connection, fresh: Sequence[Held], host_of: Callable[[str], str], now: float, rights: Mapping[str, str]
) -> list[Held]:
    """Add videos that the catalog does not know, in bulk. Returns those that have audio."""
    rows: list[dict[str, Any]] = []
    for item in fresh:
        row = video_row(item.candidate, host_of(item.candidate.url), now) | _lent(item)
        rows.append(row if item.recording is None else row | _held_values(item, now, rights))
    add_many(connection, rows)
    return [item for item in fresh if item.recording is not None]


def _lent(item: Held) -> dict[str, Any]:
    """What of a new video's description is only lent, and until when."""
    if item.lent_until is None:
        return {}
    return {
        "lent": [name for name in LENDABLE if getattr(item.candidate, name)],
        "lent_until": item.lent_until,
    }


def _held_values(item: Held, now: float, rights: Mapping[str, str]) -> dict[str, Any]:
    assert item.recording is not None
    return {
        "state": VideoState.FETCHED,
        "stage": Stage.ANALYSE,
        "due_at": now,
        "recording": item.recording.sha256,
        "facts": dict(item.recording.facts),
        **rights,
    }


def _hold(connection: Connection, row: Any, item: Held, now: float, rights: Mapping[str, str]) -> None:
    """Give a video that was never fetched, or whose fetch failed, the audio that was found elsewhere."""
    assert item.recording is not None
    values = _held_values(item, now, rights)
    values |= {"metadata": {**row.metadata, **item.candidate.metadata}, "facts": {**row.facts, **values["facts"]}}
    values |= {"reasons": [], "failure_kind": None, "item_failures": 0, "machine_failures": 0}
    change(connection, row, now, **values)


def _key(connection: Connection, id_: str) -> int:
    key: int = connection.execute(select(video.c.key).where(video.c.id == id_)).scalar_one()
    return key


def _write_attempts(connection: Connection, held: Sequence[Held], run: str, now: float) -> None:
    ids = [item.candidate.id for item in held]
    keys = {row.id: row.key for row in connection.execute(select(video.c.id, video.c.key).where(video.c.id.in_(ids)))}
    rows = [
        _attempt_row(keys[item.candidate.id], run, item.recording.bytes, now)
        for item in held
        if item.recording is not None
    ]
    if rows:
        connection.execute(schema.attempt.insert(), rows)


def _attempt_row(key: int, run: str, size: int, now: float) -> dict[str, Any]:
    return {
        "video": key,
        "run": run,
        "stage": Stage.FETCH,
        "method": METHOD,
        "started_at": now,
        "ended_at": now,
        "outcome": "ok",
        "bytes": size,
        "next": "analysed next",
    }
