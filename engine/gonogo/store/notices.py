"""Webhooks, what they are told, and how far the telling is."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from whenever import Instant

from gonogo import models
from gonogo.errors import NotFound
from gonogo.models import Document, table

endpoint = table(models.Endpoint)
notice = table(models.Notice)
delivery = table(models.Delivery)
step = table(models.Step)
workspace = table(models.Workspace)

#: With literal values: SQLite takes a partial index only where it reads the condition of the index in the statement.
_PENDING = sa.text("gonogo_delivery.state = 'pending'")

# Endpoints


def endpoints(connection: sa.Connection, workspace_id: str) -> list[sa.Row[Any]]:
    """The workspace's webhooks, in order of their making. Index: gonogo_endpoint_workspace_id_idx."""
    live = sa.and_(endpoint.c.workspace_id == workspace_id, endpoint.c.removed_at.is_(None))
    return list(connection.execute(sa.select(endpoint).where(live).order_by(endpoint.c.id)))


def find(connection: sa.Connection, workspace_id: str, endpoint_id: str) -> sa.Row[Any]:
    """A webhook that was not removed. Raises NotFound."""
    mine = sa.and_(endpoint.c.workspace_id == workspace_id, endpoint.c.removed_at.is_(None))
    found = connection.execute(sa.select(endpoint).where(endpoint.c.id == endpoint_id, mine)).first()
    if found is None:
        raise NotFound("webhook", endpoint_id)
    return found


def add_endpoint(connection: sa.Connection, row: Document) -> None:
    """Every step of the workspace tells of itself from here on."""
    connection.execute(endpoint.insert(), row)
    _count(connection, row["workspace_id"], 1)


def change_endpoint(connection: sa.Connection, endpoint_id: str, **values: object) -> None:
    connection.execute(endpoint.update().where(endpoint.c.id == endpoint_id).values(**values))


def remove_endpoint(connection: sa.Connection, workspace_id: str, endpoint_id: str, now: Instant) -> None:
    live = sa.and_(endpoint.c.id == endpoint_id, endpoint.c.removed_at.is_(None))
    removed = connection.execute(endpoint.update().where(live).values(removed_at=now))
    if removed.rowcount != 1:
        raise NotFound("webhook", endpoint_id)
    _count(connection, workspace_id, -1)


def _count(connection: sa.Connection, workspace_id: str, by: int) -> None:
    counted = workspace.update().where(workspace.c.id == workspace_id)
    connection.execute(counted.values(endpoints=workspace.c.endpoints + by))


# Notices


def latest_step(connection: sa.Connection, campaign_id: str) -> Instant:
    """The latest time that a step of the campaign bears."""
    at: Instant = connection.execute(
        sa.select(sa.func.max(step.c.at)).where(step.c.campaign_id == campaign_id)
    ).scalar_one()
    return at


def add(connection: sa.Connection, row: Document, endpoint_ids: Sequence[str]) -> None:
    """A notice, and its way to each of these; nothing where nobody is told."""
    if not endpoint_ids:
        return
    connection.execute(notice.insert(), row)
    ways = {"notice_id": row["id"], "campaign_id": row["campaign_id"], "state": "pending", "tries": 0}
    connection.execute(
        delivery.insert(), [{**ways, "endpoint_id": each, "next_at": row["at"]} for each in endpoint_ids]
    )


# Deliveries


