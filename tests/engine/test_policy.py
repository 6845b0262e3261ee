"""The policy document: every mistake in it, that a rule is always found, and that stricter ones launch no more."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from whenever import Instant, TimeDelta

from gonogo import seal
from gonogo.errors import Invalid, Mistake
from gonogo.models import Document
from gonogo.policy import (
    DEFAULT,
    BreakGlass,
    Cast,
    Escalation,
    Freeze,
    Off,
    Policy,
    Question,
    Requirement,
    Rule,
    Ruling,
    Splitting,
    Stage,
    Voter,
    When,
    WorkingHours,
    Written,
    freeze_at,
    match,
    named,
    parse,
    requirement_of,
    rule_on,
    satisfiable,
    tally,
)
from gonogo.policy.conditions import Hours, Weekdays
from gonogo.policy.document import EscalationWritten, People, StageWritten
from support.engine import asking
from support.policies import casts, distinct_casts, documents, electorates, moments, questions

PEOPLE: Document = {"stages": [{"group": "approvers", "quorum": 1}]}
LAST: Document = {"name": "everyone else", "approve": PEOPLE}


def mistakes(document: object) -> list[Mistake]:
    """What is wrong with a document."""
    with pytest.raises(Invalid) as refused:
        parse(document)
    return sorted(refused.value.mistakes, key=lambda mistake: mistake.path)


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

_ONE = "list should have at least 1 item after validation, not 0"
_SHORT = "string should have at least 1 character; found ''"
_ISO = "expected an ISO 8601 duration of hours, minutes and seconds, such as PT72H"
_SPAN = "expected a second (PT1S) or more, and a year (PT8784H) at most"
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
        (None, "", "expected an object; found None"),
        ("auto", "", "expected an object; found 'auto'"),
        ([], "", "expected an object"),
        ({}, "rules", _MISSING),
        ({"rules": []}, "rules", _ONE),
        ({"rules": {}}, "rules", "expected a list"),
        ({"rules": 7}, "rules", "expected a list; found 7"),
        ({"rules": "auto"}, "rules", "expected a list; found 'auto'"),
        (switch(seperation="none"), "seperation", "there is no such key here; did you mean `separation`?"),
        (switch(zzz=1), "zzz", "there is no such key here"),
        (switch(**{"<people>": 1}), "<people>", "there is no such key here; did you mean `people`?"),
        ({"rules": [LAST], 7: 1}, "[7]", "keys should be strings; found 7"),
        (switch(separation="some"), "separation", "expected 'none', 'requester' or 'contributors'; found 'some'"),
        (switch(acknowledge=None), "acknowledge", "expected 'implicit' or 'explicit'; found None"),
        (switch(on_policy_change="x"), "on_policy_change", "expected 'keep' or 'hold'; found 'x'"),
        (switch(dismissals=0), "dismissals", "expected greater than or equal to 1; found 0"),
        (switch(dismissals=101), "dismissals", "expected less than or equal to 100; found 101"),
        (switch(dismissals=True), "dismissals", "expected a valid integer; found True"),
        (switch(dismissals=1.0), "dismissals", "expected a valid integer; found 1.0"),
        (switch(dismissals="1"), "dismissals", "expected a valid integer; found '1'"),
        (switch(invite="yes"), "invite", "expected a valid boolean; found 'yes'"),
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
        (switch(expires_after=72), "expires_after", "expected a valid string; found 72"),
        (switch(remind_after=None, expires_after=1), "expires_after", "expected a valid string; found 1"),
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
            "list should have at most 3 items after validation, not 4",
        ),
        (
            switch(splitting={"window": "PT1H", "per": 4}),
            "splitting.per",
            "expected 'requester', 'list' or 'sender'; found 4",
        ),
        (switch(break_glass={"reason": "optional"}), "break_glass.reason", "expected 'required'; found 'optional'"),
        (switch(break_glass={"group": ""}), "break_glass.group", _SHORT),
        (switch(break_glass={"begin_within": "PT0S"}), "break_glass.begin_within", f"{_SPAN}; found 'PT0S'"),
        (switch(changes="auto"), "changes", "expected an object; found 'auto'"),
        (switch(changes={"stages": []}), "changes.stages", _ONE),
        # freezes
        (switch(freeze={}), "freeze", "expected a list"),
        (switch(freeze=["x"]), "freeze[0]", "expected an object; found 'x'"),
        (switch(freeze=[{**_FREEZE, "zone": "Mars/Olympus"}]), "freeze[0].zone", f"{_ZONE}; found 'Mars/Olympus'"),
        (switch(freeze=[{**_FREEZE, "zone": "localtime"}]), "freeze[0].zone", f"{_ZONE}; found 'localtime'"),
        (switch(freeze=[_FREEZE, {**_FREEZE, "reason": ""}]), "freeze[1].reason", _SHORT),
        (switch(freeze=[{**_FREEZE, "to": _FREEZE["from"]}]), "freeze[0]", "expected `to` after `from`"),
        (switch(freeze=[{**_FREEZE, "to": "2026-12-24"}]), "freeze[0]", "expected `to` after `from`"),
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
                "working_hours",
                "expected `to` an hour or more after `from`, on the same day",
            )
            for begins, ends in (("09:00", "09:59"), ("09:00", "00:00"), ("22:00", "06:00"), ("09:00:59", "10:00"))
        ),
        *(
            (
                switch(working_hours={"zone": "UTC", "holidays": ["2026-12-25", day]}),
                "working_hours.holidays[1]",
                f"expected a date, such as 2026-12-24; found {day!r}",
            )
            for day in ("Christmas", "2026-02-30", "20261226", "2026-12-26T00:00")
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
        (rule(name=""), "rules[0].name", _SHORT),
        (
            rule(name=_LONG),
            "rules[0].name",
            f"string should have at most 100 characters; found '{'x' * 59}...",
        ),
        (rule(name="a\x00b"), "rules[0].name", "expected no control characters; found 'a\\x00b'"),
        (rule(name="a\n"), "rules[0].name", "expected no control characters; found 'a\\n'"),
        (
            rule(name="\ud800"),
            "rules[0].name",
            "expected a valid string, unable to parse raw data as a unicode string; found '\\ud800'",
        ),
        (rule(approve="maybe"), _TO, "expected `auto`, or an object with `stages`; found 'maybe'"),
        (rule(approve=[PEOPLE]), _TO, "expected `auto`, or an object with `stages`"),
        (rule(approve={}), f"{_TO}.stages", _MISSING),
        (
            rule(approve={**PEOPLE, "<people>": 1}),
            f"{_TO}.<people>",
            "there is no such key here; did you mean `people`?",
        ),
        # conditions
        (rule(when=None), _AT, "expected an object; found None"),
        (when(recipient_over=1), f"{_AT}.recipient_over", "there is no such key here; did you mean `recipients_over`?"),
        (when(recipients_at_most=-1), f"{_AT}.recipients_at_most", "expected greater than or equal to 0; found -1"),
        (
            when(recipients_over=10**9 + 1),
            f"{_AT}.recipients_over",
            "expected less than or equal to 1000000000; found 1000000001",
        ),
        (when(channel="fax"), f"{_AT}.channel", "expected 'email', 'sms' or 'webhook'; found 'fax'"),
        (when(sender=""), f"{_AT}.sender", _SHORT),
        (when(list=""), f"{_AT}.list", _SHORT),
        (when(template="new"), f"{_AT}.template", "expected 'changed' or 'unchanged'; found 'new'"),
        (when(review="blocked"), f"{_AT}.review", "expected 'clean'; found 'blocked'"),
        (when(warnings="any"), f"{_AT}.warnings", "expected 'none' or 'some'; found 'any'"),
        (
            when(hours={"from": "09:00", "to": "09:00:00", "zone": "UTC"}),
            f"{_AT}.hours",
            "`from` and `to` are the same: expected a span of the day",
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
            "expected 3 different people or more, or a smaller quorum",
        ),
        (stage(people=[]), f"{_TO}.stages[0].people", _ONE),
        (stage(quorum=0), f"{_TO}.stages[0].quorum", "expected greater than or equal to 1; found 0"),
        (stage(groop="x"), f"{_TO}.stages[0].groop", "there is no such key here; did you mean `group`?"),
        # off
        ({"approval": "off"}, "reason", _MISSING),
        ({"approval": "off", "reason": ""}, "reason", _SHORT),
        ({"approval": "on", "reason": "a test"}, "approval", "expected 'off'; found 'on'"),
        ({"approval": "off", "reason": "a test", "rules": [LAST]}, "rules", "there is no such key here"),
        (
            {"approval": "off", "reason": "a test", "changes": {"stages": [{"quorum": 0}]}},
            "changes.stages[0].quorum",
            "expected greater than or equal to 1; found 0",
        ),
    ],
)
def test_a_mistake_says_where_it_is_and_what_was_expected(document: object, path: str, message: str) -> None:
    assert mistakes(document) == [Mistake(path, message)]


def test_too_many_of_anything_are_refused() -> None:
    many = [{"name": f"rule {at}", "approve": "auto"} for at in range(100)]
    for document, path in (
        ({"rules": [*many, LAST]}, "rules"),
        (rule(approve={"stages": [{}] * 21}), "rules[0].approve.stages"),
        (stage(people=[f"p{at}" for at in range(101)]), "rules[0].approve.stages[0].people"),
        (switch(freeze=[_FREEZE] * 101), "freeze"),
        (switch(working_hours={"zone": "UTC", "holidays": ["2026-12-24"] * 367}), "working_hours.holidays"),
    ):
        [found] = mistakes(document)
        assert found.path == path
        assert "should have at most" in found.message


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


def test_the_longest_and_the_most_that_may_be_written_is_taken() -> None:
    many = [{"name": f"rule {at:095}", "approve": "auto"} for at in range(99)]
    policy = parse({"rules": [*many, LAST], "expires_after": "PT8784H", "dismissals": 100})
    assert isinstance(policy, Written)
    assert len(policy.rules) == 100


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda s: st.lists(s) | st.dictionaries(st.text(), s),
)


@given(_VALUES)
def test_nothing_but_a_policy_passes_for_one(document: object) -> None:
    with pytest.raises(Invalid):
        parse(document)


@st.composite
def spoilt(draw: st.DrawFn) -> object:
    """A policy with something else in some place of it."""
    document: Any = deepcopy(draw(documents()))
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return document
        key = draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or draw(st.booleans()):
            break
        place = place[key]
    if isinstance(place, dict) and draw(st.booleans()):
        place[draw(st.text())] = place.pop(key)
    else:
        place[key] = draw(_VALUES)
    return document


@given(spoilt())
def test_whatever_is_written_is_taken_or_refused_with_what_is_wrong_and_its_names_are_found(document: object) -> None:
    found = ["nothing"]
    try:
        parse(document)
    except Invalid as refused:
        found = [mistake.message for mistake in refused.mistakes]
    assert found
    assert all(found)
    assert all(kind in ("group", "person") for _, kind, _ in named(document))


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


_SHAPES: tuple[type[BaseModel], ...] = (
    Written, Off, Rule, When, Hours, Weekdays, People, StageWritten, EscalationWritten, Splitting, Freeze, BreakGlass,
    WorkingHours,
)  # fmt: skip
_KEYS = sorted({info.alias or name for shape in _SHAPES for name, info in shape.model_fields.items()})


@pytest.mark.parametrize("word", _KEYS)
def test_a_key_with_a_letter_too_many_is_told_which_was_meant(word: str) -> None:
    [found] = [each for each in mistakes(switch(**{f"{word}x": 1})) if each.path == f"{word}x"]
    assert found.message == f"there is no such key here; did you mean `{word}`?"


@pytest.mark.parametrize("word", _KEYS)
def test_the_documents_of_these_tests_use_every_key(word: str) -> None:
    calm = settings(database=None, phases=[Phase.generate])
    assert word in _keys(find(documents(), lambda document: word in _keys(document), settings=calm))


def _keys(value: object) -> set[str]:
    if isinstance(value, Mapping):
        return set(value) | {key for each in value.values() for key in _keys(each)}
    return {key for each in value for key in _keys(each)} if isinstance(value, list) else set()


# The same policy, however it is written


@given(documents(), st.randoms(use_true_random=False))
def test_the_order_of_keys_and_the_notation_do_not_change_the_digest(document: Document, random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, list):
            return [shuffled(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {key: shuffled(value[key]) for key in random.sample(list(value), len(value))}

    other = shuffled(document)
    assert seal.digest(other) == seal.digest(document)
    assert seal.digest(json.loads(json.dumps(other, indent=1))) == seal.digest(document)
    assert seal.digest(yaml.safe_load(yaml.safe_dump(other, sort_keys=False))) == seal.digest(document)
    assert parse(other) == parse(document)


@given(documents())
def test_what_was_read_can_be_written_and_read_again(document: Document) -> None:
    policy = parse(document)
    assert parse(policy.model_dump(by_alias=True, exclude_unset=True)) == policy


# What it rules


def test_what_the_shipped_default_says_is_what_leadlex_documents() -> None:
    policy = parse(DEFAULT)
    assert rule_on(policy, Question(100)) == Ruling("auto", "small")
    ruling = rule_on(policy, Question(101))
    assert (ruling.permission, ruling.rule) == ("people", "everyone else")
    assert ruling.requirement == Requirement((Stage(1, "approvers"),), "none", (), "implicit", 1, TimeDelta(hours=72))


@given(documents(off=False), questions(known=True))
def test_the_first_rule_that_matches_decides_and_there_always_is_one(document: Document, question: Question) -> None:
    policy = parse(document)
    assert isinstance(policy, Written)
    splitting = document.get("splitting")
    per = splitting.get("per", "requester") if splitting else []
    kinds = [per] if isinstance(per, str) else per
    unknown = any(question.summed.get(kind, 0) is None for kind in kinds)
    recipients = None if unknown else question.recipients + max((question.summed.get(k) or 0 for k in kinds), default=0)
    first = next(rule for rule in policy.rules if rule.when.holds(question, recipients))
    ruling = rule_on(policy, question)
    assert ruling.rule == first.name
    if first.approve == "auto":
        assert (ruling.permission, ruling.requirement) == ("auto", None)
    else:
        assert isinstance(first.approve, People)
        assert (ruling.permission, ruling.requirement) == ("people", requirement_of(policy, first.approve))


def test_all_that_a_policy_asks_of_people_stands_in_the_requirement() -> None:
    hours: Document = {"zone": "Europe/Berlin", "days": ["mon"], "from": "08:00", "to": "12:00", "holidays": []}
    document = {
        "rules": [
            {"name": "all", "approve": {"stages": [{}, {"group": "legal", "quorum": 2}, {"people": ["b", "a"]}]}}
        ],
        "separation": "contributors",
        "acknowledge": "explicit",
        "dismissals": 3,
        "expires_after": "PT48H",
        "working_hours": hours,
        "remind_after": "PT1H",
        "escalate": {"after": "PT90M", "to": "leads"},
        "invite": True,
        "link_decides": True,
    }
    requirement = rule_on(parse(document), Question(1), barred={"zoe", "ann"}).requirement
    assert requirement == Requirement(
        stages=(Stage(1, "approvers"), Stage(2, "legal"), Stage(1, None, ("b", "a"))),
        separation="contributors",
        barred=("ann", "zoe"),
        acknowledge="explicit",
        dismissals=3,
        expires_after=TimeDelta(hours=48),
        working_hours=WorkingHours.model_validate(hours),
        remind_after=TimeDelta(hours=1),
        escalate=Escalation(TimeDelta(minutes=90), "leads"),
        invite=True,
        link_decides=True,
    )
    assert requirement.need == 4
    assert requirement.to_document() == {
        "stages": [
            {"group": "approvers", "quorum": 1},
            {"group": "legal", "quorum": 2},
            {"people": ["b", "a"], "quorum": 1},
        ],
        "separation": "contributors",
        "barred": ["ann", "zoe"],
        "acknowledge": "explicit",
        "dismissals": 3,
        "expires_after": "PT48H",
        "working_hours": hours,
        "remind_after": "PT1H",
        "escalate": {"after": "PT1H30M", "to": "leads"},
        "invite": True,
        "link_decides": True,
    }


def test_without_separation_nobody_is_barred() -> None:
    for separation, barred in (("none", ()), ("requester", ("ann",)), ("contributors", ("ann",))):
        requirement = rule_on(parse(asking(separation=separation)), Question(1), barred=["ann"]).requirement
        assert requirement is not None
        assert requirement.barred == barred


@given(documents(), questions())
def test_a_requirement_is_read_back_as_it_was_written(document: Document, question: Question) -> None:
    requirement = rule_on(parse(document), question, barred=["ann"]).requirement
    if requirement is not None:
        stored = json.loads(json.dumps(requirement.to_document()))
        assert Requirement.from_document(stored) == requirement


@pytest.mark.parametrize(
    "switches",
    [{}, {"invite": False, "link_decides": False}, {"invite": True}, {"invite": True, "link_decides": True}],
    ids=["none", "off", "invites", "links decide"],
)
def test_a_requirement_tells_of_a_switch_only_where_it_is_on(switches: Document) -> None:
    policy = parse({**asking(2, acknowledge="explicit"), **switches})
    requirement = rule_on(policy, Question(1)).requirement
    assert requirement is not None
    assert requirement.to_document() == {
        "stages": [{"group": "approvers", "quorum": 2}],
        "separation": "none",
        "acknowledge": "explicit",
        "dismissals": 1,
        "expires_after": "PT72H",
        **{name: True for name, on in switches.items() if on},
    }


@given(questions())
def test_a_policy_that_is_off_says_so_in_every_ruling(question: Question) -> None:
    assert rule_on(parse({"approval": "off", "reason": "a test"}), question) == Ruling("ungated", "approval off")


def test_a_rule_without_conditions_is_the_last_one_that_is_ever_asked() -> None:
    policy = parse({"rules": [{"name": "all", "approve": "auto"}, LAST]})
    assert isinstance(policy, Written)
    assert policy.rules[0].when == When()
    assert rule_on(policy, Question(10**9, "sms", clean=False)) == Ruling("auto", "all")


@given(documents(), questions(), moments, casts, electorates(), st.booleans())
def test_whatever_is_taken_can_be_asked_anything(
    document: Document,
    question: Question,
    moment: Instant,
    votes: list[Cast],
    people: dict[str, Voter],
    escalated: bool,
) -> None:
    policy = parse(document)
    ruling = rule_on(policy, question, barred=["ann"])
    assert (ruling.requirement is None) == (ruling.permission != "people")
    assert isinstance(policy, Off) or match(policy, question) in (None, *policy.rules)
    assert freeze_at(policy, moment) in (None, *getattr(policy, "freeze", ()))
    asked = [requirement_of(policy, policy.changes)] if policy.changes else []
    for requirement in [*asked, *([ruling.requirement] if ruling.requirement else [])]:
        stands = tally(requirement, votes, people, escalated=escalated)
        assert 0 <= stands.stage <= len(requirement.stages)
        assert satisfiable(requirement, people.values(), stands, escalated=escalated) in (True, False)
        assert requirement.later(moment, requirement.expires_after) >= moment + requirement.expires_after


# A stricter policy


@st.composite
def stricter(draw: st.DrawFn) -> tuple[Policy, Policy]:
    """A policy, and one that permits less by itself and asks more of people."""
    loose = draw(documents(off=False))
    strict = deepcopy(loose)
    *before, last = strict["rules"]
    for rule in before:
        if rule["approve"] == "auto" and "recipients_at_most" in rule["when"]:
            rule["when"]["recipients_at_most"] = draw(st.integers(0, rule["when"]["recipients_at_most"]))
    strict["rules"] = [rule for rule in before if rule["approve"] != "auto" or draw(st.booleans())] + [last]
    for asked in (rule["approve"] for rule in strict["rules"] if rule["approve"] != "auto"):
        for written in asked["stages"]:
            most = len(written["people"]) if "people" in written else 100
            written["quorum"] = min(most, written.get("quorum", 1) + draw(st.integers(0, 1)))
        if draw(st.integers(0, 4)) == 0:
            asked["stages"].append({"group": "legal"})
    if strict.get("separation") == "none" and draw(st.booleans()):
        strict["separation"] = "requester"
    return parse(loose), parse(strict)


def launched(policy: Policy, question: Question, votes: list[Cast], people: dict[str, Voter], barred: set[str]) -> bool:
    """Whether this launch goes out under a policy, after these votes."""
    requirement = rule_on(policy, question, barred=barred).requirement
    return requirement is None or tally(requirement, votes, people).stage == len(requirement.stages)


@given(
    stricter(),
    questions(known=True),
    distinct_casts(2),
    electorates(),
    st.sets(st.sampled_from(["ann", "bob"])),
    st.booleans(),
)
def test_a_stricter_policy_never_launches_what_a_looser_one_stops(
    both: tuple[Policy, Policy],
    question: Question,
    votes: list[Cast],
    people: dict[str, Voter],
    barred: set[str],
    fewer: bool,
) -> None:
    loose, strict = both
    if launched(strict, question, votes, people, barred):
        assert launched(loose, question, votes, people, set() if fewer else barred)


@given(documents(off=False), questions(known=True), st.integers(1, 100))
def test_adding_up_a_window_permits_nothing_more_where_rules_permit_small_launches(
    document: Document, question: Question, most: int
) -> None:
    small = {"name": "small", "when": {"recipients_at_most": most}, "approve": "auto"}
    policy = parse({**document, "rules": [small, document["rules"][-1]], "splitting": {"window": "PT24H"}})
    alone = replace(question, summed={})
    if rule_on(policy, question).permission == "auto":
        assert rule_on(policy, alone).permission == "auto"
