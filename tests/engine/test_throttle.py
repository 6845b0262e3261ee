"""What holds messages back: windows, intervals, daily limits, holds, refusals for now, and launches that go wrong."""

from collections.abc import Callable
from itertools import pairwise
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo import holds, limits, service
from gonogo.actor import machine
from gonogo.addresses import address_key
from gonogo.content import Content, Step, Template, Variant
from gonogo.errors import NotFound
from gonogo.execution.channels import ChannelUnavailable, Message, Receipt
from gonogo.execution.sending import RETRIES
from gonogo.store import lists, throttles
from gonogo.store.cases import Case
from support.engine import NOW, SEQUENCE, Bench

HOUR = TimeDelta(hours=1)
DAY = TimeDelta(hours=24)
SENDER = {"email": "go@acme.example", "name": "Acme"}


def pass_time(bench: Bench, by: TimeDelta) -> None:
    """Let time pass, and do all that becomes due."""
    bench.clock.move(by)
    bench.tick.once()
    bench.jobs.run()


def sent(bench: Bench) -> int:
    return len(bench.sink.messages)


def asleep(bench: Bench, case: Case) -> tuple[str | None, Instant | None]:
    """What the campaign waits for, and until when."""
    found = bench.case(case.id)
    return found.waiting_for, found.wake_at


# Windows and intervals


def test_nothing_goes_out_before_the_window_opens_or_after_it_shuts(bench: Bench) -> None:
    window = {"timezone": "Europe/Berlin", "send_window": {"start": "11:00", "end": "12:00"}}  # it is ten there
    case = bench.launched(6, settings=window)
    bench.jobs.run()
    assert (sent(bench), asleep(bench, case)) == (0, ("window", NOW + HOUR))
    pass_time(bench, HOUR - TimeDelta(seconds=1))
    assert sent(bench) == 0
    seen = iter(range(100))
    shut = lambda _: bench.clock.move(HOUR) if next(seen) == 1 else None  # noqa: E731 - in the midst of a batch
    bench.sink.answers = shut
    pass_time(bench, TimeDelta(seconds=1))
    assert (sent(bench), asleep(bench, case)) == (4, ("window", NOW + DAY + HOUR))
    pass_time(bench, DAY - HOUR)
    assert (sent(bench), bench.case(case.id).state) == (6, "completed")


def test_an_interval_lets_one_message_go_at_a_time(bench: Bench) -> None:
    case = bench.launched(3, settings={"min_interval_seconds": 90})
    bench.jobs.run()
    at = [message.date for message in bench.sink.messages]
    for _ in range(400):
        pass_time(bench, TimeDelta(seconds=1))
        at = [message.date for message in bench.sink.messages]
    assert at == [NOW, NOW + TimeDelta(seconds=90), NOW + TimeDelta(seconds=180)]
    assert bench.case(case.id).state == "completed"


def test_pausing_and_resuming_does_not_shorten_an_interval(bench: Bench) -> None:
    case = bench.launched(3, settings={"min_interval_seconds": 90})
    bench.jobs.run()
    bench.clock.move(TimeDelta(seconds=30))
    bench.did(service.pause, case.id)
    bench.did(service.resume, case.id)
    bench.jobs.run()
    assert sent(bench) == 1
    pass_time(bench, TimeDelta(seconds=60))
    assert sent(bench) == 2


def test_another_run_of_the_launch_does_not_shorten_an_interval(bench: Bench) -> None:
    case = bench.launched(3, settings={"min_interval_seconds": 90})
    bench.jobs.run()
    bench.clock.move(TimeDelta(seconds=30))
    bench.did(service.revoke, case.id, by=bench.bob)
    bench.did(service.approve, bench.did(service.resume, case.id).task_id, by=bench.cid)
    bench.jobs.run()
    assert sent(bench) == 1
    pass_time(bench, TimeDelta(seconds=60))
    assert sent(bench) == 2


# Daily limits


