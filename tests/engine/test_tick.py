"""What time makes due: each thing once, by one process of many, and one campaign's trouble does not hold up others."""

import pytest
from whenever import TimeDelta

from gonogo import service, tick
from gonogo.actor import machine
from gonogo.call import Call, Outcome
from gonogo.tick import Tick
from support.engine import HOUR, NOW, Bench, asking, snapshot

SECOND = TimeDelta(seconds=1)
DAY = TimeDelta(hours=24)


def another(bench: Bench) -> Tick:
    """The clock of another process."""
    return Tick(bench.engine, bench.jobs, bench.clock, late_start=HOUR)


def _but_for_the_clock(bench: Bench) -> dict[str, list[str]]:
    """Every row but the one that counts the clock's turns."""
    return {name: rows for name, rows in snapshot(bench.engine).items() if name != "gonogo_lease"}


def test_with_nothing_due_nothing_is_done(bench: Bench) -> None:
    bench.asked()
    bench.launched(start_at=NOW + DAY)
    bench.draft()
    bench.tick.once()
    before = _but_for_the_clock(bench)
    assert bench.tick.once() == 0
    assert _but_for_the_clock(bench) == before


# One of many


def test_one_process_has_the_tick_to_itself_until_it_is_gone_for_a_while(bench: Bench) -> None:
    bench.launched(start_at=NOW + SECOND)
    second = another(bench)
    assert bench.tick.once() == 0  # nothing is due yet, and the turn is taken
    bench.clock.move(SECOND)
    assert second.once() == 0
    bench.clock.move(tick.TURN)
    assert second.once() == 1
    assert bench.tick.once() == 0
    assert bench.scalar("SELECT holder FROM gonogo_lease WHERE token = 'tick'") == second.name


def test_the_very_first_tick_does_its_work(bench: Bench) -> None:
    bench.asked()
    bench.clock.move(DAY * 3)
    assert bench.tick.once() == 1


def test_a_clock_that_was_set_back_stops_nobody(bench: Bench) -> None:
    bench.tick.once()
    bench.clock.move(-HOUR)
    case = bench.launched(start_at=bench.clock.now() + SECOND)
    bench.clock.move(SECOND)
    assert another(bench).once() == 1
    assert bench.case(case.id).state == "active"


def test_whoever_keeps_ticking_keeps_the_turn(bench: Bench) -> None:
    second = another(bench)
    for _ in range(5):
        bench.tick.once()
        bench.clock.move(tick.TURN - SECOND)
        assert second.once() == 0
        assert bench.scalar("SELECT holder FROM gonogo_lease WHERE token = 'tick'") == bench.tick.name


# The start time


def test_a_campaign_starts_when_its_time_has_come_and_not_a_moment_before(bench: Bench) -> None:
    case = bench.launched(start_at=NOW + DAY)
    assert case.state == "scheduled"
    bench.clock.move(DAY - TimeDelta(microseconds=1))
    assert bench.tick.once() == 0
    bench.clock.move(TimeDelta(microseconds=1))
    assert bench.tick.once() == 1
    assert bench.case(case.id).state == "active"
    bench.jobs.run()
    assert bench.case(case.id).state == "completed"
    assert len(bench.sink.messages) == 3


def test_a_little_lateness_is_forgiven(bench: Bench) -> None:
    case = bench.launched(start_at=NOW + DAY)
    bench.clock.move(DAY + HOUR)
    bench.tick.once()
    assert bench.case(case.id).state == "active"


def test_a_start_missed_by_more_pauses_with_the_reason(bench: Bench) -> None:
    case = bench.launched(start_at=NOW + DAY)
    bench.clock.move(DAY + HOUR + TimeDelta(microseconds=1))
    assert bench.tick.once() == 1
    paused = bench.case(case.id)
    assert (paused.state, paused.paused_reason, paused.permit_id) == ("paused", "start_missed", case.permit_id)
    assert bench.tick.once() == 0
    assert bench.jobs.run() == []


def test_a_paused_campaign_is_not_started_by_its_time(bench: Bench) -> None:
    case = bench.launched(start_at=NOW + DAY)
    bench.did(service.pause, case.id)
    bench.clock.move(DAY)
    assert bench.tick.once() == 0
    assert bench.case(case.id).state == "paused"


