"""Mails to reviewers: who gets one, when it is tried again, and which link is good. A real SMTP server where one mail
counts, a channel that answers as it is told where tries do."""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, repeat

import pytest
import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo import proposal, review_mail, service, workspaces
from gonogo.actor import Actor, machine
from gonogo.ballots import Ballot
from gonogo.call import Call
from gonogo.execution import smtp
from gonogo.execution.channels import Channel, Message, Receipt
from gonogo.execution.links import Links
from gonogo.execution.smtp import Relay, Smtp
from gonogo.gate import Gate, Outside
from gonogo.invitations import MOST
from gonogo.models import Document
from gonogo.store import workspaces as store
from gonogo.store.cases import Case
from gonogo.store.invitations import mail
from gonogo.testing.fake_jobs import FakeJobs
from support.engine import NOW, Bench, asking, codes, snapshot
from support.house import eventually
from support.relays import Inbox, scripted, smtp_server
from support.server import free_port

LINKS = Links("https://go.example/", b"a secret of 32 bytes for the test")
MAY_DECIDE = [f"{name}@acme.example" for name in ("bob", "cid", "dora")]
MINUTE = TimeDelta(minutes=1)


def inviting(quorum: int = 1, **more: object) -> Document:
    return {**asking(quorum), "invite": True, **more}


def deliver(bench: Bench, channel: Channel | None = None) -> int:
    return review_mail.deliver_due(bench.engine, bench.clock, channel or bench.sink, LINKS)


def token(message: Message) -> str:
    [found] = re.findall(r"https://go\.example/r/([0-9a-f]+)", message.body)
    return str(found)


def to(bench: Bench, name: str) -> list[Message]:
    return [message for message in bench.sink.messages if message.address == f"{name}@acme.example"]


def invited(bench: Bench, case: Case, *names: str) -> list[str]:
    """The secrets of the links that these people were sent about a case."""
    while deliver(bench):
        pass
    about = [[each for each in to(bench, name) if str(case.task_id) in each.message_id] for name in names]
    return [token(found[-1]) for found in about]


def follow(bench: Bench, secret: str) -> review_mail.Link | None:
    with bench.engine.connect() as connection:
        return review_mail.follow(connection, LINKS, secret)


def mails(bench: Bench, case: Case) -> list[tuple[str, int, str | None]]:
    """State, tries and error of every mail about a case."""
    asked = "SELECT state, tries, error FROM gonogo_review_mail WHERE task_id = :task ORDER BY member_id"
    return [(state, tries, error) for state, tries, error in bench.rows(asked, task=case.task_id)]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with smtp_server() as found:
        yield found


@pytest.fixture
def relay(inbox: Inbox) -> Iterator[Smtp]:
    channel = Smtp(Relay("127.0.0.1", inbox.port))
    yield channel
    channel.close()


# Who is asked, and what


