"""What is told to others: events to webhooks, links to reviewers."""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field
from whenever import Instant

from gonogo.models.base import Base, Document, Utc, one_of


class Endpoint(Base, table=True):
    """Where a workspace wants to hear of events, and the secret they are signed with (Standard Webhooks)."""

    __tablename__ = "gonogo_endpoint"

    id: str = Field(primary_key=True)
    workspace_id: str = Field(foreign_key="gonogo_workspace.id", index=True)
    url: str
    secret: str
    events: list[str] = Field(sa_type=sa.JSON)  # their types, or "*"
    created_at: Instant = Field(sa_type=Utc)
    removed_at: Instant | None = Field(default=None, sa_type=Utc)


class Notice(Base, table=True):
    """*Append-only.* Something that happened, as it is told. Ids grow with time."""

    __tablename__ = "gonogo_notice"
    __table_args__ = ({"sqlite_with_rowid": False},)

    id: str = Field(primary_key=True)
    workspace_id: str = Field(foreign_key="gonogo_workspace.id", index=True)
    campaign_id: str = Field(foreign_key="gonogo_campaign.id")
    type: str
    body: Document = Field(sa_type=sa.JSON)
    at: Instant = Field(sa_type=Utc)


class Delivery(Base, table=True):
    """One notice on its way to one endpoint. An endpoint hears of a campaign in order: one after the other."""

    __tablename__ = "gonogo_delivery"
    __table_args__ = (
        CheckConstraint(one_of("state", ("pending", "delivered", "failed")), name="state"),
        Index(
            "gonogo_delivery_due_idx",
            "next_at",
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        ),
        Index(
            "gonogo_delivery_line_idx",
            "endpoint_id",
            "campaign_id",
            "notice_id",
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        ),
        {"sqlite_with_rowid": False},
    )

    endpoint_id: str = Field(primary_key=True, foreign_key="gonogo_endpoint.id")
    notice_id: str = Field(primary_key=True, foreign_key="gonogo_notice.id")
    campaign_id: str
    state: str = "pending"
    tries: int = 0
    next_at: Instant = Field(sa_type=Utc)
    status: int | None = None  # of the last answer
    error: str | None = None
    settled_at: Instant | None = Field(default=None, sa_type=Utc)


class ReviewMail(Base, table=True):
    """A mail to one reviewer about one task, with a link. Only a MAC of the link's secret is kept."""

    __tablename__ = "gonogo_review_mail"
    __table_args__ = (
        CheckConstraint(one_of("state", ("pending", "sent", "failed")), name="state"),
        Index(
            "gonogo_review_mail_due_idx",
            "next_at",
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        ),
        {"sqlite_with_rowid": False},
    )

    task_id: str = Field(primary_key=True, foreign_key="gonogo_task.id")
    member_id: str = Field(primary_key=True, foreign_key="gonogo_member.id")
    mac: str = Field(unique=True)
    state: str = "pending"
    tries: int = 0
    next_at: Instant = Field(sa_type=Utc)
    error: str | None = None
    spent_at: Instant | None = Field(default=None, sa_type=Utc)
