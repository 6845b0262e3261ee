"""Why is nothing being sent? Every reason there is, in every situation, with its figures."""

from collections.abc import Iterator

import pytest
from whenever import TimeDelta

from gonogo import holds, proposal, service
from gonogo.actor import machine
from gonogo.errors import NotFound
from gonogo.execution.channels import ChannelUnavailable, Message
from gonogo.store import workspaces
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


def test_a_start_time_ahead_is_a_reason_until_then(alive: Bench) -> None:
    scheduled = alive.launched(start_at=NOW + 3 * HOUR)
    [reason] = asked(alive, scheduled.id)
    assert (reason.code, reason.until) == ("scheduled", NOW + 3 * HOUR)
    assert reason.message == "Its start time has not come."


def test_a_start_time_that_came_is_told_as_such(alive: Bench) -> None:
    scheduled = alive.launched(start_at=NOW + 3 * HOUR)
    alive.clock.move(3 * HOUR)
    [reason] = asked(alive, scheduled.id)
    assert (reason.code, reason.until, reason.figures) == ("scheduled", None, {"since": NOW + 3 * HOUR})
    assert reason.message == "Its start time came at 12:00 UTC, and it has not been started yet."


# Paused


def test_who_paused_it_is_told_by_name_and_since_when(alive: Bench) -> None:
    case = alive.running()
    alive.clock.move(2 * HOUR)
    alive.did(service.pause, case.id, by=alive.bob)
    alive.clock.move(HOUR)
    [reason] = asked(alive, case.id)
    assert (reason.code, reason.message) == ("paused", "Paused by bob since 11:00 UTC.")
    assert reason.figures == {"reason": "person", "by": "bob", "since": NOW + 2 * HOUR}
    alive.clock.move(24 * HOUR)
    assert [each.message for each in asked(alive, case.id)] == ["Paused by bob since 2026-01-05 11:00 UTC."]


def test_of_two_pauses_the_last_is_told_whatever_was_done_since(alive: Bench) -> None:
    case = alive.running()
    alive.did(service.pause, case.id, by=alive.cid)
    alive.clock.move(HOUR)
    alive.did(service.resume, case.id)
    alive.did(service.pause, case.id, by=alive.bob)
    alive.clock.move(HOUR)
    alive.did(service.revise, case.id, name="Summer")
    assert [each.message for each in asked(alive, case.id)] == ["Paused by bob since 10:00 UTC."]


def test_a_key_that_paused_it_is_told_as_a_key(alive: Bench) -> None:
    case = alive.running()
    row = {"id": "key-robot", "workspace_id": alive.workspace, "dialect": "leadlex", "mac": "", "scopes": []}
    with alive.call() as call:
        workspaces.add_key(call.connection, {**row, "created_at": NOW})
    alive.did(service.pause, case.id, by=alive.robot())
    assert [each.message for each in asked(alive, case.id)] == ["Paused by the key key-robot since 09:00 UTC."]


def test_who_revoked_the_approval_is_told_also_of_what_was_paused_before(alive: Bench) -> None:
    case = alive.running()
    alive.did(service.pause, case.id, "error_rate", by=machine(alive.workspace))
    alive.clock.move(HOUR)
    alive.did(service.revoke, case.id, by=alive.bob)
    [reason] = asked(alive, case.id)
    assert reason.message == "Paused by bob since 10:00 UTC: its approval was revoked."
    assert reason.figures == {"reason": "revoked", "by": "bob", "since": NOW + HOUR}


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("bounce_rate", "too many messages bounced or were refused."),
        ("error_rate", "too many messages failed."),
        ("restored", "the database was restored from a backup while it was under way."),
        ("The maildir can't be written.", "The maildir can't be written."),
    ],
)
def test_what_the_machine_paused_says_why_in_words_and_names_nobody(alive: Bench, reason: str, told: str) -> None:
    paused = alive.running()
    alive.did(service.pause, paused.id, reason, by=machine(alive.workspace))
    [found] = asked(alive, paused.id)
    assert found.message == f"Paused since 09:00 UTC: {told}"
    assert found.figures == {"reason": reason, "by": None, "since": NOW}


def test_a_start_that_was_missed_is_a_pause_of_the_machine(alive: Bench) -> None:
    scheduled = alive.launched(start_at=NOW + HOUR)
    alive.clock.move(3 * HOUR)
    assert alive.did(service.due, scheduled.id, by=machine(alive.workspace)).state == "paused"
    [reason] = asked(alive, scheduled.id)
    assert reason.message == "Paused since 12:00 UTC: its start time was missed."


