"""Which rules weighed a video's language, so that re-deciding weighs anew only what other rules weighed."""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    op.add_column("video", sa.Column("language_fusion", sa.String(length=12), nullable=True))
