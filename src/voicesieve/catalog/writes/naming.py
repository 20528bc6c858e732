"""Which video of the catalog a candidate is, whatever its address is today, and what follows when that has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from voicesieve.catalog import schema
from voicesieve.catalog.records import SeenFile
from voicesieve.catalog.rows import chunks, insert_missing
from voicesieve.catalog.writes import arms
from voicesieve.catalog.writes.changes import change_many
from voicesieve.domain.candidates import Candidate, Name, NameKind
from voicesieve.domain.failures import FailureKind
from voicesieve.domain.states import Stage, VideoState

video, alias = schema.video, schema.alias

_ID_HEX_DIGITS = 32  # as many as ids that sources make

CURED_BY_NEW_ADDRESS = frozenset(
    {
        FailureKind.GONE,
        FailureKind.PRIVATE,
        FailureKind.FORBIDDEN_ADDRESS,
        FailureKind.NETWORK,
        FailureKind.SERVER_ERROR,
        FailureKind.TIMEOUT,
        FailureKind.TRUNCATED,
        FailureKind.UNDECODABLE,
        FailureKind.UNSUPPORTED,
    }
)
"""Failures that an expired address explains, be it by an answer of 403 or by a page that asks to log in."""

MOST_FAILURES = 10
"""A video that has failed so often is not tried again for a new address: a feed may renew those of dead files, too."""


@dataclass(frozen=True)
class Recognised:
    """A candidate under the id that it has in this catalog, and its row there; ``None`` for a new one.

    ``address`` is the id of the address at which the candidate lies. ``by_name`` means that a name says so, which
    stays when addresses change: the video lies there from now on.
    """

    candidate: Candidate
    row: Row[Any] | None
    address: str
    by_name: bool = False

    @property
    def has_moved(self) -> bool:
        return self.by_name and self.row is not None and self.address != (self.row.address or self.row.id)


def feed_of(connection: Connection, known_as: Sequence[str]) -> str | None:
    """The feed that is known by these hashes, the most certain first; all of them are its own from now on.

    ``None`` for none. A hash that belongs to another feed already stays with that one.
    """
    if not known_as:
        return None
    table = schema.feed
    rows = connection.execute(select(table.c.name, table.c.feed).where(table.c.name.in_(known_as)))
    feeds = {row.name: str(row.feed) for row in rows}
    feed = next((feeds[name] for name in known_as if name in feeds), known_as[0])
    insert_missing(connection, table, [{"name": name, "feed": feed} for name in known_as if name not in feeds])
    return feed


def names_of(candidate: Candidate, feed: str | None) -> Iterator[Name]:
    """A candidate's names as this catalog keeps them; those of an entry only within a feed."""
    for name in candidate.names:
        if name.kind is not NameKind.ENTRY:
            yield name
        elif feed is not None:
            yield Name(name.kind, hashlib.sha256(f"{feed}\0{name.value}".encode()).hexdigest())


def files_seen(connection: Connection, candidates: Sequence[Candidate]) -> list[SeenFile]:
    """The known files whose names these candidates carry; what is gone from where it lay may have been moved.

    Files whose audio was deleted since are left out: only by its bytes can such a one be recognised.
    """
    recording = schema.recording
    values = [name.value for c in candidates for name in c.names if name.kind is NameKind.FILE]
    return [
        SeenFile(row.name, row.url, row.path)
        for some in chunks(values)
        for row in connection.execute(
            select(alias.c.name, video.c.url, recording.c.path)
            .join(video, alias.c.video == video.c.key)
            .outerjoin(recording, recording.c.sha256 == video.c.recording)
            .where(alias.c.name.in_(some), video.c.state != VideoState.WITHDRAWN)
            .where(recording.c.audio_purged_at.is_(None))
        )
    ]


def recognise(
    connection: Connection, candidates: Sequence[Candidate], feed: str | None, moved: Collection[str]
) -> list[Recognised]:
    """Find each candidate in the catalog. ``moved`` are names of files that lie elsewhere than they did."""
    catalogued = _Known.of(connection, candidates, feed)
    entries = {c.id: row for c in candidates if (row := catalogued.by_entry(c)) is not None}
    left = {row.key for id_, row in entries.items() if id_ != (row.address or row.id)}
    matches: list[Recognised] = []
    for candidate in candidates:
        named = entries.get(candidate.id)
        here = None if named is not None else catalogued.by_address(candidate)
        has_left = here is not None and _has_left(here, candidate, left, catalogued)
        if named is None and (file := catalogued.by_file(candidate, moved)) is not None:
            named = file if here is None or has_left or here.key == file.key else None
        row = named or here
        if has_left and named is None:
            other = _another_at(candidate, catalogued.names[candidate.id])
            matches.append(Recognised(other, _row_of(connection, other.id), candidate.id))
        else:
            matches.append(Recognised(_under(candidate, row), row, candidate.id, by_name=named is not None))
    return matches