def test_a_daily_limit_is_exact_over_midnight_of_its_zone(bench: Bench) -> None:
    bench.clock.at = Instant.parse_iso("2026-10-24T21:30:00Z")  # 23:30 in Berlin; the next day has 25 hours
    case = bench.launched(12, settings={"timezone": "Europe/Berlin", "daily_limit": 5})
    bench.jobs.run()
    midnight = Instant.parse_iso("2026-10-24T22:00:00Z")
    limited = bench.case(case.id)
    assert (sent(bench), asleep(bench, case)) == (5, ("daily_limit", midnight))
    assert limited.rate_limited_until == midnight
    pass_time(bench, TimeDelta(minutes=30) - TimeDelta(seconds=1))
    assert sent(bench) == 5
    pass_time(bench, TimeDelta(seconds=1))
    assert (sent(bench), asleep(bench, case)) == (10, ("daily_limit", midnight + TimeDelta(hours=25)))
    pass_time(bench, TimeDelta(hours=25))
    ended = bench.case(case.id)
    assert (sent(bench), ended.state, ended.rate_limited_until) == (12, "completed", None)


def test_a_senders_limit_is_shared_by_its_campaigns(bench: Bench) -> None:
    with bench.call() as call:
        limits.set_cap(call, "sender", "go@acme.example", 5)
    first, second = (bench.launched(4, sender=SENDER) for _ in range(2))
    other = bench.launched(4)
    bench.jobs.run()
    assert [bench.case(case.id).sent for case in (first, second, other)] == [4, 1, 4]
    assert asleep(bench, second) == ("sender_limit", Instant.from_utc(2026, 1, 6))
    with bench.call() as call:
        [told] = limits.caps(call)
    assert (told["daily"], told["used_today"]) == (5, 5)
    pass_time(bench, DAY)
    assert bench.case(second.id).state == "completed"


def test_an_international_sender_is_limited_and_held_however_it_is_written(bench: Bench) -> None:
    with bench.call() as call:
        limits.set_cap(call, "sender", "go@bücher.example", 2)
    sender = {"email": "go@xn--bcher-kva.example", "name": "Bücher"}
    case = bench.launched(4, sender=sender)
    bench.jobs.run()
    assert (sent(bench), asleep(bench, case)[0]) == (2, "sender_limit")
    with bench.call() as call:
        limits.remove_cap(call, "sender", "go@bücher.example")
        holds.set_hold(call, sender="go@bücher.example", reason="its domain is being moved")
    pass_time(bench, TimeDelta(seconds=1))
    assert (sent(bench), asleep(bench, case)[0]) == (2, "hold")


def test_a_pools_limit_is_shared_by_its_campaigns_whatever_their_sender(bench: Bench) -> None:
    with bench.call() as call:
        limits.set_cap(call, "pool", "spring", 6)
    first = bench.launched(4, sender=SENDER, settings={"pool": "spring"})
    second = bench.launched(4, settings={"pool": "spring"})
    bench.jobs.run()
    assert [bench.case(case.id).sent for case in (first, second)] == [4, 2]
    assert bench.case(second.id).waiting_for == "pool_limit"


def test_the_strictest_of_several_limits_counts(bench: Bench) -> None:
    with bench.call() as call:
        limits.set_cap(call, "sender", "go@acme.example", 3)
    case = bench.launched(9, sender=SENDER, settings={"daily_limit": 2})
    bench.jobs.run()
    assert (sent(bench), bench.case(case.id).waiting_for) == (2, "daily_limit")
    pass_time(bench, DAY)
    assert sent(bench) == 4


def test_a_limit_of_nothing_sends_nothing(bench: Bench) -> None:
    with bench.call() as call:
        limits.set_cap(call, "sender", "go@acme.example", 0)
    case = bench.launched(2, sender=SENDER)
    bench.jobs.run()
    assert (sent(bench), bench.case(case.id).waiting_for) == (0, "sender_limit")


@pytest.mark.parametrize("change", ["raised", "removed"])
def test_what_waits_for_a_limit_goes_on_when_it_is_raised_or_removed(bench: Bench, change: str) -> None:
    with bench.call() as call:
        limits.set_cap(call, "pool", "spring", 3)
    case = bench.launched(9, settings={"pool": "spring"})
    bench.jobs.run()
    assert asleep(bench, case)[0] == "pool_limit"
    with bench.call() as call:
        if change == "raised":
            limits.set_cap(call, "pool", "spring", 8)
        else:
            limits.remove_cap(call, "pool", "spring")
    pass_time(bench, TimeDelta(seconds=1))
    assert sent(bench) == (8 if change == "raised" else 9)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_limit_that_is_raised_while_a_run_begins_to_wait_for_it_wakes_that_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench.call() as call:
        limits.set_cap(call, "pool", "spring", 0)
    caps = throttles.caps

    def remove() -> None:
        with bench.call() as call:
            limits.remove_cap(call, "pool", "spring")

    removing = Thread(target=remove)

    def found_just_before(connection: sa.Connection, *asked: str) -> list[throttles.Limit]:
        found = caps(connection, *asked)
        removing.start()
        removing.join(0.3)  # it waits for us: what it must wake is not written yet
        assert removing.is_alive()
        return found

    case = bench.launched(3, settings={"pool": "spring"})
    monkeypatch.setattr(throttles, "caps", found_just_before)
    bench.jobs.run()
    monkeypatch.undo()
    removing.join(10)
    pass_time(bench, TimeDelta(seconds=1))
    assert (sent(bench), bench.case(case.id).state) == (3, "completed")


