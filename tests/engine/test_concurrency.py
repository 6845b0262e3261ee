"""Decisions that come at once take effect one after another, on both databases."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

from gonogo import service
from gonogo.call import Outcome
from gonogo.errors import Conflict
from support.engine import Bench, asking

AT_ONCE = 8


def together(verbs: Sequence[Callable[[], Outcome]]) -> list[Outcome | Conflict]:
    """Do all of it at the same moment, each in a thread and a transaction of its own."""
    barrier = Barrier(len(verbs))

    def one(verb: Callable[[], Outcome]) -> Outcome | Conflict:
        barrier.wait()
        try:
            return verb()
        except Conflict as lost:
            return lost

    with ThreadPoolExecutor(len(verbs)) as pool:
        return list(pool.map(one, verbs))


def told(outcomes: list[Outcome | Conflict]) -> Counter[str]:
    """What each was told: the state it led to, or the first reason why not."""
    return Counter(
        "conflict" if isinstance(each, Conflict) else each.blockers[0].code if each.blockers else each.case.state
        for each in outcomes
    )


def test_of_many_approvals_at_once_exactly_one_launches(bench: Bench) -> None:
    people = [bench.person(f"voter{n}", "lexi") for n in range(AT_ONCE)]
    for _ in range(5):
        task = bench.asked().task_id
        said = told(together([partial(bench.do, service.approve, task, by=by) for by in people]))
        assert said == {"active": 1, "task_decided": AT_ONCE - 1}


def test_a_quorum_of_three_is_met_once_whoever_comes_at_once(bench: Bench) -> None:
    people = [bench.person(f"voter{n}", "lexi") for n in range(AT_ONCE)]
    bench.policy(asking(3))
    for _ in range(5):
        case = bench.asked()
        said = told(together([partial(bench.do, service.approve, case.task_id, by=by) for by in people]))
        assert said == {"pending_approval": 2, "active": 1, "task_decided": AT_ONCE - 3}
        votes = "SELECT count(*) FROM gonogo_vote WHERE task_id = :task"
        assert bench.scalar(votes, task=case.task_id) == 3


def test_the_same_person_twice_at_once_counts_once(bench: Bench) -> None:
    bench.policy(asking(2))
    for _ in range(5):
        task = bench.asked().task_id
        said = told(together([partial(bench.do, service.approve, task, by=bench.bob)] * 4))
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
        outcomes = together(verbs)
        assert told(outcomes)["conflict"] == 0
        assert bench.case(case.id).state == "cancelled"  # whatever came first, and nothing of it was lost
        assert bench.events(case.id)[-1] == "cancel"
        passed = sum(1 for each in outcomes if not isinstance(each, Conflict) and not each.blockers)
        assert len(bench.events(case.id)) == passed + 2  # the contacts and the start came before


def test_a_start_twice_at_once_opens_one_run(bench: Bench) -> None:
    bench.policy(asking())
    for _ in range(5):
        campaign = bench.draft()
        said = told(together([partial(bench.do, service.start, campaign)] * 4))
        assert said == {"pending_approval": 1, "approval_pending": 3}
        runs = "SELECT count(*) FROM gonogo_run WHERE campaign_id = :campaign"
        assert bench.scalar(runs, campaign=campaign) == 1