def _has_left(row: Row[Any], candidate: Candidate, left: Collection[int], catalogued: _Known) -> bool:
    """Whether the video that was first met at this address lies elsewhere by now, and something else lies here."""
    if row.id != candidate.id or row.state == VideoState.WITHDRAWN:
        return False
    has_moved = row.key in left or row.address not in (None, candidate.id)
    named = [name for name in catalogued.names[candidate.id] if name.kind is not NameKind.ADDRESS]
    return has_moved and bool(named) and all(catalogued.bound.get(name.value) != row.key for name in named)


def _another_at(candidate: Candidate, names: Sequence[Name]) -> Candidate:
    digest = hashlib.sha256(f"{candidate.id}\0{names[-1].value}".encode()).hexdigest()
    return replace(candidate, native_id=digest[:_ID_HEX_DIGITS])


def _under(candidate: Candidate, row: Row[Any] | None) -> Candidate:
    """The candidate under the id of its video."""
    if row is None or row.id == candidate.id:
        return candidate
    return replace(candidate, source=row.source, native_id=row.id.removeprefix(f"{row.source}:"))


def _row_of(connection: Connection, id_: str) -> Row[Any] | None:
    return connection.execute(select(video).where(video.c.id == id_)).one_or_none()


@dataclass(frozen=True)
class _Known:
    """What the catalog knows under the ids and names of some candidates.

    ``names`` are those of each candidate by its id, ``bound`` the key of the video that a name stands for, ``files``
    the names of the files that videos were last seen as.
    """

    names: Mapping[str, Sequence[Name]]
    rows: Mapping[int, Row[Any]]
    ids: Mapping[str, int]
    bound: Mapping[str, int]
    files: Mapping[int, str]

    @classmethod
    def of(cls, connection: Connection, candidates: Sequence[Candidate], feed: str | None) -> _Known:
        names = {c.id: tuple(names_of(c, feed)) for c in candidates}
        wanted = list({*names, *(name.value for own in names.values() for name in own)})
        rows: dict[int, Row[Any]] = {}
        bound: dict[str, int] = {}
        for some in chunks(wanted):
            at = video.c.id.in_(some) | video.c.address.in_(some)
            rows |= {row.key: row for row in connection.execute(select(video).where(at))}
            aliases = connection.execute(select(alias.c.name, alias.c.video).where(alias.c.name.in_(some)))
            bound |= {row.name: row.video for row in aliases}
        missing = [key for key in bound.values() if key not in rows]
        for keys in chunks(missing):
            rows |= {row.key: row for row in connection.execute(select(video).where(video.c.key.in_(keys)))}
        ids = {row.address: row.key for row in rows.values() if row.address}
        ids |= {row.id: row.key for row in rows.values()}
        spelled = {n.value for own in names.values() for n in own if n.kind is NameKind.ADDRESS}
        return cls(names, rows, ids, bound, _files(connection, [ids[id_] for id_ in spelled if id_ in ids]))

    def by_entry(self, candidate: Candidate) -> Row[Any] | None:
        """A feed cannot turn a video into one of another kind of source, another platform for example."""
        keys = (self.bound.get(name.value) for name in self.names[candidate.id] if name.kind is NameKind.ENTRY)
        rows = (self.rows[key] for key in keys if key is not None)
        return next((row for row in rows if row.source == candidate.source), None)

    def by_address(self, candidate: Candidate) -> Row[Any] | None:
        key = self.ids.get(candidate.id, self.bound.get(candidate.id))
        return self.rows[key] if key is not None else self._by_former_address(candidate)

    def _by_former_address(self, candidate: Candidate) -> Row[Any] | None:
        """A link may lead elsewhere by now: what was seen there as another file is another video."""
        own = {name.value for name in self.names[candidate.id] if name.kind is NameKind.FILE}
        spelled = (name.value for name in self.names[candidate.id] if name.kind is NameKind.ADDRESS)
        keys = (self.ids[id_] for id_ in spelled if id_ in self.ids)
        return next((self.rows[key] for key in keys if key not in self.files or self.files[key] in own), None)

    def by_file(self, candidate: Candidate, moved: Collection[str]) -> Row[Any] | None:
        names = (name.value for name in self.names[candidate.id] if name.kind is NameKind.FILE)
        rows = (self.rows[self.bound[name]] for name in names if name in moved and name in self.bound)
        return next((row for row in rows if row.source == candidate.source), None)


