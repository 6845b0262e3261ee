"""Explaining a decision: the rule, the facts it saw, what counted, whose votes are missing, and what would avoid it."""

import pytest
from whenever import TimeDelta

from gonogo import groups, service, workspaces
from gonogo.actor import Actor
from gonogo.errors import NotFound
from gonogo.explaining import Explanation, Voice, explain
from gonogo.models import Document
from support.engine import HOUR, Bench, asking, snapshot

LAST: Document = {"name": "everyone else", "approve": {"stages": [{"group": "approvers", "quorum": 1}]}}
SMALL: Document = {"name": "small", "when": {"recipients_at_most": 4}, "approve": "auto"}
STAGES: Document = {"stages": [{"group": "marketing", "quorum": 1}, {"group": "legal", "quorum": 2}]}


def explained(bench: Bench, campaign: str, by: Actor | None = None, *, hints: bool = False) -> Explanation:
    before = snapshot(bench.engine)
    with bench.call(by) as call:
        found = explain(call, campaign, hints=hints)
    assert snapshot(bench.engine) == before
    return found


def group(bench: Bench, name: str, *members: Actor) -> None:
    with bench.call() as call:
        groups.put_group(call, name, [member.person for member in members])


def names(voices: tuple[Voice, ...]) -> list[str]:
    """Members who join in one millisecond are in no order."""
    return sorted(str(voice.person.name) for voice in voices)


def test_a_draft_is_told_what_a_start_would_meet(bench: Bench) -> None:
    bench.policy({"rules": [SMALL, LAST], "separation": "requester"})
    campaign = bench.draft(7)

    found = explained(bench, campaign, hints=True)

    assert (found.about, found.state, found.blockers) == ("start", "draft", ())
    assert (found.permission, found.rule, found.policy) == ("people", "everyone else", 1)
    assert found.asked is not None
    assert (found.asked.recipients, found.asked.sender, found.asked.clean) == (7, "campaigns@example.com", True)
    [stage] = found.stages
    assert (stage.whom, stage.need, stage.have, stage.more) == ("approvers", 1, 0, 0)
    assert names(stage.could) == ["bob", "cid", "dora"]
    assert found.change is not None
    assert [(part.fact, part.wanted) for part in found.change.parts] == [("recipients", 4)]
    assert explained(bench, campaign).change is None


def test_a_draft_that_is_not_ready_is_told_every_blocker_with_its_figures(bench: Bench) -> None:
    found = explained(bench, bench.draft(0, content=None))
    assert [blocker.code for blocker in found.blockers][:2] == ["audience_empty", "content_missing"]
    assert found.blockers[0].figures == {"recipients": 0}


def test_a_question_tells_each_missing_vote_with_who_could_give_it(bench: Bench) -> None:
    group(bench, "marketing", bench.ann, bench.bob, bench.cid)
    group(bench, "legal", bench.ann, bench.bob, bench.cid, bench.dora)
    rules = [{"name": "large", "when": {"recipients_over": 2}, "approve": STAGES}, LAST]
    case = bench.asked(policy={"rules": rules, "separation": "requester"})

    first = explained(bench, case.id)
    bench.did(service.approve, case.task_id, by=bench.bob)
    second = explained(bench, case.id)

    assert (first.about, first.rule, first.task) == ("task", "large", case.task_id)
    assert first.expires_at == case.expires_at
    assert [(stage.whom, stage.have, stage.need) for stage in first.stages] == [("marketing", 0, 1), ("legal", 0, 2)]
    assert [names(stage.could) for stage in first.stages] == [["bob", "cid"], ["bob", "cid", "dora"]]
    assert [stage.have for stage in second.stages] == [1, 0]
    assert [names(stage.could) for stage in second.stages] == [[], ["cid", "dora"]]


def test_a_delegate_is_named_with_who_is_stood_for(bench: Bench) -> None:
    case = bench.asked(policy=asking(2, separation="requester"))
    with bench.call(bench.bob) as call:
        groups.delegate(call, bench.zoe.person, ends_at=bench.clock.now() + 8 * HOUR)

    [stage] = explained(bench, case.id).stages
    told = {voice.person.name: voice.instead_of and voice.instead_of.name for voice in stage.could}
    assert told == {"bob": None, "cid": None, "dora": None, "zoe": "bob"}
    bench.clock.move(9 * HOUR)
    [stage] = explained(bench, case.id).stages
    assert names(stage.could) == ["bob", "cid", "dora"]


