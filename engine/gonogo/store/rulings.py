"""What policies were asked about runs, and what they said: summed over windows, and read again by whoever asks."""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from whenever import Instant

from gonogo import models
from gonogo.database import insert_new
from gonogo.models import Document, table
from gonogo.policy import Question, Reach
from gonogo.store.cases import STOOD_BY

ruling = table(models.Ruling)
window = table(models.Window)
permit = table(models.Permit)
run = table(models.Run)
campaign = table(models.Campaign)
step = table(models.Step)

#: By what windows sum, and the column it stands in.
COLUMNS = {"requester": ruling.c.requester, "list": ruling.c.list_id, "sender": ruling.c.sender}
#: With literal values: SQLite takes a partial index only where it reads the condition of the index in the statement.
_PERMITTED = sa.text("gonogo_ruling.permission = 'auto'")
_AHEAD = sa.text("gonogo_ruling.starts_at > gonogo_ruling.at")
_RULING = ruling.insert()


def add(connection: sa.Connection, row: Document) -> None:
    connection.execute(_RULING, row)


def hold_windows(connection: sa.Connection, workspace_id: str, subjects: Mapping[str, str]) -> None:
    """Let nobody else judge a launch by these sums until the transaction ends. SQLite has one writer anyway."""
    if connection.dialect.name == "sqlite":
        return
    for kind, subject in sorted(subjects.items()):
        row = {"workspace_id": workspace_id, "kind": kind, "subject": subject}
        insert_new(connection, window, row)
        held = sa.select(window.c.kind).where(*(window.c[name] == value for name, value in row.items()))
        connection.execute(held.with_for_update())


def counted(
    connection: sa.Connection,
    workspace_id: str,
    kind: str,
    subject: str,
    *,
    reach: Reach,
    but: tuple[str, int],
    until: Instant | None = None,
) -> list[tuple[str, int, Instant, Instant]]:
    """(campaign, recipients, when, start) of each launch within reach that the policy permitted by itself, but for the
    one named by campaign and generation. Runs that continue each other count once, by the largest.
    Indexes: gonogo_ruling_requester_idx, gonogo_ruling_list_id_idx, gonogo_ruling_sender_idx."""
    starts_at, proposed = ruling.c.starts_at, ruling.c.at > reach.proposed_after
    beside = sa.and_(starts_at > reach.starts_after, starts_at < reach.starts_before)
    latest = (sa.func.max(column) for column in (ruling.c.recipients, ruling.c.at, starts_at))
    wanted = (
        sa.select(ruling.c.campaign_id, *latest)
        .where(
            _PERMITTED,
            ruling.c.workspace_id == workspace_id,
            COLUMNS[kind] == subject,
            starts_at > reach.proposed_after,  # for the index: nothing starts before it was proposed
            sa.or_(proposed, beside),
            sa.not_(sa.and_(ruling.c.campaign_id == but[0], ruling.c.generation == but[1])),
        )
        .group_by(ruling.c.campaign_id, ruling.c.generation)
        .order_by(ruling.c.campaign_id)
    )
    if until is not None:
        wanted = wanted.where(ruling.c.at <= until)
    return [(campaign_id, int(most), *times) for campaign_id, most, *times in connection.execute(wanted)]


_LAST_APPROVED = (
    sa.select(run.c.content_id)
    .join(permit, sa.and_(permit.c.campaign_id == run.c.campaign_id, permit.c.run == run.c.number))
    .where(
        run.c.campaign_id == bindparam("campaign"),
        run.c.number <= bindparam("last"),
        *STOOD_BY,
    )
    .order_by(run.c.number.desc())
    .limit(1)
)


def last_approved_content(connection: sa.Connection, campaign_id: str, last: int) -> str | None:
    """The content of the last run, up to this number, that people approved and whose approval they did not revoke."""
    found: str | None = connection.execute(_LAST_APPROVED, {"campaign": campaign_id, "last": last}).scalar()
    return found


#: What a policy is asked about a launch, in the order of a `Question`.
FACTS = ("recipients", "channel", "clean", "warned", "sender", "list_id", "template_changed", "starts_at")


def question(row: Any, summed: Mapping[str, int | None]) -> Question:
    """What the policy was asked, by the row that tells of it."""
    return Question(*(*(getattr(row, name) for name in FACTS), summed))


