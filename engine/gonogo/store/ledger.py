"""Messages: claimed before the first byte goes out, settled after; and the leases of those who send them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from whenever import Instant

from gonogo import models
from gonogo.database import insert_new
from gonogo.models import Document, table
from gonogo.store.cases import Case

ledger = table(models.Ledger)
audience = table(models.Audience)
payload = table(models.Payload)
run = table(models.Run)
lease = table(models.Lease)
campaign = table(models.Campaign)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One message that is about to be sent. `body` is None where the recipient was erased."""

    position: int
    contact_id: str
    body: str | None


def unclaimed(case: Case) -> int:
    """How many messages of the open run nobody has claimed yet."""
    if case.recipients is None or case.steps is None or case.step is None or case.cursor is None:
        return 0
    return max(0, (case.steps - case.step) * case.recipients - case.cursor)


_NEXT = (
    sa.select(audience.c.position, audience.c.contact_id, payload.c.body)
    .join(payload, payload.c.digest == audience.c.payload)
    .where(
        audience.c.run_id == bindparam("run"),
        audience.c.position >= bindparam("from_position"),
        audience.c.first_step <= bindparam("step"),
    )
    .order_by(audience.c.position)
    .limit(bindparam("batch"))
)
_CLAIM = ledger.insert()


def claim(connection: sa.Connection, case: Case, token: str, now: Instant, batch: int) -> list[Claimed]:
    """Claim the next messages of the run's present step, in order; none where the step has no more."""
    asked = {"run": case.run_id, "from_position": case.cursor, "step": case.step, "batch": batch}
    found = [Claimed(*row) for row in connection.execute(_NEXT, asked)]
    if found:
        common = {
            "run_id": case.run_id,
            "step": case.step,
            "campaign_id": case.id,
            "generation": case.generation,
            "state": "claimed",
            "token": token,
            "claimed_at": now,
        }
        rows = [{**common, "position": each.position, "contact_id": each.contact_id} for each in found]
        connection.execute(_CLAIM, rows)
    return found


_SETTLE_ONE = (
    ledger.update()
    .where(
        ledger.c.run_id == bindparam("of_run"),
        ledger.c.step == bindparam("of_step"),
        ledger.c.position == bindparam("of_position"),
        ledger.c.token == bindparam("of_token"),
        ledger.c.state == "claimed",
    )
    .values(state=bindparam("to"), settled_at=bindparam("now"), error=bindparam("why"))
)
_SETTLE_SENT = (
    ledger.update()
    .where(
        ledger.c.run_id == bindparam("of_run"),
        ledger.c.step == bindparam("of_step"),
        ledger.c.position.in_(bindparam("positions", expanding=True)),
        ledger.c.token == bindparam("of_token"),
        ledger.c.state == "claimed",
    )
    .values(state="sent", settled_at=bindparam("now"))
)


def settle(
    connection: sa.Connection,
    *,
    run_id: str,
    step: int,
    token: str,
    now: Instant,
    sent: Sequence[int],
    unsent: Sequence[tuple[int, str, str]],
) -> dict[str, int]:
    """Write down what became of a batch: the positions that were sent, and (position, state, reason) of what was not.
    Rows that this token no longer holds are left alone. Returns how many there were by state."""
    common: Document = {"of_run": run_id, "of_step": step, "of_token": token, "now": now}
    counts: dict[str, int] = {}
    for position, state, reason in unsent:
        row = {**common, "of_position": position, "to": state, "why": reason}
        counts[state] = counts.get(state, 0) + connection.execute(_SETTLE_ONE, row).rowcount
    if sent:
        counts["sent"] = connection.execute(_SETTLE_SENT, {**common, "positions": list(sent)}).rowcount
    return counts


_COUNTED = ("sent", "rejected", "failed", "unknown", "skipped")
_PROGRESS = (
    run.update()
    .where(run.c.id == bindparam("of_run"))
    .values({name: run.c[name] + bindparam(f"more_{name}") for name in _COUNTED})
)


def progress(connection: sa.Connection, run_id: str, counts: Mapping[str, int], values: Document) -> None:
    """Add a batch to the sums of its run, and set what else the batch changed."""
    more = {f"more_{name}": counts.get(name, 0) for name in _COUNTED}
    connection.execute(_PROGRESS, {"of_run": run_id, **more, **values})


