"""Messages: claimed before the first byte goes out, settled after; and the leases of those who send them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql, sqlite
from whenever import Instant

from gonogo import models
from gonogo.database import insert_new
from gonogo.models import Document, table
from gonogo.models.base import CLAIMED_STATES, one_of
from gonogo.store.cases import Case

ledger = table(models.Ledger)
audience = table(models.Audience)
payload = table(models.Payload)
run = table(models.Run)
lease = table(models.Lease)
minute = table(models.Minute)
resolution = table(models.Resolution)
campaign = table(models.Campaign)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One message that is about to be sent. `body` is None where the recipient was erased; `tries` were refused;
    `before` is when the person was sent the message of the step before, in whichever run of the launch."""

    position: int
    contact_id: str
    body: str | None
    tries: int = 0
    variant: int | None = None
    before: Instant | None = None


def unclaimed(case: Case) -> int:
    """How many messages of the open run nobody has claimed yet, or wait for another try."""
    if case.recipients is None or case.steps is None or case.step is None or case.cursor is None:
        return 0
    return max(0, (case.steps - case.step) * case.recipients - case.cursor) + (case.deferred or 0)


_NEXT = (
    sa.select(audience.c.position, audience.c.contact_id, payload.c.body)
    .join(payload, payload.c.digest == audience.c.payload)
    .where(
        audience.c.run_id == bindparam("run"),
        audience.c.position >= bindparam("from_position"),
        audience.c.position < bindparam("to_position"),
        audience.c.done.bitwise_rshift(bindparam("step", type_=sa.Integer)).bitwise_and(sa.literal_column("1")) == 0,
    )
    .order_by(audience.c.position)
    .limit(bindparam("batch"))
)


_before = ledger.alias("before")
_NEXT_OF_STEP = _NEXT.add_columns(sa.literal(0), sa.null(), _before.c.claimed_at).outerjoin(
    _before,
    sa.and_(
        _before.c.campaign_id == bindparam("campaign"),
        _before.c.generation == bindparam("generation"),
        _before.c.contact_id == audience.c.contact_id,
        _before.c.step == bindparam("step", type_=sa.Integer) - 1,
        sa.text(f"before.{one_of('state', CLAIMED_STATES)}"),  # as its index has it, or that is not taken
    ),
)


def _claims(each: Callable[[Any], Any]) -> sa.Insert:
    """A claim of many messages as one statement; their rows come in as JSON, which `each` takes apart."""
    row = each(bindparam("rows", type_=sa.JSON)).table_valued(sa.column("value", sa.JSON)).c.value
    why = row[3].as_string()
    said: dict[str, Any] = {
        **{name: bindparam(name, type_=ledger.c[name].type) for name in _OF_CLAIM},
        "position": row[0].as_integer(),
        "contact_id": row[1].as_string(),
        "variant": row[2].as_integer(),
        "state": sa.case((why.is_(None), "claimed"), else_="skipped"),
        "settled_at": sa.case((why.is_not(None), bindparam("claimed_at", type_=ledger.c.claimed_at.type))),
        "error": why,
    }
    return ledger.insert().from_select(list(said), sa.select(*said.values()))


_OF_CLAIM = ("run_id", "step", "campaign_id", "generation", "token", "claimed_at", "tries")
_CLAIM: Mapping[str, sa.Insert] = {
    "sqlite": _claims(sa.func.json_each),
    "postgresql": _claims(sa.func.json_array_elements),
}


def following(connection: sa.Connection, case: Case, batch: int) -> list[Claimed]:
    """The next messages of the run's present step that nobody claimed, in order; none where the step has no more.

    They are looked for among so many positions at a time, more where the step is not for all of them: without its
    statistics PostgreSQL would read all that are left, and sort them, for every batch.
    """
    found: list[Claimed] = []
    start, end, width = case.cursor or 0, case.recipients or 0, batch
    of_step: Document = {"run": case.run_id, "step": case.step}
    if case.step:
        of_step |= {"campaign": case.id, "generation": case.generation}
    while len(found) < batch and start < end:
        wanted = {**of_step, "batch": batch - len(found), "from_position": start, "to_position": start + width}
        rows = connection.execute(_NEXT_OF_STEP if case.step else _NEXT, wanted)
        found += [Claimed(*row) for row in rows]
        start, width = start + width, 2 * width
    return found


