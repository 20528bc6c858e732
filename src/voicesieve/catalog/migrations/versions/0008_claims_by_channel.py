"""The index by which the best video of a channel is found no longer competes with the queue's."""

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"

TO_FETCH = sa.text("stage = 'fetch'")


def upgrade() -> None:
    op.drop_index("ix_video_arm_merit", table_name="video")
    op.create_index("ix_video_arm_merit", "video", ["arm", "merit"], sqlite_where=TO_FETCH, postgresql_where=TO_FETCH)
