"""The ledger of daily quotas, and what must be forgotten or refreshed by a date."""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    op.create_table(
        "quota",
        sa.Column("bucket", sa.String(length=60), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "day", name=op.f("pk_quota")),
    )
    op.add_column("video", sa.Column("lent", sa.Text(), nullable=True))
    op.add_column("video", sa.Column("lent_until", sa.Double(), nullable=True))
    op.create_index(
        "ix_video_lent_until",
        "video",
        ["lent_until"],
        sqlite_where=sa.text("lent_until IS NOT NULL"),
        postgresql_where=sa.text("lent_until IS NOT NULL"),
    )
