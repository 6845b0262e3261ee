"""What came back about messages, and whose address that concerns."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from whenever import Instant

from gonogo import models
from gonogo.database import insert_new
from gonogo.models import table

response = table(models.Response)
ledger = table(models.Ledger)
audience = table(models.Audience)
payload = table(models.Payload)
contact = table(models.Contact)
run = table(models.Run)
campaign = table(models.Campaign)
suppression = table(models.Suppression)

Named = tuple[str, int, int]  # run, step, position

_CLAIMED = sa.and_(
    ledger.c.run_id == audience.c.run_id,
    ledger.c.step == bindparam("step"),
    ledger.c.position == audience.c.position,
)
_MESSAGE: sa.Select[Any] = (
    sa.select(ledger.c.state, ledger.c.claimed_at, contact.c.address_key, payload.c.body)
    .select_from(audience)
    .join(run, run.c.id == audience.c.run_id)
    .join(campaign, campaign.c.id == run.c.campaign_id)
    .join(payload, payload.c.digest == audience.c.payload)
    .outerjoin(contact, contact.c.id == audience.c.contact_id)
    .outerjoin(ledger, _CLAIMED)
    .where(
        audience.c.run_id == bindparam("run"),
        audience.c.position == bindparam("position"),
        campaign.c.workspace_id == bindparam("workspace"),
    )
)


def message(connection: sa.Connection, workspace_id: str, named: Named) -> sa.Row[Any] | None:
    """A message of the workspace, with the digest of its recipient's address where the contact still stands in a list,
    and what the recipient said where that was not erased. Its `state` is None while nobody claimed it."""
    run_id, step, position = named
    asked = {"workspace": workspace_id, "run": run_id, "step": step, "position": position}
    return connection.execute(_MESSAGE, asked).first()


def workspace_of(connection: sa.Connection, run_id: str) -> str | None:
    """Whose run it is; None for one that there is not."""
    wanted = sa.select(campaign.c.workspace_id).join(run, run.c.campaign_id == campaign.c.id)
    found: str | None = connection.execute(wanted.where(run.c.id == run_id)).scalar()
    return found


def add(connection: sa.Connection, named: Named, kind: str, at: Instant) -> bool:
    """Write down what came back about a message; False if that was known.

    It is looked at first: SQLite, which lets one write at a time, refuses a key that is taken whatever is to be done.
    """
    row = dict(zip(("run_id", "step", "position", "kind"), (*named, kind), strict=True))
    known = sa.select(response.c.at).where(*(response.c[name] == value for name, value in row.items()))
    return connection.execute(known).first() is None and insert_new(connection, response, {**row, "at": at})


def count(connection: sa.Connection, run_id: str, column: str, more: int) -> None:
    """Add to one of the run's sums of what came back."""
    raised = run.update().where(run.c.id == run_id)
    connection.execute(raised.values({column: run.c[column] + more}))


def suppressed_by_reason(connection: sa.Connection, workspace_id: str) -> dict[str, int]:
    """How many addresses of a workspace are not written to, by reason. Index: the primary key."""
    wanted = sa.select(suppression.c.reason, sa.func.count()).where(suppression.c.workspace_id == workspace_id)
    return {reason: count for reason, count in connection.execute(wanted.group_by(suppression.c.reason))}