def test_everybody_who_may_decide_gets_one_mail_that_tells_the_figures(bench: Bench, inbox: Inbox, relay: Smtp) -> None:
    case = bench.asked(3, policy=inviting(2), name="Spring  <b>\nsale")
    assert deliver(bench, relay) == 3
    assert deliver(bench, relay) == 0

    assert sorted(inbox.recipients) == MAY_DECIDE
    got = inbox.mails[0]
    assert (got["Subject"], got["From"]) == (
        "Please decide: Spring <b> sale",
        "Campaigns <campaigns@example.com>",
    )
    assert got["Auto-Submitted"] == "auto-generated"
    text, marked = (got.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert marked is not None
    lines = re.sub(" +", " ", text.get_content()).splitlines()
    for line in (
        "Campaign: Spring <b> sale", "Recipients: 3", "Start: as soon as it is approved", "Rule: everything",
        "Approvals: 0 of 2", "Asked by: ann", "Decide by: 2026-01-08 09:00 UTC",
    ):  # fmt: skip
        assert line in lines
    [url] = [line for line in lines if re.fullmatch(r"https://go\.example/r/[0-9a-f]{48}", line)]
    assert f'<a href="{url}">' in marked.get_content()
    assert "Spring &lt;b&gt; sale" in marked.get_content()
    assert mails(bench, case) == [("sent", 1, None)] * 3


def test_of_a_link_only_a_mac_is_kept_and_it_names_its_holder(bench: Bench) -> None:
    case = bench.asked(policy=inviting())
    [bob, cid] = invited(bench, case, "bob", "cid")
    stored = str(snapshot(bench.engine))
    assert (bob in stored, review_mail.mac_of(LINKS, bob) in stored) == (False, True)
    assert review_mail.mac_of(Links(LINKS.base_url, b"another"), bob) not in stored
    for secret, person in ((bob, bench.bob.person), (cid, bench.cid.person)):
        link = follow(bench, secret)
        assert link is not None
        assert (link.member.person, link.case.task_id, link.decides) == (person, case.task_id, False)
    assert [follow(bench, wrong) for wrong in ("", bob[:-1], bob.upper(), f"{bob}\n", "0" * 48)] == [None] * 5


def test_who_asked_is_asked_only_where_the_policy_lets_requesters_decide(bench: Bench) -> None:
    eve = bench.person("eve", "campaigns:execute", "lexi")
    for separation, wanted in (("requester", []), ("none", ["eve@acme.example"])):
        bench.sink.messages.clear()
        bench.policy({**inviting(), "separation": separation})
        assert bench.did(service.start, bench.draft(), by=eve).task_id
        deliver(bench)
        assert sorted(bench.sink.addresses) == sorted([*MAY_DECIDE, *wanted])


def test_a_policy_that_does_not_invite_has_nobody_asked(bench: Bench) -> None:
    case = bench.asked(policy=asking())
    assert mails(bench, case) == []
    assert deliver(bench) == 0


def test_who_is_asked_is_written_in_the_transaction_of_the_step(bench: Bench) -> None:
    bench.policy(inviting())
    campaign, before = bench.draft(), snapshot(bench.engine)
    with bench.engine.connect() as connection:
        task = service.start(Call(connection, bench.ann, NOW, bench.jobs), campaign).case.task_id
        counted = sa.text("SELECT count(*) FROM gonogo_review_mail WHERE task_id = :task")
        assert connection.execute(counted, {"task": task}).scalar() == 3
        connection.rollback()
    assert snapshot(bench.engine) == before


def test_votes_of_others_ask_nobody_again(bench: Bench) -> None:
    case = bench.asked(policy=inviting(2))
    deliver(bench)
    bench.did(service.approve, case.task_id, by=bench.bob)
    bench.did(service.retract, case.task_id, by=bench.bob)
    assert deliver(bench) == 0
    assert mails(bench, case) == [("sent", 1, None)] * 3


def test_a_review_of_its_own_asks_people_when_it_has_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposal, "REVIEWED_AT_ONCE", 0)
    bench.policy(inviting())
    case = bench.did(service.start, bench.draft(2))
    assert (case.task_status, mails(bench, case)) == ("reviewing", [])
    bench.jobs.run()
    assert deliver(bench) == 3
    assert {message.address for message in bench.sink.messages} == {*MAY_DECIDE}


def test_no_more_than_a_hundred_are_asked(bench: Bench) -> None:
    with bench.call(machine(bench.workspace)) as call:
        for n in range(MOST):
            workspaces.add_member(call, f"x{n}@acme.example", scopes=["lexi"])
    case = bench.asked(policy=inviting())
    assert len(mails(bench, case)) == MOST
    while deliver(bench):
        pass
    assert len(set(bench.sink.addresses)) == MOST


# Tries


def next_at(bench: Bench) -> Instant:
    """When the next mail is due."""
    wanted = sa.select(sa.func.min(mail.c.next_at)).where(mail.c.state == "pending")
    with bench.engine.connect() as connection:
        found: Instant = connection.execute(wanted).scalar_one()
    return found


