"""The votes of speech recognition, language by language, so that other wishes apply without listening again."""

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    op.add_column("language_evidence", sa.Column("distribution", sa.Text(), nullable=True))
