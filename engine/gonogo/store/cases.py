"""A campaign as decisions see it: with its present run and the task that is addressed."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from whenever import Instant

from gonogo import models
from gonogo.database import insert_new
from gonogo.errors import Conflict, NotFound
from gonogo.models import Document, table
from gonogo.policy import Cast

campaign = table(models.Campaign)
run = table(models.Run)
task = table(models.Task)
permit = table(models.Permit)
permit_end = table(models.PermitEnd)
glass = table(models.Glass)
step = table(models.Step)
vote = table(models.Vote)
workspace = table(models.Workspace)
contacts = table(models.ContactList)


@dataclass(frozen=True, slots=True)
class Case:
    """One campaign, its present run and one task, as they were read under the campaign's lock."""

    id: str
    workspace: str
    dialect: str
    wire_id: str
    name: str
    channel: str
    state: str
    run: int
    permit_id: str | None
    begun: bool
    generation: int
    selection: Document | None
    version: int
    revision: int
    dispatch: int
    seq: int
    head: str
    start_at: Instant | None
    content_id: str | None
    sender_id: str | None
    settings_id: str
    list_id: str
    extra: Document
    started_at: Instant | None
    created_at: Instant
    updated_at: Instant
    # the workspace and the list
    policy: int
    default_sender_id: str | None
    contacts: int
    imports: int
    limits: Document | None
    endpoints: int
    freezes: int
    # the present run; None and nothing before the first
    run_id: str | None = None
    requester: str | None = None
    opened_at: Instant | None = None
    run_start_at: Instant | None = None
    recipients: int | None = None
    chain: int | None = None
    steps: int | None = None
    warnings: list[str] | None = None
    seal: str | None = None
    step: int | None = None
    cursor: int | None = None
    wake_at: Instant | None = None
    waiting_for: str | None = None
    waiting_since: Instant | None = None
    trouble: str | None = None
    begun_at: Instant | None = None
    closed_at: Instant | None = None
    closed_as: str | None = None
    paused_reason: str | None = None
    launch_error: str | None = None
    rate_limited_until: Instant | None = None
    sent: int | None = None
    rejected: int | None = None
    failed: int | None = None
    unknown: int | None = None
    skipped: int | None = None
    deferred: int | None = None
    bounced: int | None = None
    tried_before: dict[str, int] | None = None
    # the task: the one named, else the one of the present run
    task_id: str | None = None
    task_run_id: str | None = None
    task_status: str | None = None
    task_rule: str | None = None
    task_policy: int | None = None
    requirement: Document | None = None
    votes: int | None = None
    have: int | None = None
    stage: int | None = None
    escalates_at: Instant | None = None
    nudge_at: Instant | None = None
    expires_at: Instant | None = None
    asked_at: Instant | None = None
    decided_at: Instant | None = None

    @property
    def run_open(self) -> bool:
        return self.run_id is not None and self.closed_at is None

    @property
    def task_open(self) -> bool:
        """The addressed task is the open one of the present run."""
        return self.task_status in ("reviewing", "pending")

    @property
    def settled(self) -> int:
        """Messages of the present run about which nothing more will happen by itself."""
        counts = (self.sent, self.rejected, self.failed, self.unknown, self.skipped)
        return sum(count or 0 for count in counts)


_FIELDS: dict[str, sa.Column[Any]] = {
    **{name: campaign.c["workspace_id" if name == "workspace" else name] for name in list(Case.__slots__)[:26]},
    "policy": workspace.c.policy,
    "default_sender_id": workspace.c.sender_id,
    "contacts": contacts.c.size,
    "imports": contacts.c.imports,
    "limits": workspace.c.limits,
    "endpoints": workspace.c.endpoints,
    "freezes": workspace.c.freezes,
    "run_id": run.c.id,
    "requester": run.c.requester,
    "opened_at": run.c.opened_at,
    "run_start_at": run.c.start_at,
    **{
        name: run.c[name]
        for name in (
            "recipients", "chain", "steps", "warnings", "seal", "step", "cursor", "wake_at", "waiting_for",
            "waiting_since", "trouble", "begun_at", "closed_at", "closed_as", "paused_reason", "launch_error",
            "rate_limited_until", "sent", "rejected", "failed", "unknown", "skipped", "deferred", "bounced",
            "tried_before",
        )
    },
    "task_id": task.c.id,
    "task_run_id": task.c.run_id,
    "task_status": task.c.status,
    "task_rule": task.c.rule,
    "task_policy": task.c.policy,
    "requirement": task.c.requirement,
    "votes": task.c.votes,
    "have": task.c.have,
    "stage": task.c.stage,
    "escalates_at": task.c.escalates_at,
    "nudge_at": task.c.nudge_at,
    "expires_at": task.c.expires_at,
    "asked_at": task.c.created_at,
    "decided_at": task.c.decided_at,
}  # fmt: skip
if tuple(_FIELDS) != tuple(Case.__slots__):
    raise TypeError("a Case is read by position: its fields and these columns must agree")


