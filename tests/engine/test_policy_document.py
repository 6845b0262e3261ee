"""The policy document: every mistake in it is told at once, each with its place and what was expected there."""

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import date
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from gonogo.errors import Invalid, Mistake
from gonogo.models import Document
from gonogo.policy import (
    BreakGlass,
    Freeze,
    Off,
    Rule,
    Splitting,
    When,
    WorkingHours,
    Written,
    named,
    parse,
)
from gonogo.policy.conditions import Hours, Weekdays
from gonogo.policy.document import EscalationWritten, People, StageWritten
from support.policies import documents

PEOPLE: Document = {"stages": [{"group": "approvers", "quorum": 1}]}
LAST: Document = {"name": "everyone else", "approve": PEOPLE}


def told(document: object) -> list[Mistake]:
    """What is wrong with a document, if anything is."""
    try:
        parse(document)
    except Invalid as refused:
        return sorted(refused.mistakes, key=lambda mistake: mistake.path) or [Mistake("", "refused without a reason")]
    return []


def mistakes(document: object) -> list[Mistake]:
    """What is wrong with a document that is refused."""
    found = told(document)
    assert found
    return found


def switch(**values: object) -> Document:
    """A policy that asks people, with some more keys."""
    return {"rules": [LAST], **values}


def rule(**values: object) -> Document:
    """A policy of which the first rule has these keys."""
    return {"rules": [{"name": "first", "approve": "auto", **values}, LAST]}


def when(**values: object) -> Document:
    return rule(when=values)


def stage(**values: object) -> Document:
    return {"rules": [{**LAST, "approve": {"stages": [values]}}]}


# What is written

_ONE = "expected a list with at least one item; found an empty list"
_BLANK = "expected a text that is not blank; found ''"
_ISO = "expected an ISO 8601 duration of hours, minutes and seconds, such as PT72H"
_SPAN = "expected a second (PT1S) or more, and a year (PT8784H) at most"
_WHOM = "expected `group` or `people`"
_MISSING = "expected this key, and it is missing"
_ZONE = "expected an IANA time zone, such as Europe/Berlin"
_AT = "rules[0].when"
_TO = "rules[0].approve"
_FREEZE: Document = {"from": "2026-12-24T18:00", "to": "2026-12-27", "zone": "Europe/Berlin", "reason": "holidays"}
_LONG = "x" * 101


