"""Titles, channels and search phrases in composed form (NFC), and one arm for each channel whatever its spelling."""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

from voicesieve.domain.names import composed, name_key

revision: str = "0013"
down_revision: str | None = "0012"

BATCH = 1_000
SEARCHES = ("youtube", "youtube-api")
SUMS = ("known", "waiting", "judged", "accepted", "lost", "child_s")

video = sa.table("video", *map(sa.column, ("key", "source", "host", "title", "channel", "arm")))
query = sa.table("query", *map(sa.column, ("id", "source", "argument", "expands")))
arm = sa.table("arm", *map(sa.column, ("id", "key", "evidence", "expanded", "stale", *SUMS)))


def upgrade() -> None:
    connection = op.get_bind()
    _unite_arms(connection)
    _compose_videos(connection)
    _compose_searches(connection)


def _unite_arms(connection: sa.Connection) -> None:
    """An arm's key is a hash of its channel's name as it was spelt; that of the name itself takes its place."""
    spelt = sa.select(video.c.source, video.c.host, video.c.channel, video.c.arm).where(video.c.arm.is_not(None))
    for source, host, channel, old in connection.execute(spelt.distinct()).all():
        if name_key(channel) == channel:
            continue
        text = f"{source}\0{host}\0{name_key(channel)}"
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        new = connection.execute(sa.select(arm.c.id).where(arm.c.key == key)).scalar()
        if new is None:
            connection.execute(sa.update(arm).where(arm.c.id == old).values(key=key))
        elif new != old:
            _join(connection, old, new)


def _join(connection: sa.Connection, old: int, new: int) -> None:
    joined = connection.execute(sa.select(arm).where(arm.c.id == old)).one()
    held = connection.execute(sa.select(arm).where(arm.c.id == new)).one()
    values = {name: getattr(held, name) + getattr(joined, name) for name in SUMS}
    # Sums of log-likelihoods, so those of both are those of their videos together.
    mine, theirs = json.loads(held.evidence), json.loads(joined.evidence)
    values["evidence"] = json.dumps([a + b for a, b in zip(mine, theirs, strict=True)], separators=(",", ":"))
    values |= {"expanded": held.expanded or joined.expanded, "stale": True}
    connection.execute(sa.update(arm).where(arm.c.id == new).values(values))
    connection.execute(sa.update(video).where(video.c.arm == old).values(arm=new))
    connection.execute(sa.update(query).where(query.c.expands == old).values(expands=new))
    connection.execute(sa.delete(arm).where(arm.c.id == old))


def _compose_videos(connection: sa.Connection) -> None:
    last = 0
    names = sa.select(video.c.key, video.c.title, video.c.channel).order_by(video.c.key).limit(BATCH)
    while rows := connection.execute(names.where(video.c.key > last)).all():
        for key, title, channel in rows:
            if (composed(title), composed(channel)) != (title, channel):
                changed = sa.update(video).where(video.c.key == key)
                connection.execute(changed.values(title=composed(title), channel=composed(channel)))
        last = rows[-1].key


def _compose_searches(connection: sa.Connection) -> None:
    """A search that was asked for in both forms stays twice: each has findings of its own."""
    rows = connection.execute(sa.select(query.c.id, query.c.source, query.c.argument)).all()
    asked = {(row.source, row.argument) for row in rows}
    for row in rows:
        wanted = (row.source, composed(row.argument))
        if row.source in SEARCHES and wanted not in asked:
            connection.execute(sa.update(query).where(query.c.id == row.id).values(argument=wanted[1]))
            asked.add(wanted)
