"""The policy: the same however it is written, that a rule is always found, and that stricter ones launch no more."""

import json
from copy import deepcopy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant, TimeDelta

from gonogo import seal
from gonogo.models import Document
from gonogo.policy import (
    DEFAULT,
    Cast,
    Escalation,
    Off,
    Policy,
    Question,
    Requirement,
    Ruling,
    Stage,
    Voter,
    When,
    WorkingHours,
    Written,
    freeze_at,
    match,
    parse,
    requirement_of,
    rule_on,
    satisfiable,
    tally,
)
from gonogo.policy.document import People
from support.engine import asking
from support.policies import casts, distinct_casts, documents, electorates, moments, questions

PEOPLE: Document = {"stages": [{"group": "approvers", "quorum": 1}]}
LAST: Document = {"name": "everyone else", "approve": PEOPLE}


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
    *rules, last = document["rules"]

    def matches(rule: Document) -> bool:
        """By itself, before the rule that matches everything."""
        alone = parse({**document, "rules": [{**rule, "name": "alone"}, {**last, "name": "last"}]})
        return rule_on(alone, question).rule == "alone"

    first = next((rule for rule, said in zip(policy.rules, rules, strict=False) if matches(said)), policy.rules[-1])
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
            {
                "name": "all",
                "approve": {
                    "stages": [{"group": "approvers"}, {"group": "legal", "quorum": 2}, {"people": ["b", "a"]}],
                },
            },
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
    alone = question._replace(summed={})
    if rule_on(policy, question).permission == "auto":
        assert rule_on(policy, alone).permission == "auto"