@pytest.mark.parametrize(
    ("document", "path", "message"),
    [
        # the whole
        (None, "", "expected an object; found null"),
        ("auto", "", "expected an object; found 'auto'"),
        ([], "", "expected an object; found an empty list"),
        ([{}], "", "expected an object; found a list of 1"),
        ({}, "rules", _MISSING),
        ({"rules": []}, "rules", _ONE),
        ({"rules": {}}, "rules", "expected a list; found an object"),
        ({"rules": 7}, "rules", "expected a list; found 7"),
        ({"rules": "auto"}, "rules", "expected a list; found 'auto'"),
        (switch(seperation="none"), "seperation", "there is no such key here; did you mean `separation`?"),
        (switch(zzz=1), "zzz", "there is no such key here"),
        (switch(**{"<people>": 1}), "<people>", "there is no such key here; did you mean `people`?"),
        ({"rules": [LAST], 7: 1}, "", "expected a key that is a text; found 7"),
        (switch(break_glass={None: 1}), "break_glass", "expected a key that is a text; found null"),
        (switch(separation="some"), "separation", "expected 'none', 'requester' or 'contributors'; found 'some'"),
        (switch(acknowledge=None), "acknowledge", "expected 'implicit' or 'explicit'; found null"),
        (switch(on_policy_change="x"), "on_policy_change", "expected 'keep' or 'hold'; found 'x'"),
        (switch(dismissals=0), "dismissals", "expected 1 or more; found 0"),
        (switch(dismissals=101), "dismissals", "expected 100 or less; found 101"),
        (switch(dismissals=True), "dismissals", "expected a whole number; found true"),
        (switch(dismissals=1.0), "dismissals", "expected a whole number; found 1.0"),
        (switch(dismissals="1"), "dismissals", "expected a whole number; found '1'"),
        (switch(invite="yes"), "invite", "expected true or false; found 'yes'"),
        (switch(link_decides=True), "link_decides", "links are sent only with `invite`"),
        (switch(link_decides=True, invite=False), "link_decides", "links are sent only with `invite`"),
        # durations
        (switch(expires_after="72 hours"), "expires_after", f"{_ISO}; found '72 hours'"),
        (switch(expires_after="P3D"), "expires_after", f"{_ISO}; found 'P3D'"),
        (switch(expires_after="PT0S"), "expires_after", f"{_SPAN}; found 'PT0S'"),
        (switch(expires_after="PT0.9S"), "expires_after", f"{_SPAN}; found 'PT0.9S'"),
        (switch(expires_after="-PT72H"), "expires_after", f"{_SPAN}; found '-PT72H'"),
        (switch(expires_after="PT8784H1S"), "expires_after", f"{_SPAN}; found 'PT8784H1S'"),
        (switch(expires_after="PT87000000H"), "expires_after", f"{_SPAN}; found 'PT87000000H'"),
        (switch(expires_after=_LONG), "expires_after", f"{_ISO}; found '{'x' * 59}..."),
        (switch(expires_after=72), "expires_after", "expected a text; found 72"),
        (switch(remind_after=None, expires_after=1), "expires_after", "expected a text; found 1"),
        (
            switch(remind_after="PT72H"),
            "remind_after",
            "expected less than `expires_after`, which is PT72H; found 'PT72H'",
        ),
        (
            switch(escalate={"after": "PT2H", "to": "leads"}, expires_after="PT120M"),
            "escalate.after",
            "expected less than `expires_after`, which is PT120M; found 'PT2H'",
        ),
        (switch(escalate={"after": "PT1H"}), "escalate.to", _MISSING),
        (switch(escalate={"to": "leads"}), "escalate.after", _MISSING),
        (switch(escalate="leads"), "escalate", "expected an object; found 'leads'"),
        # splitting, breaking the glass, changes
        (switch(splitting={}), "splitting.window", _MISSING),
        (
            switch(splitting={"window": "PT1H", "per": "person"}),
            "splitting.per",
            "expected 'requester', 'list' or 'sender'; found 'person'",
        ),
        (
            switch(splitting={"window": "PT1H", "per": ["list", "person"]}),
            "splitting.per[1]",
            "expected 'requester', 'list' or 'sender'; found 'person'",
        ),
        (switch(splitting={"window": "PT1H", "per": []}), "splitting.per", _ONE),
        (
            switch(splitting={"window": "PT1H", "per": ["list"] * 4}),
            "splitting.per",
            "expected a list with 3 items at the most; found a list of 4",
        ),
        (
            switch(splitting={"window": "PT1H", "per": 4}),
            "splitting.per",
            "expected 'requester', 'list' or 'sender'; found 4",
        ),
        (switch(break_glass={"reason": "optional"}), "break_glass.reason", "expected 'required'; found 'optional'"),
        (switch(break_glass={"group": ""}), "break_glass.group", _BLANK),
        (switch(break_glass={"begin_within": "PT0S"}), "break_glass.begin_within", f"{_SPAN}; found 'PT0S'"),
        (switch(changes="auto"), "changes", "expected an object; found 'auto'"),
        (switch(changes={"stages": []}), "changes.stages", _ONE),
        # freezes
        (switch(freeze={}), "freeze", "expected a list; found an object"),
        (switch(freeze=["x"]), "freeze[0]", "expected an object; found 'x'"),
        (switch(freeze=[{**_FREEZE, "zone": "Mars/Olympus"}]), "freeze[0].zone", f"{_ZONE}; found 'Mars/Olympus'"),
        (switch(freeze=[{**_FREEZE, "zone": "localtime"}]), "freeze[0].zone", f"{_ZONE}; found 'localtime'"),
        (switch(freeze=[_FREEZE, {**_FREEZE, "reason": ""}]), "freeze[1].reason", _BLANK),
        *(
            (
                switch(freeze=[_FREEZE, {**_FREEZE, "to": to}]),
                "freeze[1].to",
                f"expected `to` after `from`, which is 2026-12-24T18:00; found {to!r}",
            )
            for to in (_FREEZE["from"], "2026-12-24")
        ),
        *(
            (
                switch(freeze=[{**_FREEZE, "to": to}]),
                "freeze[0].to",
                f"expected a local date and time, such as 2026-12-24T18:00; found {to!r}",
            )
            for to in ("soon", "2026-12-27T10:00Z", "2026-02-30", "9999-12-31", "0001-01-01")
        ),
        (
            switch(freeze=[{"from_": _FREEZE["from"], **_FREEZE}]),
            "freeze[0].from_",
            "there is no such key here; did you mean `from`?",
        ),
        # working hours
        (switch(working_hours={}), "working_hours.zone", _MISSING),
        (switch(working_hours={"zone": "UTC", "days": []}), "working_hours.days", _ONE),
        (switch(working_hours={"zone": "UTC", "days": ["mon", "mon"]}), "working_hours.days", "expected each day once"),
        (
            switch(working_hours={"zone": "UTC", "days": ["tue", "monday"]}),
            "working_hours.days[1]",
            "expected one of mon, tue, wed, thu, fri, sat, sun; found 'monday'",
        ),
        (
            switch(working_hours={"zone": "UTC", "from": "9"}),
            "working_hours.from",
            "expected a time of day, such as 09:00; found '9'",
        ),
        *(
            (
                switch(working_hours={"zone": "UTC", "from": begins, "to": ends}),
                "working_hours.to",
                f"expected `to` an hour or more after `from`, on the same day; found {ends!r}",
            )
            for begins, ends in (("09:00", "09:59"), ("09:00", "00:00"), ("22:00", "06:00"), ("09:00:59", "10:00"))
        ),
        (
            switch(working_hours={"zone": "UTC", "from": "16:01"}),
            "working_hours.to",
            "expected `to` an hour or more after `from`, on the same day; found '17:00'",
        ),
        *(
            (
                switch(working_hours={"zone": "UTC", "holidays": ["2026-12-25", day]}),
                "working_hours.holidays[1]",
                f"expected a date, such as 2026-12-24; found {day!r}",
            )
            for day in ("Christmas", "", "2026-02-30", "20261226", "2026-12-26T00:00")
        ),
        # rules
        ({"rules": ["auto"]}, "rules[0]", "expected an object; found 'auto'"),
        ({"rules": [LAST, LAST]}, "rules[1].name", "another rule is named 'everyone else'; names must differ"),
        ({"rules": [{**LAST, "approve": "auto"}]}, _TO, "the last rule must ask people, not `auto`"),
        (
            {"rules": [{**LAST, "when": {"recipients_over": 0}}]},
            _AT,
            "the last rule must match everything: leave `when` out",
        ),
        ({"rules": [{"name": "x"}]}, _TO, _MISSING),
        ({"rules": [{"approve": PEOPLE}]}, "rules[0].name", _MISSING),
        (rule(name=""), "rules[0].name", _BLANK),
        (
            rule(name=_LONG),
            "rules[0].name",
            f"expected 100 characters at the most; found '{'x' * 59}...",
        ),
        (rule(name=" \u00a0"), "rules[0].name", "expected a text that is not blank; found ' \\xa0'"),
        (rule(name="a\x00b"), "rules[0].name", "expected no control characters; found 'a\\x00b'"),
        (rule(name="a\n"), "rules[0].name", "expected no control characters; found 'a\\n'"),
        (
            rule(name="\ud800"),
            "rules[0].name",
            "expected a text that UTF-8 can carry; found '\\ud800'",
        ),
        (rule(approve="maybe"), _TO, "expected `auto`, or an object with `stages`; found 'maybe'"),
        (rule(approve=[PEOPLE]), _TO, "expected `auto`, or an object with `stages`; found a list of 1"),
        (rule(approve={}), f"{_TO}.stages", _MISSING),
        (
            rule(approve={**PEOPLE, "<people>": 1}),
            f"{_TO}.<people>",
            "there is no such key here; did you mean `people`?",
        ),
        # conditions
        (rule(when=None), _AT, "expected an object; found null"),
        (when(recipient_over=1), f"{_AT}.recipient_over", "there is no such key here; did you mean `recipients_over`?"),
        (when(recipients_at_most=-1), f"{_AT}.recipients_at_most", "expected 0 or more; found -1"),
        (
            when(recipients_over=10**9 + 1),
            f"{_AT}.recipients_over",
            "expected 1000000000 or less; found 1000000001",
        ),
        (when(channel="fax"), f"{_AT}.channel", "expected 'email', 'sms' or 'webhook'; found 'fax'"),
        *(
            (when(sender=said), f"{_AT}.sender", f"expected an address, or *@domain; found {said!r}")
            for said in ("", "*", "*@", "@x", "*@x", "a b@c", "ann", "*@*@acme.example", "*@acme.example ", " ")
        ),
        (when(list=""), f"{_AT}.list", _BLANK),
        (when(template="new"), f"{_AT}.template", "expected 'changed' or 'unchanged'; found 'new'"),
        (when(review="blocked"), f"{_AT}.review", "expected 'clean'; found 'blocked'"),
        (when(warnings="any"), f"{_AT}.warnings", "expected 'none' or 'some'; found 'any'"),
        (
            when(hours={"from": "09:00", "to": "09:00:00", "zone": "UTC"}),
            f"{_AT}.hours.to",
            "expected another time than `from`; found '09:00:00'",
        ),
        (
            when(hours={"from": "09:00", "to": "24:00", "zone": "UTC"}),
            f"{_AT}.hours.to",
            "expected a time of day, such as 09:00; found '24:00'",
        ),
        (when(hours={"from": "09:00", "to": "10:00"}), f"{_AT}.hours.zone", _MISSING),
        (when(weekdays={"days": ["mon"], "zone": "utc"}), f"{_AT}.weekdays.zone", f"{_ZONE}; found 'utc'"),
        (when(weekdays={"days": "mon", "zone": "UTC"}), f"{_AT}.weekdays.days", "expected a list; found 'mon'"),
        # stages
        (stage(group="a", people=["b"]), f"{_TO}.stages[0]", "expected `group` or `people`, not both"),
        (
            stage(people=["a", "b", "b"], quorum=3),
            f"{_TO}.stages[0]",
            "expected 3 different people or more, or a smaller quorum; found 2",
        ),
        (stage(people=[]), f"{_TO}.stages[0].people", _ONE),
        (stage(), f"{_TO}.stages[0]", _WHOM),
        (stage(group=None, people=None), f"{_TO}.stages[0]", _WHOM),
        (stage(group="a", quorum=0), f"{_TO}.stages[0].quorum", "expected 1 or more; found 0"),
        (stage(people=["a"], groop="x"), f"{_TO}.stages[0].groop", "there is no such key here; did you mean `group`?"),
        # off
        ({"approval": "off"}, "reason", _MISSING),
        ({"approval": "off", "reason": ""}, "reason", _BLANK),
        ({"approval": "off", "reason": " "}, "reason", "expected a text that is not blank; found ' '"),
        ({"approval": "off", "reason": "a test", "changes": {"stages": [{}]}}, "changes.stages[0]", _WHOM),
        ({"approval": "on", "reason": "a test"}, "approval", "expected 'off'; found 'on'"),
        ({"approval": "off", "reason": "a test", "rules": [LAST]}, "rules", "there is no such key here"),
        (
            {"approval": "off", "reason": "a test", "changes": {"stages": [{"group": "a", "quorum": 0}]}},
            "changes.stages[0].quorum",
            "expected 1 or more; found 0",
        ),
    ],
)
def test_a_mistake_says_where_it_is_and_what_was_expected(document: object, path: str, message: str) -> None:
    assert mistakes(document) == [Mistake(path, message)]