def test_a_limit_is_about_what_went_out(bench: Bench) -> None:
    bench.sink.answers = lambda message: (
        Receipt("deferred", "450") if message.address in ("p0@example.com", "p3@example.com") else None
    )
    with bench.call() as call:
        limits.set_cap(call, "sender", "go@acme.example", 4)
    case = bench.launched(6, sender=SENDER)
    bench.jobs.run()
    assert bench.states(case.id) == {"sent": 4, "deferred": 2}
    with bench.call() as call:
        assert limits.caps(call)[0]["used_today"] == 4


def test_a_relay_that_takes_nothing_uses_up_no_limit(bench: Bench) -> None:
    case = bench.launched(6, settings={"daily_limit": 5})
    bench.sink.answers = down
    for _ in range(20):
        bench.jobs.run()
        pass_time(bench, TimeDelta(minutes=5))
    assert asleep(bench, case)[0] == "channel"
    bench.sink.answers = lambda _: None
    pass_time(bench, TimeDelta(minutes=5))
    assert (bench.case(case.id).sent, asleep(bench, case)[0]) == (5, "daily_limit")


# Holds


@pytest.mark.parametrize("which", ["workspace", "sender", "everything"])
def test_a_hold_stops_at_the_next_batch_and_what_waited_goes_on_when_it_is_lifted(bench: Bench, which: str) -> None:
    def hold() -> str:
        with bench.call(bench.bob) as call:
            if which == "everything":
                return holds.hold_everything(call, "the wrong prices")
            return holds.set_hold(
                call, sender=SENDER["email"] if which == "sender" else None, reason="the wrong prices"
            )

    case = bench.launched(10, sender=SENDER)
    made: list[str] = []
    bench.sink.answers = lambda _: made.append(hold()) if sent(bench) == 5 else None
    bench.jobs.run()
    assert (sent(bench), asleep(bench, case)) == (8, ("hold", None))
    pass_time(bench, DAY)
    assert sent(bench) == 8
    with bench.call(bench.ann) as call:
        holds.lift_hold(call, made[0], everything=which == "everything")
    pass_time(bench, TimeDelta(seconds=1))
    assert (sent(bench), bench.case(case.id).state) == (10, "completed")


def test_a_hold_that_is_lifted_while_a_run_begins_to_wait_for_it_wakes_that_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench.call() as call:
        made = holds.set_hold(call, reason="the wrong prices")
    stops = throttles.stops

    def lift() -> None:
        with bench.call() as call:
            holds.lift_hold(call, made)

    lifting = Thread(target=lift)

    def found_just_before(connection: sa.Connection, workspace: str, sender: str) -> bool:
        found = stops(connection, workspace, sender)
        lifting.start()
        lifting.join(0.3)  # it waits for us: what it must wake is not written yet
        assert lifting.is_alive()
        return found

    case = bench.launched(3)
    monkeypatch.setattr(throttles, "stops", found_just_before)
    bench.jobs.run()
    monkeypatch.undo()
    lifting.join(10)
    assert (sent(bench), asleep(bench, case)) == (0, ("hold", bench.clock.now()))
    pass_time(bench, TimeDelta(seconds=1))
    assert (sent(bench), bench.case(case.id).state) == (3, "completed")


def test_a_hold_on_one_sender_leaves_the_others_alone(bench: Bench) -> None:
    with bench.call() as call:
        holds.set_hold(call, sender="other@acme.example", reason="its domain is being moved")
    bench.launched(2, sender=SENDER)
    bench.jobs.run()
    assert sent(bench) == 2


