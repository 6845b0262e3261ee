"""What the HTTP server keeps: when keys were used, answers to give again, rates; and drafts that were removed."""

import sqlalchemy as sa
from alembic import op

from gonogo.models import Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gonogo_key", sa.Column("used_at", Utc(), nullable=True))
    op.add_column("gonogo_campaign", sa.Column("removed_at", Utc(), nullable=True))
    op.create_table(
        "gonogo_reply",
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("asked", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["gonogo_key.id"], name=op.f("gonogo_reply_key_id_fk")),
        sa.PrimaryKeyConstraint("key_id", "name", name=op.f("gonogo_reply_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_rate",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("gonogo_rate_pk")),
        prefixes=["UNLOGGED"] if op.get_bind().dialect.name == "postgresql" else [],
    )
