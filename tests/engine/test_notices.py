"""Events on their way to webhooks: real databases, a real receiver, and a clock that is moved by hand."""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo import deliveries, notices, service
from gonogo.actor import machine
from gonogo.call import Call
from gonogo.campaign import CAMPAIGN
from gonogo.deliveries import DeliveryView, deliver_due
from gonogo.errors import Invalid, NotFound
from gonogo.execution.posting import Answer, NotPosted, Poster
from gonogo.models import TASK_STATES
from gonogo.store import notices as store
from support.engine import NOW, Bench, asking
from support.receiver import Receiver, Reply, Request, receiver

DOCS = Path(__file__).parents[2] / "docs" / "webhooks.md"
HOUR, MINUTE = TimeDelta(hours=1), TimeDelta(minutes=1)


@pytest.fixture
def hears() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


#: What a draft is told as while it is written.
EDITED = "campaign.revised"
REST = [each for each in notices.TYPES if each != EDITED]


def listen(bench: Bench, url: str, *events: str) -> str:
    with bench.call() as call:
        view, _ = deliveries.add(call, url, events or REST)
    return view.id


POST = Poster(5, private_allowed=True).post


def deliver(bench: Bench, post: deliveries.Post = POST) -> int:
    """Everything that is due by now."""
    count = 0
    while done := deliver_due(bench.engine, bench.clock, post):
        count += done
    return count


def later(bench: Bench, by: TimeDelta) -> int:
    bench.clock.move(by)
    return deliver(bench)


def told(hears: Receiver) -> list[str]:
    return [each.document["type"] for each in hears.requests]


def log(bench: Bench, endpoint: str, **page: Any) -> list[DeliveryView]:
    with bench.call() as call:
        return deliveries.deliveries(call, endpoint, **page)


def states(bench: Bench, endpoint: str) -> list[tuple[str, str]]:
    """Type and state of every delivery, the oldest first."""
    return [(each.type, each.state) for each in reversed(log(bench, endpoint))]


# What is told


def test_every_event_and_every_state_of_a_task_has_a_type() -> None:
    assert {*notices.CAMPAIGN_TYPES, "retract"} == {*CAMPAIGN.events}
    assert {*notices.TASK_TYPES, "reviewing"} == {*TASK_STATES}
    assert len(set(notices.TYPES)) == len(notices.TYPES)


def test_a_launch_is_told_from_its_start_to_its_end_in_order(bench: Bench, hears: Receiver) -> None:
    endpoint = listen(bench, hears.url)
    case = bench.ended(2)
    deliver(bench)
    assert told(hears) == [
        "campaign.started", "task.created", "campaign.approved", "task.approved", "campaign.begun",
        "campaign.completed",
    ]  # fmt: skip
    assert case.state == "completed"
    assert {state for _, state in states(bench, endpoint)} == {"delivered"}


def test_what_is_told_of_a_step_are_ids_states_and_figures(bench: Bench, hears: Receiver) -> None:
    listen(bench, hears.url)
    case = bench.asked(2)
    deliver(bench)
    started, created = hears.requests
    assert started.document == {
        "type": "campaign.started",
        "timestamp": NOW.format_iso(),
        "data": {
            "campaign_id": case.id,
            "dialect": "leadlex",
            "dialect_id": case.wire_id,
            "name": "Spring",
            "run": 1,
            "seq": case.seq,
            "actor": bench.ann.person,
            "status": "pending_approval",
            "previous_status": "draft",
            "task_id": case.task_id,
            "paused_reason": None,
            "launch_error": None,
        },
    }
    assert created.document["data"] == {
        **{name: started.document["data"][name] for name in ("campaign_id", "dialect", "dialect_id", "name", "run")},
        "seq": case.seq,
        "actor": bench.ann.person,
        "task_id": case.task_id,
        "status": "pending",
        "votes": 0,
        "approvals": 0,
        "seal": case.seal,
        "expires_at": case.expires_at.format_iso() if case.expires_at else None,
    }


