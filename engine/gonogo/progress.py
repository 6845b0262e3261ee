"""How far launches are: sums that were written with every batch, how fast it goes, and when it may be over."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo.call import Call
from gonogo.campaign import ACTIVE, OVER, PAUSED, RUNNING
from gonogo.errors import NotFound
from gonogo.store import cases, ledger, watched
from gonogo.store.watched import Watched

#: The rate is that of so many full minutes, the last ones.
MINUTES = 5
#: How far back the histogram looks.
HISTOGRAM = TimeDelta(hours=1)
#: What a campaign may wait for while it goes on by itself at a pace of its own.
PACED = (None, "interval")


@dataclass(frozen=True, slots=True)
class Progress:
    """The messages of a campaign's present run, by what became of them.

    `pending` are those that nobody claimed yet, `deferred` those that were refused for now. What a closed run left
    unclaimed is cancelled or superseded, as the run was. `rate_per_minute` is None until a full minute has passed,
    `eta` where nobody can tell: it stands still, or a later message has a day of its own. `waiting_for` and `until`
    tell what it waits for, as `gonogo.execution.waiting` has it.
    """

    campaign: str
    state: str
    recipients: int
    pending: int
    claimed: int
    sent: int
    rejected: int
    failed: int
    unknown: int
    skipped: int
    deferred: int
    cancelled: int
    superseded: int
    rate_per_minute: float | None
    eta: Instant | None
    waiting_for: str | None
    until: Instant | None

    @property
    def settled(self) -> int:
        """Messages about which nothing more will happen by itself."""
        return self.sent + self.rejected + self.failed + self.unknown + self.skipped

    @property
    def messages(self) -> int:
        """Every message of the run."""
        return self.settled + self.pending + self.claimed + self.deferred + self.cancelled + self.superseded

    @property
    def is_over(self) -> bool:
        return self.state in OVER


@dataclass(frozen=True, slots=True)
class Minute:
    """What was settled in one minute."""

    minute: Instant
    sent: int
    unsent: int


def look(connection: sa.Connection, campaigns: Collection[str], now: Instant) -> dict[str, Watched]:
    """Campaigns as they are, by id, in one question; those that are gone are left out."""
    until = now.round("minute", mode="floor")
    return watched.watched(connection, campaigns, until - TimeDelta(minutes=MINUTES), until)


def shown(found: Watched, now: Instant) -> Progress:
    """What was looked at, as people read it."""
    settled = found.sent + found.rejected + found.failed + found.unknown + found.skipped
    left = max(0, found.recipients * (found.steps or 1) - settled - found.claimed)
    is_open = found.run_id is not None and found.closed_at is None
    pending = max(0, left - found.deferred) if is_open else 0
    rate = _rate(found, now)
    waits = found.state in (ACTIVE, RUNNING) or (found.state == PAUSED and found.waiting_for == "space")
    return Progress(
        campaign=found.campaign,
        state=found.state,
        recipients=found.recipients,
        pending=pending,
        claimed=found.claimed,
        sent=found.sent,
        rejected=found.rejected,
        failed=found.failed,
        unknown=found.unknown,
        skipped=found.skipped,
        deferred=found.deferred,
        cancelled=left if found.closed_as == "cancelled" else 0,
        superseded=left if found.closed_as == "superseded" else 0,
        rate_per_minute=rate,
        eta=_eta(found, pending + found.claimed + found.deferred, rate, now),
        waiting_for=found.waiting_for if waits else None,
        until=found.wake_at if waits else None,
    )


def progress(call: Call, campaign_id: str) -> Progress:
    """How far the present run is. Raises NotFound."""
    found = look(call.connection, [campaign_id], call.now).get(campaign_id)
    if found is None or found.workspace != call.by.workspace:
        raise NotFound("campaign", campaign_id)
    return shown(found, call.now)


def by_minute(call: Call, campaign_id: str) -> list[Minute]:
    """What the present run settled in the last hour, minute by minute; a minute in which nothing was is left out.
    Raises NotFound."""
    case = cases.read(call.connection, call.by.workspace, campaign_id)
    if case.run_id is None:
        return []
    return [Minute(*row) for row in ledger.by_minute(call.connection, case.run_id, call.now - HISTOGRAM)]


def newcomers(call: Call, campaign_id: str) -> int:
    """How many people came too late for the present run, and wait for the next. Raises NotFound."""
    case = cases.read(call.connection, call.by.workspace, campaign_id)
    if case.run_id is None or not (case.begun or case.state == ACTIVE):
        return 0
    return watched.newcomers(call.connection, case)


def _rate(found: Watched, now: Instant) -> float | None:
    if found.begun_at is None or found.state not in (ACTIVE, RUNNING):
        return None
    passed = now.round("minute", mode="floor") - found.begun_at.round("minute", mode="ceil")
    full = min(int(passed.total("minutes")), MINUTES)
    return round(found.recent / full, 1) if full > 0 else None


def _eta(found: Watched, left: int, rate: float | None, now: Instant) -> Instant | None:
    if not rate or not left or found.waiting_for not in PACED or found.step + 1 < found.steps:
        return None
    return (now + TimeDelta(minutes=left / rate)).round("second", mode="ceil")