def test_who_has_voted_is_not_named_for_those_who_delegated(bench: Bench) -> None:
    case = bench.asked(policy=asking(2))
    with bench.call(bench.dora) as call:
        groups.delegate(call, bench.bob.person, ends_at=bench.clock.now() + 8 * HOUR)
    bench.did(service.approve, case.task_id, by=bench.bob)
    [stage] = explained(bench, case.id).stages
    assert (stage.have, names(stage.could)) == (1, ["cid", "dora"])


def test_only_a_hundred_are_named_and_the_others_are_counted(bench: Bench) -> None:
    for number in range(100):
        bench.person(f"lexi{number}", "lexi")
    [stage] = explained(bench, bench.asked().id).stages
    assert (len(stage.could), stage.more) == (100, 3)


def test_what_nobody_can_satisfy_any_more_says_so_as_soon_as_it_is_so(bench: Bench) -> None:
    case = bench.asked(policy=asking(2, separation="requester"))
    assert not explained(bench, case.id).unsatisfiable
    bench.did(service.approve, case.task_id, by=bench.bob)
    with bench.call() as call:
        workspaces.remove_member(call, bench.cid.person)
    assert not explained(bench, case.id).unsatisfiable
    with bench.call() as call:
        workspaces.remove_member(call, bench.dora.person)
    found = explained(bench, case.id)
    assert (found.unsatisfiable, found.stages[0].have, names(found.stages[0].could)) == (True, 1, [])
    assert explained(bench, bench.draft()).unsatisfiable
    bench.person("eve", "lexi")
    assert not explained(bench, case.id).unsatisfiable


def test_an_escalation_that_has_come_counts_for_who_could(bench: Bench) -> None:
    group(bench, "leads", bench.zoe, bench.person("yan", "lexi"))  # of whom one is no approver
    group(bench, "few", bench.bob)
    case = bench.asked(policy=asking(1, group="few", escalate={"after": "PT2H", "to": "leads"}))
    with bench.call() as call:
        workspaces.remove_member(call, bench.bob.person)
    before = explained(bench, case.id)
    bench.clock.move(3 * HOUR)
    after = explained(bench, case.id)
    assert (before.unsatisfiable, before.escalates_at) == (False, case.escalates_at)  # somebody will be there
    assert (after.unsatisfiable, names(after.stages[0].could)) == (False, ["yan"])


def test_everything_that_counted_in_a_window_is_shown_as_it_was_then(bench: Bench) -> None:
    bench.policy({"rules": [SMALL, LAST], "splitting": {"window": "PT24H", "per": ["requester", "sender"]}})
    first = bench.did(service.start, bench.draft(3))
    bench.clock.move(HOUR)
    case = bench.asked(3)
    bench.clock.move(HOUR)
    later = bench.draft(1)
    assert bench.did(service.start, later).state == "active"

    found = explained(bench, case.id, hints=True)
    ahead = explained(bench, bench.draft(1))

    assert found.asked is not None
    assert found.asked.summed == {"requester": 3, "sender": 3}
    told = {each.kind: [(launch.campaign, launch.recipients) for launch in each.launches] for each in found.windows}
    assert told == {kind: [(first.id, 3)] for kind in ("requester", "sender")}
    assert found.windows[0].launches[0].at == bench.clock.now() - 2 * HOUR
    assert (found.windows[0].subject, found.windows[0].recipients) == (bench.ann.person, 3)
    assert [launch.campaign for launch in ahead.windows[0].launches] == [first.id, later]
    # one day after both, with nothing else in the window, three would be few enough
    assert found.change is None
    bench.clock.move(TimeDelta(hours=30))
    assert explained(bench, case.id, hints=True).change is None
    assert explained(bench, case.id, hints=True).windows == found.windows


def test_a_hint_is_by_the_policy_that_is_in_force_now(bench: Bench) -> None:
    case = bench.asked(7, policy=asking())
    assert explained(bench, case.id, hints=True).change is None
    bench.policy({"rules": [SMALL, LAST]})
    found = explained(bench, case.id, hints=True)
    assert (found.rule, found.policy) == ("everything", 1)
    assert found.change is not None
    assert found.change.in_words == "4 recipients or fewer"


