"""What nobody could tell of is settled by a person, in writing, once; and what is released gets its second try."""

import pytest
import sqlalchemy as sa
from whenever import TimeDelta

from gonogo import service
from gonogo.errors import Invalid, NotFound
from gonogo.resolving import Verdict, resolve
from gonogo.store import ledger
from gonogo.store.cases import Case
from support.engine import Bench, snapshot


def left_unknown(bench: Bench, recipients: int = 3) -> Case:
    """A campaign that ended with one message of which nobody can tell."""
    case = bench.running(recipients)
    bench.claim(case, 1, lease="dead")
    bench.clock.move(TimeDelta(seconds=10))
    bench.did(service.take_over, case.id, "dead")
    bench.jobs.run()
    ended = bench.case(case.id)
    assert (ended.state, ended.unknown, ended.sent) == ("completed", 1, recipients - 1)
    return ended


def say(bench: Bench, case: Case, verdict: Verdict, message: str = "") -> Case:
    with bench.call(bench.ann) as call:
        return resolve(call, case.id, message or f"{case.run_id}.0.0", verdict)


def test_somebody_knows_that_it_arrived(bench: Bench) -> None:
    case = left_unknown(bench)
    told = say(bench, case, "sent")
    assert (told.sent, told.unknown) == (3, 0)
    assert bench.states(case.id) == {"sent": 3}
    with bench.engine.connect() as connection:
        [said] = ledger.resolutions(connection, case.id)
    assert (said.verdict, said.person, said.actor, said.at) == (
        "sent", bench.ann.person, "key-ann", bench.clock.now(),
    )  # fmt: skip
    bench.did(service.reopen, case.id)
    assert "audience_empty" in [each.code for each in bench.do(service.start, case.id).blockers]


def test_what_is_released_goes_out_with_the_next_run_and_nothing_else_does(bench: Bench) -> None:
    case = left_unknown(bench)
    say(bench, case, "released")
    assert bench.states(case.id) == {"sent": 2, "released": 1}
    bench.did(service.reopen, case.id)
    asked = bench.did(service.start, case.id)
    assert asked.recipients == 1
    bench.did(service.approve, asked.task_id, by=bench.bob)
    bench.jobs.run()
    assert sorted(bench.sink.addresses) == ["p0@example.com", "p1@example.com", "p2@example.com"]


def test_what_nobody_released_is_never_sent_again_by_itself(bench: Bench) -> None:
    case = left_unknown(bench)
    bench.did(service.reopen, case.id)
    assert "audience_empty" in [each.code for each in bench.do(service.start, case.id).blockers]


@pytest.mark.parametrize("second", ["sent", "released"])
def test_it_is_said_once(bench: Bench, second: Verdict) -> None:
    case = left_unknown(bench)
    say(bench, case, "released")
    before = snapshot(bench.engine)
    with pytest.raises(Invalid, match="only an unknown message is resolved; this one is released"):
        say(bench, case, second)
    assert snapshot(bench.engine) == before


def test_what_is_known_or_nobodys_is_not_resolved(bench: Bench) -> None:
    case, stranger = left_unknown(bench), Bench(bench.engine)
    theirs, before = f"{case.run_id}.0.0", snapshot(bench.engine)
    with pytest.raises(Invalid, match="this one is sent"):
        say(bench, case, "released", f"{case.run_id}.0.1")
    for odd in ("x", "x.0.0", f"{case.run_id}.0", f"{case.run_id}.0.9", f"{case.run_id}.0.-1", f"{case.run_id}.0.²"):
        with pytest.raises(NotFound):
            say(bench, case, "sent", odd)
    with stranger.call() as call, pytest.raises(NotFound):
        resolve(call, case.id, theirs, "sent")
    assert snapshot(bench.engine) == before


def test_what_was_said_is_never_unsaid(bench: Bench) -> None:
    case = left_unknown(bench)
    say(bench, case, "sent")
    for statement in ("DELETE FROM gonogo_resolution", "UPDATE gonogo_resolution SET verdict = 'released'"):
        with pytest.raises(sa.exc.DBAPIError):
            bench.write(statement)
