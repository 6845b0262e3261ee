"""When a campaign may send: hours and days in a zone, an interval between messages, so many a day. Pure.

A day is a day of the zone, however long it is. A window is open from the moment its start names until the one its end
names, read as `gonogo.zones` has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whenever import Date, Instant, Time, TimeDelta

from gonogo.zones import DAYS, day_begins, moment, weekday

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
            if weekday(day) in self.days and now < ends and begins < ends:
                return max(now, begins)
        return day_begins(today.add(days=_WEEK + 1), self.zone)  # every window fell into an hour that is skipped

    @classmethod
    def first(cls, settings: Mapping[str, Any], start: Instant) -> Instant:
        """When the first message of a launch that starts then may go; its start, where settings can't be read."""
        try:
            return cls.of(settings).opens(start)
        except ValueError:
            return start

    def _window(self, day: Date) -> tuple[Instant, Instant]:
        begins = moment(day, self.start, self.zone) if self.start else day_begins(day, self.zone)
        ends = moment(day, self.end, self.zone) if self.end else day_begins(day.add(days=1), self.zone)
        return begins, ends
