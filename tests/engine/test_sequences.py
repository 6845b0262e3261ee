"""Several messages to each person: each its delay after that person's last, over all runs of a launch."""

from typing import Any

import pytest
from whenever import TimeDelta

from gonogo import service
from gonogo.content import MOST_STEPS, Content, Step, Template
from gonogo.errors import Invalid
from gonogo.execution.channels import Message, Receipt
from gonogo.resolving import resolve
from gonogo.store.cases import Case
from support.engine import NOW, SEQUENCE, Bench

HOUR = TimeDelta(hours=1)
DAY = TimeDelta(hours=24)
DELAY = DAY * 2  # as SEQUENCE has it
AT_ONCE = Content((*SEQUENCE.steps[:1], Step(0, Template("And then, {{ name }}?", "Well, {{ name }}?", None))))


def pass_time(bench: Bench, by: TimeDelta, steps: int = 1) -> None:
    """Let time pass, and do all that becomes due."""
    for _ in range(steps):
        bench.clock.move(by)
        bench.tick.once()
        bench.jobs.run()


def received(bench: Bench) -> dict[str, list[tuple[str, TimeDelta]]]:
    """What each person got, and how long after the launch."""
    found: dict[str, list[tuple[str, TimeDelta]]] = {}
    for message in bench.sink.messages:
        found.setdefault(message.address.partition("@")[0], []).append(
            (message.subject.partition(" ")[0], message.date - NOW)
        )
    return found


def again(bench: Bench, case: Case) -> Case:
    """The approval is taken back, and another given for whoever is left."""
    bench.did(service.revoke, case.id, by=bench.bob)
    return bench.did(service.approve, bench.did(service.resume, case.id).task_id, by=bench.cid)


def test_nobody_gets_a_message_before_its_delay_after_their_own_last(bench: Bench) -> None:
    def pause(_: Message) -> None:
        if len(bench.sink.messages) == 3:
            bench.did(service.pause, case.id)

    bench.sink.answers = pause
    case = bench.launched(6, content=SEQUENCE)
    bench.jobs.run()
    bench.sink.answers = lambda _: None
    bench.clock.move(DAY * 3)
    bench.did(service.resume, case.id)
    bench.jobs.run()
    pass_time(bench, HOUR, 24 * 3)
    got = received(bench)
    late, early = [("Hello", DAY * 3), ("Still", DAY * 5)], ("Hello", TimeDelta())
    assert [got[f"p{n}"] for n in (4, 5)] == [late, late]
    assert all(got[f"p{n}"] == [early, ("Still", DAY * 3)] for n in range(4))
    assert bench.case(case.id).state == "completed"


def test_one_who_got_the_first_late_keeps_nobody_else_waiting(bench: Bench) -> None:
    def later(message: Message) -> Receipt | None:
        return Receipt("deferred", "450", 3600) if message.address == "p1@example.com" else None

    bench.sink.answers = later
    bench.launched(3, content=SEQUENCE)
    bench.jobs.run()
    bench.sink.answers = lambda _: None
    pass_time(bench, HOUR, 72)
    second = {name: messages[-1] for name, messages in received(bench).items()}
    assert second == {"p0": ("Still", DELAY), "p1": ("Still", DELAY + HOUR), "p2": ("Still", DELAY)}


def test_who_waits_for_a_message_is_told_so(bench: Bench) -> None:
    bench.sink.answers = lambda message: (
        Receipt("deferred", "450", 3600) if message.address == "p1@example.com" else None
    )
    case = bench.launched(3, content=SEQUENCE)
    bench.jobs.run()
    bench.sink.answers = lambda _: None
    pass_time(bench, HOUR, 48)
    found = bench.case(case.id)
    assert (found.waiting_for, found.wake_at, found.deferred) == ("step", NOW + DELAY + HOUR, 1)


def test_a_run_that_goes_on_with_a_launch_keeps_its_delays(bench: Bench) -> None:
    case = bench.launched(2, content=SEQUENCE)
    bench.jobs.run()
    bench.clock.move(DAY)
    again(bench, case)
    bench.jobs.run()
    pass_time(bench, HOUR, 48)
    hello, still = ("Hello", TimeDelta()), ("Still", DELAY)
    assert received(bench) == {"p0": [hello, still], "p1": [hello, still]}


