"""Decided by people: whose ballot counts, what it counts for, and what stands once several were cast."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from whenever import TimeDelta

from gonogo import reading, service, workspaces
from gonogo.actor import Actor
from gonogo.ballots import Ballot
from gonogo.content import Content, Step, Template
from gonogo.store.cases import Case
from support.engine import NOW, Bench, asking, codes, snapshot

WARNED = Content((Step(0, Template("TODO {{ name }}", "Hello", None)),))
WARNINGS = ("placeholder_text",)


def vote(bench: Bench, case: Case, by: Actor, choice: str = "approve") -> Case:
    """A ballot that counts; the case afterwards."""
    return bench.did(getattr(service, choice), case.task_id, by=by)


def refused(bench: Bench, case: Case, by: Actor, ballot: Ballot | None = None) -> list[str]:
    """The codes for which an approval is refused; it changed nothing."""
    before, jobs = snapshot(bench.engine), bench.jobs.pending()
    found = codes(bench.do(service.approve, case.task_id, ballot, by=by))
    assert (snapshot(bench.engine), bench.jobs.pending()) == (before, jobs)
    assert found
    return found


def ballots(bench: Bench, case: Case) -> list[tuple[str, str]]:
    """(person, choice) of every vote about the task, in order; people by name."""
    known = {each.person: name for name, each in vars(bench).items() if isinstance(each, Actor)}
    cast = bench.rows("SELECT person, choice FROM gonogo_vote WHERE task_id = :id ORDER BY seq", id=case.task_id)
    return [(known[person], choice) for person, choice in cast]


# The quorum


@pytest.mark.parametrize("quorum", [1, 2, 3])
def test_the_vote_that_completes_the_quorum_launches_and_none_before(bench: Bench, quorum: int) -> None:
    case = bench.asked(policy=asking(quorum))
    voters = [bench.bob, bench.cid, bench.dora][:quorum]
    counted = [(after.state, after.have, after.votes) for after in (vote(bench, case, by) for by in voters)]
    assert counted == [("pending_approval", n, n) for n in range(1, quorum)] + [("active", quorum, quorum)]
    assert bench.rows("SELECT kind, task_id, seal FROM gonogo_permit") == [("quorum", case.task_id, case.seal)]
    assert len(bench.jobs.pending()) == 1


def test_a_vote_after_the_quorum_is_told_what_was_decided(bench: Bench) -> None:
    case = bench.launched()
    outcome = bench.do(service.approve, case.task_id, by=bench.cid)
    [blocker] = outcome.blockers
    assert (blocker.code, dict(blocker.figures)) == ("task_decided", {"decision": "approved"})


def test_people_count_once_however_often_they_vote(bench: Bench) -> None:
    case = bench.asked(policy=asking(2))
    vote(bench, case, bench.bob)
    assert refused(bench, case, bench.bob) == ["already_voted"]
    assert vote(bench, case, bench.cid).state == "active"


def test_people_count_once_by_whatever_key_they_come(bench: Bench) -> None:
    case = bench.asked(policy=asking(2))
    vote(bench, case, bench.bob)
    phone = Actor(bench.workspace, "another key", bench.bob.person, bench.bob.scopes, is_member=True)
    assert refused(bench, case, phone) == ["already_voted"]


def test_who_takes_an_approval_back_is_not_counted_until_it_is_given_again(bench: Bench) -> None:
    case = bench.asked(policy=asking(2))
    assert [vote(bench, case, bench.bob, choice).have for choice in ("approve", "retract")] == [1, 0]
    assert codes(bench.do(service.retract, case.task_id, by=bench.bob)) == ["no_vote"]
    assert codes(bench.do(service.retract, case.task_id, by=bench.cid)) == ["no_vote"]
    assert vote(bench, case, bench.cid).state == "pending_approval"
    launched = vote(bench, case, bench.bob)
    assert (launched.state, launched.have, launched.votes) == ("active", 2, 4)
    assert ballots(bench, case) == [("bob", "approve"), ("bob", "retract"), ("cid", "approve"), ("bob", "approve")]


# No


def test_one_dismissal_is_enough_unless_the_policy_asks_for_more(bench: Bench) -> None:
    case = bench.asked()
    after = bench.did(service.dismiss, case.task_id, "not this week", by=bench.bob)
    assert (after.state, after.task_status, after.closed_as) == ("draft", "dismissed", "superseded")
    assert refused(bench, case, bench.cid) == ["task_decided"]
    assert bench.rows("SELECT count(*) FROM gonogo_permit") == [(0,)]


def test_a_policy_loosened_and_restored_changes_nothing_about_what_was_asked(bench: Bench) -> None:
    case = bench.asked(policy=asking(2))
    seal, permits = case.seal, "SELECT count(*) FROM gonogo_permit"
    bench.policy({"approval": "off", "reason": "for a moment"})
    assert vote(bench, case, bench.bob).state == "pending_approval"
    bench.policy(asking(2))
    assert bench.scalar(permits) == 0
    launched = vote(bench, case, bench.cid)
    assert (launched.state, launched.seal) == ("active", seal)
    assert bench.rows("SELECT kind, policy FROM gonogo_permit") == [("quorum", 1)]


def test_a_no_can_be_taken_back_while_more_are_awaited(bench: Bench) -> None:
    case = bench.asked(policy=asking(1, dismissals=2))
    vote(bench, case, bench.bob, "dismiss")
    vote(bench, case, bench.bob, "retract")
    assert vote(bench, case, bench.cid, "dismiss").state == "pending_approval"
    assert vote(bench, case, bench.bob, "dismiss").state == "draft"


def test_a_no_of_somebody_who_left_counts_no_more(bench: Bench) -> None:
    case = bench.asked(policy=asking(1, dismissals=2))
    vote(bench, case, bench.bob, "dismiss")
    with bench.call() as call:
        workspaces.remove_member(call, bench.bob.person)
    assert vote(bench, case, bench.cid, "dismiss").state == "pending_approval"
    assert vote(bench, case, bench.dora, "dismiss").state == "draft"


def test_a_no_of_a_key_that_belongs_to_no_member_stands(bench: Bench) -> None:
    case = bench.asked(policy=asking(1, dismissals=2))
    vote(bench, case, bench.robot(), "dismiss")
    assert vote(bench, case, bench.cid, "dismiss").state == "draft"


def test_dismissals_are_counted_by_people_as_approvals_are(bench: Bench) -> None:
    case = bench.asked(policy=asking(2, dismissals=2))
    assert vote(bench, case, bench.bob, "dismiss").state == "pending_approval"
    assert vote(bench, case, bench.bob, "dismiss").state == "pending_approval"
    assert vote(bench, case, bench.cid).have == 1
    assert vote(bench, case, bench.dora, "dismiss").state == "draft"


def test_who_changes_from_yes_to_no_is_counted_as_a_no(bench: Bench) -> None:
    case = bench.asked(policy=asking(2, dismissals=2))
    vote(bench, case, bench.bob)
    assert vote(bench, case, bench.bob, "dismiss").have == 0
    assert vote(bench, case, bench.cid).state == "pending_approval"
    assert vote(bench, case, bench.bob).state == "active"


def test_asking_for_changes_sends_it_back_at_once(bench: Bench) -> None:
    case = bench.asked(policy=asking(3, dismissals=3))
    after = bench.did(service.request_changes, case.task_id, "a typo", by=bench.bob)
    assert (after.state, after.task_status) == ("draft", "changes_requested")
    again = bench.did(service.start, case.id)
    assert (again.state, again.run) == ("pending_approval", 2)
    assert again.seal != case.seal


def test_what_people_say_stands_where_it_can_be_erased(bench: Bench) -> None:
    case = bench.asked()
    bench.did(service.dismiss, case.task_id, "Ada is on leave", by=bench.bob)
    asked = "SELECT body FROM gonogo_payload p JOIN gonogo_vote v ON v.comment = p.digest"
    [(body,)] = bench.rows(asked)
    assert json.loads(body) == {"comment": "Ada is on leave"}
    elsewhere = {name: rows for name, rows in snapshot(bench.engine).items() if name != "gonogo_payload"}
    assert "on leave" not in str(elsewhere)


def test_only_who_asked_may_take_the_question_back(bench: Bench) -> None:
    case = bench.asked()
    for other in (bench.bob, bench.zoe, bench.robot()):
        assert codes(bench.do(service.withdraw, case.task_id, by=other)) == ["not_requester"]
    after = bench.did(service.withdraw, case.task_id, by=bench.ann)
    assert (after.state, after.task_status) == ("draft", "void")


# Who may


def test_who_is_not_asked_may_not_decide(bench: Bench) -> None:
    case = bench.asked()
    for verb in (service.approve, service.dismiss, service.request_changes):
        before = snapshot(bench.engine)
        assert codes(bench.do(verb, case.task_id, by=bench.zoe)) == ["not_entitled"]
        assert codes(bench.do(verb, case.task_id, by=bench.ann)) == ["not_entitled"]
        assert snapshot(bench.engine) == before


def test_it_is_told_who_may_decide_while_it_is_asked(bench: Bench) -> None:
    with bench.call() as call:
        ida = workspaces.add_member(call, "ida@acme.example", name="Ida", scopes=["lexi"])
        workspaces.add_member(call, "uwe@acme.example", scopes=["campaigns:write"])
        asker = workspaces.add_member(call, "eve@acme.example", scopes=["lexi", "campaigns:write"])
    bench.policy(asking(separation="requester"))
    eve = Actor(bench.workspace, "key-eve", asker, frozenset({"lexi", "campaigns:write"}), is_member=True)
    case = bench.did(service.start, bench.draft(), by=eve)
    with bench.call() as call:
        told = reading.task(call, str(case.task_id)).deciders
    assert (ida, "ida@acme.example", "Ida") in [(each.id, each.email, each.name) for each in told]
    assert {str(each.email).partition("@")[0] for each in told} == {"bob", "cid", "dora", "ida"}
    bench.did(service.dismiss, case.task_id, by=bench.bob)
    with bench.call() as call:
        assert reading.task(call, str(case.task_id)).deciders == []


def test_owners_decide_where_owners_are_asked(bench: Bench) -> None:
    case = bench.asked(policy=asking(group="owners"))
    assert refused(bench, case, bench.bob) == ["not_entitled"]
    assert refused(bench, case, bench.person("omar", "admin")) == ["not_entitled"]  # an owner, and no approver
    assert vote(bench, case, bench.person("olga", "admin", "lexi")).state == "active"


def test_whoever_asked_may_not_decide_where_duties_are_separated(bench: Bench) -> None:
    bench.policy(asking(separation="requester"))
    eve = bench.person("eve", "lexi", "campaigns:execute")
    case = bench.did(service.start, bench.draft(), by=eve)
    assert refused(bench, case, eve) == ["separation_of_duties"]
    assert codes(bench.do(service.dismiss, case.task_id, by=eve)) == ["separation_of_duties"]
    assert vote(bench, case, bench.bob).state == "active"


def test_whoever_asked_may_decide_where_they_are_not(bench: Bench) -> None:
    bench.policy(asking())
    eve = bench.person("eve", "lexi", "campaigns:execute")
    case = bench.did(service.start, bench.draft(), by=eve)
    assert vote(bench, case, eve).state == "active"


def test_the_requester_of_a_resumed_run_is_who_resumed_it(bench: Bench) -> None:
    bench.policy(asking(separation="requester"))
    case = bench.launched()
    bench.did(service.revoke, case.id, by=bench.bob)
    again = bench.did(service.resume, case.id, by=bench.cid)
    assert refused(bench, again, bench.cid) == ["separation_of_duties"]
    assert vote(bench, again, bench.bob).state == "active"


@pytest.mark.parametrize(
    ("asked", "code"),
    [({}, None), ({"quorum": 2}, "person_required"), ({"separation": "requester"}, "person_required")],
)
def test_a_key_of_nobody_decides_only_where_no_person_is_asked_for(
    bench: Bench, asked: dict[str, Any], code: str | None
) -> None:
    case = bench.asked(policy=asking(**asked))
    if code is None:
        assert vote(bench, case, bench.robot("lexi")).state == "active"
    else:
        assert refused(bench, case, bench.robot("lexi")) == [code]


# What it counts for


def test_a_ballot_with_another_seal_is_refused(bench: Bench) -> None:
    case = bench.asked()
    assert refused(bench, case, bench.bob, Ballot("approve", seal="0" * 64)) == ["seal_changed"]
    assert bench.did(service.approve, case.task_id, Ballot("approve", seal=case.seal), by=bench.bob).state == "active"


def test_the_seal_of_the_run_before_is_another_even_where_nothing_was_changed(bench: Bench) -> None:
    first = bench.asked()
    bench.did(service.withdraw, first.task_id)
    second = bench.did(service.start, first.id)
    assert refused(bench, second, bench.bob, Ballot("approve", seal=first.seal)) == ["seal_changed"]


def test_a_vote_with_the_right_seal_asks_the_database_no_more_than_one_without(bench: Bench) -> None:
    statements: list[str] = []
    sa.event.listen(bench.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    def said(seal: str | None) -> list[str]:
        task = asked.pop()
        seal = task.seal if seal == "its own" else seal
        statements.clear()
        bench.do(service.approve, task.task_id, Ballot("approve", seal=seal), by=bench.bob)
        return statements.copy()

    asked = [bench.asked() for _ in range(4)]
    said(None)  # the first one of all looks things up
    without, right, wrong = (said(seal) for seal in (None, "its own", "0" * 64))
    assert right == without
    assert any("seal = " in each for each in wrong)
    assert not any("seal = " in each for each in right)


def test_votes_for_a_run_that_was_closed_do_not_count_for_the_next(bench: Bench) -> None:
    first = bench.asked(policy=asking(2))
    vote(bench, first, bench.bob)
    bench.did(service.revise, first.id, name="Summer")
    second = bench.did(service.start, first.id)
    assert refused(bench, first, bench.cid) == ["task_decided"]
    after = vote(bench, second, bench.cid)
    assert (after.state, after.have) == ("pending_approval", 1)
    assert vote(bench, second, bench.bob).state == "active"


def test_every_vote_keeps_the_seal_that_was_shown(bench: Bench) -> None:
    case = bench.asked(policy=asking(2))
    vote(bench, case, bench.bob)
    assert bench.rows("SELECT seal, actor FROM gonogo_vote") == [(case.seal, "key-bob")]


# Warnings


def test_where_it_is_implicit_an_approval_acknowledges_the_warnings_shown(bench: Bench) -> None:
    case = bench.asked(content=WARNED)
    assert case.warnings == list(WARNINGS)
    assert vote(bench, case, bench.bob).state == "active"
    assert bench.rows("SELECT acknowledged FROM gonogo_vote") == [(None,)]


@pytest.mark.parametrize("named", [None, (), ("subject_long",)])
def test_where_it_is_explicit_every_warning_has_to_be_named(bench: Bench, named: tuple[str, ...] | None) -> None:
    case = bench.asked(policy=asking(acknowledge="explicit"), content=WARNED)
    assert refused(bench, case, bench.bob, Ballot("approve", acknowledge=named)) == ["acknowledgement_missing"]
    ballot = Ballot("approve", acknowledge=(*WARNINGS, "another"))
    assert bench.did(service.approve, case.task_id, ballot, by=bench.bob).state == "active"


def test_who_names_warnings_has_to_name_them_all_even_where_nobody_asked_for_it(bench: Bench) -> None:
    case = bench.asked(content=WARNED)
    assert refused(bench, case, bench.bob, Ballot("approve", acknowledge=())) == ["acknowledgement_missing"]


def test_without_a_warning_there_is_nothing_to_acknowledge(bench: Bench) -> None:
    case = bench.asked(policy=asking(acknowledge="explicit"))
    assert bench.did(service.approve, case.task_id, Ballot("approve", acknowledge=()), by=bench.bob).state == "active"


def test_a_no_needs_no_acknowledgement(bench: Bench) -> None:
    case = bench.asked(policy=asking(acknowledge="explicit"), content=WARNED)
    assert vote(bench, case, bench.bob, "dismiss").state == "draft"


# All at once


def test_everything_that_stands_in_the_way_of_a_vote_is_told_at_once(bench: Bench) -> None:
    eve = bench.person("eve", "lexi", "campaigns:execute")
    bench.policy(asking(2, acknowledge="explicit"))
    case = bench.did(service.start, bench.draft(content=WARNED), by=eve)
    bench.did(service.approve, case.task_id, Ballot("approve", acknowledge=WARNINGS), by=eve)
    lapsed = Actor(bench.workspace, "key-eve", eve.person, frozenset(), is_member=True)
    ballot = Ballot("approve", seal="0" * 64, acknowledge=())
    assert refused(bench, case, lapsed, ballot) == [
        "not_entitled",
        "already_voted",
        "seal_changed",
        "acknowledgement_missing",
    ]


def test_a_vote_in_the_very_last_moment_counts_and_one_later_does_not(bench: Bench) -> None:
    first, second = bench.asked(), bench.asked()
    bench.clock.move(TimeDelta(hours=72) - TimeDelta(microseconds=1))
    assert vote(bench, first, bench.bob).state == "active"
    bench.clock.move(TimeDelta(microseconds=1))
    assert codes(bench.do(service.approve, second.task_id, by=bench.bob)) == ["task_decided"]
    assert bench.case(second.id).task_status == "expired"


def test_the_deadline_is_counted_from_the_question_and_by_the_policy(bench: Bench) -> None:
    assert bench.asked(policy=asking(expires_after="PT30M")).expires_at == NOW + TimeDelta(minutes=30)
    bench.clock.move(TimeDelta(hours=1))
    assert bench.asked().expires_at == NOW + TimeDelta(minutes=90)