def test_a_no_to_going_on_leaves_it_paused_and_its_voter_did_not_pause_it(alive: Bench) -> None:
    case = alive.running()
    alive.did(service.revoke, case.id, by=alive.bob)
    again = alive.did(service.resume, case.id)
    alive.clock.move(HOUR)
    alive.did(service.dismiss, again.task_id, by=alive.cid)
    [reason] = asked(alive, case.id)
    assert reason.message == "Paused since 10:00 UTC: it goes on when it is resumed."
    assert reason.figures == {"reason": None, "by": None, "since": NOW + HOUR}


# Under way


def test_while_it_sends_there_is_no_reason(alive: Bench) -> None:
    case = alive.running()
    assert codes(alive, case.id) == []
    alive.claim(case, 1)
    alive.clock.move(HOUR)
    assert codes(alive, case.id) == []


def test_what_was_handed_out_and_is_taken_by_nobody_is_queued(alive: Bench) -> None:
    case = alive.launched()
    alive.clock.move(TimeDelta(seconds=4))
    assert codes(alive, case.id) == []
    alive.clock.move(TimeDelta(seconds=40))
    assert alive.tick.once()  # hands it out again
    [reason] = asked(alive, case.id)
    assert (reason.code, reason.figures) == ("queued", {"since": NOW})
    assert reason.message == "Handed out at 09:00 UTC; the workers are busy with other campaigns."


def test_a_campaign_that_goes_on_is_queued_too_while_nobody_takes_it(alive: Bench) -> None:
    case = alive.running()
    alive.clock.move(TimeDelta(seconds=6))
    assert [(each.code, each.figures) for each in asked(alive, case.id)] == [("queued", {"since": NOW})]


def test_what_waits_or_is_held_is_not_queued(alive: Bench) -> None:
    waits = alive.launched(settings={"send_window": {"start": "11:00", "end": "12:00"}})
    alive.jobs.run()
    alive.clock.move(HOUR)
    assert codes(alive, waits.id) == ["window"]
    held = alive.launched()
    alive.clock.move(TimeDelta(minutes=1))
    with alive.call(alive.bob) as call:
        holds.set_hold(call, reason="An audit.")
    assert codes(alive, held.id) == ["held"]


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
    assert reason.message == "The channel can't carry anything now: the relay can't be reached (since 09:00 UTC)."
    assert reason.until is not None
    assert reason.until > NOW


def test_every_hold_is_told_whether_or_not_the_run_has_met_it(alive: Bench) -> None:
    case = alive.running()
    with alive.call(alive.bob) as call:
        holds.set_hold(call, reason="An audit.")
        holds.set_hold(call, sender="campaigns@example.com", reason="The wrong prices.")
        holds.set_hold(call, sender="other@example.com", reason="None of ours.")
    with alive.call(machine("")) as call:
        holds.hold_everything(call, "The relay moves.")
    alive.clock.move(HOUR)
    found = asked(alive, case.id)
    assert {(each.code, each.message) for each in found} == {
        ("held", "A hold by bob stands on the workspace since 09:00 UTC: An audit."),
        ("held", "A hold by bob stands on the sender campaigns@example.com since 09:00 UTC: The wrong prices."),
        ("held", "A hold by whoever runs the server stands on everything since 09:00 UTC: The relay moves."),
    }
    assert len(found) == 3
    assert {"kind": "workspace", "reason": "An audit.", "by": "bob", "since": NOW} in [each.figures for each in found]


def test_without_a_worker_nothing_is_sent(bench: Bench) -> None:
    case = bench.running()
    [reason] = asked(bench, case.id)
    assert (reason.code, reason.figures) == ("no_worker", {})
    bench.write("INSERT INTO gonogo_executor (id, seen_at) VALUES ('one', 0)")
    [reason] = asked(bench, case.id)
    assert reason.figures["seconds"] > 1_000_000
    bench.write("DELETE FROM gonogo_executor")


def test_without_a_worker_no_start_time_is_kept(bench: Bench) -> None:
    scheduled = bench.launched(start_at=NOW + HOUR)
    assert codes(bench, scheduled.id) == ["scheduled"]
    bench.clock.move(HOUR)
    assert codes(bench, scheduled.id) == ["no_worker", "scheduled"]


def test_without_a_worker_no_review_ends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposal, "REVIEWED_AT_ONCE", 0)
    case = bench.asked()
    assert case.task_status == "reviewing"
    assert codes(bench, case.id) == ["no_worker", "in_review"]


def test_while_a_worker_lives_a_review_is_just_under_way(alive: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposal, "REVIEWED_AT_ONCE", 0)
    assert codes(alive, alive.asked().id) == ["in_review"]


def test_a_launch_that_failed_says_what_with(alive: Bench) -> None:
    case = alive.launched(channel="email")
    alive.did(service.fail, case.id, "no channel for email is set up")
    [reason] = asked(alive, case.id)
    assert (reason.code, reason.figures) == ("failed", {"error": "no channel for email is set up"})