def test_too_many_of_anything_are_refused() -> None:
    many = [{"name": f"rule {at}", "approve": "auto"} for at in range(100)]
    for document, path in (
        ({"rules": [*many, LAST]}, "rules"),
        (rule(approve={"stages": [{"group": "a"}] * 21}), "rules[0].approve.stages"),
        (stage(people=[f"p{at}" for at in range(101)]), "rules[0].approve.stages[0].people"),
        (switch(freeze=[_FREEZE] * 101), "freeze"),
        (switch(working_hours={"zone": "UTC", "holidays": ["2026-12-24"] * 367}), "working_hours.holidays"),
    ):
        [found] = mistakes(document)
        assert found.path == path
        assert "at the most; found a list of " in found.message


def test_every_mistake_is_told_at_once_each_with_its_path() -> None:
    document = {
        "rules": [
            {"name": "", "when": {"recipients_at_most": -1, "channel": "fax"}, "approve": "auto"},
            {"name": "two", "when": {"review": "blocked"}, "approve": {"stages": []}},
            {"name": "three", "approve": {"stages": [{"group": "friends", "quorum": 0}, {"quorum": "1"}]}},
            {"approve": "maybe"},
        ],
        "separation": "sometimes",
        "dismissals": 101,
        "splitting": {"per": "nobody"},
        "remind_after": "PT100H",
        "link_decides": True,
        "freeze": [{**_FREEZE, "zone": ""}, {"from": ""}],
    }
    assert [found.path for found in mistakes(document)] == [
        "dismissals",
        "freeze[0].zone",
        "freeze[1].from",
        "freeze[1].reason",
        "freeze[1].to",
        "freeze[1].zone",
        "link_decides",
        "remind_after",
        "rules[0].name",
        "rules[0].when.channel",
        "rules[0].when.recipients_at_most",
        "rules[1].approve.stages",
        "rules[1].when.review",
        "rules[2].approve.stages[0].quorum",
        "rules[2].approve.stages[1]",
        "rules[2].approve.stages[1].quorum",
        "rules[3].approve",
        "rules[3].name",
        "separation",
        "splitting.per",
        "splitting.window",
    ]


