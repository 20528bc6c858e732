"""An append-only audit log, removals for published corpora, and what re-deciding and retention need to know."""

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "removal",
        sa.Column("id", KEY, nullable=False),
        sa.Column("video", sa.Text(), nullable=False),
        sa.Column("recording", sa.String(length=64), nullable=True),
        sa.Column("asked", sa.String(length=20), nullable=False),
        sa.Column("removed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removal")),
    )
    for table in ("audit", "removal"):
        _append_only(table)
    op.add_column("recording", sa.Column("audio_purged_at", sa.Double(), nullable=True))
    op.add_column("video", sa.Column("decided_by", sa.String(length=20), nullable=True))
    op.add_column("verdict", sa.Column("pooling", sa.String(length=12), nullable=True))
    op.add_column("verdict", sa.Column("point", sa.String(length=12), nullable=True))
    op.add_column("verdict", sa.Column("stale_since", sa.Double(), nullable=True))
    op.create_index("ix_verdict_newest", "verdict", ["recording", sa.text("analysed_at DESC"), "model", "revision"])


def _append_only(table: str) -> None:
    """Refuse to change or delete a row, whoever asks; only dropping the trigger first would do."""
    if op.get_bind().dialect.name == "sqlite":
        for deed in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{deed.lower()} BEFORE {deed} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
    )
