"""Deadlines that count working hours only: the hours and days of a calendar, in its zone. Pure."""

from collections.abc import Iterator
from typing import Self

from pydantic import Field, model_validator
from whenever import Date, Instant, Time, TimeDelta

from gonogo.policy.words import Day, Days, Part, TimeOfDay, Zone
from gonogo.zones import DAYS, moment, weekday

#: Days looked at before a calendar is taken to have no more hours: a year of hours at an hour a week, of which clocks
#: that go forward may skip one each year.
_MOST = 7 * (8784 + 366) * 26 // 25
_ANY = Date(2000, 1, 1)
_WORKDAYS = DAYS[:5]


class WorkingHours(Part):
    """When people work: so that a question put on Friday evening does not lapse over the weekend."""

    zone: Zone
    days: Days = Field(default_factory=lambda: list(_WORKDAYS))
    from_: TimeOfDay = Field(default="09:00", alias="from")
    to: TimeOfDay = "17:00"
    holidays: list[Day] = Field(default_factory=list, max_length=366)

    @model_validator(mode="after")
    def _open(self) -> Self:
        opens, closes = (_ANY.at(Time.parse_iso(at)).assume_utc() for at in (self.from_, self.to))
        if closes - opens < TimeDelta(hours=1):
            raise ValueError("expected `to` an hour or more after `from`, on the same day")
        return self

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