def test_campaigns_start_in_order_of_their_time_and_none_is_left(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick, "MOST", 2)
    cases = [bench.launched(1, start_at=NOW + HOUR * n) for n in (3, 1, 2, 5, 4)]
    bench.clock.move(HOUR * 5)
    bench.tick.late_start = HOUR * 9
    assert [bench.tick.once() for _ in range(4)] == [2, 2, 1, 0]
    bench.jobs.run()
    assert {bench.case(case.id).state for case in cases} == {"completed"}


# Deadlines


def test_a_task_expires_at_its_deadline_and_not_a_moment_before(bench: Bench) -> None:
    case = bench.asked(policy=asking(expires_after="PT2H"))
    bench.clock.move(HOUR * 2 - TimeDelta(microseconds=1))
    assert bench.tick.once() == 0
    bench.clock.move(TimeDelta(microseconds=1))
    assert bench.tick.once() == 1
    expired = bench.case(case.id)
    assert (expired.state, expired.task_status, expired.closed_as) == ("draft", "expired", "superseded")
    assert bench.events(case.id)[-1] == "expire"
    assert bench.tick.once() == 0


def test_the_clock_writes_its_steps_in_nobodys_name(bench: Bench) -> None:
    case = bench.asked()
    bench.clock.move(DAY * 3)
    bench.tick.once()
    last = "SELECT actor, person FROM gonogo_step WHERE campaign_id = :id ORDER BY seq DESC LIMIT 1"
    assert bench.rows(last, id=case.id) == [("system", "system")]


# Trouble


def test_the_trouble_of_one_campaign_does_not_hold_up_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (bench.launched(1, start_at=NOW + HOUR * n) for n in (1, 2))
    due = service.due

    def troubled(call: Call, campaign: str) -> Outcome:
        if campaign == first.id:
            raise ZeroDivisionError
        return due(call, campaign)

    monkeypatch.setattr(service, "due", troubled)
    bench.clock.move(HOUR * 2)
    assert bench.tick.once() == 2
    assert (bench.case(first.id).state, bench.case(second.id).state) == ("scheduled", "active")
    assert "failed" in caplog.text
    monkeypatch.setattr(service, "due", due)
    bench.tick.once()
    assert bench.case(first.id).state == "active"


def test_what_was_done_meanwhile_by_somebody_else_is_not_done_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the question and the deed there is no lock."""
    case = bench.launched(start_at=NOW + HOUR)
    due = service.due

    def overtaken(call: Call, campaign: str) -> Outcome:
        due(call, campaign)
        return due(call, campaign)

    monkeypatch.setattr(service, "due", overtaken)
    bench.clock.move(HOUR)
    bench.tick.once()
    assert bench.events(case.id).count("due") == 1
    assert len(bench.jobs.run()) == 1
    assert len(bench.sink.messages) == 3


# Campaigns that nobody is busy with


def test_a_campaign_that_is_being_sent_is_left_alone(bench: Bench) -> None:
    case = bench.running(9)
    bench.claim(case, 2)
    for _ in range(20):
        bench.clock.move(SECOND * 4)
        bench.write("UPDATE gonogo_lease SET until = :until WHERE token <> 'tick'", until=_stored(bench, SECOND * 5))
        assert bench.tick.once() == 0


def test_a_lease_renewed_between_the_question_and_the_deed_is_not_taken(bench: Bench) -> None:
    case = bench.running(9)
    bench.claim(case, 2, "alive")
    assert bench.do(service.take_over, case.id, "alive", by=machine(bench.workspace)).case.dispatch == case.dispatch
    assert bench.states(case.id) == {"claimed": 2}


def test_a_second_message_that_is_not_due_yet_wakes_nobody(bench: Bench) -> None:
    case = bench.running(3)
    bench.jobs.forget()
    bench.write("UPDATE gonogo_run SET wake_at = :at", at=_stored(bench, DAY))
    bench.clock.move(HOUR)
    assert bench.tick.once() == 0
    bench.clock.move(DAY)
    assert bench.tick.once() == 1
    assert bench.case(case.id).dispatch == case.dispatch + 1


def _stored(bench: Bench, ahead: TimeDelta) -> object:
    """A moment as the database keeps it."""
    at = bench.clock.at + ahead
    return at.format_iso(unit="microsecond") if bench.engine.dialect.name == "sqlite" else at.to_stdlib()
