"""What holds messages back: holds, daily limits and how much of them is used, addresses that are not written to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from whenever import Instant

from gonogo import models
from gonogo.database import insert_new
from gonogo.models import Document, table

hold = table(models.Hold)
cap = table(models.Cap)
quota = table(models.Quota)
suppression = table(models.Suppression)
run = table(models.Run)
campaign = table(models.Campaign)


@dataclass(frozen=True, slots=True, order=True)
class Limit:
    """So many messages a day of a zone, of one campaign, sender or pool of senders."""

    kind: str
    subject: str
    daily: int
    zone: str


# Holds

_STANDING = (
    sa.select(hold.c.kind, hold.c.subject, hold.c.reason, hold.c.set_by, hold.c.set_at)
    .where(
        hold.c.lifted_at.is_(None),
        hold.c.workspace_id.is_(None)
        | (
            (hold.c.workspace_id == bindparam("workspace"))
            & ((hold.c.kind == "workspace") | (hold.c.subject == bindparam("sender")))
        ),
    )
    .order_by(hold.c.id)
)
_KEPT_STANDING = _STANDING.with_for_update(read=True)


def standing(connection: sa.Connection, workspace_id: str, sender: str) -> list[sa.Row[Any]]:
    """The holds that stop this sender of a workspace. Index: gonogo_hold_standing_idx."""
    return list(connection.execute(_STANDING, {"workspace": workspace_id, "sender": sender}))


def stops(connection: sa.Connection, workspace_id: str, sender: str) -> bool:
    """Whether a hold stops this sender. None of them is lifted until the transaction ends: whoever lifts one wakes what
    waits for it, and must see that this run does."""
    return connection.execute(_KEPT_STANDING, {"workspace": workspace_id, "sender": sender}).first() is not None


def holds(connection: sa.Connection, workspace_id: str | None) -> list[sa.Row[Any]]:
    """Every hold of a workspace, or of everything, the newest first."""
    mine = hold.c.workspace_id.is_(None) if workspace_id is None else hold.c.workspace_id == workspace_id
    return list(connection.execute(sa.select(hold).where(mine).order_by(hold.c.id.desc()).limit(1000)))


def find_hold(connection: sa.Connection, workspace_id: str | None, hold_id: str) -> sa.Row[Any] | None:
    mine = hold.c.workspace_id.is_(None) if workspace_id is None else hold.c.workspace_id == workspace_id
    return connection.execute(sa.select(hold).where(hold.c.id == hold_id, mine)).first()


def add_hold(connection: sa.Connection, row: Document) -> None:
    connection.execute(hold.insert(), row)


def lift_hold(connection: sa.Connection, hold_id: str, by: str, now: Instant) -> None:
    connection.execute(hold.update().where(hold.c.id == hold_id).values(lifted_by=by, lifted_at=now))


def wake(connection: sa.Connection, workspace_id: str | None, waiting_for: str, now: Instant) -> None:
    """Have every run of a workspace, or of all, that waits for this look again."""
    mine = sa.select(campaign.c.id)
    if workspace_id is not None:
        mine = mine.where(campaign.c.workspace_id == workspace_id)
    waiting = run.update().where(run.c.waiting_for == waiting_for, run.c.campaign_id.in_(mine)).values(wake_at=now)
    connection.execute(waiting)


# Daily limits

_CAPS = (
    sa.select(cap.c.kind, cap.c.subject, cap.c.daily, cap.c.zone)
    .where(
        cap.c.workspace_id == bindparam("workspace"),
        ((cap.c.kind == "sender") & (cap.c.subject == bindparam("sender")))
        | ((cap.c.kind == "pool") & (cap.c.subject == bindparam("pool"))),
    )
    .with_for_update(read=True)
)


def caps(connection: sa.Connection, workspace_id: str, sender: str, pool: str) -> list[Limit]:
    """What is set for a sender and a pool. None of it is changed until the transaction ends: whoever changes a limit
    wakes what waits for it, and must see that this run does."""
    asked = {"workspace": workspace_id, "sender": sender, "pool": pool}
    return [Limit(*row) for row in connection.execute(_CAPS, asked)]


def all_caps(connection: sa.Connection, workspace_id: str) -> list[Limit]:
    wanted = sa.select(cap.c.kind, cap.c.subject, cap.c.daily, cap.c.zone).where(cap.c.workspace_id == workspace_id)
    return [Limit(*row) for row in connection.execute(wanted.order_by(cap.c.kind, cap.c.subject))]


def set_cap(connection: sa.Connection, workspace_id: str, limit: Limit | None, kind: str, subject: str) -> None:
    """Put a daily limit in the place of the one that was set, or of none; None takes it away."""
    mine = (cap.c.workspace_id == workspace_id) & (cap.c.kind == kind) & (cap.c.subject == subject)
    connection.execute(cap.delete().where(mine))
    if limit is not None:
        row = {"workspace_id": workspace_id, "kind": kind, "subject": subject}
        connection.execute(cap.insert(), {**row, "daily": limit.daily, "zone": limit.zone})


def used(connection: sa.Connection, workspace_id: str, kind: str, subject: str, day: str) -> int:
    """How much of a daily limit was used on a day."""
    return int(connection.execute(sa.select(quota.c.used).where(_of(workspace_id, kind, subject, day))).scalar() or 0)


def hold_quota(connection: sa.Connection, workspace_id: str, kind: str, subject: str, day: str) -> int:
    """The same, held until the transaction ends, so that nobody else uses of it meanwhile."""
    row = {"workspace_id": workspace_id, "kind": kind, "subject": subject, "day": day}
    insert_new(connection, quota, {**row, "used": 0})
    wanted = sa.select(quota.c.used).where(_of(workspace_id, kind, subject, day)).with_for_update()
    return int(connection.execute(wanted).scalar_one())


def use(connection: sa.Connection, workspace_id: str, kind: str, subject: str, day: str, count: int) -> None:
    mine = _of(workspace_id, kind, subject, day)
    connection.execute(quota.update().where(mine).values(used=quota.c.used + count))


def _of(workspace_id: str, kind: str, subject: str, day: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        quota.c.workspace_id == workspace_id,
        quota.c.kind == kind,
        quota.c.subject == subject,
        quota.c.day == day,
    )


# Addresses

_SUPPRESSED = sa.select(suppression.c.address_key, suppression.c.reason).where(
    suppression.c.workspace_id == bindparam("workspace"),
    suppression.c.address_key.in_(bindparam("keys", expanding=True)),
    (suppression.c.reason != "reply") | (suppression.c.at >= bindparam("since")),
)


def suppressed(connection: sa.Connection, workspace_id: str, keys: Sequence[str], since: Instant) -> dict[str, str]:
    """Of these addresses those that are not written to, with the reason. Who answered is left in peace by what was
    under way then: since the moment given."""
    asked = {"workspace": workspace_id, "keys": list(keys), "since": since}
    return {key: reason for key, reason in connection.execute(_SUPPRESSED, asked)}


def suppress(connection: sa.Connection, workspace_id: str, address_key: str, reason: str, now: Instant) -> bool:
    """Write to an address no more; False if that was so already. A later reply counts anew."""
    row = {"workspace_id": workspace_id, "address_key": address_key, "reason": reason, "at": now}
    if insert_new(connection, suppression, row):
        return True
    mine = (suppression.c.workspace_id == workspace_id) & (suppression.c.address_key == address_key)
    if reason == "reply":
        connection.execute(suppression.update().where(mine, suppression.c.reason == reason).values(at=now))
    return False


def allow_again(connection: sa.Connection, workspace_id: str, address_key: str) -> int:
    """Write to an address again; how many reasons there were not to."""
    mine = (suppression.c.workspace_id == workspace_id) & (suppression.c.address_key == address_key)
    return connection.execute(suppression.delete().where(mine)).rowcount


def suppressions(connection: sa.Connection, workspace_id: str, address_keys: Iterable[str]) -> list[sa.Row[Any]]:
    """Why these addresses are not written to."""
    mine = (suppression.c.workspace_id == workspace_id) & suppression.c.address_key.in_(list(address_keys))
    return list(connection.execute(sa.select(suppression).where(mine)))
