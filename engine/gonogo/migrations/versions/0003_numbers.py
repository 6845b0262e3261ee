"""Integer ids as large as JSON carries: a workspace that moves in goes on counting from its own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":  # SQLite's integers are as wide already
        op.alter_column("gonogo_workspace", "numbers", type_=sa.BigInteger(), existing_nullable=False)