def test_a_mail_that_does_not_get_through_is_tried_for_three_days_each_time_after_a_longer_while(bench: Bench) -> None:
    case = bench.asked(policy=inviting(expires_after="PT200H"))
    tried: list[tuple[Instant, str]] = []

    def busy(message: Message) -> Receipt:
        tried.append((bench.clock.at, message.address))
        return Receipt("deferred", "450 busy")

    bench.sink.answers = busy
    while "pending" in {state for state, _, _ in mails(bench, case)}:
        bench.clock.at = next_at(bench)
        deliver(bench)
        assert len(tried) < 100

    at = [when for when, address in tried if address == MAY_DECIDE[0]]
    pauses = [(later - sooner).total("seconds") for sooner, later in pairwise(at)]
    assert pauses[:7] == sorted(pauses[:7])
    assert 20 <= pauses[0] <= 30
    assert 60 <= (at[-1] - NOW).total("hours") <= 72
    assert {state for state, _, _ in mails(bench, case)} == {"failed"}
    assert ("failed", len(at), "450 busy") in mails(bench, case)


def test_a_further_try_draws_a_new_link_and_only_the_newest_is_good(bench: Bench) -> None:
    bench.asked(policy=inviting())
    answers = iter([Receipt("unknown", "connection lost")] * 3)
    bench.sink.answers = lambda _: next(answers, None)
    deliver(bench)
    bench.clock.at = next_at(bench) + MINUTE
    deliver(bench)
    first, second = to(bench, "bob")
    assert first.message_id != second.message_id
    assert follow(bench, token(first)) is None
    assert follow(bench, token(second)) is not None


def test_a_relay_may_say_when_to_come_again(bench: Bench) -> None:
    bench.asked(policy=inviting())
    bench.sink.answers = lambda _: Receipt("deferred", "450 later", retry_after=1200)
    deliver(bench)
    assert next_at(bench) == NOW + TimeDelta(seconds=1200)


def test_an_address_that_is_refused_for_good_is_given_up_at_once(bench: Bench, inbox: Inbox, relay: Smtp) -> None:
    inbox.refuses = {"bob@acme.example": repeat("550 no such box")}
    case = bench.asked(policy=inviting())
    deliver(bench, relay)
    assert sorted(inbox.recipients) == MAY_DECIDE[1:]
    assert sorted(mails(bench, case)) == [("failed", 1, "550 no such box"), ("sent", 1, None), ("sent", 1, None)]


def test_a_relay_that_is_down_is_tried_again(bench: Bench, inbox: Inbox) -> None:
    case = bench.asked(policy=inviting())
    down = Smtp(Relay("127.0.0.1", free_port()))
    deliver(bench, down)
    down.close()
    assert {(state, tries) for state, tries, _ in mails(bench, case)} == {("pending", 1)}
    assert all(error for _, _, error in mails(bench, case))
    bench.clock.at += MINUTE
    up = Smtp(Relay("127.0.0.1", inbox.port))
    deliver(bench, up)
    up.close()
    assert sorted(inbox.recipients) == MAY_DECIDE


def test_whoever_dies_while_sending_leaves_mails_that_go_out_again_when_the_claim_lapses(bench: Bench) -> None:
    case = bench.asked(policy=inviting())

    def die(_: Message) -> Receipt:
        raise KeyboardInterrupt

    bench.sink.answers = die
    with pytest.raises(KeyboardInterrupt):
        deliver(bench)
    bench.sink.answers = lambda _: None
    assert deliver(bench) == 0
    bench.clock.at += review_mail.LEASE
    assert deliver(bench) == 3
    assert mails(bench, case) == [("sent", 1, None)] * 3


