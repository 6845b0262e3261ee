"""Law 4: whatever comes at once takes effect one after another, and what is lost is told as Conflict
or as a refusal, never as an error of the database."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from whenever import TimeDelta

from gonogo import groups, service, workspaces
from gonogo.call import Call, Outcome
from gonogo.content import Content, Step, Template
from gonogo.errors import Conflict, Invalid
from gonogo.service import Draft
from gonogo.tick import Tick
from support.engine import HOUR, NOW, Bench, asking, codes, people
from support.races import at_once, told

ROUNDS = 5
THREADS = 6
AT_ONCE = 8


# Decisions


def test_of_many_approvals_at_once_exactly_one_launches(bench: Bench) -> None:
    people = [bench.person(f"voter{n}", "lexi") for n in range(AT_ONCE)]
    for _ in range(5):
        task = bench.asked().task_id
        said = told(at_once([partial(bench.do, service.approve, task, by=by) for by in people]))
        assert said == {"active": 1, "task_decided": AT_ONCE - 1}


def test_a_quorum_of_three_is_met_once_whoever_comes_at_once(bench: Bench) -> None:
    people = [bench.person(f"voter{n}", "lexi") for n in range(AT_ONCE)]
    bench.policy(asking(3))
    for _ in range(5):
        case = bench.asked()
        said = told(at_once([partial(bench.do, service.approve, case.task_id, by=by) for by in people]))
        assert said == {"pending_approval": 2, "active": 1, "task_decided": AT_ONCE - 3}
        votes = "SELECT count(*) FROM gonogo_vote WHERE task_id = :task"
        assert bench.scalar(votes, task=case.task_id) == 3


def test_the_last_two_votes_of_two_stages_at_once_launch_once(bench: Bench) -> None:
    """The second stage's may be told that it is not its turn yet, and is then cast again."""
    with bench.call() as call:
        groups.put_group(call, "marketing", [bench.bob.person])
        groups.put_group(call, "legal", [bench.cid.person])
    bench.policy({**asking(), "rules": [{"name": "all", "approve": {"stages": [_of("marketing"), _of("legal")]}}]})
    for _ in range(ROUNDS):
        case = bench.asked()
        said = told(at_once([partial(bench.do, service.approve, case.task_id, by=by) for by in (bench.bob, bench.cid)]))
        assert said in ({"pending_approval": 1, "active": 1}, {"pending_approval": 1, "stage_closed": 1})
        if said["stage_closed"]:
            assert bench.did(service.approve, case.task_id, by=bench.cid).state == "active"
        assert bench.scalar("SELECT count(*) FROM gonogo_permit WHERE campaign_id = :id", id=case.id) == 1


def test_a_vote_and_the_removal_from_the_group_at_once_are_one_after_the_other(bench: Bench) -> None:
    def members(*who: Any) -> str:
        with bench.call() as call:
            groups.put_group(call, "legal", [each.person for each in who])
        return "done"

    members(bench.bob, bench.cid)
    bench.policy({**asking(), "rules": [{"name": "all", "approve": {"stages": [{**_of("legal"), "quorum": 2}]}}]})
    for _ in range(ROUNDS * 3):
        members(bench.bob, bench.cid, bench.dora)
        case = bench.asked()
        bench.did(service.approve, case.task_id, by=bench.bob)
        votes: Callable[[], Any] = partial(bench.do, service.approve, case.task_id, by=bench.cid)
        leaves: Callable[[], Any] = partial(members, bench.cid, bench.dora)
        answers = at_once([votes, leaves])
        assert told(answers)["done"] == 1
        after = bench.case(case.id)
        if after.state == "active":  # the vote came first, and completed what Bob had begun
            continue
        assert after.state == "pending_approval"  # Bob's approval went with him
        assert codes(bench.do(service.approve, case.task_id, by=bench.bob)) == ["not_entitled"]
        assert bench.did(service.approve, case.task_id, by=bench.dora).state == "active"


def _of(group: str) -> dict[str, object]:
    return {"group": group}


def test_the_same_person_twice_at_once_counts_once(bench: Bench) -> None:
    bench.policy(asking(2))
    for _ in range(5):
        task = bench.asked().task_id
        said = told(at_once([partial(bench.do, service.approve, task, by=bench.bob)] * 4))
        assert said == {"pending_approval": 1, "already_voted": 3}


