"""The policy document: what is refused, that a rule is always found, and whose vote stands."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import TimeDelta

from gonogo.errors import Invalid
from gonogo.models import Document
from gonogo.policy import (
    DEFAULT,
    Question,
    Requirement,
    Ruling,
    When,
    Written,
    entitlement,
    parse,
    rule_on,
    standing,
)
from support.engine import asking

PEOPLE: Document = {"stages": [{"group": "approvers", "quorum": 1}]}
LAST: Document = {"name": "everyone else", "approve": PEOPLE}


def paths(document: object) -> list[str]:
    """Where the mistakes of a document are."""
    with pytest.raises(Invalid) as refused:
        parse(document)
    return sorted(mistake.path for mistake in refused.value.mistakes)


# What is written


@pytest.mark.parametrize(
    ("document", "where"),
    [
        pytest.param(None, [""], id="nothing"),
        pytest.param([], [""], id="a list"),
        pytest.param({}, ["rules"], id="empty"),
        pytest.param({"rules": []}, ["rules"], id="no rule"),
        pytest.param({"rules": [LAST] * 2}, ["rules[1].name"], id="one name twice"),
        pytest.param({"rules": [LAST], "seperation": "none"}, ["seperation"], id="a word that is none"),
        pytest.param({"rules": [{**LAST, "approve": "auto"}]}, ["rules[0].approve"], id="opens by falling through"),
        pytest.param(
            {"rules": [{**LAST, "when": {"recipients_over": 0}}]}, ["rules[0].when"], id="the last does not match all"
        ),
        pytest.param({"rules": [LAST], "expires_after": "72 hours"}, ["expires_after"], id="no duration"),
        pytest.param({"rules": [LAST], "expires_after": "PT0S"}, ["expires_after"], id="a duration of nothing"),
        pytest.param({"rules": [LAST], "expires_after": "-PT72H"}, ["expires_after"], id="a duration backwards"),
        pytest.param(
            {"rules": [LAST], "expires_after": "PT87000000H"}, ["expires_after"], id="beyond the end of the calendar"
        ),
        pytest.param({"rules": [{**LAST, "name": "a\x00b"}]}, ["rules[0].name"], id="a name that no text column takes"),
        pytest.param({"rules": [{**LAST, "name": "\ud800"}]}, ["rules[0].name"], id="a name that is no Unicode"),
        pytest.param({"rules": [LAST], "dismissals": 0}, ["dismissals"], id="no dismissal is enough"),
        pytest.param({"rules": [LAST], "dismissals": True}, ["dismissals"], id="true is no number"),
        pytest.param({"rules": [LAST], "invite": "yes"}, ["invite"], id="yes is not true"),
        pytest.param({"rules": [LAST], "link_decides": True}, ["link_decides"], id="links that nobody is sent"),
        pytest.param({"approval": "off"}, ["reason"], id="off without a reason"),
        pytest.param({"approval": "off", "reason": ""}, ["reason"], id="off with an empty reason"),
        pytest.param({"approval": "on", "reason": "a test"}, ["approval"], id="neither on nor off"),
        pytest.param({"approval": "off", "reason": "a test", "rules": [LAST]}, ["rules"], id="off, with rules"),
    ],
)
def test_a_document_that_can_not_be_taken_says_where_it_is_wrong(document: object, where: list[str]) -> None:
    assert paths(document) == where


def test_every_mistake_is_told_at_once_each_with_its_path() -> None:
    document = {
        "rules": [
            {"name": "", "when": {"recipients_at_most": -1, "channel": "fax"}, "approve": "auto"},
            {"name": "two", "when": {"review": "blocked"}, "approve": {"stages": []}},
            {"name": "three", "approve": {"stages": [{"group": "friends", "quorum": 0}, {"quorum": "1"}]}},
            {"approve": "maybe"},
        ],
        "separation": "sometimes",
        "acknowledge": "silently",
        "dismissals": 101,
        "splitting": {},
    }
    found = paths(document)
    for wanted in (
        "rules[0].name",
        "rules[0].when.recipients_at_most",
        "rules[0].when.channel",
        "rules[1].when.review",
        "rules[3].name",
        "separation",
        "acknowledge",
        "dismissals",
        "splitting",
    ):
        assert wanted in found
    for start in ("rules[1].approve", "rules[2].approve", "rules[3].approve"):
        assert any(path.startswith(start) for path in found), start


def test_mistakes_that_only_the_whole_shows_are_told_together_too() -> None:
    document = {
        "rules": [LAST, {**LAST, "when": {"channel": "sms"}, "approve": "auto"}],
        "expires_after": "P3D",
    }
    assert paths(document) == ["expires_after", "rules[1].approve", "rules[1].name", "rules[1].when"]


def test_what_the_shipped_default_says_is_what_leadlex_documents() -> None:
    policy = parse(DEFAULT)
    assert rule_on(policy, Question(100, "email", clean=True)) == Ruling("auto", "small")
    ruling = rule_on(policy, Question(101, "email", clean=True))
    assert (ruling.permission, ruling.rule) == ("people", "everyone else")
    assert ruling.requirement == Requirement("approvers", 1, "none", "implicit", 1, TimeDelta(hours=72))


# What it rules

_WHENS = st.fixed_dictionaries(
    {},
    optional={
        "recipients_at_most": st.integers(0, 12),
        "recipients_over": st.integers(0, 12),
        "channel": st.sampled_from(["email", "sms", "webhook"]),
        "review": st.just("clean"),
    },
)
_APPROVALS = st.just("auto") | st.fixed_dictionaries(
    {
        "stages": st.tuples(
            st.fixed_dictionaries(
                {}, optional={"group": st.sampled_from(["approvers", "owners"]), "quorum": st.integers(1, 100)}
            )
        ).map(list)
    }
)


@st.composite
def policies(draw: st.DrawFn) -> Document:
    """Documents that are taken."""
    rules = draw(st.lists(st.tuples(_WHENS, _APPROVALS), max_size=5))
    last = draw(_APPROVALS.filter(lambda approve: approve != "auto"))
    written = [{"name": f"rule {at}", "when": when, "approve": approve} for at, (when, approve) in enumerate(rules)]
    switches = draw(st.sampled_from([{}, {"invite": True}, {"invite": True, "link_decides": True}]))
    return {"rules": [*written, {"name": "last", "approve": last}], "dismissals": draw(st.integers(1, 100)), **switches}


QUESTIONS = st.builds(Question, st.integers(0, 14), st.sampled_from(["email", "sms", "webhook"]), st.booleans())


def _matches(when: dict[str, Any], question: Question) -> bool:
    return (
        question.recipients <= when.get("recipients_at_most", question.recipients)
        and question.recipients > when.get("recipients_over", -1)
        and question.channel == when.get("channel", question.channel)
        and (question.clean or "review" not in when)
    )


@given(policies(), QUESTIONS)
def test_the_first_rule_that_matches_decides_and_there_always_is_one(document: Document, question: Question) -> None:
    [first, *_] = [rule for rule in document["rules"] if _matches(rule.get("when", {}), question)]
    ruling = rule_on(parse(document), question)
    assert ruling.rule == first["name"]
    if first["approve"] == "auto":
        assert (ruling.permission, ruling.requirement) == ("auto", None)
        return
    [stage] = first["approve"]["stages"]
    assert ruling.permission == "people"
    assert ruling.requirement == Requirement(
        group=stage.get("group", "approvers"),
        need=stage.get("quorum", 1),
        separation="requester",
        acknowledge="implicit",
        dismissals=document["dismissals"],
        expires_after=TimeDelta(hours=72),
        invite=document.get("invite", False),
        link_decides=document.get("link_decides", False),
    )


@given(policies(), QUESTIONS)
def test_a_requirement_is_read_back_as_it_was_written(document: Document, question: Question) -> None:
    requirement = rule_on(parse(document), question).requirement
    assert requirement is None or Requirement.from_document(requirement.to_document()) == requirement


@pytest.mark.parametrize(
    "switches",
    [{}, {"invite": False, "link_decides": False}, {"invite": True}, {"invite": True, "link_decides": True}],
    ids=["none", "off", "invites", "links decide"],
)
def test_a_requirement_tells_of_a_switch_only_where_it_is_on(switches: Document) -> None:
    policy = parse(asking(2, acknowledge="explicit", **switches))
    requirement = rule_on(policy, Question(1, "email", clean=True)).requirement
    assert requirement is not None
    assert requirement.to_document() == {
        "stages": [{"group": "approvers", "quorum": 2}],
        "separation": "none",
        "acknowledge": "explicit",
        "dismissals": 1,
        "expires_after": "PT72H",
        **{name: True for name, on in switches.items() if on},
    }


@given(QUESTIONS)
def test_a_policy_that_is_off_says_so_in_every_ruling(question: Question) -> None:
    assert rule_on(parse({"approval": "off", "reason": "a test"}), question) == Ruling("ungated", "approval off")


@given(st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
def test_nothing_but_a_policy_passes_for_one(document: object) -> None:
    with pytest.raises(Invalid):
        parse(document)


def test_a_rule_without_conditions_is_the_last_one_that_is_ever_asked() -> None:
    policy = parse({"rules": [{"name": "all", "approve": "auto"}, LAST]})
    assert isinstance(policy, Written)
    assert policy.rules[0].when == When()
    assert rule_on(policy, Question(10**9, "sms", clean=False)) == Ruling("auto", "all")


# Whose vote counts


def _requirement(**values: object) -> Requirement:
    quorum = values.pop("quorum", 1)
    group = values.pop("group", "approvers")
    ruling = rule_on(parse(asking(quorum, group, **values)), Question(1, "email", clean=True))  # type: ignore[arg-type]
    assert ruling.requirement is not None
    return ruling.requirement


@pytest.mark.parametrize(
    ("asked", "voter", "code"),
    [
        ({}, {"scopes": {"lexi"}}, None),
        ({}, {"scopes": {"admin", "campaigns:execute"}}, "not_entitled"),
        ({}, {"scopes": set()}, "not_entitled"),
        ({"group": "owners"}, {"scopes": {"admin"}}, None),
        ({"group": "owners"}, {"scopes": {"lexi"}}, "not_entitled"),
        ({}, {"scopes": {"lexi"}, "is_member": False}, None),
        ({"quorum": 2}, {"scopes": {"lexi"}, "is_member": False}, "person_required"),
        ({"separation": "requester"}, {"scopes": {"lexi"}, "is_member": False}, "person_required"),
        ({"separation": "requester"}, {"scopes": {"lexi"}, "person": "ann"}, "separation_of_duties"),
        ({"separation": "requester"}, {"scopes": {"lexi"}}, None),
        ({"separation": "none"}, {"scopes": {"lexi"}, "person": "ann"}, None),
    ],
)
def test_a_vote_counts_only_for_whom_the_policy_asks(asked: Any, voter: dict[str, Any], code: str | None) -> None:
    known = {"person": "bob", "is_member": True, **voter, "scopes": frozenset(voter["scopes"])}
    refused = entitlement(_requirement(**asked), requester="ann", **known)
    assert (refused.code if refused else None) == code


_BALLOTS = st.lists(
    st.tuples(
        st.sampled_from("abcd"), st.sampled_from(["approve", "retract", "dismiss", "request_changes"])
    )
)  # fmt: skip


@given(_BALLOTS)
def test_of_each_person_the_last_word_stands_and_a_retraction_leaves_none(ballots: list[tuple[str, str]]) -> None:
    last = dict(ballots)
    assert standing(ballots) == {person: choice for person, choice in last.items() if choice != "retract"}


@given(_BALLOTS, st.data())
def test_the_order_between_people_does_not_matter(ballots: list[tuple[str, str]], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(ballots))
    by_person = {who: iter([ballot for ballot in ballots if ballot[0] == who]) for who, _ in ballots}
    kept_apart = [next(by_person[who]) for who, _ in shuffled]  # others in between, each person's own in order
    assert standing(kept_apart) == standing(ballots)


@given(_BALLOTS)
def test_nobody_counts_twice(ballots: list[tuple[str, str]]) -> None:
    assert standing([*ballots, *ballots]) == standing(ballots)
    assert len(standing(ballots)) <= len({person for person, _ in ballots})
