"""Test sends: their own record, apart from every launch."""

from typing import Any

import sqlalchemy as sa

from gonogo import models
from gonogo.models import Document, table

test_send = table(models.TestSend)


def add(connection: sa.Connection, rows: list[Document]) -> None:
    connection.execute(test_send.insert(), rows)


def settle(connection: sa.Connection, test_id: str, state: str, error: str | None) -> None:
    """Write down what became of a test message, once."""
    claimed = test_send.update().where(test_send.c.id == test_id, test_send.c.state == "claimed")
    connection.execute(claimed.values(state=state, error=error))


def page(connection: sa.Connection, campaign_id: str, before: str, limit: int) -> list[sa.Row[Any]]:
    """Test sends of a campaign, the newest first, from before the given id. Index: gonogo_test_send_campaign_id_idx."""
    wanted = sa.select(test_send).where(test_send.c.campaign_id == campaign_id)
    if before:
        wanted = wanted.where(test_send.c.id < before)
    return list(connection.execute(wanted.order_by(test_send.c.id.desc()).limit(limit)))


def some(connection: sa.Connection, ids: list[str]) -> dict[str, sa.Row[Any]]:
    """Test sends by id."""
    return {row.id: row for row in connection.execute(sa.select(test_send).where(test_send.c.id.in_(ids)))}
