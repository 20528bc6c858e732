"""Queries remember what their last walk left out on purpose."""

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"


def upgrade() -> None:
    op.add_column("query", sa.Column("passed_over", sa.Text()))