def test_mistakes_that_only_the_whole_shows_are_told_together_too() -> None:
    document = {"rules": [LAST, {**LAST, "when": {"channel": "sms"}, "approve": "auto"}], "expires_after": "P3D"}
    assert [found.path for found in mistakes(document)] == [
        "expires_after",
        "rules[1].approve",
        "rules[1].name",
        "rules[1].when",
    ]


_HOURS: Document = {"from": "09:00", "to": "17:00", "zone": "UTC"}
_WEEKDAYS: Document = {"days": ["mon"], "zone": "UTC"}
_TWICE = ["mon", "mon"]
#: A part of which some values do not go with one another, where it stands in a document, which values those are, and
#: what is told of them.
_AT_ODDS: dict[str, tuple[Callable[[Document], Document], Document, str, set[str], str, str]] = {
    "freeze": (
        lambda part: switch(freeze=[_FREEZE, part]), {**_FREEZE, "to": "2026-12-24"}, "freeze[1]", {"from", "to"},
        "freeze[1].to", "expected `to` after `from`, which is 2026-12-24T18:00; found '2026-12-24'",
    ),
    "hours": (
        lambda part: when(hours=part), {**_HOURS, "to": "09:00"}, f"{_AT}.hours", {"from", "to"},
        f"{_AT}.hours.to", "expected another time than `from`; found '09:00'",
    ),
    "weekdays": (
        lambda part: when(weekdays=part), {**_WEEKDAYS, "days": _TWICE}, f"{_AT}.weekdays", {"days"},
        f"{_AT}.weekdays.days", "expected each day once",
    ),
    "working hours": (
        lambda part: switch(working_hours=part), {**_HOURS, **_WEEKDAYS, "to": "09:30"}, "working_hours",
        {"from", "to"}, "working_hours.to",
        "expected `to` an hour or more after `from`, on the same day; found '09:30'",
    ),
    "working days": (
        lambda part: switch(working_hours=part), {**_HOURS, "days": _TWICE}, "working_hours", {"days"},
        "working_hours.days", "expected each day once",
    ),
    "both": (
        lambda part: stage(**part), {"group": "a", "people": ["b"], "quorum": 1}, f"{_TO}.stages[0]",
        {"group", "people"}, f"{_TO}.stages[0]", "expected `group` or `people`, not both",
    ),
    "neither": (
        lambda part: {"approval": "off", "reason": "a test", "changes": {"stages": [part]}}, {"quorum": 1},
        "changes.stages[0]", set(), "changes.stages[0]", _WHOM,
    ),
    "people": (
        lambda part: switch(changes={"stages": [part]}), {"people": ["a", "b", "a"], "quorum": 3}, "changes.stages[0]",
        {"people", "quorum"}, "changes.stages[0]",
        "expected 3 different people or more, or a smaller quorum; found 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _AT_ODDS)
def test_what_does_not_go_together_is_told_beside_whatever_else_is_wrong_with_the_part(name: str) -> None:
    around, part, where, compared, path, message = _AT_ODDS[name]
    wanted = Mistake(path, message)
    assert mistakes(around(part)) == [wanted]
    unknown = Mistake(f"{where}.zzz", "there is no such key here")
    assert set(mistakes(around({**part, "zzz": 1}))) == {wanted, unknown}
    for key in part.keys() - compared:
        found = mistakes(around({**part, key: True}))
        assert wanted in found
        assert f"{where}.{key}" in [each.path for each in found]
        assert wanted in mistakes(around({other: said for other, said in part.items() if other != key}))


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        (when(weekdays={**_WEEKDAYS, "days": ["x", *_TWICE, 7]}), ["days", "days[0]", "days[3]"]),
        (switch(working_hours={**_HOURS, "days": [*_TWICE, []]}), ["days", "days[2]"]),
        (stage(group=7, people=["a"]), ["stages[0]", "group"]),
        (stage(group="a", people=7), ["stages[0]", "people"]),
        (stage(group="a", people=[]), ["stages[0]", "people"]),
        (stage(people=["a", 7], quorum=3), ["stages[0]", "people[1]"]),
        (stage(people=["a", ["b"], ["b"]], quorum=4), ["stages[0]", "people[1]", "people[2]"]),
        (stage(people=["a", ["b"], ["b"]], quorum=3), ["people[1]", "people[2]"]),
        (stage(people=["a"], quorum=101), ["quorum"]),
        (when(hours={"zone": "UTC"}), ["from", "to"]),
        (stage(people=["a"], quorum=0), ["quorum"]),
        (stage(people=["a"], quorum=True), ["quorum"]),
        (stage(people="a", quorum=2), ["people"]),
        (switch(freeze=[{**_FREEZE, "from": "soon"}]), ["from"]),
        (switch(freeze=[{**_FREEZE, "to": 7}]), ["to"]),
        (when(hours={**_HOURS, "from": "9", "to": "9"}), ["from", "to"]),
        (switch(working_hours={**_HOURS, "to": None}), ["to"]),
        (switch(remind_after="PT9H", expires_after="PT0S"), ["expires_after", "remind_after"]),
        (switch(remind_after="PT9H", expires_after="soon"), ["expires_after"]),
        (switch(remind_after="soon", expires_after="PT1H", escalate=7), ["escalate", "remind_after"]),
    ],
)
def test_values_that_are_wrong_in_themselves_are_compared_as_far_as_they_can_be(
    document: Document, paths: list[str]
) -> None:
    found = [mistake.path for mistake in mistakes(document)]
    assert len(found) == len(paths)
    assert [path for path in paths if not any(each.endswith(path) for each in found)] == []


