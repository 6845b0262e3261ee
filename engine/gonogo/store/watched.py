"""How far campaigns are, many of them at once, and whose keys still open: what people watch. It never reads the ledger
but for what is in flight."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from whenever import Instant, TimeDelta

from gonogo import models
from gonogo.models import table
from gonogo.store.cases import Case

campaign = table(models.Campaign)
run = table(models.Run)
minute = table(models.Minute)
ledger = table(models.Ledger)
contact = table(models.Contact)
audience = table(models.Audience)
key = table(models.Key)
member = table(models.Member)


@dataclass(frozen=True, slots=True)
class Watched:
    """A campaign with the sums of its present run; zeros and None before the first. `recent` were settled in the
    minutes that were asked about."""

    campaign: str
    workspace: str
    state: str
    run_id: str | None
    closed_at: Instant | None
    closed_as: str | None
    begun_at: Instant | None
    waiting_for: str | None
    wake_at: Instant | None
    recipients: int
    steps: int
    step: int
    sent: int
    rejected: int
    failed: int
    unknown: int
    skipped: int
    deferred: int
    claimed: int
    recent: int


_CLAIMED = (
    sa.select(sa.func.count())
    .where(ledger.c.campaign_id == campaign.c.id, sa.text("gonogo_ledger.state = 'claimed'"))
    .correlate(campaign)
    .scalar_subquery()
)
_RECENT = (
    sa.select(sa.func.sum(minute.c.sent + minute.c.unsent))
    .where(
        minute.c.run_id == run.c.id,
        minute.c.minute >= run.c.begun_at,
        minute.c.minute >= bindparam("since"),
        minute.c.minute < bindparam("until"),
    )
    .correlate(run)
    .scalar_subquery()
)
_COUNTED = ("recipients", "steps", "step", "sent", "rejected", "failed", "unknown", "skipped", "deferred")
_WATCHED = (
    sa.select(
        campaign.c.id,
        campaign.c.workspace_id,
        campaign.c.state,
        run.c.id,
        *(run.c[name] for name in ("closed_at", "closed_as", "begun_at", "waiting_for", "wake_at")),
        *(sa.func.coalesce(run.c[name], 0) for name in _COUNTED),
        _CLAIMED,
        sa.func.coalesce(_RECENT, 0),
    )
    .join_from(campaign, run, sa.and_(run.c.campaign_id == campaign.c.id, run.c.number == campaign.c.run), isouter=True)
    .where(campaign.c.id.in_(bindparam("campaigns", expanding=True)), campaign.c.removed_at.is_(None))
)


def watched(
    connection: sa.Connection, campaigns: Collection[str], since: Instant, until: Instant
) -> dict[str, Watched]:
    """These campaigns as they are, by id; those that are gone are left out. `recent` counts the minutes from `since`
    to before `until`. Indexes: the primary keys, gonogo_run_campaign_id_number_key, gonogo_ledger_claimed_idx."""
    asked = {"campaigns": list(campaigns), "since": since, "until": until}
    rows: list[sa.Row[Any]] = list(connection.execute(_WATCHED, asked))
    return {row[0]: Watched(*tuple(row)) for row in rows}


def workspace_of(connection: sa.Connection, campaign_id: str) -> str | None:
    """Whose campaign it is."""
    wanted = sa.select(campaign.c.workspace_id).where(campaign.c.id == campaign_id, campaign.c.removed_at.is_(None))
    found: str | None = connection.execute(wanted).scalar()
    return found


def open_keys(connection: sa.Connection, keys: Collection[str], now: Instant) -> set[str]:
    """Of these keys those that neither they nor their members have lost."""
    wanted = (
        sa.select(key.c.id)
        .outerjoin(member, member.c.id == key.c.member_id)
        .where(
            key.c.id.in_(list(keys)),
            key.c.revoked_at.is_(None),
            key.c.expires_at.is_(None) | (key.c.expires_at > now),
            member.c.removed_at.is_(None),
        )
    )
    return set(connection.execute(wanted).scalars())


def newcomers(connection: sa.Connection, case: Case) -> int:
    """How many people joined the campaign's list after its present run had taken it. Index: on (list_id, position)."""
    after = connection.execute(_last_of_audience(case) if case.run == 1 else _last_before(case)).scalar() or 0
    joined = sa.select(sa.func.count()).where(
        contact.c.list_id == case.list_id, contact.c.position > after, contact.c.excluded.is_(None)
    )
    return int(connection.execute(joined).scalar_one())


def _last_of_audience(case: Case) -> sa.Select[tuple[int]]:
    """The last position of the list that the first run took."""
    return (
        sa.select(contact.c.position)
        .join(audience, audience.c.contact_id == contact.c.id)
        .where(audience.c.run_id == case.run_id)
        .order_by(audience.c.position.desc())
        .limit(1)
    )


def _last_before(case: Case) -> sa.Select[tuple[int]]:
    """The last position of the list when a later run was opened, which took only a part of it. Ids tell when they were
    made, and positions are in that order: the search ends at the first one that is old."""
    opened = (case.opened_at or case.created_at) + TimeDelta(milliseconds=1)
    digits = f"{opened.timestamp(unit='millisecond'):012x}"
    return (
        sa.select(contact.c.position)
        .where(contact.c.list_id == case.list_id, contact.c.id < f"{digits[:8]}-{digits[8:]}")
        .order_by(contact.c.position.desc())
        .limit(1)
    )
