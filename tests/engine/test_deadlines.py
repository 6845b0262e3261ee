"""Time, as approvals know it: reminders, escalation and deadlines, whoever is late, and whatever the clock does."""

from dataclasses import replace
from typing import Any

import pytest
from whenever import Instant, TimeDelta

from gonogo import deliveries, groups, notices, questions, service, workspaces
from gonogo.actor import Actor, machine
from gonogo.ballots import Ballot
from gonogo.models import Document
from gonogo.policy import parse
from gonogo.store import questions as stored
from gonogo.store.cases import Case
from support.engine import HOUR, NOW, Bench, asking, codes

MINUTE, MOMENT = TimeDelta(minutes=1), TimeDelta(microseconds=1)
DAY, WEEK = HOUR * 24, HOUR * 24 * 7
AGAIN = (notices.REMINDED, notices.ESCALATED)


def listen(bench: Bench) -> None:
    with bench.call() as call:
        deliveries.add(call, "https://hooks.acme.example/gonogo", AGAIN)


def told(bench: Bench) -> list[str]:
    """What was told, in order, without the kind of the thing."""
    return [kind.partition(".")[2] for (kind,) in bench.rows("SELECT type FROM gonogo_notice ORDER BY id")]


def later(bench: Bench, by: TimeDelta) -> list[str]:
    """What is told once the clock has moved by so much, and asked what is due several times."""
    before = len(told(bench))
    bench.clock.move(by)
    for _ in range(3):
        bench.tick.once()
    return told(bench)[before:]


def patient(**more: Any) -> Document:
    return asking(expires_after="PT2000H", **more)


# Reminders


def test_people_are_reminded_once_in_each_interval(bench: Bench) -> None:
    listen(bench)
    bench.asked(policy=patient(remind_after="PT24H"))
    assert later(bench, DAY - MOMENT) == []
    assert later(bench, MOMENT) == ["reminded"]
    assert later(bench, DAY - MINUTE) == []
    assert later(bench, MINUTE) == ["reminded"]


def test_a_clock_that_jumps_a_week_reminds_once_and_goes_on_from_there(bench: Bench) -> None:
    listen(bench)
    bench.asked(policy=patient(remind_after="PT24H"))
    assert later(bench, WEEK) == ["reminded"]
    assert later(bench, DAY - MOMENT) == []
    assert later(bench, MOMENT) == ["reminded"]


def test_a_clock_that_goes_back_an_hour_reminds_of_nothing_twice(bench: Bench) -> None:
    listen(bench)
    bench.asked(policy=patient(remind_after="PT24H"))
    assert later(bench, DAY) == ["reminded"]
    assert later(bench, -HOUR) == []
    assert later(bench, HOUR) == []
    assert later(bench, DAY - MINUTE) == []
    assert later(bench, MINUTE) == ["reminded"]


def test_nobody_is_reminded_of_what_was_decided_or_has_expired(bench: Bench) -> None:
    listen(bench)
    policy = asking(expires_after="PT48H", remind_after="PT24H")
    decided = bench.asked(policy=policy)
    bench.asked()
    bench.did(service.dismiss, decided.task_id, by=bench.bob)
    assert later(bench, DAY) == ["reminded"]
    assert later(bench, WEEK) == []


def test_a_reminder_that_was_missed_is_not_made_up_for_after_the_deadline(bench: Bench) -> None:
    listen(bench)
    case = bench.asked(policy=asking(expires_after="PT48H", remind_after="PT24H"))
    assert later(bench, WEEK) == []
    assert bench.case(case.id).task_status == "expired"


# Escalation


def led(bench: Bench, **more: object) -> tuple[Case, Actor]:
    """Legal is asked, which is Bob; after a day Dora's leads may vote, too."""
    with bench.call() as call:
        groups.put_group(call, "legal", [bench.bob.person])
        groups.put_group(call, "leads", [bench.dora.person])
    document = patient(group="legal", escalate={"after": "PT24H", "to": "leads"}, **more)
    return bench.asked(policy=document), bench.dora


def test_the_further_group_votes_only_from_the_escalation_on(bench: Bench) -> None:
    case, dora = led(bench)
    bench.clock.move(DAY - MOMENT)
    assert codes(bench.do(service.approve, case.task_id, by=dora)) == ["not_entitled"]
    bench.clock.move(MOMENT)  # no clock has asked what is due: the moment alone decides
    assert bench.did(service.approve, case.task_id, by=dora).state == "active"


def test_an_escalation_is_told_once_whatever_the_clock_does(bench: Bench) -> None:
    listen(bench)
    led(bench)
    assert later(bench, DAY) == ["escalated"]
    assert [later(bench, by) for by in (-HOUR, HOUR, WEEK)] == [[], [], []]


def test_escalation_and_reminders_go_side_by_side(bench: Bench) -> None:
    listen(bench)
    led(bench, remind_after="PT10H")
    assert [later(bench, HOUR * hours) for hours in (10, 10, 4, 6, 4)] == [
        ["reminded"], ["reminded"], ["escalated", "reminded"], [], ["reminded"],
    ]  # fmt: skip