def claim(
    connection: sa.Connection,
    case: Case,
    token: str,
    now: Instant,
    found: Sequence[Claimed],
    skipped: Mapping[int, str] = MappingProxyType({}),
) -> None:
    """Claim these messages. Of positions that are to be skipped it is only written down that they were, and why."""
    if not found:
        return
    of_claim = {
        "run_id": case.run_id,
        "step": case.step,
        "campaign_id": case.id,
        "generation": case.generation,
        "token": token,
        "claimed_at": now,
        "tries": 0,
    }
    rows = [(each.position, each.contact_id, each.variant, skipped.get(each.position)) for each in found]
    connection.execute(_CLAIM[connection.dialect.name], {**of_claim, "rows": rows})


_DEFERRED = (
    sa.select(ledger.c.position, ledger.c.contact_id, payload.c.body, ledger.c.tries, ledger.c.variant)
    .join(audience, sa.and_(audience.c.run_id == ledger.c.run_id, audience.c.position == ledger.c.position))
    .join(payload, payload.c.digest == audience.c.payload)
    .where(
        ledger.c.run_id == bindparam("run"),
        ledger.c.step == bindparam("step"),
        sa.text("gonogo_ledger.state = 'deferred'"),
        ledger.c.retry_at <= bindparam("now"),
    )
    .order_by(ledger.c.retry_at, ledger.c.position)
    .limit(bindparam("batch"))
)
_NEXT_RETRY = (
    sa.select(ledger.c.retry_at, ledger.c.tries)
    .where(
        ledger.c.run_id == bindparam("run"),
        ledger.c.step == bindparam("step"),
        sa.text("gonogo_ledger.state = 'deferred'"),
    )
    .order_by(ledger.c.retry_at)
    .limit(sa.literal_column("1"))
)
_CLAIM_AGAIN = (
    ledger.update()
    .where(
        ledger.c.run_id == bindparam("of_run"),
        ledger.c.step == bindparam("of_step"),
        ledger.c.position == bindparam("of_position"),
        ledger.c.state == "deferred",
    )
    .values(
        state=bindparam("to"), token=bindparam("new_token"), claimed_at=bindparam("now"), settled_at=bindparam("over"),
        error=bindparam("why"), retry_at=None,
    )
)  # fmt: skip


def due_again(connection: sa.Connection, case: Case, now: Instant, batch: int) -> list[Claimed]:
    """Messages of the present step that were refused for now, and whose next try is due.
    Index: gonogo_ledger_deferred_idx."""
    asked = {"run": case.run_id, "step": case.step, "now": now, "batch": batch}
    return [Claimed(*row) for row in connection.execute(_DEFERRED, asked)]


def claim_again(
    connection: sa.Connection,
    case: Case,
    token: str,
    now: Instant,
    found: Sequence[Claimed],
    skipped: Mapping[int, str] = MappingProxyType({}),
) -> None:
    """Claim messages that were refused for now, for another try; or write down that they are skipped, and why."""
    rows = [
        {
            "of_run": case.run_id,
            "of_step": case.step,
            "of_position": each.position,
            "new_token": token,
            "now": now,
            "to": "skipped" if each.position in skipped else "claimed",
            "over": now if each.position in skipped else None,
            "why": skipped.get(each.position),
        }
        for each in found
    ]
    if rows:
        connection.execute(_CLAIM_AGAIN, rows)


def next_retry(connection: sa.Connection, case: Case) -> tuple[Instant, bool] | None:
    """When the next message of the present step that waits is due, and whether it was tried before; None if none
    waits."""
    found = connection.execute(_NEXT_RETRY, {"run": case.run_id, "step": case.step}).first()
    return None if found is None else (found.retry_at, found.tries > 0)


def put_off(
    connection: sa.Connection, case: Case, token: str, now: Instant, found: Sequence[tuple[Claimed, Instant]]
) -> None:
    """Leave these messages for later, each until its moment."""
    rows: list[Document] = [
        {
            "run_id": case.run_id,
            "step": case.step,
            "position": each.position,
            "campaign_id": case.id,
            "generation": case.generation,
            "contact_id": each.contact_id,
            "state": "deferred",
            "token": token,
            "claimed_at": now,
            "retry_at": until,
            "variant": each.variant,
        }
        for each, until in found
    ]
    if rows:
        connection.execute(ledger.insert(), rows)


def give_up_retries(connection: sa.Connection, run_id: str, state: str, now: Instant) -> None:
    """The run is closed: what waited for another try is not tried again. Index: gonogo_ledger_deferred_idx."""
    waiting = ledger.update().where(ledger.c.run_id == run_id, sa.text("gonogo_ledger.state = 'deferred'"))
    connection.execute(waiting.values(state=state, settled_at=now, retry_at=None))
    connection.execute(run.update().where(run.c.id == run_id).values(deferred=0))


