"""Deadlines that count working hours only: over nights, weekends and holidays, and where the clocks are changed."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from whenever import Date, Instant, TimeDelta, ZonedDateTime

from gonogo.models import Document
from gonogo.policy import Question, Requirement, WorkingHours, parse, rule_on
from gonogo.policy.words import YEAR
from support.engine import asking

BERLIN = "Europe/Berlin"
WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def calendar(**values: object) -> WorkingHours:
    return WorkingHours.model_validate({"zone": BERLIN, **values})


def local(text: str, zone: str = BERLIN) -> Instant:
    return ZonedDateTime.parse_iso(f"{text}[{zone}]").to_instant()


def hours(count: float) -> TimeDelta:
    return TimeDelta(hours=count)


@pytest.mark.parametrize(
    ("start", "span", "wanted"),
    [
        ("2026-01-05T09:00", 8, "2026-01-05T17:00"),  # a Monday: the last moment of it is not the first of the next
        ("2026-01-05T09:00", 8.5, "2026-01-06T09:30"),
        ("2026-01-05T16:00", 2, "2026-01-06T10:00"),  # over night
        ("2026-01-05T08:00", 1, "2026-01-05T10:00"),  # before hours
        ("2026-01-05T17:00", 1, "2026-01-06T10:00"),  # after hours
        ("2026-01-05T23:59", 1, "2026-01-06T10:00"),
        ("2026-01-09T16:59", 0.25, "2026-01-12T09:14"),  # Friday evening to Monday morning
        ("2026-01-10T12:00", 1, "2026-01-12T10:00"),  # on a Saturday
        ("2026-01-05T09:00", 40, "2026-01-09T17:00"),  # a week
        ("2026-01-05T09:00", 41, "2026-01-12T10:00"),
        ("2026-03-27T16:00", 2, "2026-03-30T10:00"),  # the clocks go forward between them
        ("2026-10-23T16:00", 2, "2026-10-26T10:00"),  # and back
    ],
)
def test_nights_and_weekends_do_not_count(start: str, span: float, wanted: str) -> None:
    assert calendar().after(local(start), hours(span)) == local(wanted)


def test_holidays_do_not_count() -> None:
    christmas = calendar(holidays=["2026-12-24", "2026-12-25", "2026-12-31", "2027-01-01"])
    assert christmas.after(local("2026-12-23T16:00"), hours(2)) == local("2026-12-28T10:00")
    assert christmas.after(local("2026-12-24T12:00"), hours(1)) == local("2026-12-28T10:00")
    assert christmas.after(local("2026-12-30T16:30"), hours(1)) == local("2027-01-04T09:30")


def test_a_holiday_is_the_day_of_the_zone() -> None:
    auckland = calendar(zone="Pacific/Auckland", holidays=["2026-01-06"])
    monday = Instant.from_utc(2026, 1, 5, 11)  # in Auckland it is the 6th
    assert auckland.after(monday, hours(1)) == local("2026-01-07T10:00", "Pacific/Auckland")


@pytest.mark.parametrize(
    ("start", "span", "wanted"),
    [
        # 2026-03-29: from 01:00 to 05:00 there are three hours
        ("2026-03-29T00:00", 3, Instant.from_utc(2026, 3, 29, 3)),
        ("2026-03-29T00:00", 4, Instant.from_utc(2026, 3, 30)),
        # 2026-10-25: and five
        ("2026-10-25T00:00", 5, Instant.from_utc(2026, 10, 25, 4)),
        ("2026-10-25T00:00", 4, Instant.from_utc(2026, 10, 25, 3)),
    ],
)
def test_an_hour_that_is_skipped_is_none_and_one_that_comes_twice_is_two(
    start: str, span: float, wanted: Instant
) -> None:
    nights = calendar(**{"from": "01:00", "to": "05:00"}, days=WEEK)
    assert nights.after(local(start), hours(span)) == wanted


def test_the_hours_are_monday_to_friday_nine_to_five_where_nothing_else_is_said() -> None:
    said = {"zone": BERLIN, "days": WEEK[:5], "from": "09:00", "to": "17:00", "holidays": []}
    assert calendar().model_dump(by_alias=True) == said
    assert WorkingHours.model_validate(said) == calendar()


def test_the_longest_deadline_ends_in_the_sparsest_calendar() -> None:
    sundays = [Date(2026, 1, 4).add(days=7 * ahead).format_iso() for ahead in range(366)]
    # clocks go from 02:00 to 03:00 on a Sunday, every year, and never give this hour back
    sparse = calendar(zone="America/New_York", days=["sun"], **{"from": "02:00", "to": "03:00"}, holidays=sundays)
    assert sparse.after(Instant.from_utc(2026, 1, 1), YEAR) > Instant.from_utc(2190, 1, 1)


def test_the_deadlines_of_a_task_count_working_hours_where_the_policy_names_them() -> None:
    friday = local("2026-01-09T16:00")
    named: Document = {"working_hours": {"zone": BERLIN}}
    for said, wanted in (({}, "2026-01-09T18:00"), (named, "2026-01-12T10:00")):
        requirement = rule_on(parse({**asking(), **said}), Question(1)).requirement
        assert requirement is not None
        assert requirement.later(friday, hours(2)) == local(wanted)
        assert Requirement.from_document(requirement.to_document()) == requirement


# Laws

_QUARTERS = st.integers(0, 24 * 4 - 1)
_SPANS = st.integers(1, 3_600 * 200).map(lambda count: TimeDelta(seconds=count))
_STARTS = st.integers(0, 3_600 * 24 * 400).map(lambda count: Instant.from_utc(2026, 1, 1) + TimeDelta(seconds=count))
_HOLIDAYS = st.integers(0, 400).map(lambda count: Date(2026, 1, 1).add(days=count).format_iso())


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02}:{quarter % 4 * 15:02}"


@st.composite
def calendars(draw: st.DrawFn) -> WorkingHours:
    """Calendars of any hours and days, in zones that change their clocks and in one that does not."""
    opens, closes = sorted(draw(st.tuples(_QUARTERS, _QUARTERS)))
    assume(closes - opens >= 4)
    return calendar(
        zone=draw(st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])),
        days=draw(st.lists(st.sampled_from(WEEK), min_size=1, unique=True)),
        **{"from": _clock(opens), "to": _clock(closes)},
        holidays=draw(st.lists(_HOLIDAYS, max_size=5)),
    )


@given(calendars(), _STARTS, _SPANS, _SPANS)
def test_two_spans_one_after_the_other_are_their_sum(
    hours: WorkingHours, start: Instant, first: TimeDelta, second: TimeDelta
) -> None:
    assert hours.after(start, first + second) == hours.after(hours.after(start, first), second)


@given(calendars(), _STARTS, _SPANS)
def test_a_deadline_is_within_working_hours_and_never_sooner_than_by_the_clock(
    hours: WorkingHours, start: Instant, span: TimeDelta
) -> None:
    found = hours.after(start, span)
    assert found >= start + span
    last = (found - TimeDelta(seconds=1)).to_tz(hours.zone)  # the last second that counted
    assert WEEK[last.date().day_of_week().value - 1] in hours.days
    assert last.date().format_iso() not in hours.holidays


@given(calendars(), _STARTS, _STARTS, _SPANS, _SPANS)
def test_who_starts_later_or_takes_longer_never_ends_sooner(
    hours: WorkingHours, one: Instant, other: Instant, short: TimeDelta, long: TimeDelta
) -> None:
    assert hours.after(min(one, other), short) <= hours.after(max(one, other), short)
    assert hours.after(one, min(short, long)) <= hours.after(one, max(short, long))


@given(calendars(), _STARTS, st.integers(1, 200))
def test_so_many_minutes_are_counted_as_one_would_by_hand(hours: WorkingHours, start: Instant, minutes: int) -> None:
    """Minute by minute: one counts if it lies within the hours, by the clock on the wall."""
    start = Instant.from_timestamp(start.timestamp() // 900 * 900)
    found = hours.after(start, TimeDelta(minutes=minutes))
    assume(found - start < TimeDelta(hours=24 * 20))
    assume(not _clocks_change(hours.zone, start, found))
    at, left = start, minutes
    while left:
        wall = at.to_tz(hours.zone)
        time = wall.time().format_iso()[:5]
        working = WEEK[wall.date().day_of_week().value - 1] in hours.days
        if working and wall.date().format_iso() not in hours.holidays and hours.from_ <= time < hours.to:
            left -= 1
        at += TimeDelta(minutes=1)
    assert found == at


def _clocks_change(zone: str, one: Instant, other: Instant) -> bool:
    return one.to_tz(zone).offset != other.to_tz(zone).offset
