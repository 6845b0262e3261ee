"""What was done beside the life of campaigns, and what people said and edited."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from whenever import Instant

from gonogo import models
from gonogo.database import insert_new
from gonogo.models import Document, table
from gonogo.seal import digest

act = table(models.Act)
edit = table(models.Edit)
comment = table(models.Comment)
run = table(models.Run)
ruling = table(models.Ruling)
permit = table(models.Permit)


def add(connection: sa.Connection, row: Document) -> None:
    """Write down an act, chained to the one before on the same subject; whoever calls holds the subject."""
    of_subject = sa.and_(*(act.c[name] == row[name] for name in ("workspace_id", "kind", "subject")))
    last = connection.execute(sa.select(act.c.seq, act.c.digest).where(of_subject).order_by(act.c.seq.desc()).limit(1))
    seq, before = last.one_or_none() or (0, "")
    at: Instant = row["at"]
    chained = {**row, "seq": seq + 1, "before": before, "at": at.format_iso(unit="microsecond")}
    connection.execute(act.insert(), {**row, "seq": seq + 1, "digest": digest(chained)})


def page(
    connection: sa.Connection,
    workspace_id: str,
    *,
    kind: str | None = None,
    subject: str | None = None,
    after: tuple[Instant, str, str, int] | None = None,
    limit: int = 50,
) -> Sequence[sa.RowMapping]:
    """Acts in order of time. Index: gonogo_act_listed_idx."""
    wanted = sa.select(act).where(act.c.workspace_id == workspace_id)
    if kind is not None:
        wanted = wanted.where(act.c.kind == kind)
    if subject is not None:
        wanted = wanted.where(act.c.subject == subject)
    place = (act.c.at, act.c.kind, act.c.subject, act.c.seq)
    if after is not None:
        given = [sa.literal(value, column.type) for value, column in zip(after, place, strict=True)]
        wanted = wanted.where(sa.tuple_(*place) > sa.tuple_(*given))
    return connection.execute(wanted.order_by(*place).limit(limit)).mappings().all()


# Who edited what


def note_edit(connection: sa.Connection, subjects: Iterable[str], person: str, now: Instant) -> None:
    """Remember that a person edited these, and when last."""
    for subject in subjects:
        if not insert_new(connection, edit, {"subject": subject, "person": person, "at": now}):
            mine = sa.and_(edit.c.subject == subject, edit.c.person == person)
            connection.execute(edit.update().where(mine).values(at=now))


def editors(connection: sa.Connection, parts: Mapping[str, Instant | None]) -> set[str]:
    """Everybody who edited one of these parts since the moment beside it, or ever."""
    edited = [
        sa.and_(edit.c.subject == part, sa.true() if since is None else edit.c.at > since)
        for part, since in sorted(parts.items())
    ]
    return set(connection.execute(sa.select(edit.c.person).where(sa.or_(*edited))).scalars())


def last_completed(connection: sa.Connection, campaign_id: str) -> Any:
    """The last run of a campaign that people approved and that was completed: when it was proposed (`at`), with what
    `content_id` and `list_id`; None where there was none."""
    asked = sa.and_(ruling.c.campaign_id == run.c.campaign_id, ruling.c.run == run.c.number)
    given = sa.and_(permit.c.campaign_id == run.c.campaign_id, permit.c.run == run.c.number)
    wanted = (
        sa.select(run.c.opened_at.label("at"), run.c.content_id, ruling.c.list_id)
        .join(ruling, asked)
        .join(permit, given)
        .where(run.c.campaign_id == campaign_id, run.c.closed_as == "completed", permit.c.kind == "quorum")
        .order_by(run.c.number.desc())
        .limit(1)
    )
    return connection.execute(wanted).first()


# Comments


def add_comment(connection: sa.Connection, row: Document) -> None:
    connection.execute(comment.insert(), row)


def comments(connection: sa.Connection, task_id: str) -> list[sa.Row[Any]]:
    """What was said about a task, in order."""
    wanted = sa.select(comment).where(comment.c.task_id == task_id).order_by(comment.c.at, comment.c.id)
    return list(connection.execute(wanted))