#: The task of the present run, looked for among those of its campaign: gonogo_task_campaign_id_idx.
_OF_RUN = sa.and_(task.c.campaign_id == campaign.c.id, task.c.run_id == run.c.id, task.c.kind == "campaign_start")


def select_cases(of_task: sa.ColumnElement[bool] | None = None) -> sa.Select[Any]:
    """Cases, each with the present run's task unless another is named."""
    return (
        sa.select(*_FIELDS.values())
        .join_from(campaign, workspace, workspace.c.id == campaign.c.workspace_id)
        .join(contacts, contacts.c.id == campaign.c.list_id)
        .outerjoin(run, sa.and_(run.c.campaign_id == campaign.c.id, run.c.number == campaign.c.run))
        .outerjoin(task, _OF_RUN if of_task is None else of_task)
        .where(campaign.c.removed_at.is_(None))
    )


_BY_ID = select_cases().where(campaign.c.id == bindparam("id"))
_BY_TASK = select_cases(of_task=task.c.id == bindparam("task")).where(
    campaign.c.id == task.c.campaign_id, task.c.kind == "campaign_start"
)
_LOCK = (
    sa.select(campaign.c.id)
    .where(campaign.c.id == bindparam("id"), campaign.c.workspace_id == bindparam("workspace"))
    .with_for_update(key_share=True)
)
_LOCK_BY_TASK = (
    sa.select(campaign.c.id)
    .join(task, task.c.campaign_id == campaign.c.id)
    .where(task.c.id == bindparam("task"), campaign.c.workspace_id == bindparam("workspace"))
    .with_for_update(key_share=True, of=campaign)
)


def lock(connection: sa.Connection, workspace_id: str, campaign_id: str) -> Case:
    """The case, held until the transaction ends. Raises NotFound, also for another workspace's."""
    if connection.dialect.name != "sqlite":  # there the whole database is held: BEGIN IMMEDIATE
        # a statement of its own: joined rows would be read as of before the wait
        connection.execute(_LOCK, {"id": campaign_id, "workspace": workspace_id})
    return _one(connection.execute(_BY_ID, {"id": campaign_id}), workspace_id, "campaign", campaign_id)


def lock_by_task(connection: sa.Connection, workspace_id: str, task_id: str) -> Case:
    """The case that a task is about, with that task. Raises NotFound."""
    if connection.dialect.name != "sqlite":
        connection.execute(_LOCK_BY_TASK, {"task": task_id, "workspace": workspace_id})
    return _one(connection.execute(_BY_TASK, {"task": task_id}), workspace_id, "task", task_id)


def read(connection: sa.Connection, workspace_id: str, campaign_id: str) -> Case:
    """The case as it is, not held. Raises NotFound."""
    return _one(connection.execute(_BY_ID, {"id": campaign_id}), workspace_id, "campaign", campaign_id)


def read_by_task(connection: sa.Connection, workspace_id: str, task_id: str) -> Case:
    """The case that a task is about, not held. Raises NotFound."""
    return _one(connection.execute(_BY_TASK, {"task": task_id}), workspace_id, "task", task_id)


def find(connection: sa.Connection, workspace_id: str, dialect: str, wire_id: str) -> str:
    """The id of the campaign that a dialect calls `wire_id`. Raises NotFound."""
    found: str | None = connection.execute(_named(workspace_id, dialect, wire_id)).scalar()
    if found is None:
        raise NotFound("campaign", wire_id)
    return found


def exists(connection: sa.Connection, workspace_id: str, dialect: str, wire_id: str) -> bool:
    """A dialect's id is taken in this workspace, be it by a campaign that was removed."""
    return connection.execute(_named(workspace_id, dialect, wire_id)).first() is not None


def _named(workspace_id: str, dialect: str, wire_id: str) -> sa.Select[Any]:
    return sa.select(campaign.c.id).where(
        campaign.c.workspace_id == workspace_id, campaign.c.dialect == dialect, campaign.c.wire_id == wire_id
    )