def test_a_hold_of_another_workspace_is_none_of_ours(bench: Bench) -> None:
    other = Bench(bench.engine)
    with other.call() as call:
        theirs = holds.set_hold(call, reason="an audit")
        assert [each["reason"] for each in holds.holds(call)] == ["an audit"]
    bench.launched(2)
    bench.jobs.run()
    assert sent(bench) == 2
    with bench.call() as call:
        assert holds.holds(call) == []
        with pytest.raises(NotFound):
            holds.lift_hold(call, theirs)


# Refused for now


def down(_: Message) -> Receipt:
    raise ChannelUnavailable("The relay can't be reached.")


def later(message: Message) -> Receipt | None:
    return Receipt("deferred", "421 try later") if message.address == "p1@example.com" else None


def test_a_refusal_for_now_is_tried_again_ever_later_and_then_has_failed(bench: Bench) -> None:
    tried: list[Instant] = []

    def noted(message: Message) -> Receipt | None:
        if message.address == "p1@example.com":
            tried.append(message.date)
        return later(message)

    bench.sink.answers = noted
    case = bench.launched(3)
    bench.jobs.run()
    waiting = bench.case(case.id)
    assert (waiting.state, waiting.sent, waiting.deferred) == ("running", 2, 1)
    assert asleep(bench, case) == ("retry", NOW + RETRIES[0])
    for pause in RETRIES:
        pass_time(bench, pause)
    assert [after - before for before, after in pairwise(tried)] == list(RETRIES)
    ended = bench.case(case.id)
    assert (ended.state, ended.sent, ended.failed, ended.deferred) == ("completed", 2, 1, 0)
    assert bench.rows("SELECT error, tries FROM gonogo_ledger WHERE state = 'failed'") == [
        ("421 try later", len(RETRIES))
    ]


def test_a_channel_may_ask_for_more_patience(bench: Bench) -> None:
    bench.sink.answers = lambda _: Receipt("deferred", "429", retry_after=7200)
    case = bench.launched(1)
    bench.jobs.run()
    assert asleep(bench, case) == ("retry", NOW + TimeDelta(hours=2))


@pytest.mark.parametrize("patience", [43_200, 999_999_999, 252_455_616_000.0, float("inf")])
def test_however_long_a_channel_asks_to_wait_it_is_over_within_a_day(bench: Bench, patience: float) -> None:
    bench.sink.answers = lambda message: (
        Receipt("deferred", "429", patience) if message.address == "p1@example.com" else None
    )
    case = bench.launched(3)
    bench.jobs.run()
    assert bench.states(case.id) == {"sent": 2, "deferred": 1}
    for _ in range(24):
        pass_time(bench, HOUR)
    assert (bench.states(case.id), bench.case(case.id).state) == ({"sent": 2, "failed": 1}, "completed")


def test_a_second_message_waits_for_everybodys_first(bench: Bench) -> None:
    bench.sink.answers = later
    case = bench.launched(3, content=SEQUENCE)
    bench.jobs.run()
    assert (bench.case(case.id).step, asleep(bench, case)[0]) == (0, "retry")
    bench.sink.answers = lambda _: None
    pass_time(bench, RETRIES[0])
    assert (bench.case(case.id).step, asleep(bench, case)) == (1, ("step", NOW + DAY * 2))


def test_who_was_refused_for_good_gets_no_second_message(bench: Bench) -> None:
    refused: Callable[[Message], Receipt | None] = lambda message: (  # noqa: E731
        Receipt("rejected", "550 no such box") if message.address == "p1@example.com" else None
    )
    bench.sink.answers = refused
    case = bench.launched(3, content=SEQUENCE)
    bench.jobs.run()
    bench.sink.answers = lambda _: None
    pass_time(bench, DAY * 2)
    assert bench.states(case.id) == {"sent": 4, "rejected": 1, "skipped": 1}
    assert bench.case(case.id).state == "completed"


@pytest.mark.parametrize(("verb", "state"), [(service.cancel, "cancelled"), (service.revoke, "deferred")])
def test_what_waits_for_another_try_is_settled_when_its_run_is_closed(
    bench: Bench, verb: Callable[..., object], state: str
) -> None:
    bench.sink.answers = later
    case = bench.launched(3)
    bench.jobs.run()
    bench.did(verb, case.id, by=bench.bob)
    assert bench.states(case.id) == {"sent": 2, state: 1}
    bench.sink.answers = lambda _: None
    if state == "deferred":  # the next run takes it
        asked = bench.did(service.resume, case.id)
        assert (asked.state, asked.recipients) == ("pending_approval", 1)
        bench.did(service.approve, asked.task_id, by=bench.cid)
        bench.jobs.run()
        assert bench.states(case.id) == {"sent": 3, "superseded": 1}


