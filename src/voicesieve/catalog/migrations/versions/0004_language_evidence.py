"""Language evidence piece by piece, with probability, weight and revision; what it adds up to beside it."""

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    for column in (
        sa.Column("language_probability", sa.Double(), nullable=True),
        sa.Column("language_state", sa.String(length=20), nullable=True),
        sa.Column("language_unavailable", sa.Text(), nullable=True),
    ):
        op.add_column("video", column)
    # A primary key cannot be changed in place, nor may two tables have keys of one name: the rows wait aside.
    op.execute("CREATE TEMPORARY TABLE old_evidence AS SELECT video, source, code FROM language_evidence")
    op.drop_table("language_evidence")
    op.create_table(
        "language_evidence",
        sa.Column("video", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=True),
        sa.Column("end_s", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["video"], ["video.key"], name=op.f("fk_language_evidence_video_video")),
        sa.PrimaryKeyConstraint("video", "position", name=op.f("pk_language_evidence")),
    )
    # What the first adapters' kinds of evidence are worth since.
    op.execute(
        "INSERT INTO language_evidence (video, position, source, code, probability, weight, revision) "
        "SELECT video, ROW_NUMBER() OVER (PARTITION BY video ORDER BY source) - 1, "
        "CASE source WHEN 'declared_by_source' THEN 'declared_audio' ELSE source END, code, "
        "CASE source WHEN 'asr_captions' THEN 0.97 WHEN 'audio_track' THEN 0.95 ELSE 0.93 END, 1.0, '0' "
        "FROM old_evidence"
    )
    op.execute("DROP TABLE old_evidence")
    # The strongest piece decided; `voicesieve redecide` weighs them all.
    op.execute(
        "UPDATE video SET language_state = CASE language WHEN 'und' THEN 'undetermined' ELSE 'settled' END, "
        "language_probability = COALESCE((SELECT MAX(probability) FROM language_evidence "
        "WHERE language_evidence.video = video.key AND language_evidence.code = video.language), 0.0) "
        "WHERE language IS NOT NULL"
    )
    op.execute(
        "INSERT INTO counter (name, value) SELECT 'language_state:' || language_state, COUNT(*) FROM video "
        "WHERE state IN ('accepted', 'rejected', 'unsure') AND language IS NOT NULL GROUP BY language_state"
    )
    op.execute(
        "INSERT INTO counter (name, value) SELECT 'language:' || language, COUNT(*) FROM video "
        "WHERE state = 'accepted' AND language IS NOT NULL GROUP BY language"
    )
