"""What was proposed and decided: runs, whom they would reach, votes, permits, and every step."""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field
from whenever import Instant

from gonogo.models.base import TASK_STATES, Base, Document, Utc, added, one_of


class Move(Base, table=True):
    """*Append-only.* The table of `campaign.py` as rows: a step that is none of them can't be stored (law 5)."""

    __tablename__ = "gonogo_move"
    __table_args__ = ({"sqlite_with_rowid": False},)

    event: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    target: str = Field(primary_key=True)


#: A run that sends, or should.
UNDER_WAY = "begun_at IS NOT NULL AND closed_at IS NULL AND wake_at IS NULL AND waiting_for IS NULL"


class Run(Base, table=True):
    """One proposed launch. What it pins never changes once it is sealed; its columns below tell how it went."""

    __tablename__ = "gonogo_run"
    __table_args__ = (
        UniqueConstraint("campaign_id", "number"),
        Index(
            "gonogo_run_waking_idx",
            "wake_at",
            sqlite_where=sa.text("wake_at IS NOT NULL"),
            postgresql_where=sa.text("wake_at IS NOT NULL"),
        ),
        Index(
            "gonogo_run_under_way_idx",
            "begun_at",
            sqlite_where=sa.text(UNDER_WAY),
            postgresql_where=sa.text(UNDER_WAY),
        ),
        {"sqlite_with_rowid": False},
    )

    id: str = Field(primary_key=True)
    campaign_id: str = Field(foreign_key="gonogo_campaign.id")
    number: int
    generation: int
    requester: str  # the person
    opened_at: Instant = Field(sa_type=Utc)
    content_id: str = Field(foreign_key="gonogo_version.id")
    sender_id: str = Field(foreign_key="gonogo_version.id")
    settings_id: str = Field(foreign_key="gonogo_version.id")
    start_at: Instant | None = Field(default=None, sa_type=Utc)
    recipients: int = 0
    chain: int = 0  # with those of every run that it continues: what the policy judges
    steps: int = 1  # messages per recipient
    findings: str | None = Field(default=None, foreign_key="gonogo_payload.digest")
    warnings: list[str] = Field(default_factory=list, sa_type=sa.JSON)  # codes, to be acknowledged
    seal: str | None = None
    # how it went
    step: int = 0  # the step being sent; all are claimed when it equals `steps`
    cursor: int = 0  # the next position of that step to be claimed
    wake_at: Instant | None = Field(default=None, sa_type=Utc)  # nothing may go out before
    waiting_for: str | None = None  # what for, as `gonogo.execution.waiting` has it; null while it sends
    waiting_since: Instant | None = Field(default=None, sa_type=Utc)
    trouble: str | None = None  # what the channel said, where it waits for that
    begun_at: Instant | None = Field(default=None, sa_type=Utc)
    closed_at: Instant | None = Field(default=None, sa_type=Utc)
    closed_as: str | None = None  # completed | cancelled | failed | superseded
    paused_reason: str | None = None
    launch_error: str | None = None
    rate_limited_until: Instant | None = Field(default=None, sa_type=Utc)
    sent: int = 0
    rejected: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: int = 0
    deferred: int = added(0)  # refused for now, to be tried again
    bounced: int = added(0)
    complained: int = added(0)
    replied: int = added(0)
    unsubscribed: int = added(0)
    #: What had been tried, and had gone wrong, when it last paused because too much had.
    tried_before: dict[str, int] | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))


class Audience(Base, table=True):
    """*Append-only, and closed by the seal.* The recipients of a run, in order."""

    __tablename__ = "gonogo_audience"
    __table_args__ = ({"sqlite_with_rowid": False},)

    run_id: str = Field(primary_key=True, foreign_key="gonogo_run.id")
    position: int = Field(primary_key=True)
    contact_id: str
    payload: str = Field(foreign_key="gonogo_payload.digest")
    done: int = 0  # the steps that earlier runs have handled, a bit each


#: A task of which people may have to be reminded.
NUDGED = "nudge_at IS NOT NULL AND status IN ('reviewing', 'pending')"