def test_whoever_did_not_get_the_first_gets_the_second_when_it_would_have_been_its_day(bench: Bench) -> None:
    bench.sink.answers = lambda message: Receipt("failed", "no") if message.address == "p1@example.com" else None
    bench.launched(2, content=SEQUENCE)
    bench.jobs.run()
    bench.sink.answers = lambda _: None
    bench.sink.messages.clear()
    pass_time(bench, HOUR, 24 * 3)
    assert received(bench) == {"p0": [("Still", DELAY)], "p1": [("Still", DELAY)]}


def test_who_was_refused_for_good_gets_nothing_more_of_the_launch(bench: Bench) -> None:
    bench.sink.answers = lambda message: Receipt("rejected", "550") if message.address == "p1@example.com" else None
    case = bench.launched(2, content=SEQUENCE)
    bench.jobs.run()
    bench.sink.answers = lambda _: None
    asked = again(bench, case)
    assert asked.recipients == 1
    bench.jobs.run()
    pass_time(bench, DAY, 3)
    assert "p1" not in received(bench)


def test_a_sequence_has_an_end(bench: Bench) -> None:
    long = Content(SEQUENCE.steps[:1] * (MOST_STEPS + 1))
    with pytest.raises(Invalid, match="at most 30 messages"):
        bench.draft(content=long)
    bench.launched(1, content=Content(long.steps[1:]))
    bench.jobs.run()
    assert len(bench.sink.messages) == MOST_STEPS


# Messages, one by one


def lost(bench: Bench, content: Content) -> Case:
    """Of the first message to p0 nobody can tell; everybody got the second."""
    case = bench.running(3, content=content)
    bench.claim(case, 1, lease="dead")
    bench.clock.move(TimeDelta(seconds=10))
    bench.did(service.take_over, case.id, "dead")
    bench.jobs.run()
    return case


def release(bench: Bench, case: Case) -> None:
    with bench.call() as call:
        resolve(call, case.id, f"{case.run_id}.0.0", "released")


def test_what_is_released_goes_out_though_a_later_message_did(bench: Bench) -> None:
    waits = Step(9, Template("At last, {{ name }}", "It is over, {{ name }}.", None))
    case = lost(bench, Content((*AT_ONCE.steps, waits)))
    assert [[said for said, _ in each] for each in received(bench).values()] == [
        ["Hello", "And"],
        ["Hello", "And"],
        ["And"],
    ]
    release(bench, case)
    bench.sink.messages.clear()
    assert again(bench, case).recipients == 3
    bench.jobs.run()
    assert {name: [said for said, _ in each] for name, each in received(bench).items()} == {"p0": ["Hello"]}
    pass_time(bench, DAY, 10)
    assert [said for said, _ in received(bench)["p0"]] == ["Hello", "At"]


@pytest.mark.parametrize("recipients", ["unsent", "failed"])
def test_an_ended_campaign_is_opened_again_for_messages_and_not_for_people(bench: Bench, recipients: Any) -> None:
    def wrong(message: Message) -> Receipt | None:
        return Receipt("failed", "no") if message.subject.startswith("Still") else None

    case = bench.launched(3, content=SEQUENCE)
    bench.jobs.run()
    if recipients == "failed":
        bench.sink.answers = wrong
        pass_time(bench, DELAY)
        bench.sink.answers = lambda _: None
    else:
        bench.did(service.cancel, case.id)
    bench.sink.messages.clear()
    asked = bench.did(service.rerun, case.id, recipients)
    assert asked.recipients == 3
    bench.did(service.approve, asked.task_id, by=bench.bob)
    bench.jobs.run()
    pass_time(bench, DAY, 3)
    assert [[said for said, _ in each] for each in received(bench).values()] == [["Still"]] * 3
    assert bench.case(case.id).state == "completed"


def test_what_was_released_after_the_end_is_what_is_unsent(bench: Bench) -> None:
    case = lost(bench, AT_ONCE)
    assert bench.case(case.id).state == "completed"
    release(bench, case)
    bench.sink.messages.clear()
    asked = bench.did(service.rerun, case.id, "unsent")
    assert asked.recipients == 1
    bench.did(service.approve, asked.task_id, by=bench.bob)
    bench.jobs.run()
    assert {name: [said for said, _ in each] for name, each in received(bench).items()} == {"p0": ["Hello"]}


def test_all_are_sent_everything_again(bench: Bench) -> None:
    case = bench.ended(2, content=AT_ONCE)
    bench.sink.messages.clear()
    asked = bench.did(service.rerun, case.id, "all")
    bench.did(service.approve, asked.task_id, by=bench.bob)
    bench.jobs.run()
    assert {name: [said for said, _ in each] for name, each in received(bench).items()} == {
        name: ["Hello", "And"] for name in ("p0", "p1")
    }
