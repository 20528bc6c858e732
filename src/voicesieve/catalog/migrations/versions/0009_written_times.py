"""Hosts and queries remember when their times were set, so that a clock that was set back can be noticed."""

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"


def upgrade() -> None:
    for table in ("host", "query"):
        op.add_column(table, sa.Column("set_at", sa.Double(), nullable=False, server_default="0"))
