"""How far launches are: sums, rates and when it may be over, read from what was written with each batch."""

import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo import progress, service
from gonogo.content import Content, Step, Template
from gonogo.progress import Minute, Progress
from gonogo.store import ledger
from gonogo.store.cases import Case
from support.engine import NOW, SEQUENCE, Bench, people

MINUTE = TimeDelta(minutes=1)
THREE = Content(tuple(Step(0, Template("Hello", "Hello.", None)) for _ in range(3)))


def at(bench: Bench, case: Case) -> Progress:
    with bench.call() as call:
        return progress.progress(call, case.id)


def settle(bench: Bench, case: Case, count: int) -> None:
    """What a worker that settled so many now writes down besides the messages themselves."""
    with bench.engine.begin() as connection:
        ledger.count_minute(connection, str(case.run_id), {"sent": count}, bench.clock.now())


def newcomers(bench: Bench, case: Case) -> int:
    with bench.call() as call:
        return progress.newcomers(call, case.id)


def test_the_rate_is_that_of_the_last_five_full_minutes_since_it_began(bench: Bench) -> None:
    bench.clock.move(TimeDelta(seconds=20))
    case = bench.running(1000)
    rates = []
    for settled in (30, 60, 60, 60, 60, 60, 0):
        settle(bench, case, settled)
        bench.clock.move(TimeDelta(seconds=40))
        rates.append(at(bench, case).rate_per_minute)
        bench.clock.move(TimeDelta(seconds=20))
    assert rates == [None, 60.0, 60.0, 60.0, 60.0, 60.0, 48.0]


def test_when_it_is_over_is_told_from_the_rate_and_only_while_it_goes_on(bench: Bench) -> None:
    case = bench.running(10)
    bench.claim(case, 4, sent=3)
    settle(bench, case, 3)
    assert (at(bench, case).rate_per_minute, at(bench, case).eta) == (None, None)
    bench.clock.move(MINUTE)
    told = at(bench, case)
    assert (told.sent, told.claimed, told.pending, told.rate_per_minute) == (3, 1, 6, 3.0)
    assert told.eta == NOW + MINUTE + TimeDelta(seconds=140)  # seven, at three a minute
    bench.write("UPDATE gonogo_run SET waiting_for = 'window' WHERE id = :run", run=case.run_id)
    assert at(bench, case).eta is None
    bench.write("UPDATE gonogo_run SET waiting_for = 'interval' WHERE id = :run", run=case.run_id)
    assert at(bench, case).eta == told.eta
    bench.did(service.pause, case.id)
    paused = at(bench, case)
    assert (paused.rate_per_minute, paused.eta, paused.waiting_for) == (None, None, None)


def test_nobody_can_tell_when_a_sequence_is_over_before_its_last_message(bench: Bench) -> None:
    case = bench.running(4, content=SEQUENCE)
    settle(bench, case, 2)
    bench.clock.move(MINUTE)
    assert (at(bench, case).rate_per_minute, at(bench, case).eta) == (2.0, None)


def test_every_message_is_counted_once_whatever_became_of_it(bench: Bench) -> None:
    case = bench.running(5, content=THREE)
    bench.claim(case, 3, sent=2)
    told = at(bench, case)
    assert (told.messages, told.settled, told.pending, told.claimed) == (15, 2, 12, 1)
    bench.did(service.cancel, case.id)
    told = at(bench, case)
    assert (told.messages, told.pending, told.cancelled, told.is_over) == (15, 0, 12, True)


def test_what_waits_is_told_with_the_moment(bench: Bench) -> None:
    case = bench.launched(3, settings={"daily_limit": 2})
    bench.jobs.run()
    told = at(bench, case)
    assert (told.sent, told.waiting_for, told.until) == (2, "daily_limit", Instant.from_utc(2026, 1, 6))


def test_the_last_hour_is_shown_minute_by_minute(bench: Bench) -> None:
    case = bench.running(1000)
    for settled, pause in ((5, 90), (7, 30), (9, 60)):
        settle(bench, case, settled)
        bench.clock.move(TimeDelta(seconds=pause))
    draft = bench.draft()
    with bench.call() as call:
        shown = progress.by_minute(call, case.id)
        assert progress.by_minute(call, draft) == []
    assert shown == [Minute(NOW, 5, 0), Minute(NOW + MINUTE, 7, 0), Minute(NOW + 2 * MINUTE, 9, 0)]
    bench.clock.move(TimeDelta(hours=1))
    with bench.call() as call:
        assert progress.by_minute(call, case.id) == []


def test_who_comes_while_it_is_sending_is_counted_until_the_next_run_takes_them(bench: Bench) -> None:
    draft = bench.draft()
    with bench.call() as call:
        assert progress.newcomers(call, draft) == 0
    case = bench.running(3)
    assert newcomers(bench, case) == 0
    bench.did(service.add_contacts, case.id, people(5))  # three of them are known
    bench.did(service.add_contacts, case.id, [{"email": "no@example.com", "consent": False}])
    assert newcomers(bench, case) == 2
    bench.did(service.remove_contact, case.id, "p2@example.com")  # the last one of those who came in time
    assert newcomers(bench, case) == 2
    bench.clock.move(MINUTE)
    bench.did(service.revoke, case.id, by=bench.bob)
    asked = bench.did(service.resume, case.id)
    assert (asked.run, newcomers(bench, case)) == (2, 0)
    bench.did(service.approve, asked.task_id, by=bench.cid)
    bench.clock.move(MINUTE)
    bench.did(service.add_contacts, case.id, people(1, start=9))
    assert newcomers(bench, case) == 1


def test_many_campaigns_are_asked_about_in_one_question(bench: Bench) -> None:
    running, draft, gone = bench.running(3), bench.draft(), bench.draft()
    with bench.call() as call:
        service.remove(call, gone)
    statements: list[str] = []
    with bench.engine.begin() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
        found = progress.look(connection, [running.id, draft, gone, "nothing"], bench.clock.now())
    assert (set(found), len(statements)) == ({running.id, draft}, 1)
    told = progress.shown(found[draft], bench.clock.now())
    assert (told.state, told.messages, told.rate_per_minute, told.is_over) == ("draft", 0, None, False)
