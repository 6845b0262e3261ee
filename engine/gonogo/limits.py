"""How much a sender, a pool of senders, or a launch that goes wrong may do: set by the workspace."""

from gonogo.addresses import carried
from gonogo.call import Call
from gonogo.errors import Invalid
from gonogo.execution.throttle import DEFAULTS
from gonogo.execution.waiting import LIMITS
from gonogo.models import Document
from gonogo.store import throttles, workspaces
from gonogo.store.throttles import Limit
from gonogo.zones import day_of, zone_exists

KINDS = ("sender", "pool")
MOST_A_DAY = 1_000_000_000


def set_cap(call: Call, kind: str, subject: str, daily: int, zone: str = "UTC") -> None:
    """At most so many messages a day of the zone, for every campaign of a sender's address, or of a pool. Raises
    Invalid."""
    if kind not in KINDS or not subject:
        raise Invalid.at("kind", f"expected {' or '.join(KINDS)}, and which")
    if not 0 <= daily <= MOST_A_DAY:
        raise Invalid.at("daily", f"expected 0 to {MOST_A_DAY}")
    if not zone_exists(zone):
        raise Invalid.at("zone", "expected an IANA time zone, such as Europe/Berlin")
    _put(call, Limit(kind, subject, daily, zone), kind, subject)


def remove_cap(call: Call, kind: str, subject: str) -> None:
    """No daily limit any more."""
    _put(call, None, kind, subject)


def _put(call: Call, limit: Limit | None, kind: str, subject: str) -> None:
    """What waits for the limit that was looks again. A sender is named as messages name it."""
    subject = carried(subject) if kind == "sender" else subject
    throttles.set_cap(call.connection, call.by.workspace, limit, kind, subject)
    throttles.wake(call.connection, call.by.workspace, LIMITS[kind], call.now)


def caps(call: Call) -> list[Document]:
    """Every daily limit of senders and pools, with what was used of it today."""
    return [
        {
            "kind": each.kind,
            "subject": each.subject,
            "daily": each.daily,
            "zone": each.zone,
            "used_today": throttles.used(
                call.connection, call.by.workspace, each.kind, each.subject, str(day_of(call.now, each.zone))
            ),
        }
        for each in throttles.all_caps(call.connection, call.by.workspace)
    ]


def failure_limits(call: Call) -> Document:
    """When a launch of the workspace pauses by itself: rates of what was tried, and how much must have been tried."""
    return {**DEFAULTS, **(workspaces.get(call.connection, call.by.workspace).limits or {})}


def set_failure_limits(call: Call, **limits: float) -> Document:
    """Set `bounce_rate`, `error_rate` (0 to 1) and `at_least` (messages tried). Raises Invalid."""
    unknown = sorted(limits.keys() - DEFAULTS.keys())
    if unknown:
        raise Invalid.at(unknown[0], f"expected {', '.join(DEFAULTS)}")
    for name, value in limits.items():
        most = MOST_A_DAY if name == "at_least" else 1
        if not 0 <= value <= most:
            raise Invalid.at(name, f"expected 0 to {most}")
    whole = {**failure_limits(call), **limits}
    workspaces.change(call.connection, call.by.workspace, limits=whole)
    return whole