def test_an_escalation_that_a_jump_passed_over_is_told_with_the_reminder(bench: Bench) -> None:
    listen(bench)
    led(bench, remind_after="PT10H")
    assert later(bench, WEEK) == ["escalated", "reminded"]
    assert later(bench, HOUR * 10) == ["reminded"]


def test_escalation_lets_in_nobody_who_asked(bench: Bench) -> None:
    eve = bench.person("eve", "lexi", "campaigns:execute")
    with bench.call() as call:
        groups.put_group(call, "legal", [bench.bob.person])
        groups.put_group(call, "leads", [eve.person])
    escalate = {"after": "PT1H", "to": "leads"}
    bench.policy(patient(group="legal", escalate=escalate, separation="requester"))
    case = bench.did(service.start, bench.draft(), by=eve)
    bench.clock.move(HOUR)
    assert codes(bench.do(service.approve, case.task_id, by=eve)) == ["separation_of_duties"]


# Deadlines


def late(bench: Bench, by: Actor, task: str, since: Instant, verb: Any = service.vote) -> Any:
    """A vote of a worker who looked at the clock long ago and waited for the lock since."""
    with bench.call(by) as call:
        return verb(replace(call, now=since, clock=bench.clock), task, Ballot("approve"))


@pytest.mark.parametrize("ticked", [False, True])
def test_a_late_worker_lets_no_late_vote_in(bench: Bench, ticked: bool) -> None:
    case = bench.asked(policy=asking(expires_after="PT1H"))
    bench.clock.move(HOUR)
    if ticked:
        bench.tick.once()
    outcome = late(bench, bench.bob, str(case.task_id), since=NOW)
    assert codes(outcome) == ["task_decided"]
    assert outcome.blockers[0].figures["decision"] == "expired"
    after = bench.case(case.id)
    assert (after.state, after.task_status, after.permit_id) == ("draft", "expired", None)


def test_a_vote_in_the_last_moment_counts_by_the_clock_of_the_transaction(bench: Bench) -> None:
    case = bench.asked(policy=asking(expires_after="PT1H"))
    bench.clock.move(HOUR - MOMENT)
    assert late(bench, bench.bob, str(case.task_id), since=NOW).case.state == "active"


def test_silence_never_approves(bench: Bench) -> None:
    case = bench.asked(policy=asking(quorum=2, expires_after="PT1H"))
    bench.did(service.approve, case.task_id, by=bench.bob)
    bench.clock.move(HOUR)
    bench.tick.once()
    assert (bench.case(case.id).state, bench.events(case.id)[-1]) == ("draft", "expire")
    assert bench.rows("SELECT count(*) FROM gonogo_permit") == [(0,)]


def test_what_expired_while_the_clock_ran_ahead_stays_expired(bench: Bench) -> None:
    case = bench.asked(policy=asking(expires_after="PT1H"))
    bench.clock.move(HOUR)
    bench.tick.once()
    bench.clock.move(-HOUR)
    assert codes(bench.do(service.approve, case.task_id, by=bench.bob)) == ["task_decided"]


BERLIN = {"zone": "Europe/Berlin"}  # Monday to Friday, nine to five
FRIDAY = Instant.from_utc(2026, 1, 9, 15)  # four in the afternoon there


def test_a_weekend_is_no_time_to_decide_in(bench: Bench) -> None:
    listen(bench)
    bench.clock.at = FRIDAY
    escalate = {"after": "PT3H", "to": "owners"}
    policy = asking(expires_after="PT4H", remind_after="PT2H", escalate=escalate, working_hours=BERLIN)
    case = bench.asked(policy=policy)
    monday = Instant.from_utc(2026, 1, 12, 8)  # nine
    assert (case.expires_at, case.nudge_at, case.escalates_at) == (monday + HOUR * 3, monday + HOUR, monday + HOUR * 2)
    assert later(bench, monday - FRIDAY) == []
    assert later(bench, HOUR) == ["reminded"]
    assert later(bench, HOUR) == ["escalated", "reminded"]
    bench.clock.move(HOUR - MOMENT)
    assert bench.did(service.approve, case.task_id, by=bench.bob).state == "active"


def test_a_question_lapses_with_the_lateness_that_a_start_is_forgiven(bench: Bench) -> None:
    bench.policy(asking())
    soon, never = (bench.did(service.start, bench.draft(start_at=NOW + HOUR * 2)) for _ in range(2))
    assert soon.expires_at == NOW + HOUR * 3
    bench.clock.move(HOUR * 3 - MINUTE)
    assert bench.did(service.approve, soon.task_id, by=bench.bob).state == "active"
    bench.clock.move(MINUTE)
    assert codes(bench.do(service.approve, never.task_id, by=bench.bob)) == ["task_decided"]


# Broken glass


def smashed(bench: Bench, **glass: object) -> Case:
    bench.policy(asking(break_glass=glass))
    olga = bench.person("olga", "admin", "lexi", "campaigns:execute")
    return bench.did(service.break_glass, bench.draft(), "on fire", by=olga)


