"""Why is nothing being sent? Every reason there is, in every situation, with its figures."""

from collections.abc import Iterator

import pytest
from whenever import TimeDelta

from gonogo import holds, service
from gonogo.errors import NotFound
from gonogo.execution.channels import ChannelUnavailable, Message
from gonogo.why import Reason, why
from support.engine import HOUR, NOW, SEQUENCE, Bench


@pytest.fixture
def alive(bench: Bench) -> Iterator[Bench]:
    """A worker has just shown life."""
    clock = "extract(epoch from clock_timestamp())"
    if bench.engine.dialect.name == "sqlite":
        clock = "(julianday('now') - 2440587.5) * 86400.0"
    bench.write(f"INSERT INTO gonogo_executor (id, seen_at) VALUES ('one', {clock})")
    yield bench
    bench.write("DELETE FROM gonogo_executor")


def asked(bench: Bench, campaign: str) -> list[Reason]:
    with bench.call() as call:
        return why(call, campaign)


def codes(bench: Bench, campaign: str) -> list[str]:
    return [each.code for each in asked(bench, campaign)]


def test_what_was_not_started_or_is_over_says_so(alive: Bench) -> None:
    draft = alive.draft()
    assert codes(alive, draft) == ["not_started"]
    assert codes(alive, alive.ended().id) == ["ended"]
    with alive.call() as call, pytest.raises(NotFound):
        why(call, "nothing")
    with Bench(alive.engine).call() as call, pytest.raises(NotFound):
        why(call, draft)


def test_who_is_waited_for_is_named(alive: Bench) -> None:
    case = alive.asked()
    [reason] = asked(alive, case.id)
    assert (reason.code, reason.until) == ("awaits_approval", case.expires_at)
    names = reason.figures["may_decide"]
    assert sorted(names) == ["bob", "cid", "dora"]
    assert reason.message == f"It waits for approval of {', '.join(names)}."
    assert (reason.figures["task"], reason.figures["rule"]) == (case.task_id, "everything")
    alive.clock.move(TimeDelta(hours=100))
    assert codes(alive, case.id) == ["expired"]


def test_a_start_time_and_a_pause_are_reasons(alive: Bench) -> None:
    scheduled = alive.launched(start_at=NOW + 3 * HOUR)
    [reason] = asked(alive, scheduled.id)
    assert (reason.code, reason.until) == ("scheduled", NOW + 3 * HOUR)
    paused = alive.running()
    alive.did(service.pause, paused.id, "bounce_rate")
    [reason] = asked(alive, paused.id)
    assert (reason.code, reason.message) == ("paused", "Paused: bounce_rate.")


def test_a_reason_that_ends_with_a_full_stop_gets_no_second(alive: Bench) -> None:
    paused = alive.running()
    alive.did(service.pause, paused.id, "The maildir can't be written.")
    assert [each.message for each in asked(alive, paused.id)] == ["Paused: The maildir can't be written."]


def test_while_it_sends_there_is_no_reason(alive: Bench) -> None:
    assert codes(alive, alive.running().id) == []


@pytest.mark.parametrize(
    ("settings", "code", "until"),
    [
        ({"send_window": {"start": "11:00", "end": "12:00"}}, "window", NOW + 2 * HOUR),
        ({"daily_limit": 1}, "daily_limit", NOW + 15 * HOUR),
        ({"min_interval_seconds": 90}, "interval", NOW + TimeDelta(seconds=90)),
    ],
)
def test_what_a_run_waits_for_is_told_with_the_moment(
    alive: Bench, settings: dict[str, object], code: str, until: object
) -> None:
    case = alive.launched(3, settings=settings)
    alive.jobs.run()
    assert [(each.code, each.until) for each in asked(alive, case.id)] == [(code, until)]


def test_the_day_of_the_next_message_is_a_reason(alive: Bench) -> None:
    case = alive.launched(2, content=SEQUENCE)
    alive.jobs.run()
    assert [(each.code, each.until) for each in asked(alive, case.id)] == [("step", NOW + 48 * HOUR)]


def test_a_relay_that_refuses_is_told_with_what_it_says_and_since_when(alive: Bench) -> None:
    def down(_: Message) -> None:
        raise ChannelUnavailable("the relay can't be reached")

    alive.sink.answers = down
    case = alive.launched(2)
    alive.jobs.run()
    [reason] = asked(alive, case.id)
    assert (reason.code, reason.figures) == ("channel", {"since": NOW, "trouble": "the relay can't be reached"})
    assert reason.message == "The channel can't carry anything now: the relay can't be reached"
    assert reason.until is not None
    assert reason.until > NOW


def test_every_hold_is_told_whether_or_not_the_run_has_met_it(alive: Bench) -> None:
    case = alive.running()
    with alive.call(alive.bob) as call:
        holds.set_hold(call, reason="An audit.")
        holds.set_hold(call, sender="campaigns@example.com", reason="The wrong prices.")
        holds.set_hold(call, sender="other@example.com", reason="None of ours.")
    found = asked(alive, case.id)
    assert {(each.code, each.message) for each in found} == {
        ("held", "A hold stands on the workspace: An audit."),
        ("held", "A hold stands on the sender campaigns@example.com: The wrong prices."),
    }
    assert len(found) == 2
    assert {each.figures["set_by"] for each in found} == {alive.bob.person}


def test_without_a_worker_nothing_is_sent(bench: Bench) -> None:
    case = bench.running()
    [reason] = asked(bench, case.id)
    assert (reason.code, reason.figures) == ("no_worker", {})
    bench.write("INSERT INTO gonogo_executor (id, seen_at) VALUES ('one', 0)")
    [reason] = asked(bench, case.id)
    assert reason.figures["seconds"] > 1_000_000
    bench.write("DELETE FROM gonogo_executor")


def test_a_launch_that_failed_says_what_with(alive: Bench) -> None:
    case = alive.launched(channel="email")
    alive.did(service.fail, case.id, "no channel for email is set up")
    [reason] = asked(alive, case.id)
    assert (reason.code, reason.figures) == ("failed", {"error": "no channel for email is set up"})
