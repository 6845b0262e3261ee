"""Each prerequisite by itself: what lets pass, what refuses, and with which words and figures."""

from collections.abc import Callable
from typing import Any

import pytest

from gonogo import guards
from gonogo.campaign import CAMPAIGN
from gonogo.definition import Blocker, Condition, reads
from gonogo.facts import DOMAIN, FROZEN, NOT_ENTITLED, Facts
from gonogo.machine import ask

Check = Callable[[Facts], Any]

#: guard, what lets pass, what refuses, the code, the figures
ROWS: list[tuple[Check, list[dict[str, Any]], dict[str, Any], str, dict[str, object]]] = [
    (guards.audience_present, [{"recipients": 1}], {"recipients": 0}, "audience_empty", {"recipients": 0}),
    (guards.content_present, [{"content": True}], {"content": False}, "content_missing", {}),
    (guards.sender_present, [{"sender": True}], {"sender": False}, "sender_missing", {}),
    (guards.imports_finished, [{"importing": False}], {"importing": True}, "import_open", {}),
    (guards.nothing_in_flight, [{"in_flight": 0}], {"in_flight": 3}, "messages_in_flight", {"in_flight": 3}),
    (guards.start_not_past, [{"start": "none"}, {"start": "ahead"}], {"start": "due"}, "start_in_past", {}),
    (guards.start_not_past, [], {"start": "late"}, "start_in_past", {}),
    (guards.review_passed, [{"review": "clean"}, {"review": "pending"}], {"review": "blocked"}, "review_blocked", {}),
    (
        guards.task_addressed,
        [{"addressed": "pending"}, {"addressed": "reviewing"}],
        {"addressed": "expired"},
        "task_decided",
        {"decision": "expired"},
    ),
    (guards.task_addressed, [], {"addressed": "none"}, "task_decided", {"decision": "none"}),
    (guards.task_pending, [{"addressed": "pending"}], {"addressed": "reviewing"}, "task_reviewing", {}),
    (guards.task_pending, [], {"addressed": "approved"}, "task_decided", {"decision": "approved"}),
    (guards.review_running, [{"addressed": "reviewing"}], {"addressed": "pending"}, "not_reviewing", {}),
    (guards.in_time, [{"overdue": False}], {"overdue": True}, "task_expired", {}),
    (guards.deadline_passed, [{"overdue": True}], {"overdue": False}, "not_overdue", {}),
    (guards.voter_entitled, [{"entitled": None}], {"entitled": NOT_ENTITLED}, "not_entitled", {}),
    (guards.vote_is_new, [{"repeated": False}], {"repeated": True}, "already_voted", {}),
    (guards.vote_stands, [{"repeated": True}], {"repeated": False}, "no_vote", {}),
    (guards.seal_seen, [{"seen": True}], {"seen": False}, "seal_changed", {"changed": None}),
    (guards.seal_seen, [], {"seen": False, "changed": ("content",)}, "seal_changed", {"changed": ("content",)}),
    (guards.warnings_acknowledged, [{"acknowledged": True}], {"acknowledged": False}, "acknowledgement_missing", {}),
    (guards.by_requester, [{"requester": True}], {"requester": False}, "not_requester", {}),
    (guards.not_frozen, [{"frozen": None}], {"frozen": FROZEN}, "frozen", {}),
    (guards.review_ended, [{"review": "clean"}, {"review": "blocked"}], {"review": "pending"}, "task_reviewing", {}),
    (guards.starts_now, [{"start": "none"}, {"start": "due"}], {"start": "ahead"}, "start_not_now", {}),
    (guards.starts_now, [], {"start": "late"}, "start_not_now", {}),
    (guards.without_permit, [{"permit": "none"}], {"permit": "valid"}, "permit_held", {}),
    (guards.permit_in_time, [{"lapsed": False}], {"lapsed": True}, "permit_lapsed", {}),
    (guards.permit_lapsed, [{"lapsed": True}], {"lapsed": False}, "not_lapsed", {}),
    (guards.permit_held, [{"permit": "valid"}], {"permit": "none"}, "permit_missing", {}),
    (guards.permit_presented, [{"presented": True}], {"presented": False}, "permit_mismatch", {}),
    (guards.start_reached, [{"start": "due"}, {"start": "late"}], {"start": "ahead"}, "start_ahead", {}),
    (guards.start_not_missed, [{"start": "ahead"}, {"start": "due"}], {"start": "late"}, "start_missed", {}),
    (guards.has_begun, [{"begun": True}], {"begun": False}, "not_begun", {}),
    (guards.nothing_unsettled, [{"unsettled": 0}], {"unsettled": 7}, "recipients_unsettled", {"unsettled": 7}),
    (guards.nothing_claimed, [{"claimed": 0}], {"claimed": 7}, "messages_in_flight", {"in_flight": 7}),
    (
        guards.nothing_left_over,
        [{"run": "none", "waiting": 0}, {"run": "open", "waiting": 9}],
        {"run": "none", "waiting": 9},
        "recipients_left",
        {"recipients": 9},
    ),
]  # fmt: skip
NAMES = [f"{row[0].__name__}-{row[3]}-{at}" for at, row in enumerate(ROWS)]


