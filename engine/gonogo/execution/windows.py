"""When a campaign may send: hours and days in a zone, an interval between messages, so many a day. Pure.

A day is a day of the zone, however long it is. A window is open from the moment its start names until the one its end
names; a start that the clocks skip comes as much later as they skip, and of one that comes twice the first counts
(RFC 5545, section 3.3.5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whenever import Date, Instant, Time, TimeDelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Timing:
    """What a campaign's settings say about when it may send."""

    zone: str = "UTC"
    start: Time | None = None
    end: Time | None = None
    days: frozenset[str] = frozenset(DAYS)
    daily_limit: int | None = None
    interval: TimeDelta = TimeDelta()

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Timing":
        """Read the settings; the review has refused what can't be read."""
        hours = settings.get("send_window") or {}
        return cls(
            zone=settings.get("timezone") or "UTC",
            start=Time.parse_iso(hours["start"]) if hours.get("start") else None,
            end=Time.parse_iso(hours["end"]) if hours.get("end") else None,
            days=frozenset(settings.get("send_days") or DAYS),
            daily_limit=settings.get("daily_limit"),
            interval=TimeDelta(seconds=settings.get("min_interval_seconds") or 0),
        )

    def opens(self, now: Instant) -> Instant:
        """Now, if the window is open; else when it opens next."""
        today = now.to_tz(self.zone).date()
        for ahead in range(_WEEK + 1):
            day = today.add(days=ahead)
            begins, ends = self._window(day)
            if DAYS[day.day_of_week().value - 1] in self.days and now < ends and begins < ends:
                return max(now, begins)
        return day_begins(today.add(days=_WEEK + 1), self.zone)  # every window fell into an hour that is skipped

    def _window(self, day: Date) -> tuple[Instant, Instant]:
        begins = _moment(day, self.start, self.zone) if self.start else day_begins(day, self.zone)
        ends = _moment(day, self.end, self.zone) if self.end else day_begins(day.add(days=1), self.zone)
        return begins, ends


def day_of(now: Instant, zone: str) -> Date:
    """Which day it is in a zone."""
    return now.to_tz(zone).date()


def day_begins(day: Date, zone: str) -> Instant:
    """The first moment of a day in a zone: midnight, or the end of what is skipped there."""
    return _moment(day, Time.MIDNIGHT, zone)


def _moment(day: Date, at: Time, zone: str) -> Instant:
    return day.at(at).assume_tz(zone, disambiguation="compatible").to_instant()
