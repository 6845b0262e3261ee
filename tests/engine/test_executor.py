"""From an active campaign to a completed one, whatever happens in between: at most once each, and nobody forgotten.

The rows themselves are audited after every test (`conftest.bench`): sums, seals, and that nobody got two.
"""

import threading
import time
from collections.abc import Callable, Sequence

import pytest
from whenever import TimeDelta

from gonogo import proposal, service
from gonogo.content import Content, Step, Template
from gonogo.execution import executor
from gonogo.execution.channels import ChannelUnavailable, Delivery, Message, Receipt
from gonogo.execution.segment import message_id
from gonogo.store import ledger
from gonogo.store.cases import Case
from gonogo.store.ledger import Settled
from gonogo.why import why
from support.engine import HELLO, NOW, SEQUENCE, Bench, asking, codes, people, snapshot

LAPSE = TimeDelta(seconds=6)  # more than a lease lasts
DAY = TimeDelta(hours=24)


def everybody(count: int) -> list[str]:
    return [f"p{n}@example.com" for n in range(count)]


def at(number: int, act: Callable[[], object]) -> Callable[[Message], None]:
    """For `Sink.answers`: act once, before the message of that number (from 0) is taken."""
    seen = iter(range(10_000))

    def answers(_: Message) -> None:
        if next(seen) == number:
            act()

    return answers


def finish(bench: Bench) -> None:
    """Let time pass until everything that should end has ended."""
    for _ in range(4):
        bench.jobs.run()
        bench.clock.move(LAPSE * 6)
        bench.tick.once()
    assert bench.jobs.pending() == []


# The plain way


def test_everybody_gets_one_message_in_order_and_the_campaign_completes(bench: Bench) -> None:
    case = bench.launched(10)
    bench.jobs.run()
    assert bench.sink.addresses == everybody(10)
    assert [message.subject for message in bench.sink.messages[:2]] == ["Hello N0", "Hello N1"]
    ended = bench.case(case.id)
    assert (ended.state, ended.sent, ended.settled, ended.closed_as) == ("completed", 10, 10, "completed")
    assert bench.events(case.id)[-2:] == ["begin", "complete"]


def test_a_message_says_what_was_sealed_and_is_always_the_same(bench: Bench) -> None:
    case = bench.launched(2, sender={"email": "go@acme.example", "name": "Acme"})
    bench.jobs.run()
    second = bench.sink.messages[1]
    assert second == Message(
        message_id=f"<{case.run_id}.0.1@gonogo>",
        sender_email="go@acme.example",
        sender_name="Acme",
        address="p1@example.com",
        subject="Hello N1",
        body="Dear N1,\n\nwe launch.",
        html=None,
        date=NOW,
    )
    assert message_id(str(case.run_id), 0, 1) == second.message_id


def test_the_clock_of_a_template_is_the_sealed_start_not_the_moment_of_sending(bench: Bench) -> None:
    content = Content((Step(0, Template("{{ today }}", "{{ 'now' | date: '%H:%M' }}", None)),))
    case = bench.launched(1, content=content, start_at=NOW + DAY)
    bench.clock.move(DAY + TimeDelta(minutes=20))
    bench.tick.once()
    bench.jobs.run()
    assert [(each.subject, each.body) for each in bench.sink.messages] == [("2026-01-06", "09:00")]
    assert bench.case(case.id).state == "completed"


def test_a_long_list_is_sent_in_segments_each_a_job_of_its_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "BATCHES", 2)
    case = bench.launched(20)
    assert bench.jobs.run() == [f"run-{case.run_id}-1-{segment}" for segment in range(3)]
    assert bench.sink.addresses == everybody(20)
    assert bench.case(case.id).state == "completed"


def test_a_campaign_without_a_channel_fails_and_says_why(bench: Bench) -> None:
    case = bench.launched(2, channel="webhook")
    bench.jobs.run()
    failed = bench.case(case.id)
    assert (failed.state, failed.launch_error) == ("failed", "no channel for webhook is set up")
    assert bench.states(case.id) == {}


# Messages that do not go out


def test_what_becomes_of_each_message_is_told_of_each(bench: Bench) -> None:
    receipts = [Receipt("rejected", "no such box"), Receipt("failed", "try later"), Receipt("unknown", "cut off")]
    answers = iter([None, *receipts, None])
    bench.sink.answers = lambda _: next(answers)
    case = bench.launched(5)
    bench.jobs.run()
    told = "SELECT state, error FROM gonogo_ledger WHERE campaign_id = :id ORDER BY position"
    assert bench.rows(told, id=case.id) == [
        ("sent", None),
        ("rejected", "no such box"),
        ("failed", "try later"),
        ("unknown", "cut off"),
        ("sent", None),
    ]
    ended = bench.case(case.id)
    assert (ended.state, ended.sent, ended.rejected, ended.failed, ended.unknown) == ("completed", 2, 1, 1, 1)


