"""Test sends: to members only, few a day, marked, and no part of any launch."""

from typing import Any

import pytest
from whenever import TimeDelta

from gonogo import holds, rehearsing, responses, service, workspaces
from gonogo.content import Content, Step, Template
from gonogo.errors import Invalid, NotFound
from gonogo.execution.channels import ChannelUnavailable, Message, Receipt
from gonogo.rehearsing import DAILY, Asked, RehearsalView, send_test
from support.engine import SEQUENCE, Bench, snapshot

DAY = TimeDelta(hours=24)


def send(bench: Bench, campaign: str, *members: str, **more: Any) -> list[RehearsalView]:
    asked = Asked(campaign, members or (bench.bob.person,), **more)
    return send_test(bench.transact, bench.executor.channels, asked)


def log(bench: Bench, campaign: str, **page: Any) -> list[RehearsalView]:
    with bench.call() as call:
        return rehearsing.rehearsed(call, campaign, **page)


def refused(bench: Bench, campaign: str, *members: str, **more: Any) -> str:
    """Why nothing was sent; and nothing was written down."""
    before = snapshot(bench.engine)
    with pytest.raises(Invalid) as found:
        send(bench, campaign, *members, **more)
    assert snapshot(bench.engine) == before
    assert bench.sink.messages == []
    return str(found.value)


def test_members_get_the_message_of_a_draft_marked_with_the_first_contacts_values(bench: Bench) -> None:
    campaign = bench.draft(content=SEQUENCE, settings={"postal_address": "1 Main St"})
    views = send(bench, campaign, bench.bob.person, bench.cid.person, bench.bob.person)
    assert [(view.state, view.member_id, view.step) for view in views] == [
        ("sent", bench.bob.person, 0),
        ("sent", bench.cid.person, 0),
    ]
    [first, second] = bench.sink.messages
    assert (first.address, second.address) == ("bob@acme.example", "cid@acme.example")
    assert (first.subject, first.body) == ("[Test] Hello N0", "Dear N0,\n\nwe launch.")
    assert (first.message_id, first.headers) == (f"<test.{views[0].id}@gonogo>", ())
    assert first.sender_email == workspaces.SENDER["email"]
    assert send(bench, campaign, step=1)[0].step == 1
    assert bench.sink.messages[2].subject == "[Test] Still there, N0?"


def test_the_values_may_be_given(bench: Bench) -> None:
    send(bench, bench.draft(), variables={"name": "Grace"})
    send(bench, bench.draft(0), variables={"name": "Ada"})
    assert [message.subject for message in bench.sink.messages] == ["[Test] Hello Grace", "[Test] Hello Ada"]


def test_the_first_contact_is_the_first_that_a_launch_would_take(bench: Bench) -> None:
    campaign = bench.draft(0)
    bench.do(service.add_contacts, campaign, [{"email": "no@x.example", "name": "No", "consent": False}])
    bench.do(service.add_contacts, campaign, [{"email": "yes@x.example", "name": "Yes"}])
    send(bench, campaign)
    assert bench.sink.messages[0].subject == "[Test] Hello Yes"


def test_a_test_send_is_claimed_before_and_settled_after(bench: Bench) -> None:
    campaign, seen = bench.draft(), []
    bench.sink.answers = lambda _: seen.append([view.state for view in log(bench, campaign)])
    send(bench, campaign)
    assert seen == [["claimed"]]
    assert [view.state for view in log(bench, campaign)] == ["sent"]


def test_a_test_send_is_no_part_of_a_launch(bench: Bench) -> None:
    case = bench.running(3)
    before = snapshot(bench.engine)
    send(bench, case.id)
    after = snapshot(bench.engine)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"gonogo_test_send", "gonogo_quota"}


def test_whoever_dies_in_between_leaves_a_claim_of_which_nobody_can_tell(bench: Bench) -> None:
    def dies(_: Message) -> Receipt:
        raise KeyboardInterrupt

    campaign, bench.sink.answers = bench.draft(), dies
    with pytest.raises(KeyboardInterrupt):
        send(bench, campaign)
    assert [view.state for view in log(bench, campaign)] == ["claimed"]
    bench.clock.move(rehearsing.LOST)
    assert [view.state for view in log(bench, campaign)] == ["unknown"]


