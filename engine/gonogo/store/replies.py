"""Answers kept to be given again: a request that names itself has one effect, and one answer, for a day."""

from typing import Any

import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo import models
from gonogo.database import insert_new
from gonogo.models import Document, table

reply = table(models.Reply)
KEPT = TimeDelta(hours=24)


def take(connection: sa.Connection, key_id: str, name: str, asked: str, now: Instant) -> sa.Row[Any] | None:
    """Take a name for a request, or answer the reply to the one that took it. Waits for one that is under way."""
    connection.execute(sa.delete(reply).where(reply.c.key_id == key_id, reply.c.created_at < now - KEPT))
    new = {"key_id": key_id, "name": name, "asked": asked, "status": 0, "headers": {}, "body": "", "created_at": now}
    if insert_new(connection, reply, new):
        return None
    return connection.execute(sa.select(reply).where(reply.c.key_id == key_id, reply.c.name == name)).one()


def keep(connection: sa.Connection, key_id: str, name: str, answer: Document) -> None:
    """Write down status, headers and body of the answer, in the transaction of what it tells about."""
    mine = (reply.c.key_id == key_id, reply.c.name == name)
    connection.execute(sa.update(reply).where(*mine).values(**answer))
