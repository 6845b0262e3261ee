"""What comes back about messages: what is written down, whom it stops, and what is refused."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from whenever import TimeDelta

from gonogo import models, resolving, responses, service
from gonogo.addresses import address_key
from gonogo.errors import Invalid, NotFound
from gonogo.responses import Answer, Told
from gonogo.store.cases import Case
from support.engine import NOW, SEQUENCE, Bench, snapshot

DAY = TimeDelta(hours=24)
KINDS: tuple[responses.Kind, ...] = ("unsubscribe", "complaint", "bounce", "reply")
SUMS = {"unsubscribe": "unsubscribed", "complaint": "complained", "bounce": "bounced", "reply": "replied"}
NONE = dict.fromkeys(KINDS, 0)


def tell(bench: Bench, *told: Told) -> list[Answer]:
    with bench.call() as call:
        return responses.respond(call, told)


def results(bench: Bench, *told: Told) -> list[str]:
    return [answer.result for answer in tell(bench, *told)]


def sent(bench: Bench, recipients: int = 3, **values: object) -> Case:
    """A campaign whose first messages are out."""
    case = bench.launched(recipients, **values)
    bench.jobs.run()
    return bench.case(case.id)


def first(case: Case, position: int = 0) -> str:
    return f"{case.run_id}.0.{position}"


def pass_time(bench: Bench, by: TimeDelta) -> None:
    bench.clock.move(by)
    bench.tick.once()
    bench.jobs.run()


def sums(bench: Bench, case: Case) -> dict[str, int]:
    columns = ", ".join(SUMS.values())
    [row] = bench.rows(f"SELECT {columns} FROM gonogo_run WHERE id = :id", id=case.run_id)
    return dict(zip(SUMS, row, strict=True))


def written(bench: Bench) -> list[tuple[object, ...]]:
    return bench.rows("SELECT run_id, step, position, kind FROM gonogo_response ORDER BY 1, 2, 3, 4")


def reasons(bench: Bench, address: str) -> list[str]:
    with bench.call() as call:
        return [reason for reason, _ in responses.reasons(call, address)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_came_back_is_written_down_once_and_counted_once(bench: Bench, kind: responses.Kind) -> None:
    case = sent(bench)
    assert results(bench, Told(kind, first(case))) == ["suppressed"]
    assert results(bench, Told(kind, first(case)), Told(kind, first(case))) == ["repeated", "repeated"]
    assert written(bench) == [(case.run_id, 0, 0, kind)]
    assert sums(bench, case) == {**NONE, kind: 1}
    assert reasons(bench, "p0@example.com") == [kind]
    assert reasons(bench, "p1@example.com") == []


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_came_back_its_recipient_gets_nothing_more_in_any_running_campaign(
    bench: Bench, kind: responses.Kind
) -> None:
    cases = [sent(bench, content=SEQUENCE), sent(bench, content=SEQUENCE)]
    assert len(bench.sink.messages) == 6
    assert results(bench, Told(kind, first(cases[0], 1))) == ["suppressed"]
    pass_time(bench, 2 * DAY)
    assert sorted(bench.sink.addresses[6:]) == sorted(2 * ["p0@example.com", "p2@example.com"])
    assert [bench.case(case.id).skipped for case in cases] == [1, 1]


def test_a_reply_stops_what_is_under_way_and_the_others_last(bench: Bench) -> None:
    case = sent(bench)
    tell(bench, Told("reply", first(case, 0)), Told("bounce", first(case, 1)))
    bench.clock.move(DAY)
    later = sent(bench)
    assert (later.sent, later.skipped) == (2, 0)
    assert bench.sink.addresses[3:] == ["p0@example.com", "p2@example.com"]


def test_a_message_is_named_as_it_is_listed_or_by_its_message_id(bench: Bench) -> None:
    case = sent(bench, 4)
    name = first(case)
    tell(bench, Told("reply", name), Told("bounce", bench.sink.messages[1].message_id))
    tell(bench, Told("complaint", f"{first(case, 2)}@gonogo"), Told("unsubscribe", f" <{first(case, 3)}@gonogo> "))
    assert [(position, kind) for _, _, position, kind in written(bench)] == [
        (0, "reply"),
        (1, "bounce"),
        (2, "complaint"),
        (3, "unsubscribe"),
    ]


@pytest.mark.parametrize(
    "odd",
    ["", "x", "{run}", "{run}.0", "{run}.0.9", "{run}.1.0", "{run}.-1.0", "{run}.0.99999999999", "{run}.0.0@elsewhere",
     "{run}.0.0.0", "00000000-0000-4000-8000-000000000000.0.0", "{run}.\u0660.0"],
)  # fmt: skip
def test_a_message_that_there_is_not_is_refused(bench: Bench, odd: str) -> None:
    case = sent(bench)
    before = snapshot(bench.engine)
    assert tell(bench, Told("bounce", odd.format(run=case.run_id))) == [responses.UNKNOWN]
    assert snapshot(bench.engine) == before


def test_each_is_answered_in_its_place_whatever_becomes_of_the_others(bench: Bench) -> None:
    case = sent(bench)
    answers = tell(
        bench,
        Told("bounce", first(case, 2)),
        Told("bounce", "nothing"),
        Told("complaint", recipient="p9@example.com"),
        Told("bounce", first(case, 2)),
        Told("bounce", recipient="nobody"),
        Told("complaint", recipient="P9@example.com"),
        Told("unsubscribe", first(case, 0)),
    )
    assert [answer.code or answer.result for answer in answers] == [
        "suppressed",
        "message_unknown",
        "suppressed",
        "repeated",
        "recipient_invalid",
        "repeated",
        "suppressed",
    ]
    assert sums(bench, case) == {**NONE, "bounce": 1, "unsubscribe": 1}


STATES: dict[str, Callable[[Bench, Case], object]] = {
    "claimed": lambda bench, case: bench.claim(case, 1),
    "rejected": lambda bench, case: _settled(bench, case, "rejected"),
    "failed": lambda bench, case: _settled(bench, case, "failed"),
    "deferred": lambda bench, case: _settled(bench, case, "deferred"),
    "skipped": lambda bench, case: _settled(bench, case, "skipped"),
}


def _settled(bench: Bench, case: Case, state: str) -> None:
    bench.claim(case, 1)
    bench.write("UPDATE gonogo_ledger SET state = :state WHERE run_id = :run", state=state, run=case.run_id)
    counted = f"UPDATE gonogo_run SET {state} = 1 WHERE id = :run"
    bench.write(counted, run=case.run_id)


@pytest.mark.parametrize("state", STATES)
def test_a_message_that_was_never_sent_is_refused_with_its_state(bench: Bench, state: str) -> None:
    case = bench.running()
    STATES[state](bench, case)
    before = snapshot(bench.engine)
    [answer] = tell(bench, Told("bounce", first(case)))
    assert (answer.result, answer.code) == ("refused", "message_not_sent")
    assert ("being sent" if state == "claimed" else state) in str(answer.reason)
    assert snapshot(bench.engine) == before


def test_a_message_that_nobody_can_tell_of_may_have_been_sent(bench: Bench) -> None:
    case = bench.running()
    bench.claim(case, 2, "dead")
    bench.clock.move(TimeDelta(seconds=9))
    bench.do(service.take_over, case.id, "dead")
    with bench.call() as call:
        resolving.resolve(call, case.id, first(case, 1), "released")
    assert bench.states(case.id) == {"unknown": 1, "released": 1}
    assert results(bench, Told("reply", first(case, 0)), Told("bounce", first(case, 1))) == 2 * ["suppressed"]


def test_a_recipient_who_was_erased_is_recorded_and_nobody_is_suppressed(bench: Bench) -> None:
    case = sent(bench)
    bench.write("DELETE FROM gonogo_contact WHERE list_id = :list", list=case.list_id)
    bench.write("UPDATE gonogo_payload SET salt = NULL, body = NULL WHERE workspace_id = :id", id=bench.workspace)
    assert tell(bench, Told("bounce", first(case))) == [responses.ERASED]
    assert written(bench) == [(case.run_id, 0, 0, "bounce")]
    assert bench.scalar("SELECT count(*) FROM gonogo_suppression") == 0


def test_an_address_that_left_its_list_or_was_erased_from_one_run_is_still_found(bench: Bench) -> None:
    case = sent(bench)
    bench.write("DELETE FROM gonogo_contact WHERE list_id = :list", list=case.list_id)
    assert results(bench, Told("bounce", first(case))) == ["suppressed"]
    other = sent(bench)
    bench.write("UPDATE gonogo_payload SET salt = NULL, body = NULL WHERE workspace_id = :id", id=bench.workspace)
    assert results(bench, Told("bounce", first(other))) == ["suppressed"]
    assert reasons(bench, "p0@example.com") == reasons(bench, "p1@example.com") == ["bounce"]


def test_what_happened_lies_between_the_message_and_now(bench: Bench) -> None:
    case = sent(bench)
    bench.clock.move(DAY)
    tell(
        bench,
        Told("bounce", first(case, 0), at=NOW - DAY),
        Told("bounce", first(case, 1), at=NOW + 2 * DAY),
        Told("bounce", first(case, 2), at=NOW + TimeDelta(hours=1)),
    )
    with bench.engine.connect() as connection:
        table = models.table(models.Response)
        found = [row.at for row in connection.execute(sa.select(table).order_by(table.c.position))]
    assert found == [NOW, NOW + DAY, NOW + TimeDelta(hours=1)]


def test_an_address_that_was_allowed_again_stays_so_when_the_same_is_told_again(bench: Bench) -> None:
    case = sent(bench)
    tell(bench, Told("bounce", first(case)))
    with bench.call() as call:
        assert responses.allow_again(call, "p0@example.com") == 1
    assert results(bench, Told("bounce", first(case))) == ["repeated"]
    assert reasons(bench, "p0@example.com") == []


def test_bounces_that_come_back_pause_a_campaign_like_those_on_the_way(bench: Bench) -> None:
    bench.write("UPDATE gonogo_workspace SET limits = :limits", limits='{"bounce_rate": 0.5, "at_least": 3}')
    case = sent(bench, content=SEQUENCE)
    tell(bench, *(Told("bounce", first(case, position)) for position in (0, 1)))
    pass_time(bench, 2 * DAY)
    paused = bench.case(case.id)
    assert (paused.state, paused.paused_reason) == ("paused", "bounce_rate")


def test_what_is_told_at_the_same_time_in_any_order_is_written_down_once(bench: Bench) -> None:
    cases = [sent(bench, 8), sent(bench, 8)]
    told = [Told("bounce", first(case, position)) for case in cases for position in range(8)]

    def some(nth: int) -> list[str]:
        return results(bench, *(told if nth % 2 else reversed(told)), Told("complaint", recipient="p0@example.com"))

    with ThreadPoolExecutor(4) as pool:
        answers = [result for found in pool.map(some, range(8)) for result in found]
    assert answers.count("suppressed") == len(told) + 1
    assert answers.count("repeated") == 7 * (len(told) + 1)
    assert [sums(bench, case) for case in cases] == 2 * [{**NONE, "bounce": 8}]


# The link in the message


def named(case: Case, position: int = 0) -> tuple[str, int, int]:
    return str(case.run_id), 0, position


def test_a_link_unsubscribes_however_often_it_is_used_and_counts_once(bench: Bench) -> None:
    case = sent(bench)
    for _ in range(2):
        with bench.call() as call:
            assert responses.unsubscribe(call, named(case)) == responses.SUPPRESSED
    assert sums(bench, case) == {**NONE, "unsubscribe": 1}
    with bench.call() as call:
        responses.allow_again(call, "p0@example.com")
        responses.unsubscribe(call, named(case))
    assert reasons(bench, "p0@example.com") == ["unsubscribe"]


def test_a_link_unsubscribes_while_its_message_is_being_settled_and_where_it_was_forgotten(bench: Bench) -> None:
    case = bench.running()
    bench.claim(case, 1)
    for position in (0, 1):  # the second one was never claimed, as far as a restored database knows
        with bench.call() as call:
            assert responses.unsubscribe(call, named(case, position)) == responses.SUPPRESSED
    assert written(bench) == [(case.run_id, 0, 0, "unsubscribe")]
    assert reasons(bench, "p1@example.com") == ["unsubscribe"]


def test_a_link_to_nobody_and_to_somebody_who_was_erased(bench: Bench) -> None:
    case = sent(bench)
    with bench.call() as call:
        assert responses.unsubscribe(call, named(case, 9)) == responses.UNKNOWN
    bench.write("DELETE FROM gonogo_contact WHERE list_id = :list", list=case.list_id)
    bench.write("UPDATE gonogo_payload SET salt = NULL, body = NULL WHERE workspace_id = :id", id=bench.workspace)
    with bench.call() as call:
        assert responses.unsubscribe(call, named(case)) == responses.ERASED


# Addresses by themselves


def test_an_address_is_suppressed_for_as_many_reasons_as_there_are_and_allowed_again(bench: Bench) -> None:
    with bench.call() as call:
        assert responses.suppress(call, "Ada@Example.com", "complaint")
        assert not responses.suppress(call, "ada@example.com", "complaint")
        assert responses.suppress(call, "ada@example.com", "bounce")
        assert responses.suppress(call, "+1 (202) 555-0123", "unsubscribe")
        assert responses.counts(call) == {"unsubscribe": 1, "complaint": 1, "bounce": 1, "reply": 0}
        assert responses.reasons(call, "ada@example.com") == [("bounce", NOW), ("complaint", NOW)]
        assert responses.reasons(call, "+12025550123") == [("unsubscribe", NOW)]
        assert responses.allow_again(call, "ada@EXAMPLE.com") == 2
        assert responses.reasons(call, "ada@example.com") == []
        with pytest.raises(NotFound):
            responses.allow_again(call, "ada@example.com")


@pytest.mark.parametrize("odd", ["", "ada", "ada@", "@x.example", "12025550123", "+1", "a b@x.example"])
def test_what_is_no_address_is_refused(bench: Bench, odd: str) -> None:
    for ask in (responses.reasons, responses.allow_again, lambda call, odd: responses.suppress(call, odd, "bounce")):
        with bench.call() as call, pytest.raises(Invalid):
            ask(call, odd)


def test_only_a_digest_of_the_address_is_kept(bench: Bench) -> None:
    tell(bench, Told("complaint", recipient="ada@example.com"))
    [(workspace, key)] = bench.rows("SELECT workspace_id, address_key FROM gonogo_suppression")
    salt = bytes(bench.scalar("SELECT salt FROM gonogo_workspace"))
    assert (workspace, key) == (bench.workspace, address_key(salt, "ada@example.com"))


# Another workspace


def test_a_message_of_another_workspace_answers_as_a_missing_one_and_nothing_happens(bench: Bench) -> None:
    stranger, case = Bench(bench.engine), sent(bench)
    before = snapshot(bench.engine)
    for kind in KINDS:
        assert tell(stranger, Told(kind, first(case))) == [responses.UNKNOWN]
    with stranger.call() as call:
        assert responses.unsubscribe(call, named(case)) == responses.UNKNOWN
    assert snapshot(bench.engine) == before


def test_an_address_is_suppressed_in_one_workspace_only(bench: Bench) -> None:
    stranger = Bench(bench.engine)
    tell(stranger, Told("bounce", recipient="p0@example.com"))
    assert reasons(bench, "p0@example.com") == []
    assert sent(bench).sent == 3
    with bench.call() as call, pytest.raises(NotFound):
        responses.allow_again(call, "p0@example.com")
    assert reasons(stranger, "p0@example.com") == ["bounce"]
