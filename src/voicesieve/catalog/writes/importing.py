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

    known: frozenset[str]
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

    What was withdrawn meanwhile, by id, channel or audio, stays out and its file is promised for deletion; it is told
    as ``withdrawn``. A video that has audio by now keeps it.
    """
    seen = lookup(connection, [one.candidate for one in held])
    audio = withdrawn_among(connection, {one.recording.sha256 for one in held if one.recording})
    states: dict[str, VideoState] = {}
    fresh: list[Held] = []
    known: list[Held] = []
    for one in held:
        if one.candidate.id in seen.withdrawn or (one.recording is not None and one.recording.sha256 in audio):
            states[one.candidate.id] = VideoState.WITHDRAWN
        else:
            (known if one.candidate.id in seen.known else fresh).append(one)
    rights = {"rights_basis": rights_basis, "rights_statement": rights_statement}
    with_audio = [(one.recording, one.path) for one in (*fresh, *known) if one.recording and one.path]
    name_recordings(connection, with_audio, now)
    held_now = _insert(connection, fresh, host_of, now, rights)
    for one in known:
        row = load(connection, _key(connection, one.candidate.id))
        states[row.id] = VideoState(row.state)
        if one.recording is not None and row.recording is None and row.lease_token is None:
            _hold(connection, row, one, now, rights)
            held_now.append(one)
    states |= {one.candidate.id: VideoState.DISCOVERED for one in fresh}
    states |= {one.candidate.id: VideoState.FETCHED for one in held_now}
    _write_attempts(connection, held_now, run, now)
    for one in held:
        if one.path is not None and states[one.candidate.id] is not VideoState.FETCHED:
            delete_unless_named(connection, one.path, now)
    return states


def _insert(
    connection: Connection, fresh: Sequence[Held], host_of: Callable[[str], str], now: float, rights: Mapping[str, str]
) -> list[Held]:
    """Add videos that the catalog does not know, in bulk. Returns those that have audio."""
    rows: list[dict[str, Any]] = []
    for one in fresh:
        row = video_row(one.candidate, host_of(one.candidate.url), now) | _lent(one)
        rows.append(row if one.recording is None else row | _held_values(one, now, rights))
    add_many(connection, rows)
    return [one for one in fresh if one.recording is not None]


def _lent(one: Held) -> dict[str, Any]:
    """What of a new video's description is only lent, and until when."""
    if one.lent_until is None:
        return {}
    return {"lent": [name for name in LENDABLE if getattr(one.candidate, name)], "lent_until": one.lent_until}


def _held_values(one: Held, now: float, rights: Mapping[str, str]) -> dict[str, Any]:
    assert one.recording is not None
    return {
        "state": VideoState.FETCHED,
        "stage": Stage.ANALYSE,
        "due_at": now,
        "recording": one.recording.sha256,
        "facts": dict(one.recording.facts),
        **rights,
    }


def _hold(connection: Connection, row: Any, one: Held, now: float, rights: Mapping[str, str]) -> None:
    """Give a video that was never fetched, or whose fetch failed, the audio that was found elsewhere."""
    assert one.recording is not None
    values = _held_values(one, now, rights)
    values |= {"metadata": {**row.metadata, **one.candidate.metadata}, "facts": {**row.facts, **values["facts"]}}
    values |= {"reasons": [], "failure_kind": None, "item_failures": 0, "machine_failures": 0}
    change(connection, row, now, **values)


def _key(connection: Connection, id_: str) -> int:
    key: int = connection.execute(select(video.c.key).where(video.c.id == id_)).scalar_one()
    return key


def _write_attempts(connection: Connection, held: Sequence[Held], run: str, now: float) -> None:
    ids = [one.candidate.id for one in held]
    keys = {row.id: row.key for row in connection.execute(select(video.c.id, video.c.key).where(video.c.id.in_(ids)))}
    rows = [
        _attempt_row(keys[one.candidate.id], run, one.recording.bytes, now) for one in held if one.recording is not None
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