@pytest.mark.parametrize(
    ("receipt", "state"),
    [("rejected", "rejected"), ("failed", "failed"), ("unknown", "unknown"), ("deferred", "failed")],
)
def test_what_the_channel_says_is_told_and_nothing_is_tried_again(bench: Bench, receipt: Any, state: str) -> None:
    campaign = bench.draft()
    bench.sink.answers = lambda _: Receipt(receipt, "because")
    [view] = send(bench, campaign)
    assert (view.state, view.error) == (state, "because")
    assert bench.jobs.pending() == []


def test_a_channel_in_trouble_is_told(bench: Bench) -> None:
    def down(_: Message) -> Receipt:
        raise ChannelUnavailable("The relay is down.")

    bench.sink.answers = down
    assert [(view.state, view.error) for view in send(bench, bench.draft())] == [("failed", "The relay is down.")]


def test_a_workspace_has_twenty_in_a_day(bench: Bench) -> None:
    campaign = bench.draft()
    for _ in range(DAILY - 1):
        send(bench, campaign)
    bench.sink.messages.clear()
    assert "1 of today are left" in refused(bench, campaign, bench.bob.person, bench.cid.person)
    send(bench, bench.draft())
    bench.sink.messages.clear()
    assert "0 of today are left" in refused(bench, campaign)
    stranger = Bench(bench.engine)
    assert send(stranger, stranger.draft())[0].state == "sent"
    bench.clock.move(DAY)
    assert send(bench, campaign)[0].state == "sent"


def test_only_present_members_of_the_workspace_are_sent_to(bench: Bench) -> None:
    campaign, stranger = bench.draft(), Bench(bench.engine)
    with bench.call() as call:
        workspaces.remove_member(call, bench.dora.person)
    before = snapshot(bench.engine)
    for nobody in (stranger.bob.person, bench.dora.person, "bob@acme.example", "nobody"):
        with pytest.raises(NotFound):
            send(bench, campaign, bench.bob.person, nobody)
    with pytest.raises(NotFound):
        send(stranger, campaign, stranger.bob.person)
    with stranger.call() as call, pytest.raises(NotFound):
        rehearsing.rehearsed(call, campaign)
    assert snapshot(bench.engine) == before
    assert (bench.sink.messages, stranger.sink.messages) == ([], [])


def test_what_can_not_be_made_or_may_not_go_out_is_refused_and_nothing_is_used_of_the_day(bench: Bench) -> None:
    campaign = bench.draft()
    assert "1 messages" in refused(bench, campaign, step=1)
    assert "1 messages" in refused(bench, campaign, step=-1)
    assert "name" in refused(bench, campaign, variables={})
    assert "says nothing" in refused(bench, bench.draft(content=None))
    assert "by sms" in refused(bench, bench.draft(0, channel="sms"))
    broken = Content((Step(0, Template("{{ name", "x", None)),))
    assert "subject" in refused(bench, bench.draft(content=broken))
    with bench.call() as call:
        responses.suppress(call, "bob@acme.example", "complaint")
    assert "complaint" in refused(bench, campaign)
    with bench.call() as call:
        responses.allow_again(call, "bob@acme.example")
        held = holds.set_hold(call, reason="an incident")
    assert "an incident" in refused(bench, campaign)
    with bench.call() as call:
        holds.lift_hold(call, held)
    bench.executor.channels = {}
    assert "no channel" in refused(bench, campaign)
    assert bench.scalar("SELECT count(*) FROM gonogo_quota") == 0


def test_a_member_who_was_erased_is_sent_nothing(bench: Bench) -> None:
    campaign = bench.draft()
    bench.write(
        "UPDATE gonogo_payload SET salt = NULL, body = NULL"
        " WHERE digest = (SELECT payload FROM gonogo_member WHERE id = :id)",
        id=bench.bob.person,
    )
    assert "erased" in refused(bench, campaign)


def test_the_log_is_read_page_by_page_the_newest_first(bench: Bench) -> None:
    campaign = bench.draft()
    made = []
    for _ in range(3):
        made += [view.id for view in send(bench, campaign)]
        bench.clock.move(TimeDelta(seconds=1))
    page = log(bench, campaign, limit=2)
    assert [view.id for view in page] == [made[2], made[1]]
    assert [view.id for view in log(bench, campaign, before=page[-1].id, limit=2)] == [made[0]]
    assert page[0].actor == bench.ann.id
