"""What was done: messages and who sends them, and what holds them back."""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field
from whenever import Instant

from gonogo.models.base import CLAIMED_STATES, LEDGER_STATES, SUPPRESSIONS, Base, Utc, added, one_of


class Ledger(Base, table=True):
    """One row per run, step and recipient, written before the first byte goes out. Within a generation nobody gets
    two, whatever the code does."""

    __tablename__ = "gonogo_ledger"
    __table_args__ = (
        CheckConstraint(one_of("state", LEDGER_STATES), name="state"),
        ForeignKeyConstraint(
            ["run_id", "position"],
            ["gonogo_audience.run_id", "gonogo_audience.position"],
            name="gonogo_ledger_audience_fk",
        ),
        Index(
            "gonogo_ledger_once_key",
            "campaign_id",
            "generation",
            "contact_id",
            "step",
            unique=True,
            sqlite_where=sa.text(one_of("state", CLAIMED_STATES)),
            postgresql_where=sa.text(one_of("state", CLAIMED_STATES)),
        ),
        Index(
            "gonogo_ledger_claimed_idx",
            "campaign_id",
            "token",
            sqlite_where=sa.text("state = 'claimed'"),
            postgresql_where=sa.text("state = 'claimed'"),
        ),
        Index(
            "gonogo_ledger_deferred_idx",
            "run_id",
            "step",
            "retry_at",
            sqlite_where=sa.text("state = 'deferred'"),
            postgresql_where=sa.text("state = 'deferred'"),
        ),
        {"sqlite_with_rowid": False},
    )

    run_id: str = Field(primary_key=True)
    step: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    campaign_id: str
    generation: int
    contact_id: str
    state: str
    token: str
    claimed_at: Instant = Field(sa_type=Utc)
    settled_at: Instant | None = Field(default=None, sa_type=Utc)
    error: str | None = None
    tries: int = added(0)  # that were refused for now
    retry_at: Instant | None = Field(default=None, sa_type=Utc)
    variant: int | None = None  # which of the step's texts it was


class Resolution(Base, table=True):
    """*Append-only.* What an operator said about a message that nobody could tell of: it was sent, or it is released
    for another try."""

    __tablename__ = "gonogo_resolution"
    __table_args__ = (
        CheckConstraint(one_of("verdict", ("sent", "released")), name="verdict"),
        ForeignKeyConstraint(
            ["run_id", "step", "position"],
            ["gonogo_ledger.run_id", "gonogo_ledger.step", "gonogo_ledger.position"],
            name="gonogo_resolution_ledger_fk",
        ),
        {"sqlite_with_rowid": False},
    )

    run_id: str = Field(primary_key=True)
    step: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    verdict: str
    actor: str
    person: str
    at: Instant = Field(sa_type=Utc)


class Minute(Base, table=True):
    """How many messages of a run were settled in one minute: the histogram that people look at."""

    __tablename__ = "gonogo_minute"
    __table_args__ = ({"sqlite_with_rowid": False},)

    run_id: str = Field(primary_key=True, foreign_key="gonogo_run.id")
    minute: Instant = Field(primary_key=True, sa_type=Utc)
    sent: int = 0
    unsent: int = 0


class Lease(Base, table=True):
    """Who may act for now: one row per segment being sent, and one for the tick."""

    __tablename__ = "gonogo_lease"

    token: str = Field(primary_key=True)
    workspace_id: str | None = Field(default=None, foreign_key="gonogo_workspace.id")
    campaign_id: str | None = Field(default=None, foreign_key="gonogo_campaign.id", index=True)
    run_id: str | None = Field(default=None, foreign_key="gonogo_run.id")
    holder: str = ""
    #: Raised by every renewal: a database that is behind was restored.
    turn: int = added(0, sa.BigInteger().with_variant(sa.Integer(), "sqlite"))
    until: Instant = Field(sa_type=Utc, index=True)


