"""When a campaign may send: exact to the second, over midnight and where the clocks are changed."""

import pytest
from whenever import Date, Instant, Time

from gonogo.windows import Timing
from gonogo.zones import day_begins, day_of

BERLIN = "Europe/Berlin"
OFFICE = Timing(zone=BERLIN, start=Time(9), end=Time(17))


def at(text: str) -> Instant:
    return Instant.parse_iso(text)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-02T07:59:59Z", "2026-03-02T08:00:00Z"),
        ("2026-03-02T08:00:00Z", "2026-03-02T08:00:00Z"),
        ("2026-03-02T15:59:59.999Z", "2026-03-02T15:59:59.999Z"),
        ("2026-03-02T16:00:00Z", "2026-03-03T08:00:00Z"),
        ("2026-03-28T16:00:00Z", "2026-03-29T07:00:00Z"),  # the clocks go forward in the night
        ("2026-10-24T15:00:00Z", "2026-10-25T08:00:00Z"),  # and back
    ],
)
def test_a_window_opens_when_its_zone_says_so(now: str, opens: str) -> None:
    assert OFFICE.opens(at(now)) == at(opens)


def test_days_that_are_not_named_are_passed_over() -> None:
    mondays = Timing(zone=BERLIN, start=Time(9), end=Time(17), days=frozenset({"mon"}))
    assert mondays.opens(at("2026-03-02T16:00:00Z")) == at("2026-03-09T08:00:00Z")
    assert Timing(days=frozenset({"mon"})).opens(at("2026-03-03T12:00:00Z")) == at("2026-03-09T00:00:00Z")


def test_without_a_window_it_is_always_open() -> None:
    assert Timing().opens(at("2026-03-02T03:00:00Z")) == at("2026-03-02T03:00:00Z")


@pytest.mark.parametrize(
    ("start", "end", "now", "opens"),
    [
        # 02:30 is skipped: it comes an hour later, and the window ends as planned
        (Time(2, 30), Time(4), "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z"),
        # both ends are skipped: the whole window comes an hour later
        (Time(2, 15), Time(2, 45), "2026-03-29T01:15:00Z", "2026-03-29T01:15:00Z"),
        # 02:30 comes twice: the first one opens, and the first one shuts
        (Time(2, 30), Time(5), "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"),
        (Time(1), Time(2, 30), "2026-10-25T00:30:00Z", "2026-10-26T00:00:00Z"),
    ],
)
def test_hours_that_are_skipped_or_come_twice(start: Time, end: Time, now: str, opens: str) -> None:
    assert Timing(zone=BERLIN, start=start, end=end).opens(at(now)) == at(opens)


def test_a_day_is_as_long_as_its_zone_makes_it() -> None:
    lengths = {
        date: (day_begins(date.add(days=1), BERLIN) - day_begins(date, BERLIN)).total("hours")
        for date in (Date(2026, 3, 28), Date(2026, 3, 29), Date(2026, 10, 25))
    }
    assert list(lengths.values()) == [24, 23, 25]


def test_a_day_whose_midnight_is_skipped_begins_after_it() -> None:
    begins = day_begins(Date(2018, 11, 4), "America/Sao_Paulo")
    assert begins == at("2018-11-04T03:00:00Z")
    assert day_of(begins, "America/Sao_Paulo") == Date(2018, 11, 4)
    assert day_of(begins.subtract(seconds=1), "America/Sao_Paulo") == Date(2018, 11, 3)


def test_what_the_settings_say_is_what_counts() -> None:
    said = {
        "timezone": BERLIN,
        "send_window": {"start": "09:00", "end": "17:00"},
        "send_days": ["mon"],
        "daily_limit": 7,
        "min_interval_seconds": 60,
    }
    timing = Timing.of(said)
    assert (timing.zone, timing.start, timing.end, timing.days) == (BERLIN, Time(9), Time(17), frozenset({"mon"}))
    assert (timing.daily_limit, timing.interval.total("seconds")) == (7, 60)
    assert Timing.of({}) == Timing()