_ODD = {
    "nan": (float("nan"), "nan"),
    "inf": (float("-inf"), "-inf"),
    "a fraction": (1.5, "1.5"),
    "null": (None, "null"),
    "a truth": (False, "false"),
    "a long text": ("x" * 1_000, f"'{'x' * 59}..."),
    "more digits than Python writes": (10**5_000, "a number of more than 60 digits"),
    "nothing": ([], "an empty list"),
    "a list": ([7, 8], "a list of 2"),
    "an object": ({"a": 1}, "an object"),
    "a date": (date(2026, 12, 24), "what JSON can't hold"),
    "a set": ({1}, "what JSON can't hold"),
    "bytes": (b"x", "what JSON can't hold"),
    "a tuple": (("a",), "what JSON can't hold"),
}


_WANTED = {
    "freeze": ("a list", {"nothing", "a list"}),
    "dismissals": ("a whole number", {"more digits than Python writes"}),
    "invite": ("true or false", {"a truth"}),
    "splitting": ("an object", {"null", "an object"}),
    "expires_after": ("a text", {"a long text"}),
    "separation": ("'none', 'requester' or 'contributors'", set[str]()),
}


@pytest.mark.parametrize(
    ("key", "odd"), [(key, odd) for key, (_, right) in _WANTED.items() for odd in _ODD if odd not in right]
)
def test_what_stands_there_instead_is_told_in_the_words_of_the_document(key: str, odd: str) -> None:
    said, shown = _ODD[odd]
    assert mistakes(switch(**{key: said})) == [Mistake(key, f"expected {_WANTED[key][0]}; found {shown}")]