class Executor(Base, table=True):
    """A process that executes, and when it last showed life (seconds since the epoch, by the database's clock)."""

    __tablename__ = "gonogo_executor"

    id: str = Field(primary_key=True)
    seen_at: float


# What holds messages back


class Cap(Base, table=True):
    """How many messages a sender or a pool of senders may send in a day of its zone."""

    __tablename__ = "gonogo_cap"
    __table_args__ = (CheckConstraint(one_of("kind", ("sender", "pool")), name="kind"), {"sqlite_with_rowid": False})

    workspace_id: str = Field(primary_key=True, foreign_key="gonogo_workspace.id")
    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)  # the sender's address, or the pool's id
    daily: int
    zone: str = "UTC"


class Quota(Base, table=True):
    """How many messages were claimed on one day under a daily limit."""

    __tablename__ = "gonogo_quota"
    __table_args__ = ({"sqlite_with_rowid": False},)

    workspace_id: str = Field(primary_key=True, foreign_key="gonogo_workspace.id")
    kind: str = Field(primary_key=True)  # campaign | sender | pool | test
    subject: str = Field(primary_key=True)
    day: str = Field(primary_key=True)  # the local date, ISO 8601
    used: int


class Hold(Base, table=True):
    """Nothing is claimed while it stands: for a sender, a workspace, or, without one, for everything."""

    __tablename__ = "gonogo_hold"
    __table_args__ = (
        CheckConstraint(one_of("kind", ("sender", "workspace", "everything")), name="kind"),
        Index(
            "gonogo_hold_standing_idx",
            "workspace_id",
            sqlite_where=sa.text("lifted_at IS NULL"),
            postgresql_where=sa.text("lifted_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    workspace_id: str | None = Field(default=None, foreign_key="gonogo_workspace.id")
    kind: str
    subject: str = ""  # the sender's address
    reason: str
    set_by: str
    set_at: Instant = Field(sa_type=Utc)
    lifted_by: str | None = None
    lifted_at: Instant | None = Field(default=None, sa_type=Utc)


class Suppression(Base, table=True):
    """An address that is not written to any more. After a reply only what was under way then stops."""

    __tablename__ = "gonogo_suppression"
    __table_args__ = (
        CheckConstraint(one_of("reason", SUPPRESSIONS), name="reason"),
        {"sqlite_with_rowid": False},
    )

    workspace_id: str = Field(primary_key=True, foreign_key="gonogo_workspace.id")
    address_key: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    at: Instant = Field(sa_type=Utc)


class Response(Base, table=True):
    """*Append-only.* What came back about one message: that it bounced, a complaint, an answer, an unsubscription."""

    __tablename__ = "gonogo_response"
    __table_args__ = (
        CheckConstraint(one_of("kind", SUPPRESSIONS), name="kind"),
        ForeignKeyConstraint(
            ["run_id", "step", "position"],
            ["gonogo_ledger.run_id", "gonogo_ledger.step", "gonogo_ledger.position"],
            name="gonogo_response_ledger_fk",
        ),
        {"sqlite_with_rowid": False},
    )

    run_id: str = Field(primary_key=True)
    step: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    at: Instant = Field(sa_type=Utc)


class TestSend(Base, table=True):
    """One message to a member of the workspace, to look at. It needs no permit, and is no part of a launch."""

    __tablename__ = "gonogo_test_send"
    __table_args__ = (
        CheckConstraint(one_of("state", ("claimed", "sent", "rejected", "failed", "unknown")), name="state"),
    )

    id: str = Field(primary_key=True)
    workspace_id: str = Field(foreign_key="gonogo_workspace.id")
    campaign_id: str = Field(foreign_key="gonogo_campaign.id", index=True)
    member_id: str = Field(foreign_key="gonogo_member.id")
    step: int
    actor: str
    state: str
    error: str | None = None
    at: Instant = Field(sa_type=Utc)
