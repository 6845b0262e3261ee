"""Local times as instants: days, midnights and the hours that the clocks skip. Pure.

A time that the clocks skip comes as much later as they skip, and of one that comes twice the first counts
(RFC 5545, section 3.3.5).
"""

from functools import lru_cache

from whenever import Date, Instant, Time, available_timezones

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


#: Looked up once: a zone that is added while a server runs is one from its next start.
_zones = lru_cache(maxsize=1)(available_timezones)


def zone_exists(name: str) -> bool:
    """Whether the time zone database has it, under exactly this name: `localtime` would be another on each host."""
    return name in _zones()


def moment(day: Date, at: Time, zone: str) -> Instant:
    """The instant of a local time."""
    return day.at(at).assume_tz(zone, disambiguation="compatible").to_instant()


def day_of(now: Instant, zone: str) -> Date:
    """Which day it is in a zone."""
    return now.to_tz(zone).date()


def day_begins(day: Date, zone: str) -> Instant:
    """The first moment of a day in a zone: midnight, or the end of what is skipped there."""
    return moment(day, Time.MIDNIGHT, zone)


def weekday(day: Date) -> str:
    """One of `DAYS`."""
    return DAYS[day.day_of_week().value - 1]
