"""Alembic's entry: runs the migrations on the connection that `migrate` opened, in its transaction."""

from typing import Any

from alembic import context

from gonogo.migrations import VERSION_TABLE
from gonogo.models import Base


def ours(name: str | None, kind: str, _: Any) -> bool:
    """A host's own tables, and those of the job engine, are none of our business."""
    return kind != "table" or (name or "").startswith("gonogo_")


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    include_name=ours,
    transactional_ddl=True,
)
context.run_migrations()
