"""What the parts of a policy document are made of: names, durations, zones, days and local times, each with its own
way of saying what was expected."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from whenever import Date, PlainDateTime, Time, TimeDelta

from gonogo.zones import DAYS, zone_exists

YEAR = TimeDelta(hours=24 * 366)
LARGEST = 1_000_000_000  #: recipients that a rule can name
_LAST = 9999  # year of the calendar


class Part(BaseModel):
    """A part of a document: nothing but what it names, and exactly of the type it says."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _duration(text: str) -> str:
    try:
        found = TimeDelta.parse_iso(text)
    except ValueError:
        raise ValueError("expected an ISO 8601 duration of hours, minutes and seconds, such as PT72H") from None
    if not TimeDelta(seconds=1) <= found <= YEAR:
        raise ValueError("expected a second (PT1S) or more, and a year (PT8784H) at most")
    return text


def _zone(name: str) -> str:
    if not zone_exists(name):
        raise ValueError("expected an IANA time zone, such as Europe/Berlin")
    return name


def _time(text: str) -> str:
    try:
        Time.parse_iso(text)
    except ValueError:
        raise ValueError("expected a time of day, such as 09:00") from None
    return text


def _date(text: str) -> str:
    try:
        found = Date.parse_iso(text).format_iso()
    except ValueError:
        found = ""
    if found != text:  # days are compared as they are written
        raise ValueError("expected a date, such as 2026-12-24")
    return text


def _local(text: str) -> str:
    try:
        year = local(text).year
    except ValueError:
        year = 0
    if not 1 < year < _LAST:  # in the first and the last year, some zones have no such instant
        raise ValueError("expected a local date and time, such as 2026-12-24T18:00")
    return text


def _different(days: list[str]) -> list[str]:
    if len(set(days)) != len(days):
        raise ValueError("expected each day once")
    return days


def local(text: str) -> PlainDateTime:
    """A local date and time; a date alone is its midnight. Raises ValueError."""
    try:
        return PlainDateTime.parse_iso(text)
    except ValueError:
        return Date.parse_iso(text).at(Time.MIDNIGHT)


def _day(name: str) -> str:
    if name not in DAYS:
        raise ValueError(f"expected one of {', '.join(DAYS)}")
    return name


Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Duration = Annotated[str, AfterValidator(_duration)]
Zone = Annotated[str, Field(max_length=100), AfterValidator(_zone)]
TimeOfDay = Annotated[str, AfterValidator(_time)]
Day = Annotated[str, AfterValidator(_date)]
Local = Annotated[str, AfterValidator(_local)]
Days = Annotated[
    list[Annotated[str, AfterValidator(_day)]], Field(min_length=1, max_length=7), AfterValidator(_different)
]
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Quorum = Annotated[int, Field(ge=1, le=100)]


def seconds(text: str) -> TimeDelta:
    """A duration that was validated."""
    return TimeDelta.parse_iso(text)


Said = dict[str, Any]
