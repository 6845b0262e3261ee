"""Who may decide, and what decisions rest on: groups, delegations, what policies were asked, who edited what."""

import sqlalchemy as sa
from sqlalchemy import ForeignKeyConstraint, Index
from sqlmodel import Field
from whenever import Instant

from gonogo.models.base import Base, Document, Utc


class Group(Base, table=True):
    """People whom policies ask. `approvers` and `owners` are built in: they hold whoever has the scope."""

    __tablename__ = "gonogo_group"
    __table_args__ = ({"sqlite_with_rowid": False},)

    workspace_id: str = Field(primary_key=True, foreign_key="gonogo_workspace.id")
    name: str = Field(primary_key=True)
    created_at: Instant = Field(sa_type=Utc)


class GroupMember(Base, table=True):
    """Who is in a group now. Read at every decision; the log of acts tells who was when."""

    __tablename__ = "gonogo_group_member"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "group_name"],
            ["gonogo_group.workspace_id", "gonogo_group.name"],
            name="gonogo_group_member_group_fk",
        ),
        {"sqlite_with_rowid": False},
    )

    workspace_id: str = Field(primary_key=True)
    group_name: str = Field(primary_key=True)
    member_id: str = Field(primary_key=True, foreign_key="gonogo_member.id", index=True)


class Delegation(Base, table=True):
    """A member lets another decide instead, from one moment to another, about everything or about one task."""

    __tablename__ = "gonogo_delegation"
    __table_args__ = (
        Index("gonogo_delegation_delegate_id_idx", "delegate_id", "ends_at"),
        {"sqlite_with_rowid": False},
    )

    id: str = Field(primary_key=True)
    workspace_id: str = Field(foreign_key="gonogo_workspace.id", index=True)
    member_id: str = Field(foreign_key="gonogo_member.id")
    delegate_id: str = Field(foreign_key="gonogo_member.id")
    task_id: str | None = Field(default=None, foreign_key="gonogo_task.id")
    starts_at: Instant = Field(sa_type=Utc)
    ends_at: Instant = Field(sa_type=Utc)
    created_at: Instant = Field(sa_type=Utc)


class Comment(Base, table=True):
    """*Append-only.* What somebody said about a task, without deciding. The text stands in the payload."""

    __tablename__ = "gonogo_comment"
    __table_args__ = (Index("gonogo_comment_task_id_idx", "task_id", "id"), {"sqlite_with_rowid": False})

    id: str = Field(primary_key=True)
    task_id: str = Field(foreign_key="gonogo_task.id")
    person: str
    payload: str = Field(foreign_key="gonogo_payload.digest")
    at: Instant = Field(sa_type=Utc)


#: With literal values: SQLite takes a partial index only where it reads the condition of the index in the statement.
PERMITTED = "permission = 'auto'"
AHEAD = "starts_at > at"


class Ruling(Base, table=True):
    """*Append-only.* What the policy was asked about one run, and what it said: summed over windows, and asked again
    under other policies."""

    __tablename__ = "gonogo_ruling"
    __table_args__ = (
        Index("gonogo_ruling_listed_idx", "workspace_id", "at", "campaign_id", "run"),
        *(
            Index(
                f"gonogo_ruling_{column}_idx",
                "workspace_id",
                column,
                "starts_at",
                sqlite_where=sa.text(PERMITTED),
                postgresql_where=sa.text(PERMITTED),
            )
            for column in ("requester", "list_id", "sender")
        ),
        Index(
            "gonogo_ruling_ahead_idx",
            "workspace_id",
            "starts_at",
            sqlite_where=sa.text(AHEAD),
            postgresql_where=sa.text(AHEAD),
        ),
        {"sqlite_with_rowid": False},
    )

    campaign_id: str = Field(primary_key=True, foreign_key="gonogo_campaign.id")
    run: int = Field(primary_key=True)
    workspace_id: str = Field(foreign_key="gonogo_workspace.id")
    generation: int
    at: Instant = Field(sa_type=Utc)
    starts_at: Instant = Field(sa_type=Utc)  # when it would start
    requester: str
    list_id: str
    sender: str  # the address, in small letters
    channel: str
    recipients: int  # with those of every run that it continues
    clean: bool
    warned: bool
    template_changed: bool
    summed: Document = Field(sa_type=sa.JSON)  # recipients of other launches, by requester, list and sender
    policy: int
    permission: str
    rule: str


class Window(Base, table=True):
    """Held while a launch is judged by what others add up to, so that two of them are judged one after the other."""

    __tablename__ = "gonogo_window"
    __table_args__ = ({"sqlite_with_rowid": False},)

    workspace_id: str = Field(primary_key=True, foreign_key="gonogo_workspace.id")
    kind: str = Field(primary_key=True)  # requester | list | sender
    subject: str = Field(primary_key=True)


class Edit(Base, table=True):
    """When a person last edited a campaign, a list, or a text that campaigns are made with."""

    __tablename__ = "gonogo_edit"
    __table_args__ = ({"sqlite_with_rowid": False},)

    subject: str = Field(primary_key=True)  # the id of a campaign, a list, or a version
    person: str = Field(primary_key=True)
    at: Instant = Field(sa_type=Utc)


class Act(Base, table=True):
    """*Append-only.* What was done beside the life of campaigns: to policies, groups, members, delegations and broken
    glass. The acts on one subject are chained by digest, as the steps of a campaign are."""

    __tablename__ = "gonogo_act"
    __table_args__ = (
        Index("gonogo_act_listed_idx", "workspace_id", "at", "kind", "subject", "seq"),
        {"sqlite_with_rowid": False},
    )

    workspace_id: str = Field(primary_key=True, foreign_key="gonogo_workspace.id")
    kind: str = Field(primary_key=True)  # policy | group | member | key | delegation | break_glass
    subject: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    act: str
    actor: str
    person: str
    figures: Document = Field(sa_type=sa.JSON)
    at: Instant = Field(sa_type=Utc)
    digest: str
