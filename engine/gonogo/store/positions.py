"""How far a database has come: the turns of the clock, counted, which only a restored backup sets back."""

import sqlalchemy as sa
from whenever import Instant

from gonogo import models
from gonogo.database import insert_new
from gonogo.models import table

lease = table(models.Lease)
campaign = table(models.Campaign)

#: The lease whose turns are counted.
CLOCK = "tick"
#: With literal values: SQLite takes a partial index only where it reads the condition of the index in the statement.
_UNDER_WAY = sa.text("(gonogo_campaign.state = 'scheduled' OR gonogo_campaign.state IN ('active', 'running'))")


def newest(connection: sa.Connection) -> int:
    """The last turn that was taken; 0 before the first."""
    found: int | None = connection.execute(sa.select(lease.c.turn).where(lease.c.token == CLOCK)).scalar()
    return found or 0


def put_past(connection: sa.Connection, position: int, now: Instant) -> None:
    """Go on counting after this position."""
    if not insert_new(connection, lease, {"token": CLOCK, "holder": "", "until": now, "turn": position}):
        behind = sa.and_(lease.c.token == CLOCK, lease.c.turn < position)
        connection.execute(lease.update().where(behind).values(turn=position))


def under_way(connection: sa.Connection, after: str, limit: int) -> list[tuple[str, str]]:
    """(workspace, campaign) of the next campaigns, of every workspace, that go out by themselves.
    Indexes: gonogo_campaign_due_idx, gonogo_campaign_sending_idx."""
    wanted = sa.select(campaign.c.workspace_id, campaign.c.id).where(_UNDER_WAY, campaign.c.id > after)
    ordered = wanted.order_by(campaign.c.id).limit(limit)
    return [(workspace_id, campaign_id) for workspace_id, campaign_id in connection.execute(ordered)]
