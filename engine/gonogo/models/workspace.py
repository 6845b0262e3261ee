"""Whose it is: workspaces, their members, and the keys to them."""

import sqlalchemy as sa
from sqlalchemy import UniqueConstraint
from sqlmodel import Field
from whenever import Instant

from gonogo.models.base import Base, Document, Utc, added


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
    #: When a launch pauses by itself: {"error_rate", "bounce_rate", "at_least"}; what is missing has a default.
    limits: Document | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))
    endpoints: int = added(0)  # webhooks that want to hear of events
    freezes: int = added(0)  # spans without launches, in the policy in force
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
    verified_at: Instant | None = Field(default=None, sa_type=Utc)  # it was shown that the address is the person's
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