def claim_due(connection: sa.Connection, now: Instant, until: Instant, *, limit: int, of_one: int) -> list[sa.Row[Any]]:
    """Deliveries that are due, for the caller alone until then: a few of each endpoint, none behind an earlier one of
    the same endpoint and campaign. Indexes: gonogo_delivery_due_idx, gonogo_delivery_line_idx.

    What stands behind one that is claimed waits as long, so that it is not looked at again and again.
    """
    earlier = delivery.alias("earlier")
    behind = (
        sa.select(earlier.c.notice_id)
        .where(
            sa.text("earlier.state = 'pending'"),
            earlier.c.endpoint_id == delivery.c.endpoint_id,
            earlier.c.campaign_id == delivery.c.campaign_id,
            earlier.c.notice_id < delivery.c.notice_id,
        )
        .exists()
    )
    # of the bare column SQLite would walk the other index, through all that waits for its time
    each = delivery.c.endpoint_id.concat("")
    place = sa.func.row_number().over(partition_by=each, order_by=delivery.c.next_at)
    heads = (
        sa.select(delivery.c.endpoint_id, delivery.c.notice_id, place.label("place"))
        .where(_PENDING, delivery.c.next_at <= now, ~behind)
        .subquery("heads")
    )
    one = sa.and_(heads.c.endpoint_id == delivery.c.endpoint_id, heads.c.notice_id == delivery.c.notice_id)
    wanted = (
        sa.select(delivery, notice.c.type, notice.c.body, notice.c.at, endpoint.c.url, endpoint.c.secret)
        .add_columns(endpoint.c.removed_at)
        .join_from(delivery, heads, one)
        .join(notice, notice.c.id == delivery.c.notice_id)
        .join(endpoint, endpoint.c.id == delivery.c.endpoint_id)
        .where(_PENDING, delivery.c.next_at <= now, heads.c.place <= of_one)
        .order_by(heads.c.place, delivery.c.next_at)
        .limit(limit)
        .with_for_update(of=delivery, skip_locked=True)
    )
    claimed = list(connection.execute(wanted))
    for row in claimed:
        _put_off(connection, row, until)
    return claimed


def settle(connection: sa.Connection, row: sa.Row[Any], held: Instant, **values: object) -> bool:
    """What came of a delivery that is claimed until `held`; False where it is claimed no more, and nothing changed."""
    mine = sa.and_(_is(row.endpoint_id, row.notice_id), _PENDING, delivery.c.next_at == held)
    return connection.execute(delivery.update().where(mine).values(**values)).rowcount == 1


def let_follow(connection: sa.Connection, row: sa.Row[Any], at: Instant) -> None:
    """What stands behind a delivery is due at that time, or stands there until then."""
    _put_off(connection, row, at)


def _put_off(connection: sa.Connection, row: sa.Row[Any], until: Instant) -> None:
    """The delivery, if it is pending, and what stands behind it. Index: gonogo_delivery_line_idx."""
    line = sa.and_(
        delivery.c.endpoint_id == row.endpoint_id,
        delivery.c.campaign_id == row.campaign_id,
        delivery.c.notice_id >= row.notice_id,
    )
    connection.execute(delivery.update().where(_PENDING, line).values(next_at=until))


def page(connection: sa.Connection, endpoint_id: str, *, before: str, limit: int) -> list[sa.Row[Any]]:
    """Deliveries to an endpoint, the newest first, from before the given notice. Index: the primary key."""
    wanted = sa.select(delivery, notice.c.type, notice.c.body, notice.c.at).join(
        notice, notice.c.id == delivery.c.notice_id
    )
    wanted = wanted.where(delivery.c.endpoint_id == endpoint_id)
    if before:
        wanted = wanted.where(delivery.c.notice_id < before)
    return list(connection.execute(wanted.order_by(delivery.c.notice_id.desc()).limit(limit)))


def find_delivery(connection: sa.Connection, endpoint_id: str, notice_id: str) -> sa.Row[Any]:
    """One delivery with what it tells. Raises NotFound."""
    wanted = sa.select(delivery, notice.c.type, notice.c.body, notice.c.at).join(
        notice, notice.c.id == delivery.c.notice_id
    )
    found = connection.execute(wanted.where(_is(endpoint_id, notice_id))).first()
    if found is None:
        raise NotFound("delivery", notice_id)
    return found


def replay(connection: sa.Connection, endpoint_id: str, notice_id: str, now: Instant) -> bool:
    """Make a settled delivery pending again; False for one that is pending already."""
    settled = sa.and_(_is(endpoint_id, notice_id), delivery.c.state != "pending")
    blank: Document = {"tries": 0, "status": None, "error": None, "settled_at": None}
    again = delivery.update().where(settled).values(state="pending", next_at=now, **blank)
    return connection.execute(again).rowcount == 1


def _is(endpoint_id: str, notice_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(delivery.c.endpoint_id == endpoint_id, delivery.c.notice_id == notice_id)