def test_yes_no_edit_and_cancel_at_once_leave_one_truth(bench: Bench) -> None:
    for _ in range(8):
        case = bench.asked()
        verbs = [
            partial(bench.do, service.approve, case.task_id, by=bench.bob),
            partial(bench.do, service.dismiss, case.task_id, by=bench.cid),
            partial(bench.do, service.revise, case.id, name="edited"),
            partial(bench.do, service.cancel, case.id),
        ]
        outcomes = at_once(verbs)
        assert told(outcomes)["Conflict"] == 0
        assert bench.case(case.id).state == "cancelled"  # whatever came first, and nothing of it was lost
        assert bench.events(case.id)[-1] == "cancel"
        passed = sum(1 for each in outcomes if not isinstance(each, Exception) and not each.blockers)
        assert len(bench.events(case.id)) == passed + 2  # the contacts and the start came before


def test_a_start_twice_at_once_opens_one_run(bench: Bench) -> None:
    bench.policy(asking())
    for _ in range(5):
        campaign = bench.draft()
        said = told(at_once([partial(bench.do, service.start, campaign)] * 4))
        assert said == {"pending_approval": 1, "approval_pending": 3}
        runs = "SELECT count(*) FROM gonogo_run WHERE campaign_id = :campaign"
        assert bench.scalar(runs, campaign=campaign) == 1


def test_votes_given_and_taken_back_at_once_are_counted_as_they_stand(bench: Bench) -> None:
    voters = [bench.person(f"voter{n}", "lexi") for n in range(4)]
    bench.policy(asking(4))
    for _ in range(ROUNDS):
        case = bench.asked()
        first, second, third, fourth = voters
        bench.did(service.approve, case.task_id, by=first)
        answers = told(
            at_once(
                [
                    partial(bench.do, service.retract, case.task_id, by=first),
                    *(partial(bench.do, service.approve, case.task_id, by=each) for each in (second, third, fourth)),
                ]
            )
        )
        after = bench.case(case.id)
        if answers["active"]:
            assert answers == {"active": 1, "pending_approval": 2, "task_decided": 1}  # the quorum came before
            assert (after.state, after.have) == ("active", 4)
        else:
            assert answers == {"pending_approval": 4}
            assert (after.state, after.have, after.votes) == ("pending_approval", 3, 5)


def test_an_approval_and_the_deadline_at_once_are_one_or_the_other(bench: Bench) -> None:
    def at(moment: TimeDelta, verb: Callable[..., Outcome], *args: object, by: Any) -> Outcome:
        with bench.engine.begin() as connection:
            return verb(Call(connection, by, NOW + moment, bench.jobs, HOUR), *args)

    deadline, moment = TimeDelta(hours=72), TimeDelta(microseconds=1)
    for _ in range(ROUNDS):
        case = bench.asked()
        answers = at_once(
            [
                partial(at, deadline - moment, service.approve, case.task_id, by=bench.bob),
                partial(at, deadline, service.expire, case.id, by=bench.ann),
                partial(at, deadline, service.dismiss, case.task_id, by=bench.cid),
            ]
        )
        after = bench.case(case.id)
        if told(answers[:1]) == {"active": 1}:
            assert (after.state, after.task_status) == ("active", "approved")
        else:
            assert told(answers[:1]) == {"task_decided": 1}
            assert (after.state, after.task_status, after.permit_id) == ("draft", "expired", None)


def test_a_launch_paused_resumed_revoked_and_cancelled_at_once_has_one_history(bench: Bench) -> None:
    for _ in range(ROUNDS):
        case = bench.launched()
        verbs: list[Callable[[], Outcome]] = [
            *(partial(bench.do, service.pause, case.id) for _ in range(2)),
            *(partial(bench.do, service.resume, case.id) for _ in range(2)),
            partial(bench.do, service.revoke, case.id, by=bench.bob),
            partial(bench.do, service.revise, case.id, name="Summer"),
        ]
        answers = told(at_once(verbs))
        assert not answers.keys() & {"IntegrityError", "OperationalError"}
        bench.do(service.cancel, case.id)
        assert bench.case(case.id).state == "cancelled"


def test_the_time_comes_once_however_many_clocks_look(bench: Bench) -> None:
    for _ in range(ROUNDS):
        case = bench.launched(start_at=bench.clock.now() + HOUR)
        bench.clock.move(HOUR)
        clocks = [Tick(bench.engine, bench.jobs, bench.clock, late_start=HOUR) for _ in range(THREADS)]
        assert sum(answer for answer in at_once([each.once for each in clocks]) if isinstance(answer, int)) == 1
        assert bench.events(case.id).count("due") == 1
        bench.jobs.run()