def page(
    connection: sa.Connection,
    workspace_id: str,
    *,
    dialect: str | None,
    states: tuple[str, ...] | None,
    after: str,
    limit: int,
) -> list[Case]:
    """Campaigns in order of their making, after the given id. Index: gonogo_campaign_listed_idx.

    The page is found first, and the rest joined to it: else PostgreSQL walks runs and tasks from the first one on.
    """
    found = sa.select(campaign.c.id, campaign.c.created_at).where(
        campaign.c.workspace_id == workspace_id, campaign.c.removed_at.is_(None)
    )
    if after:
        made = sa.select(campaign.c.created_at).where(campaign.c.id == after).scalar_subquery()
        found = found.where(sa.tuple_(campaign.c.created_at, campaign.c.id) > sa.tuple_(made, sa.literal(after)))
    if dialect is not None:
        found = found.where(campaign.c.dialect == dialect)
    if states is not None:
        found = found.where(campaign.c.state.in_(states))
    listed = found.order_by(campaign.c.created_at, campaign.c.id).limit(limit).subquery("listed")
    wanted = select_cases().join(listed, listed.c.id == campaign.c.id).order_by(listed.c.created_at, listed.c.id)
    return [Case(*row) for row in connection.execute(wanted)]


def _one(found: sa.CursorResult[Any], workspace_id: str, kind: str, wanted: str) -> Case:
    row: Any = found.first()
    if row is None or row[1] != workspace_id:
        raise NotFound(kind, wanted)
    return Case(*row)


# Written in this order: vote, task, permit, its end, step, campaign, run.

_VOTE = vote.insert()
_TASK = task.insert()
_TASK_UPDATE = task.update().where(task.c.id == bindparam("task"))
_PERMIT = permit.insert()
_PERMIT_END = permit_end.insert()
#: Of a permit: people gave it, and did not revoke it.
STOOD_BY = (
    permit.c.kind == "quorum",
    sa.not_(sa.exists().where(permit_end.c.permit_id == permit.c.id, permit_end.c.reason == "revoked")),
)
_STEP = step.insert()
_RUN = run.insert()
_RUN_UPDATE = run.update().where(run.c.id == bindparam("of_run"))
_CAMPAIGN_UPDATE = campaign.update().where(
    campaign.c.id == bindparam("case"),
    campaign.c.version == bindparam("old_version"),
    campaign.c.state == bindparam("old_state"),
)
_BALLOTS = (
    sa.select(vote.c.person, vote.c.choice, vote.c.seat, vote.c.stage)
    .where(vote.c.task_id == bindparam("task"))
    .order_by(vote.c.seq)
)


def ballots(connection: sa.Connection, task_id: str) -> list[Cast]:
    """Every vote about a task, in order."""
    found = connection.execute(_BALLOTS, {"task": task_id})
    return [Cast(person, choice, seat or person, stage) for person, choice, seat, stage in found]


def votes(connection: sa.Connection, task_id: str) -> list[sa.Row[Any]]:
    """Every vote about a task, in order, with its comment's digest."""
    return list(connection.execute(sa.select(vote).where(vote.c.task_id == task_id).order_by(vote.c.seq)))


def add_vote(connection: sa.Connection, row: Document) -> None:
    connection.execute(_VOTE, row)


def add_task(connection: sa.Connection, row: Document) -> None:
    connection.execute(_TASK, row)


def change_task(connection: sa.Connection, task_id: str, **values: object) -> None:
    connection.execute(_TASK_UPDATE, {"task": task_id, **values})


def add_permit(connection: sa.Connection, row: Document) -> None:
    connection.execute(_PERMIT, row)


def add_glass(connection: sa.Connection, row: Document) -> None:
    connection.execute(glass.insert(), row)


def glass_reason(connection: sa.Connection, run_id: str) -> str | None:
    """The digest of why the glass was broken for a run."""
    wanted = (
        sa.select(glass.c.reason)
        .join(permit, permit.c.id == glass.c.permit_id)
        .join(run, sa.and_(run.c.campaign_id == permit.c.campaign_id, run.c.number == permit.c.run))
        .where(run.c.id == run_id)
    )
    found: str | None = connection.execute(wanted).scalar()
    return found


def end_permit(connection: sa.Connection, row: Document) -> None:
    connection.execute(_PERMIT_END, row)


def add_step(connection: sa.Connection, row: Document) -> None:
    connection.execute(_STEP, row)


def add_run(connection: sa.Connection, row: Document) -> None:
    connection.execute(_RUN, row)


def pinned(connection: sa.Connection, run_id: str) -> tuple[str, str, str]:
    """The versions of content, sender and settings that a run pins."""
    wanted = sa.select(run.c.content_id, run.c.sender_id, run.c.settings_id).where(run.c.id == run_id)
    content_id, sender_id, settings_id = connection.execute(wanted).one()
    return content_id, sender_id, settings_id