def test_a_start_is_when_the_first_message_may_go(bench: Bench) -> None:
    noon = {"timezone": "UTC", "send_window": {"start": "12:00", "end": "13:00"}}
    lunch: Document = {"name": "lunch", "when": {"hours": {"from": "12:00", "to": "13:00", "zone": "UTC"}}}
    freeze = {"from": "2026-01-05T12:00", "to": "2026-01-06", "zone": "UTC", "reason": "stocktaking"}
    bench.policy({"rules": [{**lunch, "approve": "auto"}, LAST], "freeze": []})
    campaign = bench.draft(settings=noon)
    assert explained(bench, campaign).rule == "lunch"  # it is nine
    assert explained(bench, bench.draft()).rule == "everyone else"
    bench.policy({"rules": [{**lunch, "approve": "auto"}, LAST], "freeze": [freeze]})
    assert [blocker.code for blocker in explained(bench, campaign).blockers] == ["frozen"]
    assert explained(bench, bench.draft()).blockers == ()
    unreadable = explained(bench, bench.draft(settings={"timezone": "Mars/Olympus"}))
    assert [blocker.code for blocker in unreadable.blockers] == ["unknown_zone"]


def test_a_freeze_that_began_is_told_about_what_is_asked(bench: Bench) -> None:
    case = bench.asked()
    assert explained(bench, case.id).blockers == ()
    freeze = {"from": "2026-01-01", "to": "2026-01-09", "zone": "UTC", "reason": "stocktaking"}
    bench.policy(asking(freeze=[freeze]))
    [blocker] = explained(bench, case.id).blockers
    assert (blocker.code, blocker.figures["reason"]) == ("frozen", "stocktaking")


def test_what_was_permitted_says_by_what_and_by_whom(bench: Bench) -> None:
    bench.policy({"rules": [SMALL, LAST]})
    alone = bench.did(service.start, bench.draft(3))
    approved = bench.launched(7)
    off = {"approval": "off", "reason": "a test"}
    bench.policy(off)
    ungated = bench.did(service.start, bench.draft(3))

    found = [explained(bench, case.id) for case in (alone, approved, ungated)]

    assert [(each.about, each.permit, each.rule) for each in found] == [
        ("permit", "auto", "small"),
        ("permit", "quorum", "everyone else"),
        ("permit", "ungated", "approval off"),
    ]
    assert [names(each.by) for each in found] == [["ann"], ["bob"], ["ann"]]
    assert [each.policy for each in found] == [1, 1, 2]
    assert [each.asked.recipients for each in found if each.asked] == [3, 7, 3]


def test_broken_glass_says_who_broke_it(bench: Bench) -> None:
    boss = bench.person("boss", "admin", "campaigns:write")
    bench.policy(asking(break_glass={"group": "owners"}))
    case = bench.did(service.break_glass, bench.draft(3), "The site is down.", by=boss)
    found = explained(bench, case.id)
    assert (found.permit, found.permission, names(found.by)) == ("break_glass", "break_glass", ["boss"])


def test_a_lapsed_question_is_explained_as_the_draft_that_it_is(bench: Bench) -> None:
    case = bench.asked()
    bench.clock.move(TimeDelta(hours=100))
    found = explained(bench, case.id)
    assert (found.about, found.state, found.task) == ("start", "draft", None)


def test_what_paused_without_a_permit_is_told_what_going_on_would_meet(bench: Bench) -> None:
    case = bench.running()
    bench.did(service.revoke, case.id, by=bench.bob)
    found = explained(bench, case.id)
    assert (found.about, found.state, found.blockers, found.rule) == ("start", "paused", (), "everything")


def test_a_campaign_that_never_ran_and_one_of_elsewhere(bench: Bench) -> None:
    campaign = bench.draft()
    bench.did(service.cancel, campaign)
    found = explained(bench, campaign)
    assert (found.about, found.rule, found.asked) == ("nothing", None, None)
    with Bench(bench.engine).call() as call, pytest.raises(NotFound):
        explain(call, campaign)
