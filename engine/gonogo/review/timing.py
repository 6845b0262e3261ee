"""Will there ever be a moment at which the campaign may send?"""

from collections.abc import Iterator, Mapping

from whenever import Time

from gonogo.review.findings import Finding, Proposal
from gonogo.zones import DAYS, zone_exists


def zone(proposal: Proposal) -> Iterator[Finding]:
    """A zone that nobody knows tells no time."""
    name = proposal.settings.get("timezone")
    if name is not None and not zone_exists(str(name)):
        message = f"The time zone {name!r} is unknown."
        yield Finding("unknown_zone", "blocker", message, fix="Name an IANA time zone, such as Europe/Berlin.")


def window(proposal: Proposal) -> Iterator[Finding]:
    """A window that never opens: its end is not after its start, or no day of the week is left."""
    hours, days = proposal.settings.get("send_window"), proposal.settings.get("send_days")
    if isinstance(hours, Mapping) and not _opens(str(hours.get("start")), str(hours.get("end"))):
        message = f"The send window from {hours.get('start')} to {hours.get('end')} never opens."
        yield Finding("empty_window", "blocker", message, fix="Let the window end later on the same day.")
    if isinstance(days, list | tuple) and not set(DAYS).intersection(days):
        yield Finding("empty_window", "blocker", "No day of the week is left to send on.", fix="Name a send day.")


def start(proposal: Proposal) -> Iterator[Finding]:
    """As the guard `start_not_past`, so that a preview shows it."""
    if proposal.start_at is not None and proposal.start_at <= proposal.now:
        message = "The start time is in the past."
        yield Finding("start_in_past", "blocker", message, fix="Set a start time ahead, or none.")


def _opens(start: str, end: str) -> bool:
    try:
        return Time.parse_iso(start) < Time.parse_iso(end)
    except ValueError:
        return False