def proposed_first(connection: sa.Connection, case: Case) -> Instant:
    """When the launch was proposed that the present run is, or continues."""
    of_launch = sa.select(sa.func.min(run.c.opened_at)).where(
        run.c.campaign_id == case.id, run.c.generation == case.generation
    )
    found: Instant = connection.execute(of_launch).scalar_one()
    return found


#: What a run pinned, and what was asked of people about it.
_PROPOSED = (
    sa.select(
        run.c.id, run.c.campaign_id, run.c.number, run.c.content_id, run.c.sender_id, run.c.settings_id,
        run.c.start_at, run.c.recipients, task.c.requirement,
    )
    .outerjoin(
        task,
        sa.and_(
            task.c.campaign_id == run.c.campaign_id, task.c.run_id == run.c.id, task.c.kind == "campaign_start"
        ),
    )
)  # fmt: skip


def with_the_last_approved(connection: sa.Connection, run_id: str | None) -> list[sa.Row[Any]]:
    """What a run proposes, and what the last one before it did that people approved and did not revoke, if any.
    Index: gonogo_run_campaign_id_number_key."""
    this = connection.execute(_PROPOSED.where(run.c.id == run_id)).one()
    permitted = sa.and_(permit.c.campaign_id == run.c.campaign_id, permit.c.run == run.c.number)
    wanted = (
        _PROPOSED.join(permit, permitted)
        .where(
            run.c.campaign_id == this.campaign_id,
            run.c.number < this.number,
            *STOOD_BY,
        )
        .order_by(run.c.number.desc())
        .limit(1)
    )
    return [this, *connection.execute(wanted)]


def with_the_sealed(connection: sa.Connection, run_id: str | None, seal: str) -> list[sa.Row[Any]]:
    """What a run proposes, and what the run of its campaign that bears the seal did, if any.
    Index: gonogo_run_campaign_id_number_key."""
    this = connection.execute(_PROPOSED.where(run.c.id == run_id)).one()
    return [this, *connection.execute(_PROPOSED.where(run.c.campaign_id == this.campaign_id, run.c.seal == seal))]


def proposed(connection: sa.Connection, run_ids: list[str | None]) -> dict[str | None, Any]:
    """What runs proposed, by id: recipients, seal, and the digest of what the review found."""
    wanted = sa.select(run.c.id, run.c.recipients, run.c.seal, run.c.findings).where(run.c.id.in_(run_ids))
    return {row.id: row for row in connection.execute(wanted)}


def change_run(connection: sa.Connection, run_id: str, **values: object) -> None:
    connection.execute(_RUN_UPDATE, {"of_run": run_id, **values})


def move(connection: sa.Connection, case: Case, **values: object) -> None:
    """Change the campaign's row if it still is as it was read; raises Conflict otherwise."""
    held = {"case": case.id, "old_version": case.version, "old_state": case.state}
    changed = connection.execute(_CAMPAIGN_UPDATE, {**held, "version": case.version + 1, **values})
    if changed.rowcount != 1:
        raise Conflict(f"campaign {case.id} was changed by another transaction")


def add_campaign(connection: sa.Connection, row: Document) -> None:
    """Raises Conflict where another transaction has just given the dialect's id to a campaign of its own."""
    if not insert_new(connection, campaign, row):
        raise Conflict(f"the campaign {row['wire_id']!r} was made by another transaction")


def steps(
    connection: sa.Connection, campaign_id: str, *, after: int = 0, limit: int | None = None
) -> list[sa.Row[Any]]:
    """Recorded steps of a campaign in order, from behind the given one: all, or so many. Index: the primary key."""
    wanted = sa.select(step).where(step.c.campaign_id == campaign_id, step.c.seq > after)
    return list(connection.execute(wanted.order_by(step.c.seq).limit(limit)))


# Questions of the clock. Each is answered from an index made for it.


def due(connection: sa.Connection, now: Instant, limit: int) -> list[tuple[str, str]]:
    """(workspace, campaign) that are scheduled and whose time has come. Index: gonogo_campaign_due_idx."""
    wanted = (
        sa.select(campaign.c.workspace_id, campaign.c.id)
        .where(campaign.c.state == "scheduled", campaign.c.start_at <= now)
        .order_by(campaign.c.start_at)
        .limit(limit)
    )
    return [(workspace_id, campaign_id) for workspace_id, campaign_id in connection.execute(wanted)]


