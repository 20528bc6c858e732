"""What the frontier knows of channels and queries, and what each video added to it."""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WAITING = sa.text("waiting > 0")
STALE = sa.text("stale")
UNEXPANDED = sa.text("accepted > 0 AND NOT expanded")
FETCHABLE = sa.text("stage = 'fetch' AND due_at IS NOT NULL")
WITHOUT_ARM = sa.text("arm IS NULL AND state NOT IN ('discovered', 'screened_out', 'withdrawn')")


def upgrade() -> None:
    op.create_table(
        "arm",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("query", KEY, nullable=True),
        *(sa.Column(n, sa.Integer(), nullable=False) for n in ("known", "waiting", "judged", "accepted", "lost")),
        sa.Column("child_s", sa.Double(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("expanded", sa.Boolean(), nullable=False),
        sa.Column("rate", sa.Double(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arm")),
        sa.UniqueConstraint("key", name=op.f("uq_arm_key")),
        sa.ForeignKeyConstraint(["query"], ["query.id"], name=op.f("fk_arm_query_query")),
    )
    op.create_index(op.f("ix_arm_query"), "arm", ["query"])
    op.create_index("ix_arm_host_score", "arm", ["host", "score"], sqlite_where=WAITING, postgresql_where=WAITING)
    op.create_index("ix_arm_stale", "arm", ["id"], sqlite_where=STALE, postgresql_where=STALE)
    op.create_index("ix_arm_unexpanded", "arm", ["id"], sqlite_where=UNEXPANDED, postgresql_where=UNEXPANDED)
    op.create_table(
        "knowledge",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("learnt_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_knowledge")),
    )
    for name in ("fetched", "accepted"):
        op.add_column("query", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.add_column("query", sa.Column("child_s", sa.Double(), nullable=False, server_default="0"))
    op.add_column("query", sa.Column("new_channels", sa.Double(), nullable=False, server_default="20"))
    op.add_column("query", sa.Column("expands", KEY, nullable=True))
    for name in ("first_query", "arm"):
        op.add_column("video", sa.Column(name, KEY, nullable=True))
    for name in ("merit", "child_s"):
        op.add_column("video", sa.Column(name, sa.Double(), nullable=False, server_default="0"))
    op.add_column("video", sa.Column("choice", sa.Text(), nullable=True))
    op.execute(
        "UPDATE video SET first_query = (SELECT min(finding.query) FROM finding WHERE finding.video = video.key)"
    )
    for name, columns, where in (
        ("ix_video_arm_merit", ["arm", "merit"], FETCHABLE),
        ("ix_video_without_arm", ["key"], WITHOUT_ARM),
    ):
        op.create_index(name, "video", columns, sqlite_where=where, postgresql_where=where)
    op.create_index("ix_video_arm_state", "video", ["arm", "state"])
