"""Scores of recordings with several channels are to be made anew when somebody asks: their channels are mixed
differently since, and some were silent in the mean."""

from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"


def upgrade() -> None:
    op.execute(
        "UPDATE verdict SET stale_since = analysed_at WHERE stale_since IS NULL "
        "AND recording IN (SELECT sha256 FROM recording WHERE channels > 1)"
    )