def test_a_number_that_is_too_large_to_be_written_is_told() -> None:
    [found] = mistakes(switch(dismissals=-(10**5_000)))
    assert found.message == "expected 1 or more; found a number of more than 60 digits"


def test_however_deep_a_document_is_nested_it_is_answered() -> None:
    deep: object = []
    for _ in range(5_000):
        deep = [{"stages": deep, "rules": deep}]
    for key in ("rules", "freeze", "changes", "working_hours", "escalate", "separation", "zzz"):
        assert mistakes({**switch(), key: deep})
    assert mistakes(deep)


def test_the_longest_and_the_most_that_may_be_written_is_taken() -> None:
    many = [{"name": f"rule {at:095}", "approve": "auto"} for at in range(99)]
    policy = parse({"rules": [*many, LAST], "expires_after": "PT8784H", "dismissals": 100})
    assert isinstance(policy, Written)
    assert len(policy.rules) == 100


_SHAPES: tuple[type[BaseModel], ...] = (
    Written, Off, Rule, When, Hours, Weekdays, People, StageWritten, EscalationWritten, Splitting, Freeze, BreakGlass,
    WorkingHours,
)  # fmt: skip
_KEYS = sorted({info.alias or name for shape in _SHAPES for name, info in shape.model_fields.items()})