#: With literal values: SQLite takes a partial index only where it reads the condition of the index in the statement.
_ASKED = sa.text("gonogo_task.status IN ('reviewing', 'pending')")


def overdue(connection: sa.Connection, now: Instant, limit: int) -> list[tuple[str, str]]:
    """(workspace, campaign) whose open task is past its deadline. Index: gonogo_task_deadline_idx."""
    wanted = (
        sa.select(task.c.workspace_id, task.c.campaign_id)
        .where(_ASKED, task.c.expires_at <= now, task.c.kind == "campaign_start")
        .order_by(task.c.expires_at)
        .limit(limit)
    )
    return [(workspace_id, campaign_id) for workspace_id, campaign_id in connection.execute(wanted)]


def to_nudge(connection: sa.Connection, now: Instant, limit: int) -> list[tuple[str, str]]:
    """(workspace, campaign) of open tasks of which people are to hear again. Index: gonogo_task_nudge_idx."""
    wanted = (
        sa.select(task.c.workspace_id, task.c.campaign_id)
        .where(_ASKED, task.c.nudge_at.is_not(None), task.c.nudge_at <= now, task.c.kind == "campaign_start")
        .order_by(task.c.nudge_at)
        .limit(limit)
    )
    return [(workspace_id, campaign_id) for workspace_id, campaign_id in connection.execute(wanted)]


def lapsed(connection: sa.Connection, now: Instant, limit: int) -> list[tuple[str, str]]:
    """(workspace, campaign) whose permit had to be used by now, and was not. Glass is rarely broken: a short table."""
    wanted = (
        sa.select(campaign.c.workspace_id, campaign.c.id)
        .join(glass, campaign.c.permit_id == glass.c.permit_id)
        .join(run, sa.and_(run.c.campaign_id == campaign.c.id, run.c.number == campaign.c.run))
        .where(glass.c.begin_by <= now, run.c.begun_at.is_(None))
        .limit(limit)
    )
    return [(workspace_id, campaign_id) for workspace_id, campaign_id in connection.execute(wanted)]


def begin_by(connection: sa.Connection, permit_id: str | None) -> Instant | None:
    """Until when a permit opens the door; None where it does until it ends."""
    found: Instant | None = connection.execute(
        sa.select(glass.c.begin_by).where(glass.c.permit_id == permit_id)
    ).scalar()
    return found


# Tasks, as reviewers list them.


def tasks(
    connection: sa.Connection,
    workspace_id: str,
    *,
    statuses: tuple[str, ...],
    campaign_id: str | None,
    after: tuple[Instant, str] | None,
    limit: int,
) -> list[Case]:
    """Tasks of a workspace in order of their making, each with its case.

    The page is found first, by itself, and its cases joined to it. Index: gonogo_task_listed_idx; for the tasks of one
    campaign, which are few, gonogo_task_campaign_id_idx.
    """
    if campaign_id is None:
        # each status is a range of the index, in order already: none is read further than a page goes, where
        # `status IN (...)` would read and sort all of them
        of_workspace = task.c.workspace_id == workspace_id
        ranges = [_tasks(after, limit).where(of_workspace, task.c.status == status) for status in statuses]
    else:
        # the workspace is asked of the campaign: asked of the task, it would open the way to the longer index
        of_campaign = sa.and_(campaign.c.id == campaign_id, campaign.c.workspace_id == workspace_id)
        found = _tasks(after, limit).join(campaign, campaign.c.id == task.c.campaign_id)
        ranges = [found.where(of_campaign, task.c.campaign_id == campaign_id, task.c.status.in_(statuses))]
    merged = sa.union_all(*(sa.select(each.subquery()) for each in ranges))
    columns = merged.selected_columns
    listed = merged.order_by(columns.created_at, columns.id).limit(limit).subquery("listed")
    wanted = (
        select_cases(of_task=task.c.campaign_id == campaign.c.id)
        .join(listed, listed.c.id == task.c.id)
        .order_by(listed.c.created_at, listed.c.id)
    )
    return [Case(*row) for row in connection.execute(wanted)]


def _tasks(after: tuple[Instant, str] | None, limit: int) -> sa.Select[Any]:
    """Where tasks stand in the order of their making: the first ones, or those that follow the given one."""
    wanted = sa.select(task.c.id, task.c.created_at).where(task.c.kind == "campaign_start")
    wanted = wanted.order_by(task.c.created_at, task.c.id).limit(limit)
    if after is None:
        return wanted
    place = sa.tuple_(sa.literal(after[0], task.c.created_at.type), sa.literal(after[1]))
    return wanted.where(sa.tuple_(task.c.created_at, task.c.id) > place)