def test_a_message_is_tried_again_only_under_the_permit_of_its_run(bench: Bench) -> None:
    bench.sink.answers = later
    case = bench.launched(3)
    bench.jobs.run()
    bench.did(service.pause, case.id)
    again = "UPDATE gonogo_ledger SET state = 'claimed', token = 'mine' WHERE state = 'deferred'"
    with pytest.raises(sa.exc.DBAPIError, match="only for a running campaign"):
        bench.write(again)
    bench.did(service.resume, case.id)
    bench.did(service.begin, case.id, bench.case(case.id).permit_id, by=machine(bench.workspace))
    with bench.engine.connect() as connection:
        assert connection.exec_driver_sql(again).rowcount == 1  # and it is rolled back


# A launch that goes wrong


def test_a_launch_that_fails_too_often_pauses_by_itself(bench: Bench) -> None:
    with bench.call() as call:
        limits.set_failure_limits(call, error_rate=0.3, at_least=8)
    bench.sink.answers = lambda _: Receipt("failed", "no") if sent(bench) >= 4 else None
    case = bench.launched(40)
    bench.jobs.run()
    paused = bench.case(case.id)
    assert (paused.state, paused.paused_reason, paused.failed) == ("paused", "error_rate", 4)


def test_so_does_one_that_bounces_too_often(bench: Bench) -> None:
    with bench.call() as call:
        limits.set_failure_limits(call, bounce_rate=0.5, at_least=4)
    bench.sink.answers = lambda _: Receipt("rejected", "550") if sent(bench) >= 1 else None
    case = bench.launched(40)
    bench.jobs.run()
    paused = bench.case(case.id)
    assert (paused.state, paused.paused_reason, paused.rejected) == ("paused", "bounce_rate", 3)


@pytest.mark.parametrize(("state", "reason"), [("rejected", "bounce_rate"), ("failed", "error_rate")])
def test_who_resumes_it_has_seen_what_went_wrong(bench: Bench, state: Any, reason: str) -> None:
    with bench.call() as call:
        limits.set_failure_limits(call, bounce_rate=0.4, error_rate=0.4, at_least=4)
    bench.sink.answers = lambda message: Receipt(state, "no") if int(message.address[1]) % 8 < 2 else None
    case = bench.launched(9)
    bench.jobs.run()
    assert (bench.case(case.id).paused_reason, bench.states(case.id)) == (reason, {"sent": 2, state: 2})
    bench.did(service.resume, case.id)
    bench.jobs.run()  # the next four go well, and the ninth goes wrong, which is too few to tell
    assert (bench.case(case.id).state, bench.states(case.id)) == ("completed", {"sent": 6, state: 3})


def test_a_launch_that_goes_wrong_again_pauses_again(bench: Bench) -> None:
    with bench.call() as call:
        limits.set_failure_limits(call, error_rate=0.4, at_least=4)
    bench.sink.answers = lambda _: Receipt("failed", "no")
    case = bench.launched(12)
    for tried in (4, 8):
        bench.jobs.run()
        assert (bench.case(case.id).paused_reason, bench.states(case.id)) == ("error_rate", {"failed": tried})
        bench.did(service.resume, case.id)


def test_a_launch_of_which_all_was_tried_is_over_however_it_went(bench: Bench) -> None:
    with bench.call() as call:
        limits.set_failure_limits(call, error_rate=0.1, at_least=4)
    bench.sink.answers = lambda _: Receipt("failed", "no")
    assert bench.ended(4).state == "completed"


# Who is not written to


def suppress(bench: Bench, address: str, reason: str) -> None:
    salt = bench.scalar("SELECT salt FROM gonogo_workspace WHERE id = :id", id=bench.workspace)
    with bench.call() as call:
        throttles.suppress(call.connection, bench.workspace, address_key(bytes(salt), address), reason, call.now)


