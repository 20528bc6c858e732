"""What is counted of videos and recordings, and how a change of them changes the counts.

`status` reads these counts instead of the rows, so each change must write them in its own transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from voicesieve.catalog.counters import add_to_counter
from voicesieve.catalog.reads.verdicts import child_seconds_of
from voicesieve.catalog.rows import chunks
from voicesieve.catalog.schema import host, recording
from voicesieve.domain.states import DECIDED, Stage, VideoState


class Tally:
    """What changes of videos add up to, for counters, hosts and recordings::

    tally = Tally()
    tally.add(old, new)
    tally.write(connection)
    """

    def __init__(self) -> None:
        self._counters: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._holders: Counter[str] = Counter()

    def add(self, old: Mapping[str, Any], new: Mapping[str, Any], videos: int = 1) -> None:
        """Count so many videos that change from one row to the other."""
        self.count(old, -videos)
        self.count(new, videos)

    def count(self, row: Mapping[str, Any], videos: int) -> None:
        """Count so many more videos like ``row``, which has the columns `COUNTED`."""
        self._counters[f"state:{row['state']}"] += videos
        if row["failure_kind"]:
            self._counters[f"failure:{row['failure_kind']}"] += videos
        for name in _language_counters(row):
            self._counters[name] += videos
        if row["stage"] == Stage.FETCH and row["due_at"] is not None:
            self._waiting[row["host"]] += videos
        if row["state"] == VideoState.ACCEPTED and row["recording"]:
            self._holders[row["recording"]] += videos

    def write(self, connection: Connection) -> None:
        for name, amount in self._counters.items():
            add_to_counter(connection, name, amount)
        for name, amount in self._waiting.items():
            if amount:
                connection.execute(update(host).where(host.c.name == name).values(waiting=host.c.waiting + amount))
        _count_recordings(connection, {sha256: step for sha256, step in self._holders.items() if step})


def _language_counters(row: Mapping[str, Any]) -> set[str]:
    """The counters in which a video counts: of what was decided, how well its language is known."""
    if row["state"] not in DECIDED or row["language_state"] is None:
        return set()
    names = {f"language_state:{row['language_state']}"}
    names |= {f"language_unavailable:{detector}" for detector in row["language_unavailable"] or {}}
    if row["state"] == VideoState.ACCEPTED:
        names.add(f"language:{row['language']}")
    return names


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


@contextmanager
def counted_verdicts(connection: Connection, recordings: Sequence[str]) -> Iterator[None]:
    """Verdicts on these recordings change within the block; count what the accepted ones gain or lose of child speech.

    Only the newest verdict on a recording counts.
    """
    accepted = [
        sha256
        for some in chunks(recordings)
        for sha256 in connection.execute(
            select(recording.c.sha256).where(recording.c.sha256.in_(some), recording.c.accepted_videos > 0)
        ).scalars()
    ]
    before = child_seconds_of(connection, accepted)
    yield
    after = child_seconds_of(connection, accepted)
    add_to_counter(connection, "child_s", sum(after.get(name, 0.0) - before.get(name, 0.0) for name in accepted))