def test_a_message_that_can_not_be_made_fails_alone(bench: Bench) -> None:
    content = Content((Step(0, Template("Hello {{ company.name }}", "Hello", None)),))
    campaign = bench.draft(0, content=content)
    contacts = [{**each, "company": {"name": "Acme"} if n != 1 else {}} for n, each in enumerate(people(6))]
    bench.do(service.add_contacts, campaign, contacts)
    bench.did(service.start, campaign)
    bench.jobs.run()
    assert bench.sink.addresses == [each for n, each in enumerate(everybody(6)) if n != 1]
    assert bench.states(campaign) == {"sent": 5, "failed": 1}
    assert "company.name" in bench.scalar("SELECT error FROM gonogo_ledger WHERE state = 'failed'")
    assert bench.case(campaign).state == "completed"


def test_who_was_erased_after_the_seal_is_skipped(bench: Bench) -> None:
    case = bench.launched(6)
    erase = """
        UPDATE gonogo_payload SET salt = NULL, body = NULL
        WHERE digest = (SELECT payload FROM gonogo_audience WHERE run_id = :run AND position = 2)"""
    bench.write(erase, run=case.run_id)
    bench.jobs.run()
    assert bench.sink.addresses == [each for n, each in enumerate(everybody(6)) if n != 2]
    assert bench.states(case.id) == {"sent": 5, "skipped": 1}
    assert bench.case(case.id).state == "completed"


# The channel is down


def down(_: Message) -> Receipt:
    raise ChannelUnavailable("The relay is down.")


def after(count: int, answer: Callable[[Message], Receipt], bench: Bench) -> Callable[[Message], Receipt | None]:
    """For `Sink.answers`: once so many were taken, this answer."""
    return lambda message: answer(message) if len(bench.sink.messages) == count else None


def test_a_campaign_waits_for_a_channel_that_is_down_and_says_since_when(bench: Bench) -> None:
    bench.sink.answers = after(6, down, bench)
    case = bench.launched(20)
    bench.jobs.run()
    waiting = bench.case(case.id)
    assert (waiting.state, waiting.waiting_for, waiting.trouble) == ("running", "channel", "The relay is down.")
    assert (waiting.waiting_since, waiting.wake_at) == (NOW, NOW + TimeDelta(seconds=5))
    assert bench.sink.addresses == everybody(6)
    assert bench.states(case.id) == {"sent": 6, "deferred": 2}  # of the second batch; no third one was claimed


def test_once_the_channel_is_up_again_everybody_is_reached_once_and_nobody_had_to_act(bench: Bench) -> None:
    bench.sink.answers = after(6, down, bench)
    case = bench.launched(20)
    bench.jobs.run()
    bench.sink.answers = lambda _: None
    bench.tick.once()
    assert bench.jobs.run() == []  # it is not asked again before its time
    bench.clock.move(TimeDelta(seconds=5))
    finish(bench)
    ended = bench.case(case.id)
    assert (ended.state, ended.sent, ended.deferred, ended.waiting_for, ended.trouble) == (
        "completed",
        20,
        0,
        None,
        None,
    )
    assert sorted(bench.sink.addresses) == sorted(everybody(20))


def test_a_channel_that_stays_down_is_asked_less_and_less_often(bench: Bench) -> None:
    bench.sink.answers = down
    case = bench.launched(3)
    bench.jobs.run()
    pauses = []
    for _ in range(24):
        waiting = bench.case(case.id)
        assert (waiting.waiting_since, waiting.wake_at is not None) == (NOW, True)
        pause = waiting.wake_at - bench.clock.now()  # type: ignore[operator]  # just looked at
        pauses.append(pause.total("seconds"))
        bench.clock.move(pause)
        bench.tick.once()
        bench.jobs.run()
    assert pauses == sorted(pauses)
    assert (pauses[:3], pauses[-1]) == ([5, 5, 5], 300)
    assert bench.scalar("SELECT max(tries) FROM gonogo_ledger") == 0  # nobody tried these messages


def test_a_sender_that_is_refused_pauses_the_campaign_until_people_act(bench: Bench) -> None:
    def refused(_: Message) -> Receipt:
        raise ChannelUnavailable("The relay refuses the sender.", "people")

    bench.sink.answers = refused
    case = bench.launched(3)
    bench.jobs.run()
    paused = bench.case(case.id)
    assert (paused.state, paused.paused_reason, paused.wake_at) == ("paused", "The relay refuses the sender.", None)
    bench.sink.answers = lambda _: None
    bench.clock.move(DAY)
    bench.tick.once()
    assert bench.jobs.run() == []
    bench.did(service.resume, case.id)
    bench.jobs.run()
    assert bench.sink.addresses == everybody(3)


def test_a_full_disk_pauses_with_the_reason_and_goes_on_once_there_is_space(bench: Bench) -> None:
    def full(_: Message) -> Receipt:
        raise ChannelUnavailable("The maildir can't be written: No space left on device.", "space")

    bench.sink.answers = after(6, full, bench)
    case = bench.launched(10)
    bench.jobs.run()
    paused = bench.case(case.id)
    assert (paused.state, paused.paused_reason) == ("paused", "The maildir can't be written: No space left on device.")
    for _ in range(2):  # it looks again, and pauses again
        bench.clock.move(TimeDelta(minutes=1))
        bench.tick.once()
        bench.jobs.run()
        assert bench.case(case.id).state == "paused"
    bench.sink.answers = lambda _: None
    bench.clock.move(TimeDelta(minutes=1))
    finish(bench)
    assert bench.case(case.id).state == "completed"
    assert sorted(bench.sink.addresses) == sorted(everybody(10))