@pytest.mark.parametrize(("guard", "passing", "refusing", "code", "figures"), ROWS, ids=NAMES)
def test_a_guard_refuses_with_its_code_and_figures_and_else_lets_pass(
    guard: Check, passing: list[dict[str, Any]], refusing: dict[str, Any], code: str, figures: dict[str, object]
) -> None:
    assert [guard(Facts(**facts)) for facts in passing] == [None] * len(passing)
    blocker = guard(Facts(**refusing))
    assert (blocker.code, blocker.figures) == (code, figures)
    assert blocker.message.endswith(".")


def test_every_guard_of_the_table_is_tested_here() -> None:
    assert {guard for move in CAMPAIGN.moves for guard in move.needs} == {row[0] for row in ROWS}


def test_the_codes_are_public_and_stay_as_they_are() -> None:
    refused = {
        blocker.code for guard, *_ in ROWS for facts in every_world(guard) for blocker in ask(guard, facts) or ()
    }
    worded = {refusal(Facts()).code for refusal in CAMPAIGN.refusals.values()}
    assert refused == {
        "acknowledgement_missing",
        "already_voted",
        "audience_empty",
        "content_missing",
        "frozen",
        "import_open",
        "messages_in_flight",
        "no_vote",
        "not_begun",
        "not_entitled",
        "not_lapsed",
        "not_overdue",
        "not_requester",
        "not_reviewing",
        "permit_held",
        "permit_lapsed",
        "permit_mismatch",
        "permit_missing",
        "recipients_left",
        "recipients_unsettled",
        "review_blocked",
        "seal_changed",
        "sender_missing",
        "start_ahead",
        "start_in_past",
        "start_missed",
        "start_not_now",
        "task_decided",
        "task_expired",
        "task_reviewing",
    }
    assert worded == {
        "already_active",
        "already_paused",
        "already_scheduled",
        "approval_pending",
        "campaign_ended",
        "campaign_not_active",
        "campaign_not_paused",
        "campaign_paused",
        "pause_first",
        "task_decided",
    }


def every_world(question: Check) -> list[Facts]:
    """Every combination of the facts that the question looks at."""
    return list(CAMPAIGN.worlds(reads(CAMPAIGN, [question])))


@pytest.mark.parametrize("guard", dict.fromkeys(row[0] for row in ROWS))
def test_a_guard_answers_everywhere_and_twice_the_same(guard: Check) -> None:
    for facts in every_world(guard):
        answer = ask(guard, facts)
        assert answer is None or "guard_failed" not in {blocker.code for blocker in answer}
        assert ask(guard, facts) == answer


def test_the_default_facts_are_those_of_a_campaign_that_is_ready() -> None:
    assert [guard(Facts()) for guard in guards.READY] == [None] * len(guards.READY)


def test_every_default_is_among_the_values_of_its_fact() -> None:
    assert [name for name, values in DOMAIN.items() if getattr(Facts(), name) not in values] == []


def test_each_blocker_of_the_review_refuses_under_its_own_code() -> None:
    findings = (Blocker("link_broken", "A link is broken."), Blocker("no_unsubscribe", "Nobody can unsubscribe."))
    assert guards.review_passed(Facts(review="blocked", findings=findings)) == findings
    assert guards.review_passed(Facts(review="clean", findings=findings)) is None


def test_why_a_person_may_not_decide_is_told_in_the_words_of_the_policy() -> None:
    why = Blocker("separation", "Whoever asked for the launch may not approve it.", role="requester")
    assert guards.voter_entitled(Facts(entitled=why)) is why


def test_a_decided_task_is_named_in_plain_words() -> None:
    blocker = guards.task_decided(Facts(addressed="changes_requested"))
    assert blocker.message == "The task is not open any more: it is changes requested."
    assert blocker.figures == {"decision": "changes_requested"}


CONDITIONS: list[tuple[Condition[Facts], list[dict[str, Any]], list[dict[str, Any]]]] = [
    (guards.BEGUN, [{"begun": True}], [{"begun": False}]),
    (guards.REVIEWED, [{"review": "clean"}, {"review": "blocked"}], [{"review": "pending"}]),
    (
        guards.SOUND,
        [{"review": "clean", "start": start} for start in ("none", "ahead", "due")],
        [{"review": "blocked"}, {"review": "pending"}, {"review": "clean", "start": "late"}],
    ),
    (guards.PERMITTED, [{"permission": "auto"}, {"permission": "ungated"}], [{"permission": "people"}]),
    (guards.AHEAD, [{"start": "ahead"}], [{"start": start} for start in ("none", "due", "late")]),
    (guards.LATE, [{"start": "late"}], [{"start": start} for start in ("none", "ahead", "due")]),
    (guards.ENOUGH, [{"enough": True}], [{"enough": False}]),
    (guards.VALID, [{"permit": "valid"}], [{"permit": "none"}]),
]


@pytest.mark.parametrize(("condition", "true", "false"), CONDITIONS, ids=[str(row[0]) for row in CONDITIONS])
def test_a_condition_and_its_contrary_answer_with_bools(
    condition: Condition[Facts], true: list[dict[str, Any]], false: list[dict[str, Any]]
) -> None:
    assert [condition.test(Facts(**facts)) for facts in true] == [True] * len(true)
    assert [condition.test(Facts(**facts)) for facts in false] == [False] * len(false)
    for facts in every_world(condition.test):
        assert condition.holds(facts) is not (~condition).holds(facts)


def test_every_condition_of_the_table_is_tested_here() -> None:
    used = {condition.name for move in CAMPAIGN.moves for condition in move.when}
    assert used == {condition.name for condition, *_ in CONDITIONS}