def test_a_vote_that_decides_nothing_is_told_of_the_task_alone(bench: Bench, hears: Receiver) -> None:
    bench.policy(asking(quorum=2))
    listen(bench, hears.url)
    case = bench.asked(2)
    bench.did(service.approve, case.task_id, by=bench.bob)
    bench.did(service.retract, case.task_id, by=bench.bob)
    bench.did(service.dismiss, case.task_id, by=bench.cid)
    deliver(bench)
    assert told(hears)[2:] == ["task.voted", "task.voted", "campaign.dismissed", "task.dismissed"]


def test_a_question_that_broken_glass_closes_is_told_of_as_void(bench: Bench, hears: Receiver) -> None:
    case = bench.asked(2, policy=asking(quorum=2, break_glass={"group": "approvers"}))
    bench.did(service.approve, case.task_id, by=bench.bob)
    listen(bench, hears.url)
    broken = bench.did(service.break_glass, case.id, "The shop is on fire", by=bench.bob)
    deliver(bench)
    assert told(hears) == ["campaign.glass_broken", "task.voided"]
    launched, voided = (each.document["data"] for each in hears.requests)
    assert (launched["status"], launched["run"], launched["task_id"]) == ("active", 2, None)
    assert (voided["task_id"], voided["status"], voided["run"]) == (case.task_id, "void", 1)
    assert (voided["votes"], voided["approvals"], voided["seal"]) == (1, 1, case.seal)
    assert voided["seq"] == launched["seq"] == broken.seq


def test_broken_glass_over_no_question_tells_of_no_task(bench: Bench, hears: Receiver) -> None:
    case = bench.asked(2, policy=asking(break_glass={"group": "approvers"}))
    bench.did(service.withdraw, case.task_id)
    listen(bench, hears.url)
    bench.did(service.break_glass, case.id, "The shop is on fire", by=bench.bob)
    deliver(bench)
    assert told(hears) == ["campaign.glass_broken"]


def test_the_reason_of_a_pause_is_told(bench: Bench, hears: Receiver) -> None:
    case = bench.running()
    listen(bench, hears.url)
    bench.did(service.pause, case.id, "person")
    deliver(bench)
    [paused] = hears.requests
    assert paused.document["type"] == "campaign.paused"
    assert paused.document["data"]["paused_reason"] == "person"
    assert paused.document["data"]["previous_status"] == "running"


def test_a_workspace_without_webhooks_writes_nothing(bench: Bench, hears: Receiver) -> None:
    endpoint = listen(bench, hears.url)
    with bench.call() as call:
        deliveries.remove(call, endpoint)
    bench.asked(2)
    assert bench.scalar("SELECT count(*) FROM gonogo_notice") == 0
    assert bench.scalar("SELECT endpoints FROM gonogo_workspace WHERE id = :id", id=bench.workspace) == 0


def test_a_notice_is_written_with_its_step_or_not_at_all(bench: Bench, hears: Receiver) -> None:
    listen(bench, hears.url)
    bench.policy(asking())
    campaign = bench.draft(2)
    with bench.engine.connect() as connection:
        outcome = service.start(Call(connection, bench.ann, NOW, bench.jobs), campaign)
        assert not outcome.blockers
        assert connection.execute(sa.text("SELECT count(*) FROM gonogo_delivery")).scalar() == 2
        connection.rollback()
    assert bench.scalar("SELECT count(*) FROM gonogo_notice") == 0
    assert bench.scalar("SELECT count(*) FROM gonogo_delivery") == 0


@pytest.mark.parametrize(
    ("events", "heard"),
    [
        (["campaign.*"], [EDITED, "campaign.started"]),
        (["task.*"], ["task.created"]),
        (["task.created", "campaign.cancelled"], ["task.created"]),
        (["campaign.cancelled"], []),
        (["task.*", "*"], [EDITED, "campaign.started", "task.created"]),
    ],
)
def test_a_webhook_hears_what_it_asked_for(bench: Bench, hears: Receiver, events: list[str], heard: list[str]) -> None:
    listen(bench, hears.url, *events)
    bench.asked(2)
    deliver(bench)
    assert told(hears) == heard
    assert bench.scalar("SELECT count(*) FROM gonogo_notice") == len(heard)


