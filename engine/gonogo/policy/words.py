"""What the parts of a policy document are made of: names, addresses, durations, zones, days and local times, each with
its own way of saying what was expected."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from whenever import Date, PlainDateTime, Time, TimeDelta

from gonogo.addresses import carried, email_problem
from gonogo.errors import Mistake
from gonogo.zones import DAYS, zone_exists

T = TypeVar("T")
YEAR = TimeDelta(hours=24 * 366)
LARGEST = 1_000_000_000  #: recipients that a rule can name
MOST = 100  #: people that a stage can ask
_LAST = 9999  # year of the calendar
_LONGEST = 60  # characters of a value that are told


class Part(BaseModel):
    """A part of a document: nothing but what it names, and exactly of the type it says."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def between(cls, said: Mapping[str, Any]) -> Iterator[Mistake]:
        """What only several values of such a part show, with paths from here. Those that are wrong in themselves are
        passed over: that is told anyway."""
        yield from ()


def _name(text: str) -> str:
    if not text.strip():
        raise ValueError("expected a text that is not blank")
    if any(character < " " or character == "\x7f" for character in text):
        raise ValueError("expected no control characters")
    return text


def _sender(text: str) -> str:
    if email_problem(f"any{text[1:]}" if text.startswith("*@") else text):
        raise ValueError("expected an address, or *@domain")
    return carried(text)


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
        found: str | None = Date.parse_iso(text).format_iso()
    except ValueError:
        found = None
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


Name = Annotated[str, Field(max_length=100), AfterValidator(_name)]
Sender = Annotated[str, Field(max_length=320), AfterValidator(_sender)]
Duration = Annotated[str, AfterValidator(_duration)]
Zone = Annotated[str, Field(max_length=100), AfterValidator(_zone)]
TimeOfDay = Annotated[str, AfterValidator(_time)]
Day = Annotated[str, AfterValidator(_date)]
Local = Annotated[str, AfterValidator(_local)]
Days = Annotated[list[Annotated[str, AfterValidator(_day)]], Field(min_length=1, max_length=len(DAYS))]
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Quorum = Annotated[int, Field(ge=1, le=MOST)]


def seconds(text: str) -> TimeDelta:
    """A duration that was validated."""
    return TimeDelta.parse_iso(text)


def read(as_: Callable[[str], T], said: object) -> T | None:
    """What a value says, or None where it says no such thing. For comparing what may be wrong in itself."""
    try:
        return as_(said) if isinstance(said, str) else None
    except ValueError:
        return None


def days_twice(said: Mapping[str, Any]) -> Iterator[Mistake]:
    """A day that stands twice among the `days` of a part."""
    days = said.get("days")
    known = [day for day in days if day in DAYS] if isinstance(days, list) else []
    if len(set(known)) != len(known):
        yield Mistake("days", "expected each day once")


# What is said of mistakes

#: What was expected, by the kind of the library's error.
_EXPECTED = {
    "model_type": "expected an object",
    "list_type": "expected a list",
    "string_type": "expected a text",
    "string_unicode": "expected a text that UTF-8 can carry",
    "int_type": "expected a whole number",
    "bool_type": "expected true or false",
    "invalid_key": "expected a key that is a text",
    "literal_error": "expected {expected}",
    "too_short": "expected a list with at least one item",
    "too_long": "expected a list with {max_length} items at the most",
    "string_too_long": "expected {max_length} characters at the most",
    "greater_than_equal": "expected {ge} or more",
    "less_than_equal": "expected {le} or less",
    "value_error": "{error}",
}


def expected(kind: str, figures: Mapping[str, Any], said: object) -> str:
    """A mistake in a value, by the kind of the library's error and its figures."""
    return f"{_EXPECTED[kind].format(**figures)}; found {shown(said)}"


def shown(said: object) -> str:
    """A value as the document has it: so that it is recognised, but no more of it than that."""
    match said:
        case None | bool():
            return json.dumps(said)
        case dict():
            return "an object"
        case list():
            return f"a list of {len(said)}" if said else "an empty list"
        case int() if abs(said) >= 10**_LONGEST:
            return f"a number of more than {_LONGEST} digits"
        case str() | int() | float():
            text = repr(said)
            return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return "what JSON can't hold"
