"""What the frontier reads of the catalog. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from voicesieve.catalog import schema
from voicesieve.catalog.records import QueryRow
from voicesieve.catalog.rows import DESCRIBED
from voicesieve.domain.states import DECIDED, Stage, VideoState
from voicesieve.frontier.facts import ArmFacts
from voicesieve.frontier.phrases import Titled

video, arm, host, query = schema.video, schema.arm, schema.host, schema.query


def knowledge(connection: Connection) -> Any:
    """What was learnt, as it was kept; ``None`` when nothing was."""
    table = schema.knowledge
    return connection.execute(select(table.c.value).where(table.c.name == "frontier")).scalar()


def decisions(connection: Connection) -> int:
    """How many videos are decided."""
    names = [f"state:{state}" for state in DECIDED]
    counter = schema.counter
    return int(connection.execute(select(func.sum(counter.c.value)).where(counter.c.name.in_(names))).scalar() or 0)


def judged_arms(connection: Connection) -> list[tuple[int, ArmFacts]]:
    """Arms with decided videos, by id."""
    rows = connection.execute(select(arm).where(arm.c.judged > 0).order_by(arm.c.id))
    return [(row.id, _decided_facts(row)) for row in rows]


def _decided_facts(row: Row[Any]) -> ArmFacts:
    """Facts of an arm as far as its decided videos go."""
    return ArmFacts(row.evidence, row.query, 0, 1, None, row.judged, row.accepted, row.lost, row.child_s)


def unexpanded(connection: Connection, kinds: Collection[str], limit: int) -> list[tuple[int, str]]:
    """Arms with an accepted video whose channel was not listed yet, each with the kind of source that found it."""
    of_kinds = select(query.c.id).where(query.c.source.in_(kinds))
    rows = connection.execute(
        select(arm.c.id, arm.c.query)
        .where(schema.IS_UNEXPANDED, arm.c.query.in_(of_kinds))
        .order_by(arm.c.id)
        .limit(limit)
    ).all()
    named = select(query.c.id, query.c.source).where(query.c.id.in_({row.query for row in rows}))
    sources = {row.id: row.source for row in connection.execute(named)}
    return [(row.id, sources[row.query]) for row in rows]


def metadata_of(connection: Connection, arm_id: int) -> Mapping[str, Any]:
    """What an accepted video of an arm says of its channel."""
    metadata: Mapping[str, Any] | None = connection.execute(
        select(video.c.metadata)
        .where(video.c.arm == arm_id, video.c.state == VideoState.ACCEPTED)
        .order_by(video.c.key)
        .limit(1)
    ).scalar()
    return metadata or {}


def videos_found(connection: Connection, query_id: int) -> int:
    """How many videos a query has found so far."""
    count: int = connection.execute(select(query.c.found).where(query.c.id == query_id)).scalar_one()
    return count


def new_channels(connection: Connection, query_id: int) -> float:
    """How many channels the next page of a query should show for the first time."""
    count: float = connection.execute(select(query.c.new_channels).where(query.c.id == query_id)).scalar_one()
    return count


def arm_of_query(connection: Connection, row: QueryRow) -> ArmFacts | None:
    """The channel that a listing is about; ``None`` while that is unknown."""
    of_query = arm.c.id == row.expands if row.expands is not None else arm.c.query == row.id
    best = connection.execute(select(arm).where(of_query).order_by(arm.c.known.desc(), arm.c.id).limit(1)).one_or_none()
    return None if best is None else _decided_facts(best)


def decided_with_arm(connection: Connection, limit: int) -> Iterator[Row[Any]]:
    """What the newest ``limit`` decided videos said of themselves, and what came of them, newest first."""
    rows: Select[Any] = select(*DESCRIBED, video.c.arm, video.c.merit, video.c.state)
    rows = rows.where(video.c.state.in_(DECIDED), video.c.arm.is_not(None)).order_by(video.c.key.desc())
    yield from connection.execute(rows.limit(limit).execution_options(yield_per=100))


def waiting_after(connection: Connection, key: int, limit: int) -> Sequence[Row[Any]]:
    """Videos that wait to be fetched, in order of their key."""
    waits = (video.c.stage == Stage.FETCH, video.c.due_at.is_not(None), video.c.key > key)
    return connection.execute(select(video).where(*waits).order_by(video.c.key).limit(limit)).all()


def best_score(connection: Connection, now: float) -> float:
    """Child seconds per unit of cost of the best fetch at hand; 0 when nothing waits at a host that may be asked."""
    blocked = select(host.c.name).where(host.c.blocked_until > now)
    score = connection.execute(
        select(func.max(arm.c.score)).where(schema.HAS_WAITING, arm.c.host.not_in(blocked))
    ).scalar()
    return float(score or 0.0)


def query_arguments(connection: Connection) -> list[str]:
    """What was asked for so far."""
    return list(connection.execute(select(query.c.argument).order_by(query.c.id)).scalars())


def titled(connection: Connection) -> Iterator[Titled]:
    """Titles and tags of all decided videos."""
    columns = select(video.c.channel, video.c.title, video.c.metadata, video.c.state)
    rows = columns.where(video.c.state.in_(DECIDED)).order_by(video.c.key).execution_options(yield_per=1_000)
    for row in connection.execute(rows):
        tags = row.metadata.get("tags") or ()
        texts = (row.title, *(tag for tag in tags if isinstance(tag, str)))
        yield Titled(row.channel, texts, row.state == VideoState.ACCEPTED)
