"""No launching five times 99 instead of 495: what the policy permits by itself adds up over a window."""

from functools import partial

import pytest
from whenever import TimeDelta

from gonogo import service
from gonogo.models import Document
from gonogo.store.cases import Case
from support.engine import HOUR, Bench, asking, codes, people
from support.races import at_once, told

LIMIT = 100
ROUNDS = 67  #: of campaigns started at once, for each of three kinds of window
DAY = HOUR * 24


def splitting(per: object = "requester", limit: int = LIMIT) -> Document:
    """Up to so many recipients in a day go out by themselves."""
    return {
        "rules": [
            {"name": "small", "when": {"recipients_at_most": limit}, "approve": "auto"},
            {"name": "large", "approve": {"stages": [{"group": "approvers"}]}},
        ],
        "separation": "none",
        "splitting": {"window": "PT24H", "per": per},
    }


def state(bench: Bench, recipients: int, **values: object) -> str:
    """What becomes of a start by Ann."""
    return bench.did(service.start, bench.draft(recipients, **values)).state


def test_what_was_permitted_adds_up_until_the_window_has_passed(bench: Bench) -> None:
    bench.policy(splitting())
    assert [state(bench, 40), state(bench, 60), state(bench, 1)] == ["active", "active", "pending_approval"]
    bench.clock.move(DAY - TimeDelta(seconds=1))
    assert state(bench, 1) == "pending_approval"
    bench.clock.move(TimeDelta(seconds=1))
    assert state(bench, 100) == "active"


def test_what_starts_together_adds_up_whenever_it_was_proposed(bench: Bench) -> None:
    bench.policy(splitting())
    friday = bench.clock.now() + DAY * 10
    for offset, wanted in ((0, "scheduled"), (-12, "pending_approval"), (12, "pending_approval"), (24, "scheduled")):
        assert state(bench, 60, start_at=friday + HOUR * offset) == wanted
        bench.clock.move(DAY * 2)
    bench.clock.move(DAY * 2)  # it is Friday: what began counts, though it was proposed long ago
    assert state(bench, 60) == "pending_approval"
    assert state(bench, 40, start_at=friday + DAY * 3) == "scheduled"
    assert state(bench, 1, start_at=friday + DAY * 5) == "scheduled"  # beside the 40 that were proposed today
    assert state(bench, 60, start_at=friday + DAY * 5) == "pending_approval"


def test_what_a_send_window_lets_out_together_adds_up_as_well(bench: Bench) -> None:
    bench.policy(splitting())
    saturday = {"timezone": "UTC", "send_days": ["sat"]}
    assert state(bench, 60, settings=saturday) == "active"  # on Monday; its messages wait
    bench.clock.move(DAY * 2)
    assert state(bench, 60, settings=saturday) == "pending_approval"
    assert state(bench, 60) == "active"


def test_what_people_approved_does_not_count(bench: Bench) -> None:
    bench.policy(splitting())
    large = bench.did(service.start, bench.draft(150))
    assert bench.did(service.approve, large.task_id, by=bench.bob).state == "active"
    assert state(bench, 100) == "active"


def test_others_have_a_window_of_their_own_and_a_list_one_for_all(bench: Bench) -> None:
    eve = bench.person("eve", "campaigns:write")
    bench.policy(splitting())
    assert state(bench, 100) == "active"
    assert bench.did(service.start, bench.draft(100), by=eve).state == "active"

    bench.policy(splitting(["list", "sender"]))
    first = bench.draft(60)
    shared = bench.case(first).list_id
    second = bench.draft(0, sender={"email": "other@acme.example"}, list_id=shared)
    bench.clock.move(DAY * 2)
    assert bench.did(service.start, first).state == "active"
    assert bench.did(service.start, second, by=eve).state == "pending_approval"  # 120 on one list


def test_the_sender_is_one_however_it_is_written(bench: Bench) -> None:
    bench.policy(splitting("sender"))
    assert state(bench, 60, sender={"email": "News@acme.example"}) == "active"
    assert state(bench, 60, sender={"email": "other@acme.example"}) == "active"
    assert state(bench, 60, sender={"email": "news@ACME.example"}) == "pending_approval"