class Task(Base, table=True):
    """The question put to reviewers about one run."""

    __tablename__ = "gonogo_task"
    __table_args__ = (
        CheckConstraint(one_of("status", TASK_STATES), name="status"),
        CheckConstraint(one_of("kind", ("campaign_start", "policy_change", "break_glass_review")), name="kind"),
        Index(
            "gonogo_task_open_key",
            "campaign_id",
            unique=True,
            sqlite_where=sa.text("kind = 'campaign_start' AND status IN ('reviewing', 'pending')"),
            postgresql_where=sa.text("kind = 'campaign_start' AND status IN ('reviewing', 'pending')"),
        ),
        Index(
            "gonogo_task_deadline_idx",
            "expires_at",
            sqlite_where=sa.text("status IN ('reviewing', 'pending')"),
            postgresql_where=sa.text("status IN ('reviewing', 'pending')"),
        ),
        Index(
            "gonogo_task_nudge_idx",
            "nudge_at",
            sqlite_where=sa.text(NUDGED),
            postgresql_where=sa.text(NUDGED),
        ),
        Index("gonogo_task_listed_idx", "workspace_id", "status", "created_at", "id"),
        {"sqlite_with_rowid": False},
    )

    id: str = Field(primary_key=True)
    workspace_id: str = Field(foreign_key="gonogo_workspace.id")
    kind: str = "campaign_start"
    campaign_id: str | None = Field(default=None, foreign_key="gonogo_campaign.id", index=True)
    run_id: str | None = Field(default=None, foreign_key="gonogo_run.id")
    status: str
    rule: str  # of the policy, that asked for it
    policy: int
    requirement: Document = Field(sa_type=sa.JSON)
    votes: int = 0  # rows in Vote
    have: int = 0  # approvals that stood after the last of them, of all stages
    stage: int = added(0)  # the first that was not met then, counted from 0
    policy_version: int | None = None  # that a policy_change would put into force
    nudge_at: Instant | None = Field(default=None, sa_type=Utc)  # when those who did not vote hear of it again
    escalates_at: Instant | None = Field(default=None, sa_type=Utc)  # from when a further group may vote
    expires_at: Instant | None = Field(default=None, sa_type=Utc)
    created_at: Instant = Field(sa_type=Utc)
    decided_at: Instant | None = Field(default=None, sa_type=Utc)


class Vote(Base, table=True):
    """*Append-only.* One ballot of one person about one task."""

    __tablename__ = "gonogo_vote"
    __table_args__ = (
        CheckConstraint(one_of("choice", ("approve", "retract", "dismiss", "request_changes")), name="choice"),
        {"sqlite_with_rowid": False},
    )

    task_id: str = Field(primary_key=True, foreign_key="gonogo_task.id")
    seq: int = Field(primary_key=True)
    choice: str
    person: str
    seat: str | None = None  # for whom it counts, where that is somebody who delegated to the person
    stage: int = added(0)
    actor: str  # the key or session it came through
    seal: str  # what the reviewer was shown
    acknowledged: list[str] | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))  # null: implicitly all
    comment: str | None = Field(default=None, foreign_key="gonogo_payload.digest")
    at: Instant = Field(sa_type=Utc)


class Permit(Base, table=True):
    """*Append-only.* The right to execute one run."""

    __tablename__ = "gonogo_permit"
    __table_args__ = (
        UniqueConstraint("campaign_id", "run"),
        UniqueConstraint("id", "campaign_id", "run"),
        CheckConstraint(one_of("kind", ("quorum", "auto", "break_glass", "ungated")), name="kind"),
        {"sqlite_with_rowid": False},
    )

    id: str = Field(primary_key=True)
    campaign_id: str = Field(foreign_key="gonogo_campaign.id")
    run: int
    kind: str
    task_id: str | None = Field(default=None, foreign_key="gonogo_task.id")
    rule: str
    policy: int
    seal: str
    granted_at: Instant = Field(sa_type=Utc)


class Glass(Base, table=True):
    """*Append-only.* What stands behind a permit of broken glass: why, and until when it opens the door."""

    __tablename__ = "gonogo_glass"
    __table_args__ = ({"sqlite_with_rowid": False},)

    permit_id: str = Field(primary_key=True, foreign_key="gonogo_permit.id")
    reason: str = Field(foreign_key="gonogo_payload.digest")
    begin_by: Instant = Field(sa_type=Utc)


class PermitEnd(Base, table=True):
    """*Append-only.* A permit ends in writing, and once: used, revoked, or void with its run."""

    __tablename__ = "gonogo_permit_end"
    __table_args__ = ({"sqlite_with_rowid": False},)

    permit_id: str = Field(primary_key=True, foreign_key="gonogo_permit.id")
    reason: str
    actor: str
    at: Instant = Field(sa_type=Utc)


class Step(Base, table=True):
    """*Append-only.* One recorded transition. Steps of a campaign are chained by digest."""

    __tablename__ = "gonogo_step"
    __table_args__ = (
        ForeignKeyConstraint(
            ["event", "source", "target"],
            ["gonogo_move.event", "gonogo_move.source", "gonogo_move.target"],
            name="gonogo_step_move_fk",
        ),
        {"sqlite_with_rowid": False},
    )

    campaign_id: str = Field(primary_key=True, foreign_key="gonogo_campaign.id")
    seq: int = Field(primary_key=True)
    event: str
    source: str
    target: str
    run: int
    actor: str
    person: str
    figures: Document = Field(sa_type=sa.JSON)
    at: Instant = Field(sa_type=Utc)
    digest: str


class PolicyVersion(Base, table=True):
    """*Append-only.* One version of the workspace's policy."""

    __tablename__ = "gonogo_policy"
    __table_args__ = ({"sqlite_with_rowid": False},)

    workspace_id: str = Field(primary_key=True, foreign_key="gonogo_workspace.id")
    number: int = Field(primary_key=True)
    document: Document = Field(sa_type=sa.JSON)
    digest: str
    actor: str
    person: str | None = None  # not told of versions that older programs wrote
    at: Instant = Field(sa_type=Utc)