def test_who_is_suppressed_while_it_is_sending_gets_nothing_more(bench: Bench) -> None:
    bench.sink.answers = lambda _: suppress(bench, "p6@example.com", "unsubscribe") if sent(bench) == 1 else None
    case = bench.launched(8)
    bench.jobs.run()
    assert "p6@example.com" not in bench.sink.addresses
    assert bench.states(case.id) == {"sent": 7, "skipped": 1}
    assert bench.scalar("SELECT error FROM gonogo_ledger WHERE state = 'skipped'") == "unsubscribe"
    assert bench.case(case.id).state == "completed"


def test_who_answered_is_left_in_peace_by_what_was_under_way_and_not_for_ever(bench: Bench) -> None:
    suppress(bench, "p1@example.com", "reply")
    bench.clock.move(HOUR)
    bench.launched(2)
    bench.jobs.run()
    assert sent(bench) == 2
    suppress(bench, "p1@example.com", "reply")
    case = bench.launched(2, content=SEQUENCE)
    bench.jobs.run()
    assert bench.states(case.id) == {"sent": 1, "skipped": 1}


def test_who_answered_is_left_in_peace_by_what_the_launch_goes_on_with(bench: Bench) -> None:
    case = bench.launched(2, content=SEQUENCE)
    bench.jobs.run()
    bench.clock.move(HOUR)
    suppress(bench, "p1@example.com", "reply")
    bench.clock.move(HOUR)
    bench.did(service.revoke, case.id, by=bench.bob)
    bench.did(service.approve, bench.did(service.resume, case.id).task_id, by=bench.cid)
    bench.jobs.run()
    pass_time(bench, DAY * 3)
    assert bench.states(case.id) == {"sent": 3, "skipped": 1}


# Variants


def test_variants_are_drawn_by_weight_and_always_the_same_for_the_same_person(bench: Bench) -> None:
    def text(label: str) -> Template:
        return Template(label, f"{label} for {{{{ name }}}}", None)

    step = Step(0, text("A"), 3, (Variant(1, text("B")),))
    case = bench.launched(400, content=Content((step,)))
    bench.jobs.run()
    shares = {label: sum(message.subject == label for message in bench.sink.messages) for label in "AB"}
    assert sum(shares.values()) == 400
    assert 60 <= shares["B"] <= 140, shares
    told = bench.rows("SELECT position, variant, contact_id FROM gonogo_ledger WHERE campaign_id = :id", id=case.id)
    drawn = {f"p{position}@example.com": variant for position, variant, _ in told}
    assert all("AB"[drawn[message.address]] == message.subject for message in bench.sink.messages)
    assert all(step.draw(f"{case.id}.{contact}.0") == variant for _, variant, contact in told)


def test_one_text_needs_no_drawing(bench: Bench) -> None:
    bench.launched(2)
    bench.jobs.run()
    assert bench.rows("SELECT DISTINCT variant FROM gonogo_ledger") == [(None,)]


def test_who_is_suppressed_for_good_is_in_no_audience_and_people_are_told_how_many(bench: Bench) -> None:
    for n, reason in enumerate(("unsubscribe", "complaint", "bounce", "reply")):
        suppress(bench, f"p{n}@example.com", reason)
    bench.clock.move(HOUR)
    asked = bench.asked(8)
    assert (asked.recipients, asked.chain) == (5, 5)
    told = bench.scalar("SELECT body FROM gonogo_payload WHERE body LIKE '%recipients_excluded%'")
    assert "Left out of the audience (suppressed): 3 contacts." in told
    bench.did(service.approve, asked.task_id, by=bench.bob)
    bench.jobs.run()
    assert bench.sink.addresses == [f"p{n}@example.com" for n in range(3, 8)]


def test_who_unsubscribes_between_counting_and_taking_is_not_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = lists.snapshot

    def later(connection: sa.Connection, case: Case, steps: int, run_id: str) -> int:
        row = {"workspace_id": case.workspace, "address_key": key, "reason": "unsubscribe", "at": NOW}
        connection.execute(throttles.suppression.insert(), row)
        return take(connection, case, steps, run_id)

    salt = bench.scalar("SELECT salt FROM gonogo_workspace WHERE id = :id", id=bench.workspace)
    key = address_key(bytes(salt), "p1@example.com")
    monkeypatch.setattr(lists, "snapshot", later)
    asked = bench.asked(4)
    assert (asked.recipients, asked.chain) == (3, 3)  # and the seal tells the same: the audit checks it