def test_whoever_stops_tries_no_further_mail_and_leaves_the_rest_to_others(bench: Bench) -> None:
    case = bench.asked(policy=inviting())
    stopping = threading.Event()
    bench.sink.answers = lambda _: stopping.set()
    assert review_mail.deliver_due(bench.engine, bench.clock, bench.sink, LINKS, stopping.is_set) == 3
    assert sorted(mails(bench, case)) == [("pending", 0, None), ("pending", 0, None), ("sent", 1, None)]
    bench.sink.answers = lambda _: None
    assert deliver(bench) == 2
    assert mails(bench, case) == [("sent", 1, None)] * 3
    assert sorted(bench.sink.addresses) == MAY_DECIDE


def test_a_mail_for_which_a_slow_relay_left_no_time_is_due_at_once_and_no_try_of_it_is_lost(bench: Bench) -> None:
    case = bench.asked(policy=inviting())

    def slow(_: Message) -> None:
        bench.clock.at += review_mail.LEASE

    bench.sink.answers = slow
    assert [deliver(bench) for _ in range(4)] == [3, 2, 1, 0]
    assert mails(bench, case) == [("sent", 1, None)] * 3


def test_a_stop_waits_for_the_mail_under_way_alone(bench: Bench) -> None:
    bench.asked(policy=inviting())
    arrived, answered = threading.Event(), threading.Event()

    def hangs(_: Message) -> None:
        arrived.set()
        assert answered.wait(10)

    bench.sink.answers = hangs
    channels: dict[str, Channel] = {"email": bench.sink}
    gate = Gate(bench.engine, channels=channels, jobs=FakeJobs(), clock=bench.clock, outside=Outside(links=LINKS))
    gate.start_work(every=0.05)
    assert arrived.wait(10)
    stopping = threading.Thread(target=gate.stop_work)
    stopping.start()
    assert gate.executor.draining.wait(5)
    answered.set()
    stopping.join(10)
    assert not stopping.is_alive()
    assert len(bench.sink.messages) == 1


def test_a_gate_that_is_closed_waits_for_no_answer_of_a_relay(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "PATIENCE", 600)
    case = bench.asked(policy=inviting())
    with scripted([b"220 relay", b"250 OK", b"250-it goes on"]) as relay:  # and there it hangs, at the sender
        channels: dict[str, Channel] = {"email": Smtp(Relay("127.0.0.1", relay.port))}
        gate = Gate(bench.engine, channels=channels, jobs=FakeJobs(), clock=bench.clock, outside=Outside(links=LINKS))
        gate.start_work(every=0.05)
        eventually(lambda: any(said.startswith(b"MAIL") for said in relay.heard), True)
        gate.close()
    assert [state for state, *_ in mails(bench, case)] == ["pending"] * 3  # it had not got to the message itself


def test_nothing_is_held_while_mails_go_out_and_nobody_else_sends_them(bench: Bench) -> None:
    bench.asked(policy=inviting())
    meanwhile = []

    def look(_: Message) -> None:
        meanwhile.append(deliver(bench))
        bench.person("eve", "lexi")

    bench.sink.answers = look
    assert deliver(bench) == 3
    assert meanwhile == [0, 0, 0]
    assert sorted(bench.sink.addresses) == MAY_DECIDE


def test_what_a_slow_sender_says_of_an_older_mail_changes_nothing(bench: Bench) -> None:
    case = bench.asked(policy=inviting())

    def slow(_: Message) -> Receipt:
        bench.sink.answers = lambda _: Receipt("deferred", "450 busy")
        bench.clock.at += review_mail.LEASE
        deliver(bench)
        return Receipt("rejected", "550 too late")

    bench.sink.answers = slow
    deliver(bench)
    assert mails(bench, case) == [("pending", 1, "450 busy")] * 3


# What makes a mail pointless, and a link useless


