"""What was asked over HTTP."""

import sqlalchemy as sa
from sqlmodel import Field
from whenever import Instant

from gonogo.models.base import Base, Utc


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
