"""Deadlines that count working hours only: the hours and days of a calendar, in its zone. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field
from whenever import Date, Instant, Time, TimeDelta

from gonogo.errors import Mistake
from gonogo.policy.words import Day, Days, Part, TimeOfDay, Zone, days_twice, read, shown
from gonogo.zones import DAYS, moment, weekday

#: Days looked at before a calendar is taken to have no more hours: a year of hours at an hour a week, of which clocks
#: that go forward may skip one each year.
_MOST = 7 * (8784 + 366) * 26 // 25
_ANY = Date(2000, 1, 1)
_WORKDAYS = DAYS[:5]
_OPENS, _CLOSES = "09:00", "17:00"


class WorkingHours(Part):
    """When people work: so that a question put on Friday evening does not lapse over the weekend."""

    zone: Zone
    days: Days = Field(default_factory=lambda: list(_WORKDAYS))
    from_: TimeOfDay = Field(default=_OPENS, alias="from")
    to: TimeOfDay = _CLOSES
    holidays: list[Day] = Field(default_factory=list, max_length=366)

    @classmethod
    def between(cls, said: Mapping[str, Any]) -> Iterator[Mistake]:
        yield from days_twice(said)
        begins, ends = said.get("from", _OPENS), said.get("to", _CLOSES)
        opens, closes = read(Time.parse_iso, begins), read(Time.parse_iso, ends)
        if opens and closes and _ANY.at(closes).assume_utc() - _ANY.at(opens).assume_utc() < TimeDelta(hours=1):
            yield Mistake("to", f"expected `to` an hour or more after `from`, on the same day; found {shown(ends)}")

    def after(self, start: Instant, span: TimeDelta) -> Instant:
        """The moment by which so many working hours have passed since `start`."""
        left = span
        for opens, closes in self._shifts(start.to_tz(self.zone).date()):
            begins = max(opens, start)
            if closes <= begins:
                continue
            if left <= closes - begins:
                return begins + left
            left -= closes - begins
        raise ValueError("the calendar has no more working hours")

    def _shifts(self, first: Date) -> Iterator[tuple[Instant, Instant]]:
        opens, closes = Time.parse_iso(self.from_), Time.parse_iso(self.to)
        for ahead in range(_MOST):
            day = first.add(days=ahead)
            if weekday(day) in self.days and day.format_iso() not in self.holidays:
                yield moment(day, opens, self.zone), moment(day, closes, self.zone)
