"""How things stand: figures for those who watch a server, each from an index; and how one campaign stands."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from whenever import Instant

from gonogo import models
from gonogo.campaign import PAUSED
from gonogo.store.workspaces import seconds_since_life

campaign = models.table(models.Campaign)
run = models.table(models.Run)
lease = models.table(models.Lease)
step = models.table(models.Step)


@dataclass(frozen=True, slots=True)
class Standing:
    """Campaigns by sending state, waiting runs by what for, leases of segments, and an executor's silence, seconds."""

    campaigns: dict[str, int]
    waiting: dict[str, int]
    leases: int
    lapsed: int
    silence: float


# With literal values: SQLite takes a partial index only where it reads the condition of the index in the statement.
# Indexes: gonogo_campaign_due_idx, gonogo_campaign_sending_idx, gonogo_run_waking_idx, gonogo_lease_until_idx.
_SCHEDULED = sa.select(sa.func.count()).select_from(campaign).where(sa.text("gonogo_campaign.state = 'scheduled'"))
_SENDING = (
    sa.select(campaign.c.state, sa.func.count())
    .where(sa.text("gonogo_campaign.state IN ('active', 'running')"))
    .group_by(campaign.c.state)
)
_WAITING = (
    sa.select(run.c.waiting_for, sa.func.count())
    .where(run.c.wake_at.is_not(None), run.c.closed_at.is_(None))
    .group_by(run.c.waiting_for)
)
_STUCK = sa.exists(
    sa.select(run.c.id)
    .join(campaign, campaign.c.id == run.c.campaign_id)
    .where(
        run.c.wake_at.is_not(None),
        run.c.closed_at.is_(None),
        run.c.waiting_for == "channel",
        campaign.c.channel == "email",
    )
)


def mail_is_stuck(connection: sa.Connection) -> bool:
    """A launch by e-mail waits for its channel, which can't carry anything now."""
    return bool(connection.execute(sa.select(_STUCK)).scalar())


def ask(connection: sa.Connection, now: Instant) -> Standing:
    """How things stand now, in every workspace."""
    held = sa.select(sa.func.count()).select_from(lease).where(lease.c.campaign_id.is_not(None))
    sending = {state: count for state, count in connection.execute(_SENDING)}
    return Standing(
        campaigns={
            "scheduled": connection.execute(_SCHEDULED).scalar_one(),
            "active": sending.get("active", 0),
            "running": sending.get("running", 0),
        },
        waiting={reason or "other": count for reason, count in connection.execute(_WAITING)},
        leases=connection.execute(held.where(lease.c.until >= now)).scalar_one(),
        lapsed=connection.execute(held.where(lease.c.until < now)).scalar_one(),
        silence=seconds_since_life(connection),
    )


# One campaign


def stopped(connection: sa.Connection, campaign_id: str) -> sa.Row[Any]:
    """The step by which a paused campaign came to a stop, or by which its approval was revoked later. Index: the
    primary key."""
    into = sa.and_(step.c.campaign_id == campaign_id, step.c.target == PAUSED)
    stopping = sa.or_(step.c.source != PAUSED, step.c.event == "revoke")
    wanted: sa.Select[Any] = sa.select(step.c.event, step.c.person, step.c.at).where(into, stopping)
    return connection.execute(wanted.order_by(step.c.seq.desc()).limit(1)).one()


def is_held(connection: sa.Connection, campaign_id: str) -> bool:
    """Whether a worker is busy with it, or was when it died. Index: gonogo_lease_campaign_id_idx."""
    held = sa.exists(sa.select(lease.c.token).where(lease.c.campaign_id == campaign_id))
    return bool(connection.execute(sa.select(held)).scalar())
