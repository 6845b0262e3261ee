"""How many messages may be claimed now, and if none, until when, and why. Asked under the campaign's lock, before every
claim, by whichever process claims: daily limits are rows that it holds until it has used of them."""

from dataclasses import dataclass

from whenever import Instant

from gonogo.call import Call
from gonogo.execution.waiting import LIMITS
from gonogo.models import Document
from gonogo.store import throttles
from gonogo.store.cases import Case
from gonogo.store.throttles import Limit
from gonogo.windows import Timing
from gonogo.zones import day_begins, day_of


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave to claim so many messages, out of what is left of daily limits; or until when there is none (None: until
    somebody acts), and what for."""

    count: int
    until: Instant | None = None
    waiting_for: str | None = None
    of: tuple[tuple[Limit, str], ...] = ()  # each with the day that it is about

    def used(self, call: Call, count: int) -> None:
        """So many were claimed; fewer than none, where some of them did not go out after all."""
        for limit, day in self.of:
            throttles.use(call.connection, call.by.workspace, limit.kind, limit.subject, day, count)


@dataclass(frozen=True, slots=True)
class Throttle:
    """Everything that one run is held to."""

    campaign: str
    timing: Timing
    sender: str
    pool: str

    @classmethod
    def of(cls, campaign: str, settings: Document, sender: Document) -> "Throttle":
        return cls(campaign, Timing.of(settings), str(sender["email"]), str(settings.get("pool") or ""))

    def leave(self, call: Call, case: Case, wanted: int) -> Leave:
        """How many of those wanted may be claimed."""
        if case.waiting_for == "interval" and case.wake_at is not None and case.wake_at > call.now:
            return Leave(0, case.wake_at, "interval")
        if throttles.stops(call.connection, call.by.workspace, self.sender):
            return Leave(0, None, "hold")
        opens = self.timing.opens(call.now)
        if opens > call.now:
            return Leave(0, opens, "window")
        count = min(wanted, 1) if self.timing.interval.total("seconds") else wanted
        held = []
        for limit in self.limits(call):
            day = day_of(call.now, limit.zone)
            used = throttles.hold_quota(call.connection, call.by.workspace, limit.kind, limit.subject, str(day))
            count = min(count, limit.daily - used)
            if count <= 0:
                tomorrow = self.timing.opens(day_begins(day.add(days=1), limit.zone))
                return Leave(0, tomorrow, LIMITS[limit.kind])
            held.append((limit, str(day)))
        return Leave(count, of=tuple(held))

    def limits(self, call: Call) -> list[Limit]:
        """Every daily limit, always in the same order: rows are held in it."""
        found = throttles.caps(call.connection, call.by.workspace, self.sender, self.pool)
        if self.timing.daily_limit is not None:
            found.append(Limit("campaign", self.campaign, self.timing.daily_limit, self.timing.zone))
        return sorted(found)


def too_many_failures(case: Case, counts: dict[str, int]) -> str | None:
    """Why a launch that goes wrong too often should stop, once enough was tried since it last did; None while it goes
    well."""
    rates = {**DEFAULTS, **(case.limits or {})}
    before = case.tried_before or {}
    since = {name: count - before.get(name, 0) for name, count in tried(case, counts).items()}
    if not since["at_least"] or since["at_least"] < rates["at_least"]:
        return None
    return next((name for name in RATES if since[name] / since["at_least"] > rates[name]), None)


def tried(case: Case, counts: dict[str, int]) -> dict[str, int]:
    """How many messages of a run were tried, and how many went wrong, by the limit that they count for."""
    kinds = {"at_least": ("sent", "rejected", "failed", "unknown"), **RATES}
    return {
        limit: sum((getattr(case, name) or 0) + counts.get(name, 0) for name in names) for limit, names in kinds.items()
    }


RATES = {"bounce_rate": ("rejected", "bounced"), "error_rate": ("failed",)}
#: Of what was tried: bounced or refused for good; failed; and how many must have been tried.
DEFAULTS: Document = {"bounce_rate": 0.1, "error_rate": 0.25, "at_least": 100}
