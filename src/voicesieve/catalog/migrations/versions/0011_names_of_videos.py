"""Videos are recognised by further names: entries of feeds, other spellings of a path, files that were moved."""

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"

HAS_MOVED = sa.text("address IS NOT NULL")


def upgrade() -> None:
    op.add_column("video", sa.Column("address", sa.Text()))
    op.create_index("ix_video_address", "video", ["address"], sqlite_where=HAS_MOVED, postgresql_where=HAS_MOVED)
    op.create_table(
        "alias",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("video", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("feed", sa.String(length=64)),
        sa.ForeignKeyConstraint(["video"], ["video.key"], name=op.f("fk_alias_video_video")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_alias")),
    )
    op.create_index(op.f("ix_alias_video"), "alias", ["video"])
    op.create_table(
        "feed",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feed")),
    )
