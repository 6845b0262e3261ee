"""The tables. SQLModel classes; `table=True` validates nothing, so requests have their own models.

Who writes what: `store.py` alone. Ids are text (UUIDs of version 7 unless said otherwise), digests are lower-case hex
of SHA-256, instants are UTC in microseconds. A table marked *append-only* is guarded by triggers in `catalogue.py`.
Personal data and free text stand in `Payload` alone, where they can be erased; everything else points there.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel
from whenever import Instant

from gonogo.campaign import SENDING, STATES

Document = dict[str, Any]


class Utc(sa.types.TypeDecorator[Instant]):
    """An instant: `timestamptz` on PostgreSQL; on SQLite ISO 8601 text of fixed width, which sorts as time does."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.String(27) if dialect.name == "sqlite" else self.impl_instance)

    def process_bind_param(self, value: Instant | None, dialect: sa.Dialect) -> str | datetime | None:
        if value is None:
            return None
        return value.format_iso(unit="microsecond") if dialect.name == "sqlite" else value.to_stdlib()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Instant | None:
        if value is None:
            return None
        return Instant.parse_iso(value) if dialect.name == "sqlite" else Instant(value.astimezone(UTC))


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


CLAIMED_STATES = ("claimed", "sent", "unknown")
LEDGER_STATES = (*CLAIMED_STATES, "rejected", "failed", "skipped", "cancelled", "superseded")
TASK_STATES = ("reviewing", "pending", "approved", "dismissed", "changes_requested", "expired", "void")
DIALECTS = ("leadlex", "sonarly", "leadterra", "burki", "bavlio")


class Base(SQLModel):
    """One MetaData for all our tables; names of constraints are fixed, so that migrations can name them."""

    metadata = sa.MetaData(
        naming_convention={
            "pk": "%(table_name)s_pk",
            "fk": "%(table_name)s_%(column_0_name)s_fk",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        }
    )
    model_config = {"arbitrary_types_allowed": True}


# Whose it is


class Workspace(Base, table=True):
    """A tenant. One workspace never sees another's rows."""

    __tablename__ = "gonogo_workspace"

    id: str = Field(primary_key=True)
    name: str
    dialect: str
    account_group: str | None = Field(default=None, unique=True)  # how Sonarly's paths name it
    salt: bytes  # keys the digests of addresses, so that equal addresses can be found without storing them
    sender_id: str | None = None  # the version used by campaigns that name no sender
    policy: int = 0  # the version in force; 0 is the built-in default
    #: The last integer id given to a campaign or an assistant.
    numbers: int = Field(default=0, sa_type=sa.BigInteger().with_variant(sa.Integer(), "sqlite"))
    created_at: Instant = Field(sa_type=Utc)


class Member(Base, table=True):
    """A person of the workspace. Name and address stand in the payload."""

    __tablename__ = "gonogo_member"
    __table_args__ = (UniqueConstraint("workspace_id", "address_key"),)

    id: str = Field(primary_key=True)
    workspace_id: str = Field(foreign_key="gonogo_workspace.id")
    address_key: str
    payload: str = Field(foreign_key="gonogo_payload.digest")
    scopes: list[str] = Field(sa_type=sa.JSON)
    created_at: Instant = Field(sa_type=Utc)
    removed_at: Instant | None = Field(default=None, sa_type=Utc)


class Key(Base, table=True):
    """An API key. Only a MAC of its secret is kept."""

    __tablename__ = "gonogo_key"

    id: str = Field(primary_key=True)  # the public part of the key
    workspace_id: str = Field(foreign_key="gonogo_workspace.id", index=True)
    member_id: str | None = Field(default=None, foreign_key="gonogo_member.id")
    dialect: str
    mac: str
    scopes: list[str] = Field(sa_type=sa.JSON)
    created_at: Instant = Field(sa_type=Utc)
    expires_at: Instant | None = Field(default=None, sa_type=Utc)
    revoked_at: Instant | None = Field(default=None, sa_type=Utc)
    used_at: Instant | None = Field(default=None, sa_type=Utc)  # to the minute: not every request writes it


# What people edit, and the immutable versions of it


class Payload(Base, table=True):
    """*Erasable.* Personal data and free text, under the salted digest that everything else keeps.

    digest = SHA-256(0x00, salt, canonical JSON of the body): a leaf in the sense of RFC 6962. Erasing sets salt and
    body to null; the digest stays, so proofs still verify.
    """

    __tablename__ = "gonogo_payload"
    __table_args__ = ({"sqlite_with_rowid": False},)

    digest: str = Field(primary_key=True)
    workspace_id: str = Field(foreign_key="gonogo_workspace.id")
    salt: bytes | None = None
    body: str | None = None