def test_what_a_person_paused_stays_so_also_where_it_waited_for_space(bench: Bench) -> None:
    def full(_: Message) -> Receipt:
        raise ChannelUnavailable("No space left on device.", "space")

    bench.sink.answers = full
    case = bench.launched(3)
    bench.jobs.run()
    assert bench.case(case.id).paused_reason == "No space left on device."
    bench.do(service.pause, case.id)
    assert (bench.case(case.id).paused_reason, bench.case(case.id).wake_at) == ("person", None)
    with bench.call() as call:
        assert "somebody wants it to stay so" in why(call, case.id)[0].message
    bench.sink.answers = lambda _: None
    bench.clock.move(TimeDelta(hours=1))
    finish(bench)
    assert (bench.case(case.id).state, bench.sink.addresses) == ("paused", [])
    bench.did(service.resume, case.id)
    finish(bench)
    assert bench.case(case.id).state == "completed"


def test_a_worker_that_is_stopped_gives_back_what_it_did_not_try(bench: Bench) -> None:
    def stop(_: Message) -> None:
        if len(bench.sink.messages) == 5:
            bench.executor.draining.set()

    bench.sink.answers = stop
    case = bench.launched(10)
    assert bench.jobs.run_one() is not None
    assert (bench.sink.addresses, bench.states(case.id)) == (everybody(6), {"sent": 6, "deferred": 2})
    assert (
        bench.rows("SELECT error, tries FROM gonogo_ledger WHERE state = 'deferred'")
        == [("The worker was stopped.", 0)] * 2
    )
    bench.executor.draining.clear()  # another worker
    bench.jobs.run()
    assert (bench.sink.addresses, bench.states(case.id)) == (everybody(10), {"sent": 10})


def test_a_launch_waits_in_line_with_those_of_its_own_kind_only(bench: Bench) -> None:
    by_mail, by_phone = bench.launched(2), bench.launched(2, channel="webhook")
    bench.asked(2)
    queues = {job.args[1]: job.queue for job in bench.jobs.pending()}
    assert queues == {by_mail.id: "email", by_phone.id: "channels"}


def test_of_a_batch_that_came_back_in_parts_every_part_is_what_it_is(bench: Bench) -> None:
    """A channel that sends side by side leaves out what stands between."""
    deliver, calls = bench.sink.deliver, []

    def in_parts(messages: Sequence[Message], in_time: Callable[[], bool]) -> Delivery:
        calls.append(len(messages))
        if len(calls) > 1:
            return deliver(messages, in_time)
        sent = deliver([messages[1], messages[3]], in_time).receipts
        return Delivery([None, sent[0], Receipt("rejected", "no"), sent[1]], "The relay is down.")

    bench.sink.deliver = in_parts  # type: ignore[method-assign]
    case = bench.launched(10)
    bench.jobs.run()
    assert bench.case(case.id).waiting_for == "channel"
    assert bench.states(case.id) == {"sent": 2, "deferred": 1, "rejected": 1}
    bench.clock.move(TimeDelta(seconds=5))
    finish(bench)
    everyone = everybody(10)
    assert bench.sink.addresses == [everyone[1], everyone[3], everyone[0], *everyone[4:]]


def test_what_could_not_be_made_durable_is_unknown(bench: Bench) -> None:
    flushes = iter([None, "The disk is full."])

    def flush() -> None:
        if reason := next(flushes):
            raise ChannelUnavailable(reason, "space")

    bench.sink.flushes = flush
    case = bench.launched(12)
    bench.jobs.run()
    assert bench.states(case.id) == {"sent": 4, "unknown": 4}
    paused = bench.case(case.id)
    assert (paused.state, paused.paused_reason) == ("paused", "The disk is full.")


def test_a_refusal_stays_one_where_the_flush_failed(bench: Bench) -> None:
    def flush() -> None:
        raise ChannelUnavailable("The disk is full.")

    bench.sink.flushes = flush
    bench.sink.answers = lambda message: Receipt("rejected", "no") if message.address == "p1@example.com" else None
    case = bench.launched(3)
    bench.jobs.run()
    assert bench.states(case.id) == {"unknown": 2, "rejected": 1}


def test_a_channel_that_breaks_in_an_unforeseen_way_costs_at_most_its_batch(bench: Bench) -> None:
    def break_() -> None:
        raise RuntimeError("never seen before")

    bench.sink.answers = at(5, break_)
    case = bench.launched(20)
    with pytest.raises(RuntimeError, match="never seen"):
        bench.jobs.run()
    finish(bench)
    assert len(set(bench.sink.addresses)) == len(bench.sink.addresses) == 17
    assert bench.states(case.id) == {"sent": 16, "unknown": 4}
    assert bench.case(case.id).state == "completed"


# Stopped, and set going again