def give_up(connection: sa.Connection, token: str, now: Instant) -> bool:
    """Whatever this lease claimed and did not settle is unknown: nobody can tell whether it went out.

    False, and nothing is done, where the lease was renewed or dropped meanwhile.
    """
    lapsed = sa.select(lease.c.campaign_id, lease.c.run_id).where(lease.c.token == token, lease.c.until < now)
    held = connection.execute(lapsed).first()
    if held is None:
        return False
    campaign_id, run_id = held
    lost = (
        ledger.update()
        .where(ledger.c.campaign_id == campaign_id, ledger.c.token == token, ledger.c.state == "claimed")
        .values(state="unknown", settled_at=now, error="the worker stopped before it could tell")
    )
    progress(connection, run_id, {"unknown": connection.execute(lost).rowcount}, {})
    drop_lease(connection, token)
    return True


def rows(
    connection: sa.Connection,
    campaign_id: str,
    *,
    states: Iterable[str],
    after: tuple[str, int, int] | None,
    limit: int,
) -> list[sa.Row[Any]]:
    """Ledger rows of a campaign, in order of run, step and position, with what the payload says."""
    key = sa.tuple_(ledger.c.run_id, ledger.c.step, ledger.c.position)
    wanted = (
        sa.select(ledger, payload.c.body)
        .join(run, run.c.id == ledger.c.run_id)
        .join(audience, sa.and_(audience.c.run_id == ledger.c.run_id, audience.c.position == ledger.c.position))
        .join(payload, payload.c.digest == audience.c.payload)
        .where(run.c.campaign_id == campaign_id, ledger.c.state.in_(list(states)))
    )
    if after is not None:
        wanted = wanted.where(key > sa.tuple_(*after))
    ordered = wanted.order_by(ledger.c.run_id, ledger.c.step, ledger.c.position).limit(limit)
    return list(connection.execute(ordered))


# Leases

_RENEW = lease.update().where(lease.c.token == bindparam("of_token")).values(until=bindparam("new_until"))


def add_lease(connection: sa.Connection, case: Case, token: str, until: Instant) -> None:
    row = {"token": token, "workspace_id": case.workspace, "campaign_id": case.id, "run_id": case.run_id}
    connection.execute(lease.insert(), {**row, "holder": token, "until": until})


def renew_lease(connection: sa.Connection, token: str, until: Instant) -> bool:
    """Hold on to a lease; False if it was taken away."""
    return connection.execute(_RENEW, {"of_token": token, "new_until": until}).rowcount == 1


def drop_lease(connection: sa.Connection, token: str) -> None:
    connection.execute(lease.delete().where(lease.c.token == token))


def lapsed(connection: sa.Connection, now: Instant, limit: int) -> list[tuple[str, str, str]]:
    """(workspace, campaign, token) of the leases of segments that nobody renewed in time."""
    wanted = sa.select(lease.c.workspace_id, lease.c.campaign_id, lease.c.token).where(lease.c.until < now)
    ordered = wanted.where(lease.c.campaign_id.is_not(None)).order_by(lease.c.until).limit(limit)
    return [(workspace_id, campaign_id, token) for workspace_id, campaign_id, token in connection.execute(ordered)]


#: With literal values: SQLite takes a partial index only where it reads the condition of the index in the statement.
_SENDING = sa.text("gonogo_campaign.state IN ('active', 'running')")


def idle(connection: sa.Connection, now: Instant, since: Instant, limit: int) -> list[tuple[str, str]]:
    """(workspace, campaign) that should be sending now, that no lease is held for, and that nothing was heard of since.
    Index: gonogo_campaign_sending_idx."""
    wanted = (
        sa.select(campaign.c.workspace_id, campaign.c.id)
        .join(run, sa.and_(run.c.campaign_id == campaign.c.id, run.c.number == campaign.c.run))
        .outerjoin(lease, lease.c.campaign_id == campaign.c.id)
        .where(
            _SENDING,
            campaign.c.updated_at < since,
            lease.c.token.is_(None),
            run.c.wake_at.is_(None) | (run.c.wake_at <= now),
        )
        .limit(limit)
    )
    return [(workspace_id, campaign_id) for workspace_id, campaign_id in connection.execute(wanted)]


def take_turn(connection: sa.Connection, name: str, holder: str, until: Instant, now: Instant) -> bool:
    """Take or keep a lease that one process holds at a time, and that belongs to no campaign."""
    free = (lease.c.until < now) | (lease.c.holder == holder)
    taken = lease.update().where(lease.c.token == name, free).values(until=until, holder=holder)
    if connection.execute(taken).rowcount == 1:
        return True
    return insert_new(connection, lease, {"token": name, "holder": holder, "until": until})
