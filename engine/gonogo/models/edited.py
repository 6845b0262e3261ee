"""What people edit, and the immutable versions of it."""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field
from whenever import Instant

from gonogo.campaign import SENDING, STATES
from gonogo.models.base import Base, Document, Utc, one_of


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
        CheckConstraint(one_of("kind", ("content", "sender", "settings")), name="kind"),
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
        CheckConstraint(one_of("state", tuple(STATES)), name="state"),
        CheckConstraint(f"state = 'paused' OR ({one_of('state', SENDING)}) = (permit_id IS NOT NULL)", name="gate"),
        ForeignKeyConstraint(
            ["permit_id", "id", "run"],
            ["gonogo_permit.id", "gonogo_permit.campaign_id", "gonogo_permit.run"],
            name="gonogo_campaign_permit_fk",
            use_alter=True,
        ),
        Index("gonogo_campaign_listed_idx", "workspace_id", "created_at", "id"),
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
