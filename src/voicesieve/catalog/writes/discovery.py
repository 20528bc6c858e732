"""Queries, pages of candidates, and the screening of what they found."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from voicesieve.catalog import schema
from voicesieve.catalog.records import PageResult, QueryRow
from voicesieve.catalog.rows import candidate_of, chunks
from voicesieve.catalog.writes import arms, naming
from voicesieve.catalog.writes.changes import add_many, change, change_many, change_where
from voicesieve.catalog.writes.takedown import add_tombstones, channel_hashes, tombstone_hash
from voicesieve.domain.candidates import TAKEN, Candidate, Page, PassedOver, Query, added_up
from voicesieve.domain.decisions import Reason
from voicesieve.domain.failures import Failure
from voicesieve.domain.states import Stage, VideoState

query, video, host = schema.query, schema.video, schema.host


def register_query(connection: Connection, wanted: Query, now: float, *, expands: int | None = None) -> QueryRow:
    """Find or add a query. An exhausted one whose time has come starts over.

    ``expands`` is the arm whose channel it lists, when the crawl itself added it.
    """
    where = (query.c.source == wanted.source) & (query.c.argument == wanted.argument)
    row = connection.execute(select(query).where(where)).one_or_none()
    if row is None:
        connection.execute(
            query.insert().values(
                source=wanted.source,
                argument=wanted.argument,
                exhausted=False,
                due_at=now,
                set_at=now,
                memory={},
                created_at=now,
                expands=expands,
                **dict.fromkeys(("pages", "requests", "found", "new", "problems", "failures"), 0),
            )
        )
    elif row.exhausted and row.due_at <= now:
        connection.execute(update(query).where(where).values(exhausted=False, cursor=None))
    row = connection.execute(select(query).where(where)).one()
    return QueryRow.of(row)


def commit_page(
    connection: Connection,
    query_id: int,
    page: Page,
    host_of: Callable[[str], str],
    now: float,
    *,
    refresh_s: float,
    moved: Collection[str] = (),
) -> PageResult:
    """Store a page's candidates and the query's cursor together, so that a restart repeats no request.

    ``moved`` are names of known files that lie no longer where they lay, but where a candidate of that name does.
    """
    feed = naming.feed_of(connection, page.feed) if any(c.names for c in page.candidates) else None
    wanted = _without_tombstones(connection, {c.id: c for c in page.candidates}.values(), feed, now)
    recognised = naming.recognise(connection, wanted, feed, moved)
    renewed = naming.renew(connection, recognised, host_of, now)
    candidates = list({entry.candidate.id: entry.candidate for entry in recognised}.values())
    _describe_known(connection, query_id, candidates, now)
    new_channels = _new_channels(connection, candidates, host_of)
    new = insert_videos(connection, candidates, host_of, now, query_id=query_id)
    naming.bind(connection, recognised, feed)
    findings = _insert_findings(connection, query_id, candidates)
    exhausted = page.cursor is None and not page.preliminary
    connection.execute(
        update(query)
        .where(query.c.id == query_id)
        .values(
            cursor=query.c.cursor if page.preliminary else page.cursor,
            memory=dict(page.memory) if exhausted else query.c.memory,
            exhausted=exhausted,
            due_at=now + refresh_s if exhausted else now,
            set_at=now,
            pages=query.c.pages + 1,
            requests=query.c.requests + page.requests,
            found=query.c.found + findings,
            new=query.c.new + new,
            new_channels=(query.c.new_channels + new_channels) / 2.0,
            problems=query.c.problems + len(page.problems),
            passed_over=_passed_over(connection, query_id, page),
            failures=query.c.failures if page.preliminary else 0,
            last_failure=query.c.last_failure if page.preliminary else None,
        )
    )
    return PageResult(new=new, total=len(candidates), moved=renewed)


def _passed_over(connection: Connection, query_id: int, page: Page) -> list[dict[str, Any]] | None:
    """What the walk has left out so far. The first page of a walk starts counting anew, or nothing has changed."""
    row = connection.execute(select(query.c.cursor, query.c.passed_over).where(query.c.id == query_id)).one()
    goes_on = row.cursor is not None or page.unchanged or page.preliminary
    before = [PassedOver(**stored) for stored in row.passed_over or ()] if goes_on else []
    return [dataclasses.asdict(thing) for thing in added_up((*before, *page.passed_over))] or None


def query_failed(
    connection: Connection, query_id: int, failure: Failure, due_at: float, now: float, *, start_over: bool = False
) -> None:
    """Keep the cursor where it is, or put it back to the start, and say when the next request is due."""
    connection.execute(
        update(query)
        .where(query.c.id == query_id)
        .values(
            cursor=None if start_over else query.c.cursor,
            due_at=due_at,
            set_at=now,
            failures=query.c.failures + 1,
            last_failure={"kind": str(failure.kind), "message": failure.message},
        )
    )


def retry(connection: Connection, now: float, *, queries: Sequence[Query] = (), kind: str | None = None) -> int:
    """Make failed queries due again with fresh budgets: those named, those of a kind of failure, or all."""
    rows = connection.execute(select(query).where(query.c.failures > 0)).all()
    keys = [
        row.id
        for row in rows
        if (not queries or Query(row.source, row.argument) in queries)
        and (kind is None or (row.last_failure or {}).get("kind") == kind)
    ]
    connection.execute(update(query).where(query.c.id.in_(keys)).values(due_at=now, set_at=now, failures=0))
    return len(keys)


def put_off(connection: Connection, query_id: int, kind: str, reason: str) -> None:
    """Record what holds up a query: a paused host or a spent quota. That is no failure, and the query stays due."""
    connection.execute(
        update(query).where(query.c.id == query_id).values(last_failure={"kind": kind, "message": reason})
    )


def _without_tombstones(
    connection: Connection, candidates: Iterable[Candidate], feed: str | None, now: float
) -> list[Candidate]:
    """What may come in. The names of what is kept out by its id are withdrawn, too: its address may change next."""
    wanted = list(candidates)
    names = {c.id: {tombstone_hash(name.value) for name in naming.names_of(c, feed)} for c in wanted}
    of_channel = {channel: channel_hashes(channel) for channel in {c.channel for c in wanted}}
    hashes = {tombstone_hash(c.id) for c in wanted}.union(*of_channel.values())
    stones = schema.tombstone
    withdrawn = {
        digest
        for some in chunks(list(hashes.union(*names.values())))
        for digest in connection.execute(select(stones.c.hash).where(stones.c.hash.in_(some))).scalars()
    }
    by_id = [c.id for c in wanted if tombstone_hash(c.id) in withdrawn]
    fresh = set().union(*(names[id_] for id_ in by_id)) - withdrawn
    add_tombstones(connection, fresh, "video", "another name of what was withdrawn", now)
    return [
        c for c in wanted if c.id not in by_id and not names[c.id] & withdrawn and not of_channel[c.channel] & withdrawn
    ]


DESCRIPTION = {
    "title": "title",
    "channel": "channel",
    "duration_s": "duration_s",
    "published_at": "published_at",
    "declared_language": "language",
    "licence": "licence",
}
"""What a candidate says of a video: the column, and the field it comes from."""


def lent_by(candidate: Candidate, now: float, stored: Iterable[str], row: Row[Any] | None = None) -> dict[str, Any]:
    """The columns that say what of a description is only lent, and until when it must be refreshed or forgotten.

    ``stored`` are the columns that take what ``candidate`` says, ``row`` the video as it was. What another source has
    said instead since then is no longer lent.
    """
    before = set(row.lent or ()) if row is not None else set()
    taken = {name for name in stored if name in DESCRIPTION}
    if candidate.keep_s is None:
        left = sorted(before - taken)
        if row is None or left == sorted(before):
            return {}
        return {"lent": left or None, "lent_until": row.lent_until if left else None}
    said = {column for column in taken if getattr(candidate, DESCRIPTION[column]) not in (None, "")}
    agreed = {
        column for column in before & set(DESCRIPTION) if getattr(candidate, DESCRIPTION[column]) not in (None, "")
    }
    lent = sorted(before | said | agreed | {f"metadata.{name}" for name in candidate.metadata})
    return {"lent": lent, "lent_until": now + candidate.keep_s}


def _describe_known(connection: Connection, query_id: int, candidates: Sequence[Candidate], now: float) -> None:
    """Let the query that was asked first describe a video that several name, whichever of them answered first.

    A later query only adds what is missing. So the corpus does not depend on which of two feeds was faster.
    """
    given = {c.id: c for c in candidates}
    first_finder = (
        select(func.min(schema.finding.c.query)).where(schema.finding.c.video == video.c.key).scalar_subquery()
    )
    rows = connection.execute(
        select(video, first_finder.label("first_finder")).where(
            video.c.id.in_(given), video.c.state != VideoState.WITHDRAWN
        )
    ).all()
    for row in rows:
        leads = row.first_finder is None or query_id <= row.first_finder
        stated = {column: getattr(given[row.id], field) for column, field in DESCRIPTION.items()}
        better = {
            column: value
            for column, value in stated.items()
            if value not in (None, "") and value != getattr(row, column) and (leads or not getattr(row, column))
        }
        metadata = given[row.id].metadata
        merged = {**row.metadata, **metadata} if leads else {**metadata, **row.metadata}
        if merged != row.metadata:
            better["metadata"] = merged
        lent = lent_by(given[row.id], now, better, row)
        if better or lent:
            change(connection, row, now, **better, **lent)


def _new_channels(connection: Connection, candidates: Sequence[Candidate], host_of: Callable[[str], str]) -> int:
    """How many channels a page shows for the first time: what its query may still be good for."""
    keys = {arms.arm_key(c.source, host_of(c.url), c.channel) for c in candidates}
    registered = connection.execute(
        select(func.count()).select_from(schema.arm).where(schema.arm.c.key.in_(keys))
    ).scalar_one()
    return len(keys) - registered


def insert_videos(
    connection: Connection,
    candidates: Sequence[Candidate],
    host_of: Callable[[str], str],
    now: float,
    *,
    query_id: int | None = None,
) -> int:
    """Add those candidates that the catalog does not know as discovered videos. Returns how many."""
    ids = [c.id for c in candidates]
    present = set(connection.execute(select(video.c.id).where(video.c.id.in_(ids))).scalars())
    rows = [{**video_row(c, host_of(c.url), now), "first_query": query_id} for c in candidates if c.id not in present]
    add_many(connection, rows)
    return len(rows)


def video_row(candidate: Candidate, host_name: str, now: float) -> dict[str, Any]:
    """The row of a video that was just discovered."""
    return {
        "id": candidate.id,
        "source": candidate.source,
        "url": candidate.url,
        "host": host_name,
        "title": candidate.title,
        "channel": candidate.channel,
        "duration_s": candidate.duration_s,
        "published_at": candidate.published_at,
        "declared_language": candidate.language,
        "licence": candidate.licence,
        "metadata": dict(candidate.metadata),
        "first_query": None,
        "merit": 0.0,
        "child_s": 0.0,
        "facts": {},
        "state": VideoState.DISCOVERED,
        "reasons": [],
        "item_failures": 0,
        "machine_failures": 0,
        "discovered_at": now,
        "changed_at": now,
        **({"lent": None, "lent_until": None} | lent_by(candidate, now, DESCRIPTION)),
    }


def _insert_findings(connection: Connection, query_id: int, candidates: Sequence[Candidate]) -> int:
    """Note the place of each video among all that the query ever found. Returns how many it had not found before."""
    finding = schema.finding
    ids = [c.id for c in candidates]
    keys = {row.id: row.key for row in connection.execute(select(video.c.id, video.c.key).where(video.c.id.in_(ids)))}
    of_query = finding.c.query == query_id
    noted = set(
        connection.execute(select(finding.c.video).where(of_query, finding.c.video.in_(keys.values()))).scalars()
    )
    fresh = [keys[id_] for id_ in ids if keys[id_] not in noted]
    last = connection.execute(select(query.c.found).where(query.c.id == query_id)).scalar_one()
    rows = [{"query": query_id, "video": key, "position": last + place} for place, key in enumerate(fresh, start=1)]
    if rows:
        connection.execute(finding.insert(), rows)
    return len(rows)


def screen_again(connection: Connection, screened_by: str, now: float) -> int:
    """Send back to screening what other screening rules kept out. Returns how many."""
    old = (video.c.state == VideoState.SCREENED_OUT) & (video.c.screened_by != screened_by)
    return change_where(connection, old, now, state=VideoState.DISCOVERED, reasons=[])


def screen_batch(
    connection: Connection,
    screen: Callable[[Candidate], Reason | None],
    screened_by: str,
    now: float,
    limit: int,
    *,
    merit: Callable[[Candidate], float] = lambda candidate: 0.0,
) -> int:
    """Judge up to ``limit`` discovered videos by the pure rule ``screen``. Returns how many were judged.

    What may be fetched is enrolled with its channel; ``merit`` says what its metadata adds to its chances.
    """
    rows = connection.execute(
        select(video)
        .where(video.c.state == VideoState.DISCOVERED)
        .order_by(video.c.key)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    judged = [(row, screen(_all_that_is_known(row))) for row in rows]
    # What was screened out once, when it was queued already, has its arm.
    without_arm = [row._asdict() for row, reason in judged if reason is None and row.arm is None]
    arm_of = arms.ids_of(connection, without_arm)
    changes: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for row, reason in judged:
        values: dict[str, Any] = {"screened_by": screened_by}
        if reason is not None:
            values |= {"state": VideoState.SCREENED_OUT, "reasons": [dataclasses.asdict(reason)]}
        else:
            values |= {"state": VideoState.QUEUED, "stage": Stage.FETCH, "due_at": now}
            if row.key in arm_of:
                values |= {"arm": arm_of[row.key], "merit": merit(candidate_of(row))}
        changes.append((row._asdict(), values))
    change_many(connection, changes, now)
    return len(rows)


def _all_that_is_known(row: Row[Any]) -> Candidate:
    """What was learnt when the video was taken before counts, too; then nothing is left to be found out."""
    learnt = {**row.facts, TAKEN: True} if row.facts else {}
    return dataclasses.replace(candidate_of(row), metadata={**row.metadata, **learnt})
