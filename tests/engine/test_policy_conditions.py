"""What a rule may ask of a launch: each condition at its boundaries, and where a fact is not known; freezes too."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant, PlainDateTime

from gonogo.models import Document
from gonogo.policy import Freeze, Question, Ruling, When, Written, freeze_at, match, parse, rule_on
from gonogo.policy.conditions import TESTS
from gonogo.policy.ruling import counted
from gonogo.zones import zone_exists
from support.engine import asking

BERLIN = "Europe/Berlin"
ZONES = ("UTC", "Europe/Berlin", "Asia/Tokyo", "America/New_York", "Pacific/Kiritimati")
AUCKLAND, HONOLULU = "Pacific/Auckland", "Pacific/Honolulu"


def at(text: str, zone: str = "UTC") -> Instant:
    """The instant of a local time, of which there is one."""
    return PlainDateTime.parse_iso(text).assume_tz(zone, disambiguation="raise").to_instant()


def policy(*rules: Document, **more: object) -> Written:
    """A policy of these rules, and a last one that asks people."""
    read = parse({"rules": [*rules, {"name": "last", "approve": {"stages": [{"group": "approvers"}]}}], **more})
    assert isinstance(read, Written)
    return read


def held(when: Document, **facts: Any) -> bool | None:
    """Whether the conditions hold for a launch of which these facts are known."""
    question = Question(**{"recipients": 100, **facts})
    found = match(policy({"name": "asked", "when": when, "approve": "auto"}), question)
    return None if found is None else found.name == "asked"


def hours(begins: str, ends: str, zone: str = BERLIN) -> Document:
    return {"hours": {"from": begins, "to": ends, "zone": zone}}


def days(zone: str, *names: str) -> Document:
    return {"weekdays": {"days": list(names), "zone": zone}}


# Each condition at its boundaries


@pytest.mark.parametrize(
    ("when", "facts", "answer"),
    [
        ({}, {}, True),
        ({"recipients_at_most": 100}, {"recipients": 99}, True),
        ({"recipients_at_most": 100}, {"recipients": 100}, True),
        ({"recipients_at_most": 100}, {"recipients": 101}, False),
        ({"recipients_at_most": 0}, {"recipients": 0}, True),
        ({"recipients_at_most": 0}, {"recipients": 1}, False),
        ({"recipients_over": 100}, {"recipients": 100}, False),
        ({"recipients_over": 100}, {"recipients": 101}, True),
        ({"recipients_over": 0}, {"recipients": 0}, False),
        ({"recipients_over": 10, "recipients_at_most": 20}, {"recipients": 10}, False),
        ({"recipients_over": 10, "recipients_at_most": 20}, {"recipients": 11}, True),
        ({"recipients_over": 10, "recipients_at_most": 20}, {"recipients": 20}, True),
        ({"recipients_over": 10, "recipients_at_most": 20}, {"recipients": 21}, False),
        ({"channel": "sms"}, {"channel": "sms"}, True),
        ({"channel": "sms"}, {"channel": "email"}, False),
        ({"channel": "webhook"}, {"channel": "webhook"}, True),
        ({"sender": "news@acme.example"}, {"sender": "news@acme.example"}, True),
        ({"sender": "News@Acme.example"}, {"sender": "nEws@aCme.example"}, True),
        ({"sender": "news@acme.example"}, {"sender": "xnews@acme.example"}, False),
        ({"sender": "news@acme.example"}, {"sender": "news@acme.example.org"}, False),
        ({"sender": "*@acme.example"}, {"sender": "any@acme.example"}, True),
        ({"sender": "*@ACME.example"}, {"sender": "Any@acme.EXAMPLE"}, True),
        ({"sender": "*@acme.example"}, {"sender": "any@mail.acme.example"}, False),
        ({"sender": "*@acme.example"}, {"sender": "any@not-acme.example"}, False),
        ({"sender": "*@acme.example"}, {"sender": "any@acme.example.org"}, False),
        ({"sender": "go@bücher.example"}, {"sender": "go@xn--bcher-kva.example"}, True),
        ({"sender": "Go@BÜCHER.example"}, {"sender": "go@bücher.example"}, True),
        ({"sender": "go@XN--BCHER-KVA.example"}, {"sender": "go@bücher.example"}, True),
        ({"sender": "go@bücher.example"}, {"sender": "go@bucher.example"}, False),
        ({"sender": "*@bücher.example"}, {"sender": "go@xn--bcher-kva.example"}, True),
        ({"sender": "*@xn--bcher-kva.example"}, {"sender": "go@bücher.example"}, True),
        ({"sender": "*@Bücher.example"}, {"sender": "go@BÜCHER.example"}, True),
        ({"sender": "*@bücher.example"}, {"sender": "go@mail.xn--bcher-kva.example"}, False),
        ({"list": "list_1"}, {"list": "list_1"}, True),
        ({"list": "list_1"}, {"list": "list_10"}, False),
        ({"list": "list_1"}, {"list": "LIST_1"}, False),
        ({"template": "changed"}, {"template_changed": True}, True),
        ({"template": "changed"}, {"template_changed": False}, False),
        ({"template": "unchanged"}, {"template_changed": True}, False),
        ({"template": "unchanged"}, {"template_changed": False}, True),
        ({"review": "clean"}, {"clean": True}, True),
        ({"review": "clean"}, {"clean": False}, False),
        ({"warnings": "none"}, {"warned": False}, True),
        ({"warnings": "none"}, {"warned": True}, False),
        ({"warnings": "some"}, {"warned": False}, False),
        ({"warnings": "some"}, {"warned": True}, True),
    ],
)
def test_a_condition_holds_up_to_its_boundary_and_not_beyond(when: Document, facts: Document, answer: bool) -> None:
    assert held(when, **facts) is answer


@pytest.mark.parametrize(
    ("when", "moment", "answer"),
    [
        (hours("09:00", "17:00"), at("2026-01-05T08:59:59.999999", BERLIN), False),
        (hours("09:00", "17:00"), at("2026-01-05T09:00", BERLIN), True),
        (hours("09:00", "17:00"), at("2026-01-05T16:59:59.999999", BERLIN), True),
        (hours("09:00", "17:00"), at("2026-01-05T17:00", BERLIN), False),
        (hours("09:00", "17:00"), at("2026-01-05T08:30"), True),  # 09:30 in winter
        (hours("09:00", "17:00"), at("2026-07-06T07:00"), True),  # 09:00 in summer
        (hours("22:00", "06:00"), at("2026-01-05T21:59:59", BERLIN), False),
        (hours("22:00", "06:00"), at("2026-01-05T22:00", BERLIN), True),
        (hours("22:00", "06:00"), at("2026-01-06T00:00", BERLIN), True),
        (hours("22:00", "06:00"), at("2026-01-06T05:59:59", BERLIN), True),
        (hours("22:00", "06:00"), at("2026-01-06T06:00", BERLIN), False),
        (hours("18:00", "00:00"), at("2026-01-05T23:59:59", BERLIN), True),
        (hours("18:00", "00:00"), at("2026-01-06T00:00", BERLIN), False),
        (hours("00:00", "06:00"), at("2026-01-06T00:00", BERLIN), True),
        # 2026-03-29: after 01:59:59 comes 03:00
        (hours("02:00", "03:00"), at("2026-03-29T00:59:59"), False),
        (hours("02:00", "03:00"), at("2026-03-29T01:00"), False),
        (hours("01:00", "02:00"), at("2026-03-29T00:59:59"), True),
        (hours("03:00", "04:00"), at("2026-03-29T01:00"), True),
        # 2026-10-25: 02:00 to 03:00 comes twice
        (hours("02:00", "03:00"), at("2026-10-24T23:59:59"), False),
        (hours("02:00", "03:00"), at("2026-10-25T00:00"), True),
        (hours("02:00", "03:00"), at("2026-10-25T01:59:59"), True),
        (hours("02:00", "03:00"), at("2026-10-25T02:00"), False),
        (days(BERLIN, "sat", "sun"), at("2026-01-09T23:59:59", BERLIN), False),
        (days(BERLIN, "sat", "sun"), at("2026-01-10T00:00", BERLIN), True),
        (days(BERLIN, "sat", "sun"), at("2026-01-11T23:59:59", BERLIN), True),
        (days(BERLIN, "sat", "sun"), at("2026-01-12T00:00", BERLIN), False),
        (days(BERLIN, "sun"), at("2026-03-29T21:59:59"), True),  # a day of 23 hours
        (days(BERLIN, "sun"), at("2026-03-29T22:00"), False),
        (days(AUCKLAND, "tue"), at("2026-01-05T11:00"), True),  # one moment, on both sides of the date line
        (days(HONOLULU, "mon"), at("2026-01-05T11:00"), True),
        (days(AUCKLAND, "mon"), at("2026-01-05T11:00"), False),
        (days(HONOLULU, "tue"), at("2026-01-05T11:00"), False),
    ],
)
def test_hours_and_weekdays_are_those_of_their_zone(when: Document, moment: Instant, answer: bool) -> None:
    assert held(when, at=moment) is answer


def test_a_week_has_every_day_once() -> None:
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    week = [at(f"2026-01-{5 + ahead:02}T12:00") for ahead in range(7)]
    assert [[held(days("UTC", name), at=moment) for name in names].index(True) for moment in week] == list(range(7))


# Facts that are not known

#: Each fact that may be unknown, conditions that ask for it, and a value for which none of them holds.
UNKNOWN: list[tuple[str, Document, Any]] = [
    ("channel", {"channel": "sms"}, "email"),
    ("sender", {"sender": "news@acme.example"}, "x@acme.example"),
    ("sender", {"sender": "*@acme.example"}, "x@other.example"),
    ("list", {"list": "list_1"}, "list_2"),
    ("at", hours("09:00", "17:00"), at("2026-01-05T20:00", BERLIN)),
    ("at", days(BERLIN, "mon"), at("2026-01-06T20:00", BERLIN)),
    ("template_changed", {"template": "changed"}, False),
    ("template_changed", {"template": "unchanged"}, True),
    ("clean", {"review": "clean"}, False),
    ("warned", {"warnings": "none"}, True),
    ("warned", {"warnings": "some"}, False),
]
_SURE = {"recipients", "summed"}
_SMALL = {"name": "small", "when": {"recipients_at_most": 100}, "approve": "auto"}


@pytest.mark.parametrize(("fact", "when", "wrong"), UNKNOWN)
def test_an_unknown_fact_answers_nothing_unless_another_condition_fails(fact: str, when: Document, wrong: Any) -> None:
    assert held(when, **{fact: wrong}) is False
    assert held(when, **{fact: None}) is None
    assert held({**when, "recipients_at_most": 100}, **{fact: None}) is None
    assert held({**when, "recipients_at_most": 99}, **{fact: None}) is False
    assert held({**when, "recipients_over": 100}, **{fact: None}) is False


@pytest.mark.parametrize(("fact", "when", "wrong"), UNKNOWN)
def test_a_condition_that_fails_is_found_in_whatever_order_they_are_asked(
    fact: str, when: Document, wrong: Any
) -> None:
    for other, besides, fails in UNKNOWN:
        if other != fact:
            assert held({**when, **besides}, **{fact: None, other: fails}) is False
            assert held({**when, **besides}, **{fact: None, other: None}) is None


def test_every_condition_and_every_fact_is_asked_above() -> None:
    named = {name for _, when, _ in UNKNOWN for name in when}
    assert named | {"recipients_at_most", "recipients_over"} == set(When.model_fields) == set(TESTS)
    assert {fact for fact, _, _ in UNKNOWN} | _SURE == set(Question._fields)


def test_where_a_fact_is_not_known_the_last_rule_asks_people() -> None:
    sms = {"name": "sms", "when": {"channel": "sms"}, "approve": "auto"}
    small = {"name": "small", "when": {"recipients_at_most": 100}, "approve": "auto"}
    asked = policy(sms, small)
    unknown = Question(1, channel=None)
    assert match(asked, unknown) is None
    assert rule_on(asked, unknown).rule == "last"
    assert match(asked, Question(1)) == asked.rules[1]
    narrow = policy({**sms, "when": {"channel": "sms", "recipients_over": 1}}, small)
    assert rule_on(narrow, unknown) == Ruling("auto", "small")  # the first does not match, whatever the channel is


def test_where_a_sum_is_not_known_thresholds_are_open_and_other_rules_are_not() -> None:
    unknown = Question(1, summed={"requester": None})
    sms = {"name": "sms", "when": {"channel": "sms"}, "approve": "auto"}
    over = {"name": "over", "when": {"recipients_over": 100}, "approve": "auto"}
    windowed: Document = {"splitting": {"window": "PT24H"}}
    for threshold in (_SMALL, over):
        assert match(policy(sms, threshold, **windowed), unknown) is None
        assert rule_on(policy(sms, threshold, **windowed), unknown).rule == "last"
        assert rule_on(policy(sms, threshold, **windowed), unknown._replace(channel="sms")).rule == "sms"
    assert rule_on(policy(_SMALL, splitting={"window": "PT24H", "per": "list"}), unknown).rule == "small"
    assert rule_on(policy(_SMALL), unknown).rule == "small"


# Sums over a window


@pytest.mark.parametrize(
    ("per", "summed", "wanted"),
    [
        (None, {"requester": 1_000}, 60),
        ("requester", {}, 60),
        ("requester", {"requester": 40}, 100),
        ("requester", {"requester": 41}, 101),
        ("requester", {"list": 1_000, "sender": 1_000}, 60),
        ("list", {"list": 41, "requester": 1}, 101),
        ("sender", {"sender": 40}, 100),
        (["requester"], {"requester": 41}, 101),
        (["requester", "list"], {"requester": 30, "list": 40, "sender": 50}, 100),  # the largest, not all together
        (["requester", "list", "sender"], {"requester": 30, "list": 40, "sender": 50}, 110),
        (["list", "list"], {"list": 41}, 101),
    ],
)
def test_thresholds_see_the_largest_of_the_sums_that_the_policy_asks_for(
    per: object, summed: dict[str, int], wanted: int
) -> None:
    splitting = {} if per is None else {"splitting": {"window": "PT24H", "per": per}}
    asked, question = policy(_SMALL, **splitting), Question(60, summed=summed)
    assert counted(asked, question) == wanted
    assert rule_on(asked, question).permission == ("auto" if wanted <= 100 else "people")


def test_sums_are_by_requester_where_the_policy_names_none() -> None:
    asked = policy(_SMALL, splitting={"window": "PT24H"})
    assert counted(asked, Question(60, summed={"requester": 41, "list": 500})) == 101


@given(st.integers(0, 300), st.dictionaries(st.sampled_from(["requester", "list", "sender"]), st.integers(0, 300)))
def test_no_sum_ever_makes_a_launch_look_smaller(recipients: int, summed: dict[str, int]) -> None:
    question = Question(recipients, summed=summed)
    found: list[Any] = [
        counted(policy(_SMALL, splitting={"window": "PT24H", "per": per}), question)
        for per in (["requester"], ["requester", "list"], ["requester", "list", "sender"])
    ]
    assert all(fewer <= more for fewer, more in zip([recipients, *found], found, strict=False))


# Freezes


def freeze(begins: str, ends: str, zone: str = BERLIN, reason: str = "holidays") -> Document:
    return {"from": begins, "to": ends, "zone": zone, "reason": reason}


def frozen(moment: Instant, *freezes: Document) -> str | None:
    found = freeze_at(parse(asking(freeze=list(freezes))), moment)
    return found.reason if found else None


@pytest.mark.parametrize(
    ("begins", "ends", "moment", "answer"),
    [
        ("2026-12-24T18:00", "2026-12-27", at("2026-12-24T17:59:59.999999", BERLIN), False),
        ("2026-12-24T18:00", "2026-12-27", at("2026-12-24T18:00", BERLIN), True),
        ("2026-12-24T18:00", "2026-12-27", at("2026-12-26T23:59:59.999999", BERLIN), True),
        ("2026-12-24T18:00", "2026-12-27", at("2026-12-27T00:00", BERLIN), False),
        ("2026-12-24T18:00", "2026-12-27", at("2026-12-24T17:00"), True),  # 18:00 in winter
        ("2026-07-01T18:00", "2026-07-02", at("2026-07-01T16:00"), True),  # and in summer
        ("2026-07-01T18:00", "2026-07-02", at("2026-07-01T15:59:59"), False),
        # what is skipped comes as much later: 02:30 is 03:30
        ("2026-03-29T02:30", "2026-03-29T12:00", at("2026-03-29T01:29:59"), False),
        ("2026-03-29T02:30", "2026-03-29T12:00", at("2026-03-29T01:30"), True),
        ("2026-03-29T00:00", "2026-03-29T02:30", at("2026-03-29T01:29:59"), True),
        ("2026-03-29T00:00", "2026-03-29T02:30", at("2026-03-29T01:30"), False),
        # of what comes twice, the first counts
        ("2026-10-25T02:30", "2026-10-25T12:00", at("2026-10-25T00:29:59"), False),
        ("2026-10-25T02:30", "2026-10-25T12:00", at("2026-10-25T00:30"), True),
        ("2026-10-25T00:00", "2026-10-25T02:30", at("2026-10-25T00:30"), False),
        # the outermost years
        ("0002-01-01", "9998-12-31T23:59", at("2026-01-05T09:00"), True),
    ],
)
def test_a_freeze_stands_from_its_first_moment_until_just_before_its_last(
    begins: str, ends: str, moment: Instant, answer: bool
) -> None:
    assert (frozen(moment, freeze(begins, ends)) is not None) is answer


def test_of_several_freezes_the_one_that_lasts_longest_is_told() -> None:
    noon = at("2026-12-24T12:00")
    short, long = freeze("2026-12-24", "2026-12-25", reason="short"), freeze("2026-12-23", "2027-01-02", reason="long")
    west = freeze("2026-12-23", "2027-01-02", HONOLULU, "west")  # the same day ends ten hours later there
    past = freeze("2026-12-01", "2026-12-02", reason="past")
    assert frozen(noon, short, long, past) == frozen(noon, long, short) == "long"
    assert frozen(noon, short, west, long) == "west"
    assert frozen(noon, past) is None
    assert frozen(noon) is None


def test_a_policy_that_is_off_freezes_nothing() -> None:
    assert freeze_at(parse({"approval": "off", "reason": "a test"}), at("2026-12-24T12:00")) is None


@given(st.datetimes().map(lambda moment: moment.replace(microsecond=0).isoformat()), st.sampled_from(ZONES))
def test_a_freeze_that_a_policy_takes_can_always_be_asked(begins: str, zone: str) -> None:
    year = int(begins[:4])
    if 1 < year < 9998:
        Freeze.model_validate(freeze(begins, f"{year + 1:04}-12-31", zone))
        assert frozen(at("2026-01-05T09:00"), freeze(begins, f"{year + 1:04}-12-31", zone)) in (None, "holidays")


# Zones


@pytest.mark.parametrize("name", ["UTC", BERLIN, AUCKLAND, "America/Argentina/Buenos_Aires"])
def test_a_zone_of_the_database_is_one(name: str) -> None:
    assert zone_exists(name)


@pytest.mark.parametrize(
    "name",
    ["", "Mars/Olympus", "europe/berlin", "utc", "localtime", "Europe", "../UTC", "/etc/localtime", "a\x00b", " "],
)
def test_a_name_that_means_nothing_or_another_zone_on_each_host_is_none(name: str) -> None:
    assert not zone_exists(name)