def test_ids_follow_each_other_whatever_the_clocks_of_several_machines_say(bench: Bench, hears: Receiver) -> None:
    listen(bench, hears.url)
    case = bench.asked(2)
    bench.clock.move(-MINUTE)
    bench.did(service.withdraw, case.task_id)
    bench.clock.move(MINUTE * 2)
    deliver(bench)
    assert told(hears) == ["campaign.started", "task.created", "campaign.withdrawn", "task.voided"]
    assert hears.ids == sorted(hears.ids)
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", i) for i in hears.ids
    )


# How it gets there


def test_what_is_told_is_signed_and_has_the_notices_own_id(bench: Bench, hears: Receiver) -> None:
    with bench.call() as call:
        view, secret = deliveries.add(call, hears.url, REST)
    bench.asked(2)
    deliver(bench)
    assert all(each.signed_with(secret) for each in hears.requests)
    assert hears.ids == [each.notice_id for each in reversed(log(bench, view.id))]


def test_a_receiver_that_is_down_for_a_while_gets_all_in_order(bench: Bench, hears: Receiver) -> None:
    endpoint = listen(bench, hears.url)
    hears.answers = lambda _: Reply(503)
    case = bench.asked(2)
    deliver(bench)
    bench.did(service.approve, case.task_id, by=bench.bob)
    bench.did(service.pause, case.id)
    for _ in range(4):
        later(bench, MINUTE)
    assert set(told(hears)) == {"campaign.started"}  # nothing goes past the first
    assert len(set(hears.ids)) == 1
    tried = len(hears.requests)
    hears.answers = lambda _: Reply()
    later(bench, HOUR)
    wanted = ["campaign.started", "task.created", "campaign.approved", "task.approved", "campaign.paused"]
    assert told(hears)[tried:] == wanted
    assert states(bench, endpoint) == [(each, "delivered") for each in wanted]
    first = log(bench, endpoint)[-1]
    assert (first.tries, first.status, first.error) == (tried + 1, 200, None)


def test_one_campaigns_trouble_holds_up_no_other_nor_another_webhook(bench: Bench, hears: Receiver) -> None:
    listen(bench, hears.url)
    with receiver() as other:
        listen(bench, other.url)
        first = bench.asked(2)
        hears.answers = lambda asked: Reply(500 if asked.document["data"]["campaign_id"] == first.id else 200)
        second = bench.asked(2)
        deliver(bench)
        assert len(other.requests) == 4
        heard = [each.document["type"] for each in hears.requests if each.document["data"]["campaign_id"] == second.id]
        assert heard == ["campaign.started", "task.created"]


def test_a_refusal_is_tried_again_after_growing_pauses_for_three_days_and_then_failed(
    bench: Bench, hears: Receiver
) -> None:
    endpoint = listen(bench, hears.url, "task.created", "task.voided")
    hears.answers = lambda _: Reply(500, body=b"out of order")
    case = bench.asked(2)
    times = []
    while (due := log(bench, endpoint)[0].next_at) is not None:
        bench.clock.at = due
        times.append(due)
        assert deliver(bench) == 1
    assert len(hears.requests) == len(times)
    [given_up] = log(bench, endpoint)
    assert (given_up.state, given_up.status, given_up.error) == ("failed", 500, "500 out of order")
    assert given_up.tries == len(times) > 10
    pauses = [(b - a).total("seconds") for a, b in pairwise(times)]
    assert pauses[-1] > 30_000 > pauses[6] > pauses[4] > pauses[0]
    assert TimeDelta(hours=50) < times[-1] - NOW <= TimeDelta(hours=72)
    hears.answers = lambda _: Reply()
    bench.did(service.withdraw, case.task_id)
    deliver(bench)
    assert told(hears)[-1] == "task.voided"  # what stood behind goes on


def test_a_receiver_may_say_when_to_come_again(bench: Bench, hears: Receiver) -> None:
    listen(bench, hears.url, "task.created")
    hears.script(Reply(429, {"Retry-After": "7200"}))
    bench.asked(2)
    deliver(bench)
    assert later(bench, HOUR) == 0
    assert later(bench, HOUR + MINUTE) == 1