class Version(Base, table=True):
    """*Append-only.* An immutable version of something that runs pin: content, sender or settings.

    Addressed by what it says, so that editing from A to B and back to A pins the same version again.
    """

    __tablename__ = "gonogo_version"
    __table_args__ = (
        UniqueConstraint("workspace_id", "kind", "digest"),
        CheckConstraint(_one_of("kind", ("content", "sender", "settings")), name="kind"),
        {"sqlite_with_rowid": False},
    )

    id: str = Field(primary_key=True)
    workspace_id: str = Field(foreign_key="gonogo_workspace.id")
    kind: str
    digest: str
    body: Document = Field(sa_type=sa.JSON)
    created_at: Instant = Field(sa_type=Utc)


class ContactList(Base, table=True):
    """People to send to. Every campaign has one of its own; runs take a snapshot."""

    __tablename__ = "gonogo_list"

    id: str = Field(primary_key=True)
    workspace_id: str = Field(foreign_key="gonogo_workspace.id", index=True)
    name: str
    positions: int = 0  # the last position given
    size: int = 0  # contacts that are not excluded
    imports: int = 0  # imports that have not finished
    created_at: Instant = Field(sa_type=Utc)


class Contact(Base, table=True):
    """One entry of a list. Duplicates are merged by address; the excluded stay, with the reason."""

    __tablename__ = "gonogo_contact"
    __table_args__ = (UniqueConstraint("list_id", "address_key"), Index(None, "list_id", "position"))

    id: str = Field(primary_key=True)
    list_id: str = Field(foreign_key="gonogo_list.id")
    position: int
    address_key: str
    payload: str = Field(foreign_key="gonogo_payload.digest")
    excluded: str | None = None


class Part(Base, table=True):
    """A building block that a dialect keeps outside campaigns: an assistant, a template, a data set."""

    __tablename__ = "gonogo_part"
    __table_args__ = (UniqueConstraint("workspace_id", "kind", "wire_id"),)

    id: str = Field(primary_key=True)
    workspace_id: str = Field(foreign_key="gonogo_workspace.id")
    kind: str
    wire_id: str
    name: str
    version_id: str | None = Field(default=None, foreign_key="gonogo_version.id")
    list_id: str | None = Field(default=None, foreign_key="gonogo_list.id")
    created_at: Instant = Field(sa_type=Utc)


class Campaign(Base, table=True):
    """What people edit. Its state changes only together with a step, and sends only under a permit (law 1)."""

    __tablename__ = "gonogo_campaign"
    __table_args__ = (
        UniqueConstraint("workspace_id", "dialect", "wire_id"),
        CheckConstraint(_one_of("state", tuple(STATES)), name="state"),
        CheckConstraint(f"state = 'paused' OR ({_one_of('state', SENDING)}) = (permit_id IS NOT NULL)", name="gate"),
        ForeignKeyConstraint(
            ["permit_id", "id", "run"],
            ["gonogo_permit.id", "gonogo_permit.campaign_id", "gonogo_permit.run"],
            name="gonogo_campaign_permit_fk",
            use_alter=True,
        ),
        Index("gonogo_campaign_listed_idx", "workspace_id", "id"),
        Index(
            "gonogo_campaign_due_idx",
            "start_at",
            sqlite_where=sa.text("state = 'scheduled'"),
            postgresql_where=sa.text("state = 'scheduled'"),
        ),
        Index(
            "gonogo_campaign_sending_idx",
            "state",
            sqlite_where=sa.text("state IN ('active', 'running')"),
            postgresql_where=sa.text("state IN ('active', 'running')"),
        ),
        {"sqlite_with_rowid": False},
    )

    id: str = Field(primary_key=True)
    workspace_id: str = Field(foreign_key="gonogo_workspace.id")
    dialect: str
    wire_id: str  # its id in the dialect that made it
    name: str
    channel: str
    state: str = "draft"
    run: int = 0  # the number of the present run; 0 before the first
    permit_id: str | None = None
    begun: bool = False
    generation: int = 0  # raised by reopen: within one, nobody gets two
    selection: Document | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))  # whom the next run takes
    version: int = 0  # raised by every change of the row
    revision: int = 0  # raised by every edit
    dispatch: int = 0  # raised by every entry into `active` and every take-over: older jobs end without effect
    seq: int = 0  # of the last step
    head: str = ""  # digest of the last step
    start_at: Instant | None = Field(default=None, sa_type=Utc)
    content_id: str | None = Field(default=None, foreign_key="gonogo_version.id")
    sender_id: str | None = Field(default=None, foreign_key="gonogo_version.id")
    settings_id: str = Field(foreign_key="gonogo_version.id")
    list_id: str = Field(foreign_key="gonogo_list.id")
    extra: Document = Field(sa_type=sa.JSON)  # what the dialect stores and echoes
    started_at: Instant | None = Field(default=None, sa_type=Utc)  # first became active
    removed_at: Instant | None = Field(default=None, sa_type=Utc)  # a draft that was never proposed; its id stays taken
    created_at: Instant = Field(sa_type=Utc)
    updated_at: Instant = Field(sa_type=Utc)