_WORDS = st.sampled_from(
    ["auto", "off", "none", "list", "mon", "09:00", "PT1H", "PT100H", "2026-12-24", "UTC", "*@acme.example", "a", " "]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | _WORDS
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(_VALUES)
def test_nothing_but_a_policy_passes_for_one(document: object) -> None:
    with pytest.raises(Invalid):
        parse(document)


@st.composite
def spoilt(draw: st.DrawFn) -> object:
    """A policy with something else in some places of it."""
    document: Any = deepcopy(draw(documents()))
    for _ in range(draw(st.integers(1, 4))):
        places = [place for place in _containers(document) if place]
        if places:
            _spoil(draw, draw(st.sampled_from(places)))
    return document


def _containers(value: object) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from _containers(each)


def _spoil(draw: st.DrawFn, place: Any) -> None:
    key = draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
    match draw(st.sampled_from(["other", "gone", "again", "named"])):
        case "gone":
            del place[key]
        case "again" if isinstance(place, list):
            place.append(deepcopy(place[key]))
        case "named" if isinstance(place, dict):
            place[draw(st.text() | st.sampled_from(_KEYS))] = place.pop(key)
        case _:
            place[key] = draw(_VALUES)


#: What stands there, which may be in any words.
_FOUND = re.compile(
    r"(?<=another rule is named) .+(?=; names must differ$)"
    r"|; found (null|true|false|an object|an empty list|a list of \d+|a number of more than 60 digits|nan|-?inf"
    r"|-?\d[\d.e+-]*|'.*'|\".*\"|['\"].{59}\.\.\.)$",
    re.DOTALL,
)
_SAYINGS = re.compile(
    r"expected ((?!; found).)+|there is no such key here(; did you mean `[a-z_]+`\?)?|the last rule must .+"
    r"|links are sent only with `invite`|another rule is named; names must differ",
)
#: Words of Python, and of the library that reads documents.
_FOREIGN = re.compile(
    r"\b(None|True|False|dict|dictionary|tuple|str|string|int|integer|bool|boolean|Input|input|valid|should|Value error"
    r"|Extra inputs|greater|equal|validation|parse|raw|unicode|instance|type)\b"
)


def _places(value: object, where: str = "") -> Iterator[str]:
    """The path of everything in a document, and of everything that might stand there."""
    yield where
    if isinstance(value, list):
        for at, each in enumerate(value):
            yield from _places(each, f"{where}[{at}]")
    if isinstance(value, dict):
        for key in {*value, *_KEYS}:
            yield from _places(value.get(key), f"{where}.{key}" if where else key)


@given(spoilt())
def test_every_mistake_is_told_in_words_of_the_document_at_a_place_of_it(document: object) -> None:
    found = told(document)
    assert {mistake.path for mistake in found} <= set(_places(document))
    for mistake in found:
        words = _FOUND.sub("", mistake.message)
        assert _SAYINGS.fullmatch(words), mistake
        assert not _FOREIGN.search(words), mistake
    assert all(kind in ("group", "person") for _, kind, _ in named(document))


@given(spoilt(), spoilt())
def test_what_is_wrong_in_one_rule_hides_nothing_of_another(one: Any, other: Any) -> None:
    def together(*rules: Document) -> set[Mistake]:
        return set(told({"rules": [*({**rule, "name": f"rule {at}"} for at, rule in enumerate(rules)), LAST]}))

    good: Document = {"approve": PEOPLE}
    first, second = _first_rule(one), _first_rule(other)
    assert together(first, second) == together(first, good) | together(good, second)


def _first_rule(document: Any) -> Document:
    rules = document.get("rules")
    return rules[0] if isinstance(rules, list) and rules and isinstance(rules[0], dict) else {}


def test_the_library_tells_no_mistake_for_which_there_are_no_words() -> None:
    kinds = set(_kinds(Written.__pydantic_core_schema__)) | set(_kinds(Off.__pydantic_core_schema__))
    assert kinds - {"model-field", "no-info", "definitions", "definition-ref", "default", "nullable"} == {
        "model", "model-fields", "list", "str", "int", "bool", "literal", "function-after", "tagged-union",
    }  # fmt: skip


def _kinds(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema["type"]
        for inner in schema.values():
            yield from _kinds(inner)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            yield from _kinds(inner)


@given(_VALUES | st.dictionaries(st.sampled_from(["rules", "changes", "escalate", "break_glass"]), _VALUES))
def test_who_is_named_can_be_asked_of_anything(document: object) -> None:
    assert [name for _, _, name in named(document) if not isinstance(name, str)] == []


@pytest.mark.parametrize(
    "document",
    [
        7,
        {"rules": 7, "changes": 7, "escalate": 7, "break_glass": [7]},
        {"rules": [7, {"approve": 7}, {"approve": {"stages": 7}}]},
        {"changes": {"stages": [7, {"group": 7, "people": 7}, {"people": [7, None]}]}},
    ],
)
def test_a_document_of_the_wrong_shape_names_nobody(document: object) -> None:
    assert list(named(document)) == []


def test_everybody_whom_a_document_names_is_told_with_the_place() -> None:
    stages = [{"group": "legal"}, {"people": ["ann@acme.example", 7, "bob"], "quorum": "many"}, {"quorum": 1}, None]
    document = {
        "rules": [{"approve": {"stages": stages}}, {"approve": "auto"}, 3, {"approve": {"stages": "x"}}],
        "changes": {"stages": [{"group": "owners"}, {"group": 1}]},
        "escalate": {"to": "leads"},
        "break_glass": {"group": "owners"},
        "other": {"group": "nobody"},
    }
    assert list(named(document)) == [
        ("rules[0].approve.stages[0].group", "group", "legal"),
        ("rules[0].approve.stages[1].people[0]", "person", "ann@acme.example"),
        ("rules[0].approve.stages[1].people[2]", "person", "bob"),
        ("changes.stages[0].group", "group", "owners"),
        ("escalate.to", "group", "leads"),
        ("break_glass.group", "group", "owners"),
    ]


@pytest.mark.parametrize("word", _KEYS)
def test_a_key_with_a_letter_too_many_is_told_which_was_meant(word: str) -> None:
    [found] = [each for each in mistakes(switch(**{f"{word}x": 1})) if each.path == f"{word}x"]
    assert found.message == f"there is no such key here; did you mean `{word}`?"


@pytest.mark.parametrize("word", _KEYS)
def test_the_documents_of_these_tests_use_every_key(word: str) -> None:
    calm = settings(database=None, phases=[Phase.generate], max_examples=5_000)  # it ends with the first
    assert word in _keys(find(documents(), lambda document: word in _keys(document), settings=calm))


def _keys(value: object) -> set[str]:
    if isinstance(value, Mapping):
        return set(value) | {key for each in value.values() for key in _keys(each)}
    return {key for each in value for key in _keys(each)} if isinstance(value, list) else set()
