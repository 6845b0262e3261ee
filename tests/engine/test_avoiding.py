"""The smallest change by which a policy would permit a launch by itself: found, verified, and the smallest there is."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whenever import Instant

from gonogo.models import Document
from gonogo.policy import Change, Leeway, Question, Written, freeze_at, parse, rule_on, smallest_change
from gonogo.policy.avoiding import Part, changed, changes, size

MONDAY = Instant.from_utc(2026, 1, 5, 9)
PEOPLE: Document = {"stages": [{"group": "approvers", "quorum": 1}]}
LAST: Document = {"name": "everyone else", "approve": PEOPLE}


def auto(name: str = "small", **when: object) -> Document:
    return {"name": name, "when": when, "approve": "auto"}


def people(name: str = "asked", **when: object) -> Document:
    return {"name": name, "when": when, "approve": PEOPLE}


def asked(recipients: int = 50, **facts: Any) -> Question:
    return Question(**{"recipients": recipients, "at": MONDAY, "sender": "ann@acme.example", "list": "one", **facts})


def leeway(question: Question, **but: Any) -> Leeway:
    """Everything could be changed, and windows hold at every start what they hold now."""
    summed = question.summed
    return Leeway(**{"lists": {"one", "two"}, "approved": True, "sent": 0, "starting": lambda at: (at, summed), **but})


def found(rules: list[Document], question: Question, how_far: Leeway | None = None, **more: object) -> Change | None:
    return smallest_change(parse({"rules": [*rules, LAST], **more}), question, how_far or leeway(question))


def told(rules: list[Document], question: Question, **more: object) -> list[tuple[str, Any]]:
    change = found(rules, question, None, **more)
    assert change is not None
    return [(part.fact, part.wanted) for part in change.parts]


@pytest.mark.parametrize(
    ("rules", "question", "more", "expected"),
    [
        pytest.param([auto(recipients_at_most=40)], asked(50), {}, [("recipients", 40)], id="fewer"),
        pytest.param(
            [people(recipients_over=40), auto()],
            asked(50),
            {},
            [("recipients", 40)],
            id="no more than a rule lets pass that asks",
        ),
        pytest.param(
            [auto(recipients_at_most=40)],
            asked(30, summed={"requester": 25}),
            {"splitting": {"window": "PT24H"}},
            [("recipients", 15)],
            id="fewer, with what others add up to taken off",
        ),
        pytest.param(
            [people(sender="*@acme.example"), auto()], asked(), {}, [("sender", None)], id="a sender that no rule names"
        ),
        pytest.param([auto(sender="*@b.example")], asked(), {}, [("sender", "*@b.example")], id="a sender of a domain"),
        pytest.param(
            [auto(sender="*@bücher.example")],
            asked(),
            {},
            [("sender", "*@xn--bcher-kva.example")],
            id="a sender of an international domain, in the form in which senders are kept",
        ),
        pytest.param(
            [people(sender="bob@b.example"), auto(sender="*@b.example")],
            asked(),
            {},
            [("sender", "*@b.example")],
            id="a domain but for one address of it",
        ),
        pytest.param([auto(list="two")], asked(), {}, [("list", "two")], id="a list that a rule names"),
        pytest.param([auto(template="unchanged")], asked(), {}, [("template", "unchanged")], id="the old template"),
        pytest.param([auto(warnings="none")], asked(warned=True), {}, [("warnings", "none")], id="no warnings"),
        pytest.param([auto(review="clean")], asked(clean=False), {}, [("review", "clean")], id="no blockers"),
        pytest.param(
            [auto(hours={"from": "12:00", "to": "13:00", "zone": "UTC"})],
            asked(),
            {},
            [("start", MONDAY.add(hours=3))],
            id="the hour that a rule names",
        ),
        pytest.param(
            [
                auto(
                    hours={"from": "08:00", "to": "10:00", "zone": "Europe/Berlin"},
                    weekdays={"days": ["sat", "sun"], "zone": "Europe/Berlin"},
                )
            ],
            asked(),
            {},
            [("start", Instant.from_utc(2026, 1, 10, 7))],
            id="the next hour of a day that fits",
        ),
        pytest.param(
            [auto()],
            asked(),
            {"freeze": [{"from": "2026-01-01", "to": "2026-01-07", "zone": "UTC", "reason": "stocktaking"}]},
            [("start", Instant.from_utc(2026, 1, 7))],
            id="the end of a freeze",
        ),
        pytest.param(
            [auto(hours={"from": "12:00", "to": "13:00", "zone": "UTC"})],
            asked(),
            {"freeze": [{"from": "2026-01-01", "to": "2026-01-07", "zone": "UTC", "reason": "stocktaking"}]},
            [("start", Instant.from_utc(2026, 1, 7, 12))],
            id="the hour that a rule names, after a freeze",
        ),
        pytest.param(
            [auto(recipients_at_most=40, template="unchanged")],
            asked(50),
            {},
            [("recipients", 40), ("template", "unchanged")],
            id="two changes",
        ),
        pytest.param(
            [auto(recipients_at_most=40), auto("weekly", template="unchanged")],
            asked(50),
            {},
            [("recipients", 40)],
            id="the one that is easier",
        ),
        pytest.param(
            [auto(recipients_at_most=40, template="unchanged"), auto("known", list="two")],
            asked(50),
            {},
            [("list", "two")],
            id="one rather than two",
        ),
        pytest.param(
            [auto("a few", recipients_at_most=20), auto(recipients_at_most=40)],
            asked(50),
            {},
            [("recipients", 40)],
            id="the threshold that is nearest",
        ),
    ],
)
def test_the_smallest_change_is_found(
    rules: list[Document], question: Question, more: Document, expected: list[tuple[str, Any]]
) -> None:
    assert told(rules, question, **more) == expected


def test_nothing_is_proposed_where_nothing_helps_or_is_needed() -> None:
    assert found([auto(recipients_at_most=100)], asked(50)) is None
    assert found([], asked()) is None
    assert smallest_change(parse({"approval": "off", "reason": "a test"}), asked(), leeway(asked())) is None
    three = auto(sender="*@b.example", list="two", template="unchanged")
    assert found([three], asked()) is None


def test_what_windows_sum_by_is_not_swapped_for_what_was_not_asked() -> None:
    rules = [auto(list="two", recipients_at_most=100)]
    assert told(rules, asked(), splitting={"window": "PT24H", "per": "requester"}) == [("list", "two")]
    assert found(rules, asked(), splitting={"window": "PT24H", "per": "list"}) is None


def test_a_window_that_is_full_leaves_no_fewer_recipients_to_propose() -> None:
    full = asked(30, summed={"requester": 40})
    assert found([auto(recipients_at_most=40)], full, splitting={"window": "PT24H"}) is None


def test_only_what_could_be_changed_is_proposed() -> None:
    question = asked(50)
    other_list, old_text = [auto(list="two")], [auto(template="unchanged")]
    assert found(other_list, question) is not None
    assert found(other_list, question, leeway(question, lists={"one"})) is None
    assert found(old_text, question) is not None
    assert found(old_text, question, leeway(question, approved=False)) is None
    few = [auto(recipients_at_most=40)]
    assert found(few, question, leeway(question, sent=39)) is not None
    assert found(few, question, leeway(question, sent=40)) is None  # nobody would be left to write to
    assert found([auto(channel="sms")], question) is None  # a campaign keeps its channel


def test_another_start_is_asked_about_with_what_windows_hold_then() -> None:
    rules = [auto(hours={"from": "12:00", "to": "13:00", "zone": "UTC"}, recipients_at_most=60)]
    noon, question = MONDAY.add(hours=3), asked(50, summed={"requester": 20})
    day: Document = {"window": "PT24H"}

    def at_noon(held: int) -> Leeway:
        return leeway(question, starting=lambda at: (at, {"requester": held if at == noon else 20}))

    change = found(rules, question, at_noon(10), splitting=day)
    assert change is not None
    assert [(part.fact, part.wanted) for part in change.parts] == [("start", noon)]
    change = found(rules, question, at_noon(15), splitting=day)
    assert change is not None
    assert [(part.fact, part.wanted) for part in change.parts] == [("start", noon), ("recipients", 40)]


def test_a_change_is_told_in_words_and_by_the_rule_that_it_leads_to() -> None:
    change = found([auto("known", recipients_at_most=40, template="unchanged")], asked(50))
    assert change is not None
    assert change.rule == "known"
    assert change.in_words == "40 recipients or fewer and the template that was approved last"
    assert Part("start", MONDAY, 1).in_words == "a start at 2026-01-05T09:00:00Z"
    assert Part("sender", None, 1).in_words == "a sender that no rule names"
    assert Part("list", "two", 1).in_words == "the list two"


def test_the_worst_policy_that_is_taken_is_searched_within_bounds() -> None:
    rules = [
        people(
            f"{n}",
            recipients_over=n,
            sender=f"s{n}@x.example",
            list=f"{n}",
            hours={"from": f"{n % 24:02}:{n % 60:02}", "to": f"{(n + 3) % 24:02}:{n % 60:02}", "zone": "UTC"},
        )
        for n in range(98)
    ]
    three = auto(channel="sms", template="unchanged", warnings="none", review="clean")
    question = asked(1_000, warned=True, clean=False)
    freezes = [
        {"from": f"2026-02-{1 + n % 28:02}T{n % 24:02}:00", "to": "2026-03-01", "zone": "UTC", "reason": f"{n}"}
        for n in range(100)
    ]
    assert found([*rules, three], question, freeze=freezes) is None


def test_no_more_changes_are_tried_than_a_bound_says(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [auto("a", recipients_at_most=40, template="unchanged")]
    assert found(rules, asked(50)) is not None
    monkeypatch.setattr("gonogo.policy.avoiding.MOST", 2)
    assert found(rules, asked(50)) is None


CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "recipients_at_most": st.integers(1, 60),
        "recipients_over": st.integers(0, 60),
        "channel": st.sampled_from(["email", "sms"]),
        "sender": st.sampled_from(["ann@acme.example", "*@acme.example", "*@b.example"]),
        "list": st.sampled_from(["one", "two"]),
        "hours": st.sampled_from([{"from": "08:00", "to": "10:00", "zone": "UTC"}]),
        "weekdays": st.sampled_from([{"days": ["mon", "tue"], "zone": "Asia/Tokyo"}]),
        "template": st.sampled_from(["changed", "unchanged"]),
        "review": st.just("clean"),
        "warnings": st.sampled_from(["none", "some"]),
    },
)
RULES = st.lists(st.tuples(CONDITIONS, st.booleans()), max_size=4)
QUESTIONS = st.builds(
    Question,
    recipients=st.integers(1, 70),
    channel=st.sampled_from(["email", "sms", "webhook"]),
    clean=st.booleans(),
    warned=st.booleans(),
    sender=st.sampled_from(["ann@acme.example", "bob@c.example"]),
    list=st.sampled_from(["one", "three"]),
    template_changed=st.booleans(),
    at=st.integers(0, 200).map(lambda hours: MONDAY.add(hours=hours)),
    summed=st.fixed_dictionaries({"requester": st.integers(0, 40)}),
)
FREEZE: Document = {"from": "2026-01-06", "to": "2026-01-09", "zone": "UTC", "reason": "stocktaking"}


def permits(policy: Written, question: Question) -> bool:
    assert question.at is not None
    return rule_on(policy, question).permission == "auto" and freeze_at(policy, question.at) is None


@settings(max_examples=200, deadline=None)
@given(RULES, QUESTIONS, st.booleans(), st.booleans())
def test_what_is_proposed_is_permitted_and_nothing_smaller_would_be(
    written: list[tuple[Document, bool]], question: Question, sums: bool, freezes: bool
) -> None:
    rules = [auto(f"{n}", **when) if opens else people(f"{n}", **when) for n, (when, opens) in enumerate(written)]
    more: Document = {"splitting": {"window": "PT24H"}} if sums else {}
    policy = parse({"rules": [*rules, LAST], "freeze": [FREEZE] if freezes else [], **more})
    assert isinstance(policy, Written)

    how_far = leeway(question)
    proposed = smallest_change(policy, question, how_far)

    every = list(changes(policy, question, how_far))
    assert every == sorted(every, key=size)
    if permits(policy, question):
        assert proposed is None
        return
    doing = [parts for parts in every if permits(policy, changed(question, parts, how_far))]
    assert bool(doing) == (proposed is not None)
    if proposed is not None:
        after = changed(question, proposed.parts, how_far)
        assert permits(policy, after)
        assert rule_on(policy, after).rule == proposed.rule
        assert size(proposed.parts) == min(map(size, doing))
        assert after.recipients <= question.recipients
        assert after.at is not None
        assert question.at is not None
        assert after.at >= question.at