_BOUNCED_BEFORE = sa.select(ledger.c.position).where(
    ledger.c.run_id == bindparam("run"),
    ledger.c.step < bindparam("step"),
    ledger.c.position.in_(bindparam("positions", expanding=True)),
    ledger.c.state == "rejected",
)


def refused_before(connection: sa.Connection, case: Case, positions: Sequence[int]) -> set[int]:
    """Of these positions those whose earlier message was refused for good."""
    if not case.step or not positions:
        return set()
    asked = {"run": case.run_id, "step": case.step, "positions": list(positions)}
    return set(connection.execute(_BOUNCED_BEFORE, asked).scalars())


_SETTLE_ONE = (
    ledger.update()
    .where(
        ledger.c.run_id == bindparam("of_run"),
        ledger.c.step == bindparam("of_step"),
        ledger.c.position == bindparam("of_position"),
        ledger.c.token == bindparam("of_token"),
        ledger.c.state == "claimed",
    )
    .values(
        state=bindparam("to"), settled_at=bindparam("over"), error=bindparam("why"),
        tries=ledger.c.tries + bindparam("more_tries"), retry_at=bindparam("again_at"),
    )
)  # fmt: skip
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


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one message, and why it was not sent. What is deferred has its next try, and counts as tried so
    many times more: not at all where nobody tried it, and more than once where it waits longer than for one try."""

    position: int
    state: str = "sent"
    reason: str = ""
    retry_at: Instant | None = None
    tries: int = 1


def settle(
    connection: sa.Connection, *, run_id: str, step: int, token: str, now: Instant, settled: Iterable[Settled]
) -> dict[str, int]:
    """Write down what became of a batch. Rows that this token no longer holds are left alone. Returns how many there
    were by state."""
    common: Document = {"of_run": run_id, "of_step": step, "of_token": token}
    counts: dict[str, int] = {}
    sent = []
    for each in settled:
        if each.state == "sent":
            sent.append(each.position)
            continue
        waits = each.state == "deferred"
        row = {
            **common,
            "of_position": each.position,
            "to": each.state,
            "over": None if waits else now,
            "why": each.reason,
            "more_tries": each.tries if waits else 0,
            "again_at": each.retry_at if waits else None,
        }
        counts[each.state] = counts.get(each.state, 0) + connection.execute(_SETTLE_ONE, row).rowcount
    if sent:
        counts["sent"] = connection.execute(_SETTLE_SENT, {**common, "now": now, "positions": sent}).rowcount
    return counts


_COUNTED = ("sent", "rejected", "failed", "unknown", "skipped", "deferred")
_PROGRESS = (
    run.update()
    .where(run.c.id == bindparam("of_run"))
    .values({name: run.c[name] + bindparam(f"more_{name}") for name in _COUNTED})
)


def progress(connection: sa.Connection, run_id: str, counts: Mapping[str, int], values: Document) -> None:
    """Add a batch to the sums of its run, and set what else the batch changed."""
    more = {f"more_{name}": counts.get(name, 0) for name in _COUNTED}
    connection.execute(_PROGRESS, {"of_run": run_id, **more, **values})


_MINUTE: Mapping[str, Any] = {
    name: insert(minute)
    .values(run_id=bindparam("run"), minute=bindparam("at"), sent=bindparam("sent"), unsent=bindparam("unsent"))
    .on_conflict_do_update(
        index_elements=["run_id", "minute"],
        set_={"sent": minute.c.sent + bindparam("sent"), "unsent": minute.c.unsent + bindparam("unsent")},
    )
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


def count_minute(connection: sa.Connection, run_id: str, counts: Mapping[str, int], now: Instant) -> None:
    """Add what was settled to the histogram."""
    sent, unsent = counts.get("sent", 0), sum(counts.get(name, 0) for name in ("rejected", "failed", "unknown"))
    if sent or unsent:
        at = now.round("minute", mode="floor")
        connection.execute(_MINUTE[connection.dialect.name], {"run": run_id, "at": at, "sent": sent, "unsent": unsent})


def by_minute(connection: sa.Connection, run_id: str, since: Instant) -> list[tuple[Instant, int, int]]:
    """(minute, sent, not sent) of a run, in order."""
    wanted = sa.select(minute.c.minute, minute.c.sent, minute.c.unsent)
    found = wanted.where(minute.c.run_id == run_id, minute.c.minute >= since).order_by(minute.c.minute)
    return [(at, sent, unsent) for at, sent, unsent in connection.execute(found)]


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
_UNDER_WAY = sa.text(
    "gonogo_run.begun_at IS NOT NULL AND gonogo_run.closed_at IS NULL"
    " AND gonogo_run.wake_at IS NULL AND gonogo_run.waiting_for IS NULL"
)
_HANDED_OUT = sa.text("gonogo_campaign.state IN ('active', 'running')")


def idle(connection: sa.Connection, since: Instant, limit: int) -> list[tuple[str, str]]:
    """(workspace, campaign) that is running, waits for nothing, that no lease is held for, and that nothing was heard
    of since. Asked from the runs under way, never from those that wait. Index: gonogo_run_under_way_idx."""
    of_run = sa.and_(run.c.campaign_id == campaign.c.id, run.c.number == campaign.c.run)
    begun = run.c.begun_at < since  # which SQLite needs to be told, or it begins with the campaigns
    running = _unheard_of(since, limit).join(run, of_run).where(_UNDER_WAY, begun, campaign.c.state == "running")
    return [(workspace_id, campaign_id) for workspace_id, campaign_id in connection.execute(running)]


def unbegun(connection: sa.Connection, since: Instant, limit: int) -> list[tuple[str, str]]:
    """The same for campaigns that were handed out and have not begun. Index: gonogo_campaign_sending_idx."""
    handed_out = _unheard_of(since, limit).where(_HANDED_OUT, campaign.c.state == "active")
    return [(workspace_id, campaign_id) for workspace_id, campaign_id in connection.execute(handed_out)]


def _unheard_of(since: Instant, limit: int) -> sa.Select[Any]:
    return (
        sa.select(campaign.c.workspace_id, campaign.c.id)
        .outerjoin(lease, lease.c.campaign_id == campaign.c.id)
        .where(campaign.c.updated_at < since, lease.c.token.is_(None))
        .limit(limit)
    )


_AWAKE = sa.text("gonogo_run.wake_at IS NOT NULL")


def waking(connection: sa.Connection, now: Instant, limit: int) -> list[tuple[str, str]]:
    """(workspace, campaign) whose run has waited long enough. Index: gonogo_run_waking_idx."""
    wanted = (
        sa.select(campaign.c.workspace_id, campaign.c.id)
        .join(run, sa.and_(run.c.campaign_id == campaign.c.id, run.c.number == campaign.c.run))
        .outerjoin(lease, lease.c.campaign_id == campaign.c.id)
        .where(
            _AWAKE,
            run.c.wake_at <= now,
            (campaign.c.state == "running") | ((campaign.c.state == "paused") & (run.c.waiting_for == "space")),
            lease.c.token.is_(None),
        )
        .order_by(run.c.wake_at)
        .limit(limit)
    )
    return [(workspace_id, campaign_id) for workspace_id, campaign_id in connection.execute(wanted)]


def take_turn(connection: sa.Connection, name: str, holder: str, until: Instant, now: Instant) -> bool:
    """Take or keep a lease that one process holds at a time, and that belongs to no campaign. Its turns are counted.

    One that ends much later than any turn does was taken before the clock was set back.
    """
    set_back = until + (until - now) * 10
    free = (lease.c.until < now) | (lease.c.holder == holder) | (lease.c.until > set_back)
    taken = lease.update().where(lease.c.token == name, free)
    if connection.execute(taken.values(until=until, holder=holder, turn=lease.c.turn + 1)).rowcount == 1:
        return True
    return insert_new(connection, lease, {"token": name, "holder": holder, "until": until, "turn": 1})


# What an operator said


def find(connection: sa.Connection, campaign_id: str, run_id: str, step: int, position: int) -> sa.Row[Any] | None:
    """One message of a campaign."""
    wanted = sa.select(ledger).where(_message(run_id, step, position), ledger.c.campaign_id == campaign_id)
    return connection.execute(wanted).first()


def add_resolution(connection: sa.Connection, row: Document) -> None:
    connection.execute(resolution.insert(), row)


def resolve(connection: sa.Connection, run_id: str, step: int, position: int, state: str, now: Instant) -> None:
    """An unknown message was sent after all, or is released for another try."""
    told = ledger.update().where(_message(run_id, step, position), ledger.c.state == "unknown")
    connection.execute(told.values(state=state, settled_at=now))
    progress(connection, run_id, {"unknown": -1, **({"sent": 1} if state == "sent" else {})}, {})


def resolutions(connection: sa.Connection, campaign_id: str) -> list[sa.Row[Any]]:
    """What operators said about messages of a campaign, in order."""
    mine = sa.select(run.c.id).where(run.c.campaign_id == campaign_id)
    wanted = sa.select(resolution).where(resolution.c.run_id.in_(mine)).order_by(resolution.c.at)
    return list(connection.execute(wanted))


def _message(run_id: str, step: int, position: int) -> sa.ColumnElement[bool]:
    return sa.and_(ledger.c.run_id == run_id, ledger.c.step == step, ledger.c.position == position)
