"""Tables of the catalog, the same on SQLite and PostgreSQL. Times are epoch seconds, JSON is stored as text."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    func,
    literal_column,
    select,
    text,
)

from voicesieve.catalog.columns import JsonText, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Key = BigInteger().with_variant(Integer, "sqlite")

run = Table(
    "run",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("ending", Words),
)

query = Table(
    "query",
    metadata,
    Column("id", Key, primary_key=True),
    Column("source", String(40), nullable=False),
    Column("argument", Words, nullable=False),
    Column("exhausted", Boolean, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("cursor", JsonText(dict)),
    Column("memory", JsonText(dict), nullable=False),
    Column("pages", Integer, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("found", Integer, nullable=False),
    Column("new", Integer, nullable=False),
    Column("problems", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("last_failure", JsonText(dict)),
    Column("created_at", Double, nullable=False),
    Column("fetched", Integer, nullable=False, server_default="0"),
    Column("accepted", Integer, nullable=False, server_default="0"),
    Column("child_s", Double, nullable=False, server_default="0"),
    Column("new_channels", Double, nullable=False, server_default="20"),
    Column("expands", Key),
    Column("set_at", Double, nullable=False, server_default="0"),
    Column("passed_over", JsonText),
    Index("uq_query_source_argument", "source", "argument", unique=True),
)

HAS_WAITING = text("waiting > 0")
IS_STALE = text("stale")
IS_UNEXPANDED = text("accepted > 0 AND NOT expanded")
TO_FETCH = text("stage = 'fetch'")
WITHOUT_ARM = text("arm IS NULL AND state NOT IN ('discovered', 'screened_out', 'withdrawn')")
"""Literals, also in queries: SQLite uses a partial index only where its very condition stands in the query."""

host = Table(
    "host",
    metadata,
    Column("name", Words, primary_key=True),
    Column("waiting", Integer, nullable=False),
    Column("slot_at", Double, nullable=False),
    Column("blocked_until", Double, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("block_reason", Words),
    Column("set_at", Double, nullable=False, server_default="0"),
    Index("ix_host_slot_at", "slot_at", sqlite_where=HAS_WAITING, postgresql_where=HAS_WAITING),
)

recording = Table(
    "recording",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("path", Words, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("duration_s", Double, nullable=False),
    Column("container", String(60), nullable=False),
    Column("codec", String(60), nullable=False),
    Column("sample_rate", Integer, nullable=False),
    Column("channels", Integer, nullable=False),
    Column("stored_at", Double, nullable=False),
    Column("accepted_videos", Integer, nullable=False),
    Column("audio_purged_at", Double),
)

arm = Table(
    "arm",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("source", String(40), nullable=False),
    Column("host", Words, nullable=False),
    Column("query", Key, ForeignKey("query.id"), index=True),
    Column("known", Integer, nullable=False),
    Column("waiting", Integer, nullable=False),
    Column("judged", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("lost", Integer, nullable=False),
    Column("child_s", Double, nullable=False),
    Column("evidence", JsonText(list), nullable=False),
    Column("expanded", Boolean, nullable=False),
    Column("rate", Double, nullable=False),
    Column("score", Double, nullable=False),
    Column("stale", Boolean, nullable=False),
    Index("ix_arm_host_score", "host", "score", sqlite_where=HAS_WAITING, postgresql_where=HAS_WAITING),
    Index("ix_arm_stale", "id", sqlite_where=IS_STALE, postgresql_where=IS_STALE),
    Index(
        "ix_arm_unexpanded",
        "id",
        sqlite_where=IS_UNEXPANDED,
        postgresql_where=IS_UNEXPANDED,
    ),
)
"""A channel on a host as the frontier sees it. ``key`` is a hash, so that a takedown leaves no name behind."""

knowledge = Table(
    "knowledge",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", JsonText, nullable=False),
    Column("learnt_at", Double, nullable=False),
)

video = Table(
    "video",
    metadata,
    Column("key", Key, primary_key=True),
    Column("id", Words, nullable=False, unique=True),
    Column("source", String(40), nullable=False),
    Column("url", Words, nullable=False),
    Column("host", Words, nullable=False),
    Column("title", Words, nullable=False),
    Column("channel", Words, nullable=False),
    Column("duration_s", Double),
    Column("published_at", Double),
    Column("declared_language", String(40)),
    Column("licence", Words),
    Column("metadata", JsonText(dict), nullable=False),
    Column("facts", JsonText(dict), nullable=False),
    Column("state", String(20), nullable=False),
    Column("reasons", JsonText(list), nullable=False),
    Column("screened_by", String(16)),
    Column("stage", String(20)),
    Column("due_at", Double),
    Column("failure_kind", String(40)),
    Column("item_failures", Integer, nullable=False),
    Column("machine_failures", Integer, nullable=False),
    Column("lease_token", String(32)),
    Column("lease_until", Double),
    Column("recording", String(64), ForeignKey("recording.sha256"), index=True),
    Column("language", String(40)),
    Column("language_probability", Double),
    Column("language_state", String(20)),
    Column("language_unavailable", JsonText),
    Column("language_fusion", String(12)),
    Column("rights_basis", Words),
    Column("rights_statement", Words),
    Column("decided_by", String(20)),
    Column("first_query", Key),
    Column("arm", Key),
    Column("merit", Double, nullable=False, server_default="0"),
    Column("child_s", Double, nullable=False, server_default="0"),
    Column("choice", JsonText),
    Column("discovered_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("lent", JsonText(list)),
    Column("lent_until", Double),
    Column("address", Words),
    Index(
        "ix_video_address",
        "address",
        sqlite_where=text("address IS NOT NULL"),
        postgresql_where=text("address IS NOT NULL"),
    ),
    Index(
        "ix_video_lent_until",
        "lent_until",
        sqlite_where=text("lent_until IS NOT NULL"),
        postgresql_where=text("lent_until IS NOT NULL"),
    ),
    Index(
        "ix_video_stage_due_at",
        "stage",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL"),
        postgresql_where=text("due_at IS NOT NULL"),
    ),
    Index(
        "ix_video_stage_host_due_at",
        "stage",
        "host",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL"),
        postgresql_where=text("due_at IS NOT NULL"),
    ),
    Index(
        "ix_video_arm_merit",
        "arm",
        "merit",
        sqlite_where=TO_FETCH,
        postgresql_where=TO_FETCH,
    ),
    Index(
        "ix_video_without_arm",
        "key",
        sqlite_where=WITHOUT_ARM,
        postgresql_where=WITHOUT_ARM,
    ),
    Index("ix_video_arm_state", "arm", "state"),
    Index(
        "ix_video_lease",
        "lease_until",
        sqlite_where=text("lease_token IS NOT NULL"),
        postgresql_where=text("lease_token IS NOT NULL"),
    ),
    Index("ix_video_state", "state", "key"),
    Index("ix_video_channel", "channel"),
)

alias = Table(
    "alias",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("video", Key, ForeignKey("video.key"), nullable=False, index=True),
    Column("feed", String(64)),
)
"""Further names of videos, which are ids and hashes. One of an entry holds within its ``feed`` and hashes that, too."""

feed = Table(
    "feed",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("feed", String(64), nullable=False),
)
"""Hashes of what feeds are known by, each with the one under which the feed was first met."""

finding = Table(
    "finding",
    metadata,
    Column("query", Key, ForeignKey("query.id"), primary_key=True),
    Column("video", Key, ForeignKey("video.key"), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", Key, primary_key=True),
    Column("video", Key, ForeignKey("video.key"), nullable=False, index=True),
    Column("run", String(32), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("method", String(40), nullable=False),
    Column("scratch", Words),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("outcome", String(20), nullable=False),
    Column("kind", String(40)),
    Column("message", Words),
    Column("bytes", BigInteger, nullable=False),
    Column("exception_type", Words),
    Column("chain", JsonText(list)),
    Column("next", Words),
    Index(
        "ix_attempt_running",
        "run",
        sqlite_where=text("outcome = 'running'"),
        postgresql_where=text("outcome = 'running'"),
    ),
)

verdict = Table(
    "verdict",
    metadata,
    Column("recording", String(64), ForeignKey("recording.sha256"), primary_key=True),
    Column("model", String(60), primary_key=True),
    Column("revision", String(64), primary_key=True),
    Column("operating_point", String(40), nullable=False),
    Column("label", String(20), nullable=False),
    Column("duration_s", Double, nullable=False),
    Column("speech_s", Double, nullable=False),
    Column("child_s", Double, nullable=False),
    Column("child_share", Double, nullable=False),
    Column("child_runs", Integer, nullable=False),
    Column("score", Double, nullable=False),
    Column("segments", JsonText(list), nullable=False),
    Column("windows", LargeBinary, nullable=False),
    Column("levels", JsonText, nullable=False),
    Column("analysed_at", Double, nullable=False),
    Column("pooling", String(12)),
    Column("point", String(12)),
    Column("stale_since", Double),
)

Index(
    "ix_verdict_newest",
    verdict.c.recording,
    verdict.c.analysed_at.desc(),
    verdict.c.model,
    verdict.c.revision,
)
"""Which verdict of a recording is the newest, without a look at the scores that lie before the time."""

decision = Table(
    "decision",
    metadata,
    Column("id", Key, primary_key=True),
    Column("video", Key, ForeignKey("video.key"), nullable=False, index=True),
    Column("outcome", String(20), nullable=False),
    Column("reasons", JsonText(list), nullable=False),
    Column("policy_revision", String(16), nullable=False),
    Column("model", String(60), nullable=False),
    Column("revision", String(64), nullable=False),
    Column("decided_at", Double, nullable=False),
)

language_evidence = Table(
    "language_evidence",
    metadata,
    Column("video", Key, ForeignKey("video.key"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("source", String(40), nullable=False),
    Column("code", String(40), nullable=False),
    Column("probability", Double, nullable=False),
    Column("weight", Double, nullable=False),
    Column("revision", Words, nullable=False),
    Column("start_s", Double),
    Column("end_s", Double),
    Column("distribution", JsonText),
)

counter = Table(
    "counter",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("value", Double, nullable=False),
)

tombstone = Table(
    "tombstone",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("subject", String(20), nullable=False),
    Column("reason", Words, nullable=False),
    Column("made_at", Double, nullable=False),
)

quota = Table(
    "quota",
    metadata,
    Column("bucket", String(60), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("used", Integer, nullable=False),
    Column("closed", Boolean, nullable=False),
)

deletion = Table(
    "deletion",
    metadata,
    Column("path", Words, primary_key=True),
    Column("asked_at", Double, nullable=False),
)

stray = Table(
    "stray",
    metadata,
    Column("path", Words, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("origin", Words, nullable=False),
    Column("reason", String(40), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("subjects", JsonText, nullable=False),
    Column("since", Double, nullable=False),
)
"""Files that lie in quarantine, or that the catalog does not name because it was put back as an older copy."""

removal = Table(
    "removal",
    metadata,
    Column("id", Key, primary_key=True),
    Column("video", Words, nullable=False),
    Column("recording", String(64)),
    Column("asked", String(20), nullable=False),
    Column("removed_at", Double, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", Double, nullable=False),
    Column("actor", Words, nullable=False),
    Column("action", String(20), nullable=False),
    Column("subject", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("details", JsonText(dict), nullable=False),
)

APPEND_ONLY = ("audit", "removal")
"""Tables whose rows the database itself refuses to change or delete; the migration that makes them adds triggers."""


def sqlite_triggers() -> dict[str, str]:
    """The triggers of a SQLite catalog, by name: they refuse to change or delete a row, whoever asks."""
    return {
        f"{table}_no_{deed.lower()}": f"CREATE TRIGGER {table}_no_{deed.lower()} BEFORE {deed} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table in APPEND_ONLY
        for deed in ("UPDATE", "DELETE")
    }


first_due_of_host = (
    select(func.min(video.c.due_at))
    .where(video.c.stage == "fetch", video.c.host == host.c.name, video.c.due_at.is_not(None))
    .correlate(host)
    .scalar_subquery()
)
"""When the first video of a host is due; one look at an index."""

unindexed_due_at = literal_column("+video.due_at", Double)
"""When a video is due, for queries that look for it by its arm: the sign keeps SQLite, which knows no distribution of
values, from walking the queue in order of time instead. NULL, and so no match, for what is leased."""
