"""Mails that put a task to reviewers, and the links in them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from whenever import Instant

from gonogo import models
from gonogo.database import insert_new
from gonogo.models import Document, table

mail = table(models.ReviewMail)
task = table(models.Task)
member = table(models.Member)

#: With literal values: SQLite takes a partial index only where it reads the condition of the index in the statement.
_PENDING = sa.text("gonogo_review_mail.state = 'pending'")
_MAIL: sa.Select[Any] = (
    sa.select(
        mail.c.task_id,
        mail.c.member_id,
        mail.c.mac,
        mail.c.tries,
        task.c.workspace_id,
        task.c.created_at.label("asked_at"),
        member.c.payload,
        member.c.scopes,
        member.c.removed_at,
    )
    .join(task, task.c.id == mail.c.task_id)
    .join(member, member.c.id == mail.c.member_id)
)


def put(connection: sa.Connection, rows: Sequence[Document]) -> None:
    """Mails to be sent; who had one already gets another."""
    for row in rows:
        if not insert_new(connection, mail, row):
            again = {name: value for name, value in row.items() if name not in ("task_id", "member_id")}
            his = sa.and_(mail.c.task_id == row["task_id"], mail.c.member_id == row["member_id"])
            connection.execute(mail.update().where(his, mail.c.spent_at.is_(None)).values(**again))


def claim_due(connection: sa.Connection, now: Instant, until: Instant, limit: int) -> list[sa.Row[Any]]:
    """Mails that are due, for the caller alone until then. Index: gonogo_review_mail_due_idx."""
    due = _MAIL.where(_PENDING, mail.c.next_at <= now).order_by(mail.c.next_at).limit(limit)
    claimed = list(connection.execute(due.with_for_update(of=mail, skip_locked=True)))
    for row in claimed:
        connection.execute(mail.update().where(_is(row)).values(next_at=until))
    return claimed


def change(connection: sa.Connection, row: sa.Row[Any], **values: object) -> None:
    """Change a mail that the caller has claimed in this transaction."""
    connection.execute(mail.update().where(_is(row)).values(**values))


def settle(connection: sa.Connection, row: sa.Row[Any], mac: str, **values: object) -> bool:
    """What came of the mail that holds the link with this MAC; False where a newer one was drawn since."""
    newest = sa.and_(_is(row), _PENDING, mail.c.mac == mac)
    return connection.execute(mail.update().where(newest).values(**values)).rowcount == 1


def find(connection: sa.Connection, mac: str) -> sa.Row[Any] | None:
    """The mail whose link is good still. Index: gonogo_review_mail_mac_key."""
    return connection.execute(_MAIL.where(mail.c.mac == mac, mail.c.spent_at.is_(None))).first()


def spend(connection: sa.Connection, mac: str, now: Instant) -> bool:
    """Let the link decide no more; False where it was spent, or replaced, before."""
    good = sa.and_(mail.c.mac == mac, mail.c.spent_at.is_(None))
    return connection.execute(mail.update().where(good).values(spent_at=now)).rowcount == 1


def _is(row: sa.Row[Any]) -> sa.ColumnElement[bool]:
    return sa.and_(mail.c.task_id == row.task_id, mail.c.member_id == row.member_id)
