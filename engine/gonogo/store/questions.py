"""Tasks that are about no launch: the next policy, and broken glass."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from whenever import Instant

from gonogo import models
from gonogo.errors import NotFound
from gonogo.models import Document, table

task = table(models.Task)
policy = table(models.PolicyVersion)

KINDS = ("policy_change", "break_glass_review")
#: With literal values: SQLite takes a partial index only where it reads the condition of the index in the statement.
_ASKED = sa.text("gonogo_task.status IN ('reviewing', 'pending')")
_QUESTION = sa.select(task).where(task.c.kind.in_(KINDS))


def add(connection: sa.Connection, row: Document) -> None:
    connection.execute(task.insert(), row)


def lock(connection: sa.Connection, workspace_id: str, task_id: str) -> sa.Row[Any]:
    """The question, held until the transaction ends. Raises NotFound."""
    mine = _QUESTION.where(task.c.id == task_id, task.c.workspace_id == workspace_id)
    found = connection.execute(mine.with_for_update(key_share=True)).first()
    if found is None:
        raise NotFound("task", task_id)
    return found


def read(connection: sa.Connection, workspace_id: str, task_id: str) -> sa.Row[Any]:
    """The question as it is. Raises NotFound."""
    found = connection.execute(_QUESTION.where(task.c.id == task_id, task.c.workspace_id == workspace_id)).first()
    if found is None:
        raise NotFound("task", task_id)
    return found


def change(connection: sa.Connection, task_id: str, **values: object) -> None:
    connection.execute(task.update().where(task.c.id == task_id).values(**values))


def open_changes(connection: sa.Connection, workspace_id: str) -> list[sa.Row[Any]]:
    """The open questions about the policy: (id, policy_version) of each."""
    mine = sa.and_(task.c.workspace_id == workspace_id, task.c.kind == "policy_change", task.c.status == "pending")
    return list(connection.execute(sa.select(task.c.id, task.c.policy_version).where(mine).order_by(task.c.id)))


def page(
    connection: sa.Connection,
    which: Mapping[str, str | None],
    *,
    statuses: tuple[str, ...],
    after: tuple[Instant, str] | None,
    limit: int,
) -> list[sa.Row[Any]]:
    """Questions that have these values in their columns, None being any, in order of their making.
    Index: gonogo_task_listed_idx."""
    alike = (task.c[name] == value for name, value in which.items() if value is not None)
    wanted = sa.select(task).where(*alike, task.c.status.in_(statuses))
    if after is not None:
        place = sa.tuple_(sa.literal(after[0], task.c.created_at.type), sa.literal(after[1]))
        wanted = wanted.where(sa.tuple_(task.c.created_at, task.c.id) > place)
    return list(connection.execute(wanted.order_by(task.c.created_at, task.c.id).limit(limit)))


def overdue(connection: sa.Connection, now: Instant, limit: int) -> list[tuple[str, str]]:
    """(workspace, task) of questions past their deadline. Index: gonogo_task_deadline_idx."""
    wanted = (
        sa.select(task.c.workspace_id, task.c.id)
        .where(_ASKED, task.c.expires_at <= now, task.c.kind.in_(KINDS))
        .order_by(task.c.expires_at)
        .limit(limit)
    )
    return [(workspace_id, task_id) for workspace_id, task_id in connection.execute(wanted)]