def test_a_crash_between_post_and_settle_delivers_again_with_the_same_id(
    bench: Bench, hears: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = listen(bench, hears.url, "task.*")
    bench.asked(2)

    def dies(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(store, "settle", dies)
        assert deliver_due(bench.engine, bench.clock, POST) == 1
    assert states(bench, endpoint) == [("task.created", "pending")]
    assert deliver(bench) == 0  # it is claimed still
    assert later(bench, deliveries.LEASE) == 1
    assert len(hears.requests) == 2
    assert len(set(hears.ids)) == 1
    assert hears.requests[0].body == hears.requests[1].body
    assert states(bench, endpoint) == [("task.created", "delivered")]


def test_nothing_is_held_while_a_request_is_under_way_and_no_other_process_sends_it(
    bench: Bench, hears: Receiver
) -> None:
    listen(bench, hears.url, "task.*")
    case = bench.asked(2)
    gate, arrived = threading.Event(), threading.Event()

    def answers(_: Request) -> Reply:
        arrived.set()
        return Reply(when=gate)

    hears.answers = answers
    first = threading.Thread(target=deliver, args=(bench,))
    first.start()
    assert arrived.wait(10)
    assert deliver_due(bench.engine, bench.clock, POST) == 0
    bench.did(service.withdraw, case.task_id)  # a step is written meanwhile
    assert deliver_due(bench.engine, bench.clock, POST) == 0  # behind the one under way
    gate.set()
    first.join(10)
    deliver(bench)
    assert told(hears) == ["task.created", "task.voided"]


def test_many_processes_at_once_deliver_each_once_and_in_order(bench: Bench, hears: Receiver) -> None:
    listen(bench, hears.url)
    for _ in range(6):
        case = bench.asked(1)
        bench.did(service.withdraw, case.task_id)
    failed: list[Exception] = []

    def work() -> None:
        try:
            while bench.scalar("SELECT count(*) FROM gonogo_delivery WHERE state = 'pending'"):
                deliver_due(bench.engine, bench.clock, POST)
        except Exception as error:
            failed.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(60)
    assert failed == []
    assert len(hears.ids) == len(set(hears.ids)) == 24
    by_campaign: dict[str, list[str]] = {}
    for heard in hears.requests:
        by_campaign.setdefault(heard.document["data"]["campaign_id"], []).append(heard.id)
    assert all(ids == sorted(ids) and len(ids) == 4 for ids in by_campaign.values())


def test_one_receiver_takes_no_more_than_its_share_of_a_round(bench: Bench, hears: Receiver) -> None:
    listen(bench, "http://dead.example/")
    for _ in range(deliveries.ROUND):
        bench.asked(1)
    listen(bench, hears.url)
    bench.asked(1)

    def post(url: str, *rest: Any, **more: Any) -> Answer:
        if "dead" in url:
            raise NotPosted("dead")
        return POST(url, *rest, **more)

    assert deliver_due(bench.engine, bench.clock, post) == deliveries.OF_ONE + 1
    assert told(hears) == ["campaign.started"]


def test_a_claim_that_lapsed_settles_nothing(bench: Bench, hears: Receiver) -> None:
    """Who stood still for too long does not undo what another did meanwhile."""
    endpoint = listen(bench, hears.url, "task.created")
    bench.asked(2)

    def slow(*rest: Any, **more: Any) -> Answer:
        bench.clock.move(deliveries.LEASE)
        assert deliver_due(bench.engine, bench.clock, POST) == 1
        return Answer(500)

    assert deliver_due(bench.engine, bench.clock, slow) == 1
    [view] = log(bench, endpoint)
    assert (view.state, view.status, view.tries) == ("delivered", 200, 1)


def test_a_claim_that_lapsed_does_not_end_the_one_that_followed_it(bench: Bench, hears: Receiver) -> None:
    endpoint = listen(bench, hears.url, "task.created")
    bench.asked(2)

    def slow(*_: Any, **__: Any) -> Answer:
        bench.clock.move(deliveries.LEASE)
        now = bench.clock.now()
        with bench.engine.begin() as connection:
            assert len(store.claim_due(connection, now, now + deliveries.LEASE, limit=1, of_one=1)) == 1
        return Answer(500)

    assert deliver_due(bench.engine, bench.clock, slow) == 1
    [view] = log(bench, endpoint)
    assert (view.state, view.tries, view.next_at) == ("pending", 0, bench.clock.now() + deliveries.LEASE)


def test_whoever_stops_begins_no_further_request_and_leaves_the_rest_to_others(bench: Bench, hears: Receiver) -> None:
    endpoint = listen(bench, hears.url)
    for _ in range(3):
        bench.asked(1)
    before = {each.notice_id: each.next_at for each in log(bench, endpoint)}
    bench.clock.move(MINUTE)
    stopping = threading.Event()
    stopping.set()
    assert deliver_due(bench.engine, bench.clock, POST, stopping.is_set) == 3
    assert hears.requests == []
    found = log(bench, endpoint)
    assert {each.notice_id: each.next_at for each in found} == before
    assert {(each.state, each.tries) for each in found} == {("pending", 0)}
    assert deliver(bench) == 6


# The log, replay, removal, secrets


def test_the_log_is_read_page_by_page_the_newest_first(bench: Bench, hears: Receiver) -> None:
    endpoint = listen(bench, hears.url)
    for _ in range(3):
        bench.asked(1)
    whole = log(bench, endpoint)
    assert len(whole) == 6
    assert [each.notice_id for each in whole] == sorted((each.notice_id for each in whole), reverse=True)
    first = log(bench, endpoint, limit=4)
    assert first + log(bench, endpoint, before=first[-1].notice_id, limit=4) == whole
    assert whole[0].next_at == NOW


def test_what_was_delivered_or_given_up_may_be_replayed(bench: Bench, hears: Receiver) -> None:
    endpoint = listen(bench, hears.url, "task.created")
    bench.asked(2)
    deliver(bench)
    [view] = log(bench, endpoint)
    with bench.call() as call:
        again = deliveries.replay(call, endpoint, view.notice_id)
    assert (again.state, again.tries, again.status, again.settled_at) == ("pending", 0, None, None)
    with bench.call() as call:
        assert deliveries.replay(call, endpoint, view.notice_id) == again  # which changes nothing
    assert later(bench, TimeDelta(hours=100)) == 1
    assert hears.ids == [view.notice_id] * 2
    assert [each.state for each in log(bench, endpoint)] == ["delivered"]


def test_a_webhook_that_was_removed_is_told_nothing_more(bench: Bench, hears: Receiver) -> None:
    endpoint = listen(bench, hears.url)
    bench.asked(2)
    with bench.call() as call:
        deliveries.remove(call, endpoint)
    deliver(bench)
    assert hears.requests == []
    assert bench.rows("SELECT DISTINCT state, error FROM gonogo_delivery") == [("failed", "The webhook was removed.")]
    for verb in (deliveries.remove, deliveries.rotate, deliveries.deliveries, deliveries.target):
        with pytest.raises(NotFound), bench.call() as call:
            verb(call, endpoint)


def test_after_a_rotation_the_new_secret_signs_and_the_old_one_until_the_next(bench: Bench, hears: Receiver) -> None:
    with bench.call() as call:
        view, first = deliveries.add(call, hears.url, ["task.created"])
    with bench.call() as call:
        second = deliveries.rotate(call, view.id)
    bench.asked(1)
    deliver(bench)
    assert [hears.requests[-1].signed_with(each) for each in (first, second)] == [True, True]
    with bench.call() as call:
        third = deliveries.rotate(call, view.id)
    bench.asked(1)
    deliver(bench)
    assert [hears.requests[-1].signed_with(each) for each in (first, second, third)] == [False, True, True]


@pytest.mark.parametrize(
    ("url", "events"),
    [("ftp://a.example", ["*"]), ("http://u:p@a.example", ["*"]), ("http://a.example", []), ("http://a", ["task.x"])],
)
def test_what_makes_no_webhook_is_refused(bench: Bench, url: str, events: list[str]) -> None:
    with pytest.raises(Invalid), bench.call() as call:
        deliveries.add(call, url, events)


def test_a_workspace_has_so_many_webhooks_and_no_more(bench: Bench) -> None:
    for n in range(deliveries.MOST):
        listen(bench, f"http://a.example/{n}")
    with pytest.raises(Invalid, match="20 webhooks"):
        listen(bench, "http://a.example/more")


def test_a_webhook_of_another_workspace_is_none(bench: Bench, hears: Receiver) -> None:
    endpoint = listen(bench, hears.url)
    stranger = replace(bench.ann, workspace="another")
    for verb in (deliveries.remove, deliveries.rotate, deliveries.deliveries, deliveries.target):
        with pytest.raises(NotFound), bench.call(stranger) as call:
            verb(call, endpoint)
    with pytest.raises(NotFound), bench.call(stranger) as call:
        deliveries.replay(call, endpoint, "none")


def test_a_try_out_is_sent_at_once_and_tells_what_was_said(hears: Receiver) -> None:
    secret = "whsec_" + "A" * 32
    hears.script(Reply(), Reply(404, body=b"who?"))
    assert deliveries.try_out(POST, hears.url, secret, NOW).error is None
    said = deliveries.try_out(POST, hears.url, secret, NOW)
    assert (said.status, said.error) == (404, "404 who?")
    assert hears.requests[0].document == {"type": "webhook.test", "timestamp": NOW.format_iso(), "data": {}}
    assert hears.requests[0].signed_with(secret)


def test_the_questions_are_answered_from_their_indexes(bench: Bench, hears: Receiver) -> None:
    listen(bench, hears.url)
    bench.asked(1)
    plans: list[str] = []

    def explain(connection: sa.Connection, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("SELECT gonogo_delivery") and bench.engine.dialect.name == "sqlite":
            plans.extend(str(row) for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall())

    sa.event.listen(bench.engine, "before_cursor_execute", explain)
    deliver(bench)
    if bench.engine.dialect.name == "sqlite":
        assert any("SEARCH gonogo_delivery USING INDEX gonogo_delivery_due_idx (next_at<?)" in each for each in plans)
        assert any("SEARCH earlier USING COVERING INDEX gonogo_delivery_line_idx" in each for each in plans)
        assert not [each for each in plans if "SCAN gonogo_" in each]


# The page


def test_the_page_tells_every_type() -> None:
    rows = dict(re.findall(r"^\| `((?:campaign|task)\.\w+)` \| (.+) \|$", DOCS.read_text(), re.MULTILINE))
    assert {*rows} == {*notices.TYPES}
    for event, kind in notices.CAMPAIGN_TYPES.items():
        assert f"`{event}`" in rows[kind], kind


def test_the_example_of_the_page_verifies_what_is_sent_and_nothing_else(bench: Bench, hears: Receiver) -> None:
    [example] = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    said: dict[str, Any] = {}
    exec(example, said)  # noqa: S102
    verified: Callable[..., Any] = said["verified"]
    with bench.call() as call:
        _, secret = deliveries.add(call, hears.url, ["task.created"])
    bench.asked(2)
    deliver(bench)
    [request] = hears.requests
    at = float(NOW.timestamp())
    assert verified(secret, request.headers, request.body, now=at)["type"] == "task.created"
    forged = {**request.headers, "webhook-id": "another"}
    for headers, body, now in (
        (forged, request.body, at),
        (request.headers, request.body + b" ", at),
        (request.headers, request.body, at + 301),
    ):
        with pytest.raises(ValueError, match=r"not from gonogo|too old"):
            verified(secret, headers, body, now=now)


def test_the_names_of_a_machine_are_told_as_such(bench: Bench, hears: Receiver) -> None:
    case = bench.launched()
    listen(bench, hears.url, "campaign.begun")
    bench.did(service.begin, case.id, case.permit_id, by=machine(bench.workspace))
    deliver(bench)
    assert hears.requests[0].document["data"]["actor"] == "system"
    assert Instant.parse_iso(hears.requests[0].document["timestamp"]) == NOW