def test_runs_that_continue_each_other_count_once(bench: Bench) -> None:
    bench.policy(splitting())
    case = bench.did(service.start, bench.draft(60))
    for name in ("once", "twice"):
        bench.did(service.pause, case.id)
        bench.did(service.revise, case.id, name=name)
        case = bench.did(service.start if bench.case(case.id).state == "draft" else service.resume, case.id)
        assert case.state == "active"  # the very same 60, proposed again
    assert state(bench, 40) == "active"
    assert state(bench, 1) == "pending_approval"


def test_a_window_belongs_to_one_workspace(bench: Bench) -> None:
    other = Bench(bench.engine)
    for each in (bench, other):
        each.policy(splitting())
        assert state(each, 100) == "active"


def test_a_start_that_was_refused_counts_nothing(bench: Bench) -> None:
    bench.policy(splitting())
    empty = bench.do(service.start, bench.draft(100, content=None))
    assert codes(empty) == ["content_missing"]
    assert state(bench, 100) == "active"


def test_newcomers_count_for_who_wanted_the_launch(bench: Bench) -> None:
    bench.policy(splitting(limit=5))
    case = bench.did(service.start, bench.draft(4))
    bench.did(service.begin, case.id, case.permit_id)
    bench.do(service.add_contacts, case.id, people(4, start=50))
    bench.jobs.run()
    assert len(bench.sink.messages) == 4  # eight would be too many without being asked
    assert bench.case(case.id).state == "completed"
    assert state(bench, 1) == "active"
    assert state(bench, 1) == "pending_approval"


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize("per", ["requester", "list", "sender"])
@pytest.mark.timeout(120)
def test_however_many_start_at_once_no_more_go_out_unapproved(bench: Bench, per: str) -> None:
    """Five campaigns of 99: one goes out, four ask. Again and again, each time in a new window."""
    bench.policy(splitting(per))
    shared = bench.case(bench.draft(99)).list_id
    campaigns = [bench.draft(0, list_id=shared) for _ in range(5)]
    for _ in range(ROUNDS):
        said = told(at_once([partial(bench.do, service.start, campaign) for campaign in campaigns]))
        assert said == {"active": 1, "pending_approval": 4}
        unapproved = "SELECT sum(recipients) FROM gonogo_ruling WHERE permission = 'auto' AND at = :now"
        now = bench.clock.now().to_stdlib()
        assert bench.scalar(unapproved, now=now) <= LIMIT
        for campaign in campaigns:
            bench.did(service.revise, _back(bench, bench.case(campaign)), name="again")
        bench.clock.move(DAY + HOUR)


def _back(bench: Bench, case: Case) -> str:
    """A campaign that may be edited: one that is active is paused first."""
    if case.state == "active":
        bench.did(service.pause, case.id)
    return case.id


# What counts as approved before


def test_a_text_that_people_approved_is_known_until_it_changes(bench: Bench) -> None:
    bench.policy(asking())
    case = bench.launched(start_at=bench.clock.now() + DAY)
    bench.policy(
        {
            "rules": [{"name": "unchanged", "when": {"template": "unchanged"}, "approve": "auto"}, *asking()["rules"]],
            "separation": "none",
        }
    )
    bench.did(service.unschedule, case.id)
    again = bench.did(service.start, case.id)
    assert again.state == "scheduled"  # people approved that text, and stand by it
    bench.did(service.revise, case.id, name="once more")
    bench.did(service.start, case.id)
    assert bench.case(case.id).state == "scheduled"


def test_nor_does_one_that_nobody_gave(bench: Bench) -> None:
    unchanged = {"name": "unchanged", "when": {"template": "unchanged"}, "approve": "auto"}
    bench.policy({"rules": [unchanged, *asking()["rules"]], "separation": "none"})
    case = bench.did(service.start, bench.draft(start_at=bench.clock.now() + DAY))
    assert case.state == "pending_approval"
    bench.did(service.approve, case.task_id, by=bench.bob)
    bench.did(service.revoke, case.id, by=bench.bob)
    assert bench.did(service.resume, case.id).state == "pending_approval"

    bench.policy({"approval": "off", "reason": "for a moment"})
    other = bench.did(service.start, bench.draft(start_at=bench.clock.now() + DAY))
    bench.did(service.unschedule, other.id)
    bench.policy({"rules": [unchanged, *asking()["rules"]], "separation": "none"})
    assert bench.did(service.start, other.id).state == "pending_approval"