def permitted(connection: sa.Connection, campaign_id: str, number: int) -> sa.Row[Any] | None:
    """The permit that a run had, whether or not it ended since."""
    wanted = sa.select(permit).where(permit.c.campaign_id == campaign_id, permit.c.run == number)
    return connection.execute(wanted).first()


def approvals(connection: sa.Connection, campaign_id: str, number: int) -> list[tuple[str, str]]:
    """(person, seat) of each approval that counted when people permitted a run."""
    approved = sa.and_(step.c.campaign_id == campaign_id, step.c.run == number, step.c.event == "approve")
    wanted = sa.select(step.c.figures).where(approved).order_by(step.c.seq.desc()).limit(1)
    figures = connection.execute(wanted).scalar() or {}
    return [(person, seat) for person, seat in figures.get("approvals", ())]


def find(connection: sa.Connection, campaign_id: str, number: int) -> sa.Row[Any] | None:
    """What the policy was asked about one run; None while its review runs."""
    wanted = sa.select(ruling).where(ruling.c.campaign_id == campaign_id, ruling.c.run == number)
    return connection.execute(wanted).first()


#: What is told of a ruling before its facts.
RULED = ("campaign_id", "generation", "run", "at", "permission", "rule", "requester")


def since(connection: sa.Connection, workspace_id: str, moment: Instant) -> Iterator[sa.Row[Any]]:
    """Of every ruling since then, in order of time: campaign, generation, run, when, permission, rule, requester, and
    the facts. What windows held is left out: another policy has other windows. Index: gonogo_ruling_listed_idx."""
    yield from _listed(connection, ruling.c.workspace_id == workspace_id, ruling.c.at >= moment)


def ahead(connection: sa.Connection, workspace_id: str, moment: Instant) -> Iterator[sa.Row[Any]]:
    """The same of those before then that were to start after it. Index: gonogo_ruling_ahead_idx."""
    scheduled = (_AHEAD, ruling.c.starts_at > moment, ruling.c.at < moment)
    yield from _listed(connection, ruling.c.workspace_id == workspace_id, *scheduled)


def _listed(connection: sa.Connection, *which: sa.ColumnElement[bool] | sa.TextClause) -> Iterator[sa.Row[Any]]:
    wanted = sa.select(*(ruling.c[name] for name in (*RULED, *FACTS))).where(*which)
    in_order = wanted.order_by(ruling.c.at, ruling.c.campaign_id, ruling.c.run)
    yield from connection.execute(in_order.execution_options(yield_per=5_000))


def first(connection: sa.Connection, workspace_id: str) -> Instant | None:
    """When the first ruling was made that is kept as one. Index: gonogo_ruling_listed_idx."""
    wanted = sa.select(sa.func.min(ruling.c.at)).where(ruling.c.workspace_id == workspace_id)
    found: Instant | None = connection.execute(wanted).scalar()
    return found


def before_rulings(
    connection: sa.Connection, workspace_id: str, since: Instant, until: Instant | None
) -> Iterator[sa.Row[Any]]:
    """The runs that were proposed in that time and have no ruling, by the figures that a step told of them instead, in
    order of time. Index: gonogo_campaign_listed_idx, then the steps of each campaign."""
    wanted: sa.Select[Any] = (
        sa.select(step.c.campaign_id, step.c.run, step.c.at, step.c.figures, run.c.requester, run.c.generation)
        .join(campaign, campaign.c.id == step.c.campaign_id)
        .join(run, sa.and_(run.c.campaign_id == step.c.campaign_id, run.c.number == step.c.run))
        .outerjoin(ruling, sa.and_(ruling.c.campaign_id == step.c.campaign_id, ruling.c.run == step.c.run))
        .where(
            campaign.c.workspace_id == workspace_id,
            step.c.event.in_(("start", "reviewed", "resume")),
            step.c.at >= since,
            ruling.c.run.is_(None),
        )
        .order_by(step.c.at, step.c.campaign_id, step.c.run)
        .execution_options(yield_per=5_000)
    )
    if until is not None:
        wanted = wanted.where(step.c.at <= until, campaign.c.created_at <= until)
    for row in connection.execute(wanted):
        if row.figures.get("facts", {}).get("permission") is not None:
            yield row