def test_nothing_is_sent_about_a_question_that_is_not_asked_any_more(bench: Bench) -> None:
    decided, edited, lapsed = (bench.asked(policy=inviting()) for _ in range(3))
    bench.did(service.approve, decided.task_id, by=bench.bob)
    bench.did(service.revise, edited.id, name="Summer")
    bench.clock.at += TimeDelta(hours=72)
    assert deliver(bench) == 9
    assert bench.sink.messages == []
    for case in (decided, edited, lapsed):
        assert mails(bench, case) == [("failed", 0, "Nothing is asked any more.")] * 3


def test_nothing_is_sent_to_who_has_left_was_forgotten_or_may_not_decide_any_more(bench: Bench) -> None:
    case = bench.asked(policy=inviting())
    with bench.call(machine(bench.workspace)) as call:
        workspaces.remove_member(call, bench.bob.person)
        store.change_member(call.connection, bench.cid.person, scopes=["campaigns:read"])
        [dora] = [row for row in store.members(call.connection, bench.workspace) if row.id == bench.dora.person]
    bench.write("UPDATE gonogo_payload SET salt = NULL, body = NULL WHERE digest = :digest", digest=dora.payload)
    deliver(bench)
    assert bench.sink.messages == []
    assert sorted(error or "" for _, _, error in mails(bench, case)) == [
        "The person has no address any more.",
        *["The person may not decide about this any more."] * 2,
    ]


def test_a_link_ends_with_the_rights_of_its_holder(bench: Bench) -> None:
    case = bench.asked(policy=inviting(link_decides=True))
    bob, cid, dora = invited(bench, case, "bob", "cid", "dora")
    with bench.call(machine(bench.workspace)) as call:
        workspaces.remove_member(call, bench.bob.person)
        store.change_member(call.connection, bench.cid.person, scopes=["campaigns:read"])
    assert [follow(bench, secret) is None for secret in (bob, cid, dora)] == [True, True, False]
    with bench.call(replace(bench.bob, id=review_mail.LINK)) as call:
        assert review_mail.decide(call, LINKS, bob, Ballot("approve", case.seal)) is None
    assert bench.case(case.id).state == "pending_approval"


def test_a_link_decides_once_and_a_refusal_leaves_it_good(bench: Bench) -> None:
    case = bench.asked(policy=inviting(2, link_decides=True))
    [bob] = invited(bench, case, "bob")

    def decide(choice: str, seal: str | None, by: Actor = bench.bob) -> list[str] | None:
        with bench.call(by) as call:
            outcome = review_mail.decide(call, LINKS, bob, Ballot(choice, seal))
        return None if outcome is None else codes(outcome)

    for choice in review_mail.CHOICES:
        for seal in (None, "another"):
            assert decide(choice, seal) == ["seal_changed"]
        assert decide(choice, case.seal, bench.cid) is None
    assert decide("approve", case.seal) == []
    assert decide("approve", case.seal) is None
    assert decide("dismiss", case.seal) is None
    assert bench.case(case.id).have == 1


def test_the_link_about_an_edited_campaign_decides_nothing_about_what_it_became(bench: Bench) -> None:
    case = bench.asked(policy=inviting(link_decides=True))
    [old] = invited(bench, case, "bob")
    bench.did(service.revise, case.id, name="Summer")
    again = bench.did(service.start, case.id)
    [new] = invited(bench, again, "bob")
    for seal in (case.seal, again.seal):
        with bench.call(bench.bob) as call:
            outcome = review_mail.decide(call, LINKS, old, Ballot("approve", seal))
        assert outcome is not None
        assert outcome.refused
    with bench.call(bench.bob) as call:
        outcome = review_mail.decide(call, LINKS, new, Ballot("approve", again.seal))
    assert outcome is not None
    assert outcome.case.state == "active"


def test_a_removed_campaign_leaves_no_link(bench: Bench) -> None:
    case = bench.asked(policy=inviting())
    [bob] = invited(bench, case, "bob")
    bench.did(service.cancel, case.id)
    bench.write("UPDATE gonogo_campaign SET removed_at = updated_at WHERE id = :id", id=case.id)
    assert follow(bench, bob) is None