def begin(bench: Bench, case: Case) -> list[str]:
    return codes(bench.do(service.begin, case.id, case.permit_id, by=machine(bench.workspace)))


@pytest.mark.parametrize(("glass", "span"), [({}, HOUR), ({"begin_within": "PT5M"}, MINUTE * 5)])
def test_a_permit_of_broken_glass_opens_the_door_for_a_short_time(
    bench: Bench, glass: Document, span: TimeDelta
) -> None:
    case = smashed(bench, **glass)
    bench.clock.move(span - MOMENT)
    bench.tick.once()
    assert bench.case(case.id).state == "active"
    bench.clock.move(MOMENT)
    assert begin(bench, case) == ["permit_lapsed"]
    bench.tick.once()
    assert (bench.case(case.id).state, bench.case(case.id).permit_id) == ("draft", None)
    assert bench.rows("SELECT reason FROM gonogo_permit_end") == [("lapsed",)]
    assert begin(bench, case) != []
    bench.jobs.run()
    assert bench.sink.messages == []


def test_what_has_begun_in_time_goes_on(bench: Bench) -> None:
    case = smashed(bench)
    assert begin(bench, case) == []
    bench.clock.move(WEEK)
    bench.tick.once()
    assert bench.case(case.id).state == "running"


def test_a_launch_that_paused_before_it_began_lapses_as_well(bench: Bench) -> None:
    case = smashed(bench)
    bench.did(service.pause, case.id)
    bench.clock.move(HOUR)
    bench.tick.once()
    assert bench.case(case.id).state == "draft"


def test_the_review_of_broken_glass_has_no_deadline(bench: Bench) -> None:
    smashed(bench)
    bench.clock.move(WEEK * 52)
    bench.tick.once()
    assert bench.rows("SELECT status FROM gonogo_task WHERE kind = 'break_glass_review'") == [("pending",)]


def test_a_question_that_broken_glass_made_idle_is_never_due_again(bench: Bench) -> None:
    bench.policy(asking(break_glass={}, expires_after="PT2H"))
    olga = bench.person("olga", "admin", "lexi", "campaigns:execute")
    case = bench.did(service.start, bench.draft())
    bench.did(service.break_glass, case.id, "on fire", by=olga)
    bench.jobs.run()
    bench.clock.move(WEEK)
    bench.tick.once()
    assert bench.tick.once() == 0


# Permits


def test_a_permit_opens_nothing_once_it_was_revoked(bench: Bench) -> None:
    old = bench.launched()
    bench.did(service.revoke, old.id, by=bench.bob)
    assert begin(bench, old) == ["not_offered"]
    again = bench.did(service.resume, old.id)
    new = bench.did(service.approve, again.task_id, by=bench.cid)
    assert new.permit_id != old.permit_id
    assert begin(bench, old) == ["permit_mismatch"]
    assert begin(bench, new) == []


def test_a_launch_in_flight_stops_at_the_batch_after_its_revocation(bench: Bench) -> None:
    case = bench.launched(12)

    def revoke(_: object) -> None:
        if len(bench.sink.messages) == 2:
            bench.did(service.revoke, case.id, by=bench.bob)

    bench.sink.answers = revoke
    bench.jobs.run()
    assert len(bench.sink.messages) <= 4  # what was claimed goes out, and no more
    assert bench.case(case.id).state == "paused"


# Questions about the policy


def proposed(bench: Bench) -> tuple[str, Actor]:
    """A change of the policy that an owner must approve within an hour, and an owner who did not write it."""
    olga = bench.person("olga", "admin", "lexi")
    bench.policy(asking(expires_after="PT1H", changes={"stages": [{"group": "owners"}]}))
    with bench.call() as call:
        task = workspaces.write_policy(call, {"approval": "off", "reason": "in a hurry"}).task_id
    return str(task), olga


def status(bench: Bench, task: str) -> tuple[str, int]:
    with bench.call() as call:
        row = stored.read(call.connection, bench.workspace, task)
        return row.status, workspaces.current_policy(call)[0]


def test_a_change_of_the_policy_expires_by_the_clock(bench: Bench) -> None:
    task, _ = proposed(bench)
    bench.clock.move(HOUR - MOMENT)
    bench.tick.once()
    assert status(bench, task) == ("pending", 1)
    bench.clock.move(MOMENT)
    bench.tick.once()
    assert status(bench, task) == ("expired", 1)


def test_a_late_worker_lets_no_late_change_of_the_policy_in(bench: Bench) -> None:
    task, olga = proposed(bench)
    bench.clock.move(HOUR)
    assert codes(late(bench, olga, task, NOW, questions.vote)) == ["task_decided"]
    assert status(bench, task) == ("expired", 1)


def test_a_change_of_the_policy_approved_in_time_is_in_force(bench: Bench) -> None:
    task, olga = proposed(bench)
    bench.clock.move(HOUR - MOMENT)
    assert codes(late(bench, olga, task, NOW, questions.vote)) == []
    assert status(bench, task) == ("approved", 2)
    with bench.call() as call:
        assert parse(workspaces.current_policy(call)[1]) == parse({"approval": "off", "reason": "in a hurry"})