class Move(Base, table=True):
    """*Append-only.* The table of `campaign.py` as rows: a step that is none of them can't be stored (law 5)."""

    __tablename__ = "gonogo_move"
    __table_args__ = ({"sqlite_with_rowid": False},)

    event: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    target: str = Field(primary_key=True)


class Run(Base, table=True):
    """One proposed launch. What it pins never changes once it is sealed; its columns below tell how it went."""

    __tablename__ = "gonogo_run"
    __table_args__ = (UniqueConstraint("campaign_id", "number"), {"sqlite_with_rowid": False})

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
    step_due_at: Instant | None = Field(default=None, sa_type=Utc)
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


class Audience(Base, table=True):
    """*Append-only, and closed by the seal.* The recipients of a run, in order."""

    __tablename__ = "gonogo_audience"
    __table_args__ = ({"sqlite_with_rowid": False},)

    run_id: str = Field(primary_key=True, foreign_key="gonogo_run.id")
    position: int = Field(primary_key=True)
    contact_id: str
    payload: str = Field(foreign_key="gonogo_payload.digest")
    first_step: int = 0  # earlier ones were handled by the run that this one continues


# What was decided


class Task(Base, table=True):
    """The question put to reviewers about one run."""

    __tablename__ = "gonogo_task"
    __table_args__ = (
        CheckConstraint(_one_of("status", TASK_STATES), name="status"),
        CheckConstraint(_one_of("kind", ("campaign_start", "policy_change", "break_glass_review")), name="kind"),
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
    have: int = 0  # approvals that stand
    expires_at: Instant | None = Field(default=None, sa_type=Utc)
    created_at: Instant = Field(sa_type=Utc)
    decided_at: Instant | None = Field(default=None, sa_type=Utc)


class Vote(Base, table=True):
    """*Append-only.* One ballot of one person about one task."""

    __tablename__ = "gonogo_vote"
    __table_args__ = (
        CheckConstraint(_one_of("choice", ("approve", "retract", "dismiss", "request_changes")), name="choice"),
        {"sqlite_with_rowid": False},
    )

    task_id: str = Field(primary_key=True, foreign_key="gonogo_task.id")
    seq: int = Field(primary_key=True)
    choice: str
    person: str
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
        CheckConstraint(_one_of("kind", ("quorum", "auto", "break_glass", "ungated")), name="kind"),
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
    at: Instant = Field(sa_type=Utc)


# What was done


class Ledger(Base, table=True):
    """One row per run, step and recipient, written before the first byte goes out. Within a generation nobody gets
    two, whatever the code does."""

    __tablename__ = "gonogo_ledger"
    __table_args__ = (
        CheckConstraint(_one_of("state", LEDGER_STATES), name="state"),
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
            sqlite_where=sa.text(_one_of("state", CLAIMED_STATES)),
            postgresql_where=sa.text(_one_of("state", CLAIMED_STATES)),
        ),
        Index(
            "gonogo_ledger_claimed_idx",
            "campaign_id",
            "token",
            sqlite_where=sa.text("state = 'claimed'"),
            postgresql_where=sa.text("state = 'claimed'"),
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


class Lease(Base, table=True):
    """Who may act for now: one row per segment being sent, and one for the tick."""

    __tablename__ = "gonogo_lease"

    token: str = Field(primary_key=True)
    workspace_id: str | None = Field(default=None, foreign_key="gonogo_workspace.id")
    campaign_id: str | None = Field(default=None, foreign_key="gonogo_campaign.id", index=True)
    run_id: str | None = Field(default=None, foreign_key="gonogo_run.id")
    holder: str = ""
    until: Instant = Field(sa_type=Utc, index=True)


class Executor(Base, table=True):
    """A process that executes, and when it last showed life (seconds since the epoch, by the database's clock)."""

    __tablename__ = "gonogo_executor"

    id: str = Field(primary_key=True)
    seen_at: float


# What was asked over HTTP


class Reply(Base, table=True):
    """The answer to a request that named itself (Idempotency-Key), kept to be given again for a day."""

    __tablename__ = "gonogo_reply"
    __table_args__ = ({"sqlite_with_rowid": False},)

    key_id: str = Field(primary_key=True, foreign_key="gonogo_key.id")
    name: str = Field(primary_key=True)  # as the client chose it
    asked: str  # digest of method, path and body
    status: int = 0
    headers: dict[str, str] = Field(default_factory=dict, sa_type=sa.JSON)
    body: str = ""
    created_at: Instant = Field(sa_type=Utc)


class Rate(Base, table=True):
    """How often a key knocked in its present window. UNLOGGED on PostgreSQL: a crash forgives."""

    __tablename__ = "gonogo_rate"

    name: str = Field(primary_key=True)
    hits: int
    until: float  # seconds since the epoch, by the database's clock


def table(model: type[Base]) -> sa.Table:
    """The Core table of a class: what the statements of `store.py` are written with."""
    found: sa.Table = Base.metadata.tables[str(model.__tablename__)]
    return found