def test_pausing_and_resuming_three_times_in_one_segment_loses_and_repeats_nothing(bench: Bench) -> None:
    case = bench.launched(20)

    def answers(_: Message) -> None:
        if len(bench.sink.messages) in (2, 9, 15):  # in the middle of a batch
            bench.did(service.pause, case.id)
            bench.did(service.resume, case.id)

    bench.sink.answers = answers
    bench.jobs.run()
    assert bench.sink.addresses == everybody(20)
    assert bench.states(case.id) == {"sent": 20}
    assert bench.events(case.id).count("resume") == 3
    ended = bench.case(case.id)
    assert (ended.state, ended.run, ended.dispatch) == ("completed", 1, 4)


@pytest.mark.parametrize("stopped_at", [0, 3, 4, 7])
def test_a_pause_is_felt_at_the_next_batch_and_what_is_claimed_still_goes_out(bench: Bench, stopped_at: int) -> None:
    case = bench.launched(20)
    bench.sink.answers = at(stopped_at, lambda: bench.did(service.pause, case.id, "lunch"))
    bench.jobs.run()
    out = 4 * (stopped_at // 4 + 1)
    assert bench.sink.addresses == everybody(out)
    paused = bench.case(case.id)
    assert (paused.state, paused.paused_reason, paused.cursor) == ("paused", "lunch", out)
    bench.did(service.resume, case.id)
    bench.jobs.run()
    assert bench.sink.addresses == everybody(20)


def test_a_campaign_paused_while_its_last_messages_go_out_completes(bench: Bench) -> None:
    case = bench.launched(6)
    bench.sink.answers = at(5, lambda: bench.did(service.pause, case.id))
    bench.jobs.run()
    assert bench.case(case.id).state == "completed"
    assert bench.sink.addresses == everybody(6)


def test_cancelling_in_mid_flight_names_what_can_not_be_stopped(bench: Bench) -> None:
    case = bench.launched(20)
    in_flight = []

    def cancel() -> None:
        in_flight.append(bench.do(service.cancel, case.id).in_flight)

    bench.sink.answers = at(5, cancel)
    bench.jobs.run()
    assert in_flight == [4]
    assert bench.sink.addresses == everybody(8)
    cancelled = bench.case(case.id)
    assert (cancelled.state, cancelled.closed_as, cancelled.sent) == ("cancelled", "cancelled", 8)


def test_a_revoked_launch_stops_and_its_next_run_reaches_only_the_rest(bench: Bench) -> None:
    case = bench.launched(20)
    bench.sink.answers = at(5, lambda: bench.did(service.revoke, case.id, by=bench.bob))
    bench.jobs.run()
    assert bench.sink.addresses == everybody(8)
    paused = bench.case(case.id)
    assert (paused.state, paused.permit_id, paused.paused_reason) == ("paused", None, "revoked")
    asked = bench.did(service.resume, case.id)
    assert (asked.state, asked.run, asked.recipients, asked.chain) == ("pending_approval", 2, 12, 20)
    bench.did(service.approve, asked.task_id, by=bench.cid)
    bench.jobs.run()
    assert bench.sink.addresses == everybody(20)
    assert bench.case(case.id).state == "completed"


def test_an_edit_of_a_paused_launch_changes_only_what_is_sent_from_then_on(bench: Bench) -> None:
    case = bench.launched(12)
    bench.sink.answers = at(0, lambda: bench.did(service.pause, case.id))
    bench.jobs.run()
    other = Content((Step(0, Template("Sorry, {{ name }}", "We meant well.", None)),))
    assert bench.did(service.revise, case.id, content=other).state == "paused"
    asked = bench.did(service.resume, case.id)
    bench.did(service.approve, asked.task_id, by=bench.bob)
    bench.jobs.run()
    subjects = [message.subject for message in bench.sink.messages]
    assert subjects == [f"Hello N{n}" for n in range(4)] + [f"Sorry, N{n}" for n in range(4, 12)]


def test_newcomers_wait_while_a_launch_is_sending(bench: Bench) -> None:
    case = bench.launched(6)
    bench.sink.answers = at(2, lambda: bench.do(service.add_contacts, case.id, people(3, start=6)))
    bench.jobs.run()
    assert bench.sink.addresses == everybody(6)
    assert bench.case(case.id).state == "completed"
    bench.did(service.reopen, case.id)
    asked = bench.did(service.start, case.id)
    assert asked.recipients == 3


def test_newcomers_are_reached_by_a_run_of_their_own_where_the_policy_asks_nobody(bench: Bench) -> None:
    campaign = bench.draft(6)
    case = bench.did(service.start, campaign)  # the built-in policy permits a few at once
    more = iter([("p0@example.com", people(3, start=6)), ("p1@example.com", people(1, start=9))])

    def join(_: Message) -> None:
        if len(bench.sink.messages) in (2, 7):
            leaves, join = next(more)
            bench.do(service.add_contacts, campaign, join)
            bench.do(service.remove_contact, campaign, leaves)  # so that numbers alone tell nothing

    bench.sink.answers = join
    bench.jobs.run()
    assert sorted(bench.sink.addresses) == sorted(everybody(10))
    ended = bench.case(case.id)
    assert (ended.state, ended.run, ended.recipients) == ("completed", 3, 1)
    assert bench.jobs.pending() == []


def test_a_run_for_newcomers_that_people_must_decide_about_is_not_even_proposed(bench: Bench) -> None:
    case = bench.launched(6)
    bench.sink.answers = at(2, lambda: bench.do(service.add_contacts, case.id, people(3, start=6)))
    bench.jobs.run()
    assert bench.events(case.id)[-1] == "complete"
    assert (bench.case(case.id).run, bench.case(case.id).generation) == (1, 0)


# Jobs that come late, twice, or never


def segment(bench: Bench, case: Case, dispatch: int = 1, number: int = 0) -> None:
    """The job as the job engine runs it."""
    bench.executor.segment(case.workspace, case.id, dispatch, number, str(case.permit_id))


def test_a_job_of_an_older_dispatch_does_nothing(bench: Bench) -> None:
    case = bench.launched(6)
    bench.did(service.pause, case.id)
    bench.did(service.resume, case.id)
    before = snapshot(bench.engine)
    segment(bench, case, dispatch=1)
    segment(bench, case, dispatch=3)
    assert (snapshot(bench.engine), bench.sink.messages) == (before, [])
    segment(bench, case, dispatch=2)
    assert bench.sink.addresses == everybody(6)


def test_a_job_that_runs_again_after_the_end_does_nothing(bench: Bench) -> None:
    case = bench.launched(6)
    segment(bench, case)
    before = snapshot(bench.engine)
    segment(bench, case)
    segment(bench, case, number=1)
    assert (snapshot(bench.engine), len(bench.sink.messages)) == (before, 6)


@pytest.mark.parametrize("number", [0, 5, 9])
def test_the_same_job_running_twice_at_once_does_nobody_harm(bench: Bench, number: int) -> None:
    case = bench.launched(10)
    bench.sink.answers = at(number, lambda: segment(bench, case))
    bench.jobs.run()
    finish(bench)
    assert sorted(bench.sink.addresses) == sorted(everybody(10))
    assert bench.states(case.id) == {"sent": 10}
    assert bench.case(case.id).state == "completed"


@pytest.mark.parametrize("number", [0, 5, 9])
def test_nor_where_a_second_message_follows_days_later(bench: Bench, number: int) -> None:
    case = bench.launched(10, content=SEQUENCE)
    bench.sink.answers = at(number, lambda: segment(bench, case))
    bench.jobs.run()
    finish(bench)
    assert sorted(bench.sink.addresses) == sorted(everybody(10))
    assert {message.subject.split()[0] for message in bench.sink.messages} == {"Hello"}
    bench.clock.move(DAY * 2)
    finish(bench)
    assert sorted(bench.sink.addresses) == sorted([*everybody(10), *everybody(10)])
    assert bench.case(case.id).state == "completed"


def test_a_segment_that_runs_again_beside_its_successor_does_nobody_harm(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "BATCHES", 1)
    case = bench.launched(10)
    bench.sink.answers = at(5, lambda: segment(bench, case))
    bench.jobs.run()
    finish(bench)
    assert sorted(bench.sink.addresses) == sorted(everybody(10))
    assert bench.case(case.id).state == "completed"


def test_a_campaign_whose_job_was_lost_is_handed_out_again(bench: Bench) -> None:
    case = bench.launched(6)
    bench.jobs.forget()
    bench.tick.once()
    assert bench.jobs.pending() == []  # not yet: it may be on its way
    finish(bench)
    assert bench.sink.addresses == everybody(6)
    assert bench.case(case.id).state == "completed"


def test_nobody_but_the_executor_with_its_permit_begins(bench: Bench) -> None:
    case, other = bench.launched(2), bench.launched(2)
    for presented in (None, "junk", other.permit_id):
        assert codes(bench.do(service.begin, case.id, presented)) == ["permit_mismatch"]
    assert bench.did(service.begin, case.id, case.permit_id).state == "running"


# Workers that stand still, or die


def test_a_worker_past_its_lease_sends_nothing_more(bench: Bench) -> None:
    def stand_still() -> None:
        bench.monotonic += 10

        bench.clock.move(LAPSE)
        bench.tick.once()  # another process takes the run over

    case = bench.launched(12)
    bench.sink.answers = at(5, stand_still)
    bench.jobs.run_one()
    assert bench.sink.addresses == everybody(6)  # the one that was on its way, and none after it
    bench.sink.answers = lambda _: None
    finish(bench)
    assert bench.case(case.id).state == "completed"
    assert bench.sink.addresses == [*everybody(6), *everybody(12)[8:]]
    assert bench.states(case.id) == {"sent": 8, "unknown": 4}


def test_a_slow_batch_keeps_its_lease(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a relay takes its time, the lease is renewed, again and again."""
    monkeypatch.setattr(executor, "LEASE", TimeDelta(seconds=0.5))
    renewed = threading.Event()

    def wait_for_two_renewals() -> None:
        until = bench.scalar("SELECT until FROM gonogo_lease WHERE campaign_id IS NOT NULL")
        for _ in range(2):
            bench.clock.move(TimeDelta(seconds=0.2))
            deadline = time.monotonic() + 10
            while bench.scalar("SELECT until FROM gonogo_lease WHERE campaign_id IS NOT NULL") == until:
                assert time.monotonic() < deadline
                renewed.wait(0.01)
            until = bench.scalar("SELECT until FROM gonogo_lease WHERE campaign_id IS NOT NULL")

    case = bench.launched(3)
    bench.sink.answers = at(1, wait_for_two_renewals)
    bench.jobs.run()
    assert bench.states(case.id) == {"sent": 3}


def test_a_lapsed_worker_is_taken_over_and_what_it_held_is_unknown(bench: Bench) -> None:
    case = bench.running(10)
    bench.jobs.forget()  # the job died with its worker
    bench.claim(case, 4, sent=1)
    bench.clock.move(TimeDelta(seconds=4))
    assert bench.tick.once() == 0
    bench.clock.move(TimeDelta(seconds=2))
    assert bench.tick.once() == 1
    assert bench.states(case.id) == {"sent": 1, "unknown": 3}
    bench.jobs.run()
    assert bench.sink.addresses == everybody(10)[4:]
    assert bench.case(case.id).state == "completed"
    assert bench.states(case.id) == {"sent": 7, "unknown": 3}


def test_a_worker_that_died_is_settled_also_where_another_sent_the_rest_before(bench: Bench) -> None:
    case = bench.running(10)
    bench.claim(case, 4, sent=1)
    bench.jobs.run()  # the job engine ran the job again, at once
    assert bench.sink.addresses == everybody(10)[4:]
    assert bench.case(case.id).state == "running"  # not complete: nobody can tell yet what the dead one did
    finish(bench)
    assert bench.case(case.id).state == "completed"
    assert bench.states(case.id) == {"sent": 7, "unknown": 3}
    assert bench.sink.addresses == everybody(10)[4:]


def test_the_same_where_a_second_message_follows_at_once(bench: Bench) -> None:
    at_once = Content((*HELLO.steps, Step(0, Template("And {{ name }}", "again", None))))
    case = bench.running(6, content=at_once)
    bench.claim(case, 4, sent=1)
    bench.jobs.run()
    finish(bench)
    assert bench.case(case.id).state == "completed"
    assert bench.sink.addresses == [*everybody(6)[4:], *everybody(6)]


def test_a_worker_that_dies_with_a_paused_campaign_leaves_the_rest_for_resume(bench: Bench) -> None:
    case = bench.running(6)
    bench.jobs.forget()
    bench.claim(case, 4)
    bench.did(service.pause, case.id)
    bench.clock.move(LAPSE)
    bench.tick.once()
    assert bench.case(case.id).state == "paused"
    assert bench.states(case.id) == {"unknown": 4}
    bench.did(service.resume, case.id)
    bench.jobs.run()
    assert bench.sink.addresses == everybody(6)[4:]
    assert bench.case(case.id).state == "completed"


def test_the_last_batch_of_a_dead_worker_completes_a_paused_campaign(bench: Bench) -> None:
    case = bench.running(4)
    bench.jobs.forget()
    bench.claim(case, 4)
    bench.did(service.pause, case.id)
    bench.clock.move(LAPSE)
    bench.tick.once()
    assert bench.case(case.id).state == "completed"
    assert bench.states(case.id) == {"unknown": 4}


@pytest.mark.parametrize("wakes_late", [False, True], ids=["its clock stood, too", "its clock went on"])
def test_a_worker_that_wakes_after_it_was_taken_over_does_nobody_harm(bench: Bench, wakes_late: bool) -> None:
    def overtaken() -> None:
        bench.clock.move(LAPSE)
        bench.tick.once()
        while bench.jobs.run_one():
            pass
        if wakes_late:
            bench.monotonic += 10

    case = bench.launched(12)
    bench.sink.answers = at(5, overtaken)
    bench.jobs.run()
    finish(bench)
    assert len(set(bench.sink.addresses)) == len(bench.sink.addresses)
    assert bench.case(case.id).state == "completed"
    assert bench.states(case.id) == {"sent": 8, "unknown": 4}  # it may have sent them: nobody else did


def test_a_settled_message_is_not_settled_again_by_who_lost_the_lease(bench: Bench) -> None:
    case = bench.running(4)
    bench.jobs.forget()
    lease = "worker"
    bench.claim(case, 4, lease)
    bench.clock.move(LAPSE)
    bench.tick.once()
    with bench.engine.begin() as connection:
        late = ledger.settle(
            connection, run_id=str(case.run_id), step=0, token=lease, now=NOW, settled=map(Settled, range(4))
        )
        assert not ledger.renew_lease(connection, lease, NOW)
    assert late == {"sent": 0}
    assert bench.states(case.id) == {"unknown": 4}


@pytest.mark.parametrize("state", ["active", "running"])
def test_a_worker_that_presents_another_permit_sends_nothing(bench: Bench, state: str) -> None:
    case = bench.launched(3) if state == "active" else bench.running(3)
    bench.executor.segment(case.workspace, case.id, case.dispatch, 0, "another")
    assert (bench.case(case.id).state, bench.sink.addresses) == (state, [])
    bench.executor.segment(case.workspace, case.id, case.dispatch, 0, str(case.permit_id))
    assert len(bench.sink.addresses) == 3


def test_a_worker_settles_only_what_it_claimed_itself(bench: Bench) -> None:
    case = bench.running(4)
    mine, another = "mine", "another"
    bench.claim(case, 2, mine)
    bench.claim(case, 2, another)
    with bench.engine.begin() as connection:
        told = [*map(Settled, range(3)), Settled(3, "failed")]
        settled = ledger.settle(connection, run_id=str(case.run_id), step=0, token=mine, now=NOW, settled=told)
        ledger.progress(connection, str(case.run_id), settled, {})
    assert settled == {"sent": 2, "failed": 0}
    assert bench.states(case.id) == {"sent": 2, "claimed": 2}


def test_only_what_the_lapsed_worker_held_becomes_unknown(bench: Bench) -> None:
    case = bench.running(9)
    bench.jobs.forget()
    bench.claim(case, 2, "dead")
    bench.clock.move(LAPSE)
    bench.claim(case, 3, "alive")
    bench.tick.once()
    assert bench.states(case.id) == {"unknown": 2, "claimed": 3}
    assert bench.rows("SELECT DISTINCT token FROM gonogo_ledger WHERE state = 'claimed'") == [("alive",)]


@pytest.mark.parametrize("again", ["unsent", "failed"])
def test_what_is_unknown_is_never_sent_again_by_itself(bench: Bench, again: str) -> None:
    bench.sink.answers = lambda message: Receipt("unknown", "cut off") if message.address == "p1@example.com" else None
    case = bench.launched(3)
    bench.jobs.run()
    bench.did(service.reopen, case.id, again)
    assert codes(bench.do(service.start, case.id)) == ["audience_empty"]


def test_nor_by_a_run_that_continues_the_one_before(bench: Bench) -> None:
    case = bench.running(8)
    bench.jobs.forget()
    bench.claim(case, 4, sent=2)
    bench.clock.move(LAPSE)
    bench.did(service.pause, case.id)
    bench.tick.once()
    bench.did(service.revoke, case.id, by=bench.bob)
    asked = bench.did(service.resume, case.id)
    assert (asked.recipients, asked.chain) == (4, 8)
    bench.did(service.approve, asked.task_id, by=bench.bob)
    bench.jobs.run()
    assert bench.sink.addresses == everybody(8)[4:]


# Sequences


def test_the_second_message_follows_when_its_day_comes(bench: Bench) -> None:
    case = bench.launched(6, content=SEQUENCE)
    bench.jobs.run()
    waiting = bench.case(case.id)
    assert (waiting.state, waiting.step, waiting.wake_at) == ("running", 1, NOW + DAY * 2)
    bench.clock.move(DAY * 2 - TimeDelta(seconds=1))
    assert (bench.tick.once(), bench.jobs.run()) == (0, [])
    bench.clock.move(TimeDelta(seconds=1))
    assert bench.tick.once() == 1
    bench.jobs.run()
    assert bench.sink.addresses == [*everybody(6), *everybody(6)]
    assert [message.subject for message in bench.sink.messages[6:8]] == ["Still there, N0?", "Still there, N1?"]
    assert bench.case(case.id).state == "completed"


def test_a_second_message_without_a_delay_follows_at_once(bench: Bench) -> None:
    at_once = Content((*HELLO.steps, Step(0, Template("And {{ name }}", "again", None))))
    case = bench.launched(6, content=at_once)
    bench.jobs.run()
    assert bench.sink.addresses == [*everybody(6), *everybody(6)]
    assert bench.case(case.id).state == "completed"


def test_a_pause_between_two_messages_holds_the_second_back(bench: Bench) -> None:
    case = bench.launched(3, content=SEQUENCE)
    bench.jobs.run()
    bench.did(service.pause, case.id)
    bench.clock.move(DAY * 3)
    assert (bench.tick.once(), bench.jobs.run()) == (0, [])
    bench.did(service.resume, case.id)
    bench.jobs.run()
    assert bench.sink.addresses == [*everybody(3), *everybody(3)]
    assert bench.case(case.id).state == "completed"


def test_a_resume_before_its_day_sends_the_second_message_no_earlier(bench: Bench) -> None:
    case = bench.launched(3, content=SEQUENCE)
    bench.jobs.run()
    bench.did(service.pause, case.id)
    bench.did(service.resume, case.id)
    bench.jobs.run()
    assert bench.sink.addresses == everybody(3)
    bench.clock.move(DAY * 2)
    finish(bench)
    assert bench.sink.addresses == [*everybody(3), *everybody(3)]
    assert bench.case(case.id).state == "completed"


def test_a_run_that_continues_a_sequence_sends_nobody_the_first_message_again(bench: Bench) -> None:
    case = bench.launched(6, content=SEQUENCE)
    bench.sink.answers = at(2, lambda: bench.did(service.revoke, case.id, by=bench.bob))
    bench.jobs.run()
    bench.sink.answers = lambda _: None
    asked = bench.did(service.resume, case.id)
    assert (asked.recipients, asked.chain) == (6, 6)  # four of them for the second message alone
    bench.did(service.approve, asked.task_id, by=bench.bob)
    bench.jobs.run()
    assert bench.sink.addresses == everybody(6)
    bench.clock.move(DAY * 2)
    finish(bench)
    assert sorted(bench.sink.addresses) == sorted([*everybody(6), *everybody(6)])
    assert bench.case(case.id).state == "completed"


def test_a_message_that_is_for_few_of_a_long_audience_reaches_those_at_its_end(bench: Bench) -> None:
    case = bench.launched(40, content=SEQUENCE)
    bench.sink.answers = at(34, lambda: bench.did(service.revoke, case.id, by=bench.bob))
    bench.jobs.run()
    bench.sink.answers = lambda _: None
    assert bench.sink.addresses == everybody(36)  # what was claimed still went out
    bench.did(service.approve, bench.did(service.resume, case.id).task_id, by=bench.bob)
    bench.jobs.run()
    assert bench.sink.addresses == everybody(40)
    bench.clock.move(DAY * 2)
    finish(bench)
    assert bench.sink.addresses == [*everybody(40), *everybody(40)]


# A list too long for the start call to read


@pytest.fixture
def _reviewed_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposal, "REVIEWED_AT_ONCE", 2)


@pytest.mark.usefixtures("_reviewed_later")
class TestALongList:
    def test_it_is_reviewed_by_a_job_and_then_people_are_asked(self, bench: Bench) -> None:
        bench.policy(asking())
        case = bench.did(service.start, bench.draft(3))
        assert (case.state, case.task_status, case.seal, case.expires_at) == (
            "pending_approval",
            "reviewing",
            None,
            None,
        )
        assert codes(bench.do(service.approve, case.task_id, by=bench.bob)) == ["task_reviewing"]
        assert bench.jobs.run() == [f"review-{case.run_id}"]
        asked = bench.case(case.id)
        assert (asked.task_id, asked.task_status, asked.expires_at) == (case.task_id, "pending", NOW + DAY * 3)
        assert asked.seal is not None
        bench.did(service.approve, case.task_id, by=bench.bob)
        bench.jobs.run()
        assert bench.sink.addresses == everybody(3)

    def test_a_policy_that_permits_launches_it_when_the_review_ends(self, bench: Bench) -> None:
        case = bench.did(service.start, bench.draft(3))
        bench.jobs.run()
        assert bench.case(case.id).state == "completed"
        assert bench.rows("SELECT kind, task_id FROM gonogo_permit") == [("auto", None)]

    def test_a_blocker_sends_it_back_and_is_told(self, bench: Bench) -> None:
        case = bench.did(service.start, bench.draft(3, settings={"timezone": "Mars/Olympus"}))
        bench.jobs.run()
        back = bench.case(case.id)
        assert (back.state, back.task_status, back.closed_as) == ("draft", "void", "superseded")

    @pytest.mark.parametrize(("hours", "state"), [(1, "scheduled"), (2, "active"), (3, "active"), (4, "draft")])
    def test_a_review_that_ends_too_late_permits_nothing(self, bench: Bench, hours: int, state: str) -> None:
        case = bench.did(service.start, bench.draft(3, start_at=NOW + TimeDelta(hours=2)))
        bench.clock.move(TimeDelta(hours=hours))
        bench.jobs.run_one()
        after = bench.case(case.id)
        assert (after.state, after.permit_id is None) == (state, state == "draft")

    def test_a_review_that_comes_after_an_edit_changes_nothing(self, bench: Bench) -> None:
        case = bench.did(service.start, bench.draft(3))
        bench.did(service.revise, case.id, name="Summer")
        before = snapshot(bench.engine)
        bench.jobs.run()
        assert snapshot(bench.engine) == before

    def test_a_review_that_runs_twice_changes_nothing_the_second_time(self, bench: Bench) -> None:
        bench.policy(asking())
        case = bench.did(service.start, bench.draft(3))
        bench.jobs.run()
        before = snapshot(bench.engine)
        bench.executor.review(case.workspace, case.id)
        assert snapshot(bench.engine) == before

    def test_what_is_reviewed_and_sealed_is_the_audience_that_was_taken(self, bench: Bench) -> None:
        """Newcomers of a launch that has begun are no event: they are not part of what is reviewed, either."""
        bench.policy(asking())
        asked = bench.did(service.start, bench.draft(5))
        bench.jobs.run()
        case = bench.did(service.approve, asked.task_id, by=bench.bob)
        bench.jobs.forget()
        bench.did(service.begin, case.id, case.permit_id)
        bench.claim(case, 1, sent=1)
        bench.did(service.revoke, case.id, by=bench.bob)
        taken = bench.did(service.resume, case.id)
        assert (taken.task_status, taken.recipients) == ("reviewing", 4)
        bench.do(service.add_contacts, case.id, [{"email": "new@example.com"}])  # whom the template lacks a name for
        bench.jobs.run()
        asked = bench.case(case.id)
        assert (asked.state, asked.task_status, asked.recipients) == ("pending_approval", "pending", 4)

    def test_the_same_holds_for_a_list_that_another_campaign_shares(self, bench: Bench) -> None:
        bench.policy(asking())
        case = bench.did(service.start, bench.draft(3))
        other = bench.draft(0, list_id=case.list_id)
        bench.do(service.add_contacts, other, [{"email": "new@example.com"}])
        bench.jobs.run()
        asked = bench.case(case.id)
        assert (asked.state, asked.task_status, asked.recipients) == ("pending_approval", "pending", 3)