# What is made and changed


def test_the_same_words_pinned_at_once_are_one_version(bench: Bench) -> None:
    for n in range(ROUNDS):
        content = Content((Step(0, Template(f"Round {n}", "Hello", None)),))
        answers = at_once([partial(bench.do, service.create, Draft("Spring", content=content))] * THREADS)
        assert told(answers) == {"draft": THREADS}
    assert bench.scalar("SELECT count(*) FROM gonogo_version WHERE kind = 'content'") == ROUNDS


def test_an_id_of_a_dialect_given_at_once_is_given_once(bench: Bench) -> None:
    for n in range(ROUNDS):
        draft = Draft("Spring", dialect="burki", wire_id=str(n))
        answers = at_once([partial(bench.do, service.create, draft)] * THREADS)
        assert told(answers)["draft"] == 1
        lost = [answer for answer in answers if isinstance(answer, Exception)]
        assert {type(each) for each in lost} <= {Invalid, Conflict}


def test_contacts_added_at_once_are_all_there_and_counted(bench: Bench) -> None:
    campaign = bench.draft(0)
    shared = bench.draft(0, list_id=bench.case(campaign).list_id)
    for n in range(ROUNDS):
        rows = [people(4, start=3 * n + each) for each in range(THREADS)]  # they overlap
        deeds = [
            partial(bench.do, service.add_contacts, (campaign, shared)[at % 2], some) for at, some in enumerate(rows)
        ]
        assert told(at_once(deeds)) == {"draft": THREADS}
    counted = "SELECT count(*), count(DISTINCT address_key), count(DISTINCT position) FROM gonogo_contact"
    [(count, addresses, positions)] = bench.rows(counted)
    assert count == addresses == positions == bench.case(campaign).contacts == 3 * (ROUNDS - 1) + THREADS - 1 + 4


def test_a_contact_added_and_taken_off_at_once_is_there_or_not(bench: Bench) -> None:
    campaign = bench.draft(3)
    for _ in range(ROUNDS):
        at_once(
            [
                partial(bench.do, service.remove_contact, campaign, "p1@example.com"),
                partial(bench.do, service.add_contacts, campaign, people(1, start=1)),
                partial(bench.do, service.remove_contact, campaign, "p1@example.com"),
            ]
        )
        assert bench.scalar("SELECT count(*) FROM gonogo_contact") == bench.case(campaign).contacts


def test_policies_written_at_once_are_numbered_without_gaps(bench: Bench) -> None:
    for _ in range(ROUNDS):
        answers = at_once([partial(bench.policy, asking(expires_after=f"PT{n}H")) for n in range(1, THREADS)])
        assert all(isinstance(answer, int | Conflict) for answer in answers)
    numbers = [number for (number,) in bench.rows("SELECT number FROM gonogo_policy ORDER BY number")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert bench.scalar("SELECT policy FROM gonogo_workspace") == numbers[-1]


def test_a_person_who_joins_twice_at_once_is_one_member(bench: Bench) -> None:
    def join(email: str) -> str:
        with bench.call() as call:
            return workspaces.add_member(call, email, scopes=["lexi"])

    for n in range(ROUNDS):
        answers = at_once([partial(join, f"new{n}@acme.example")] * THREADS)
        joined = [answer for answer in answers if isinstance(answer, str)]
        assert len(set(joined)) == 1
        assert {type(answer) for answer in answers if isinstance(answer, Exception)} <= {Conflict}


# Sending


@pytest.mark.timeout(60)
def test_workers_at_once_and_people_who_interfere_reach_everybody_once(bench: Bench) -> None:
    case = bench.launched(60)
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            now = bench.case(case.id)
            bench.executor.segment(now.workspace, now.id, now.dispatch, 0, str(now.permit_id))
            if now.state == "completed":
                over.set()

    def interfere() -> None:
        for _ in range(6):
            bench.do(service.pause, case.id)
            bench.do(service.resume, case.id)

    answers = at_once([work, work, work, interfere])
    assert answers == [None] * 4
    assert sorted(bench.sink.addresses) == sorted(f"p{n}@example.com" for n in range(60))
    assert bench.states(case.id) == {"sent": 60}