def _files(connection: Connection, keys: Sequence[int]) -> dict[int, str]:
    return {
        row.video: row.name
        for some in chunks(keys)
        for row in connection.execute(select(alias).where(alias.c.video.in_(some), alias.c.kind == NameKind.FILE))
    }


def bind(connection: Connection, recognised: Iterable[Recognised], feed: str | None) -> None:
    """Note by which names the videos of a page, which are all in the catalog by now, are recognised from now on.

    An entry of a feed keeps the names that it had when it was first met there: a feed that makes up a guid for every
    reading, or gives one address to one entry after the other, must not leave a trail.
    """
    named = {match.candidate.id: match for match in recognised if match.candidate.names}
    keys = {row.id: row.key for some in chunks(list(named)) for row in _ids_among(connection, some)}
    bound_names: dict[int, list[Row[Any]]] = {}
    for some_keys in chunks(list(keys.values())):
        for row in connection.execute(select(alias).where(alias.c.video.in_(some_keys))):
            bound_names.setdefault(row.video, []).append(row)
    fresh: list[dict[str, Any]] = []
    stale: list[str] = []
    for id_, key in keys.items():
        own = bound_names.get(key, [])
        has_entry = any(row.feed == feed for row in own if row.kind == NameKind.ENTRY)
        for name in _lasting(named[id_], feed):
            if name.kind is NameKind.ENTRY and has_entry:
                continue
            of_feed = feed if name.kind is NameKind.ENTRY else None
            if all(row.name != name.value for row in own):
                fresh.append({"name": name.value, "kind": name.kind, "video": key, "feed": of_feed})
            if name.kind is NameKind.FILE:
                stale += [row.name for row in own if row.kind == NameKind.FILE and row.name != name.value]
    for some in chunks(stale):
        connection.execute(delete(alias).where(alias.c.name.in_(some)))
    insert_missing(connection, alias, fresh)


def _lasting(match: Recognised, feed: str | None) -> Iterator[Name]:
    """The names to keep: of a video that has its id from another spelling, the id that this one would give it."""
    yield from (name for name in names_of(match.candidate, feed) if name.kind is not NameKind.ADDRESS)
    row = match.row
    if (
        row is not None
        and match.candidate.id == row.id
        and not match.by_name
        and match.address not in (row.id, row.address)
    ):
        yield Name(NameKind.ADDRESS, match.address)


def _ids_among(connection: Connection, ids: Sequence[str]) -> Sequence[Any]:
    at = video.c.id.in_(ids) & (video.c.state != VideoState.WITHDRAWN)
    return connection.execute(select(video.c.id, video.c.key).where(at)).all()


def renew(connection: Connection, recognised: Iterable[Recognised], host_of: Callable[[str], str], now: float) -> int:
    """Give videos the address that their source has for them now, and try again what the old one may have failed by.

    Returns how many.
    """
    changes: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
    for match in recognised:
        row = match.row
        if row is not None and match.has_moved and row.state != VideoState.WITHDRAWN:
            address = None if match.address == row.id else match.address
            values = {"url": match.candidate.url, "host": host_of(match.candidate.url), "address": address}
            changes[row.key] = (row._asdict(), values | _tried_again(row, now))
    arm_of = arms.ids_of(
        connection,
        [
            {**old, "host": values["host"]}
            for old, values in changes.values()
            if old["arm"] is not None and values["host"] != old["host"]
        ],
    )
    for key, arm in arm_of.items():
        changes[key][1]["arm"] = arm
    change_many(connection, list(changes.values()), now)
    return len(changes)


def _tried_again(row: Row[Any], now: float) -> dict[str, Any]:
    waits = row.lease_token is None and row.recording is None and row.item_failures < MOST_FAILURES
    if not waits or row.failure_kind not in CURED_BY_NEW_ADDRESS:
        return {}
    message = f"it failed ({row.failure_kind}) at an address that has been replaced since; tried again at the new one"
    return {
        "state": VideoState.QUEUED,
        "stage": Stage.FETCH,
        "due_at": now,
        "reasons": [{"rule": "address_renewed", "message": message}],
        "failure_kind": None,
        "machine_failures": 0,
    }
