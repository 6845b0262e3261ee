"""Mails to reviewers: who gets one, when it is tried again, and which link is good. A real SMTP server where one mail
counts, a channel that answers as it is told where tries do."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
import sqlalchemy as sa
from whenever import TimeDelta

from gonogo import review_mail, service, workspaces
from gonogo.actor import machine
from gonogo.ballots import Ballot
from gonogo.execution.channels import Channel, Message, Receipt
from gonogo.execution.links import Links
from gonogo.execution.smtp import Relay, Smtp
from gonogo.invitations import MOST
from gonogo.models import Document
from gonogo.store.cases import Case
from support.engine import NOW, Bench, asking, codes, snapshot
from support.relays import Inbox, smtp_server

LINKS = Links("https://go.example/", b"a secret of 32 bytes for the test")
MAY_DECIDE = [f"{name}@acme.example" for name in ("bob", "cid", "dora")]
SECOND, HOUR = TimeDelta(seconds=1), TimeDelta(hours=1)


def inviting(quorum: int = 1, **more: object) -> Document:
    return asking(quorum, invite=True, **more)


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
    return [next(token(mail) for mail in reversed(to(bench, name)) if str(case.task_id) in mail.message_id) for name in names]


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


def test_everybody_who_may_decide_gets_one_mail_that_tells_the_figures(
    bench: Bench, inbox: Inbox, relay: Smtp
) -> None:
    case = bench.asked(3, policy=inviting(2), name="Spring  <b>\nsale")
    assert deliver(bench, relay) == 3
    assert deliver(bench, relay) == 0

    assert sorted(inbox.recipients) == MAY_DECIDE
    mail = inbox.mails[0]
    assert (mail["Subject"], mail["From"]) == (
        "Please decide: Spring <b> sale",
        "Campaigns <campaigns@example.com>",
    )
    assert mail["Auto-Submitted"] == "auto-generated"
    text, marked = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert marked is not None
    lines = re.sub(" +", " ", text.get_content()).splitlines()
    for line in (
        "Campaign: Spring <b> sale", "Recipients: 3", "Start: as soon as it is approved", "Rule: everything",
        "Approvals: 0 of 2", "Asked by: ann", "Decide by: 2026-01-08 09:00 UTC",
    ):  # fmt: skip
        assert line in lines
    [url] = re.findall(r"^https://go\.example/r/[0-9a-f]{48}$", text.get_content(), re.MULTILINE)
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
        with bench.call() as call:
            pass
        undone = type(call)(connection, bench.ann, NOW, bench.jobs, HOUR)
        task = service.start(undone, campaign).case.task_id
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


def test_a_review_of_its_own_asks_people_when_it_has_ended(bench: Bench) -> None:
    bench.policy(inviting())
    case = bench.did(service.start, bench.draft(1_001))
    assert (case.task_status, mails(bench, case)) == ("reviewing", [])
    bench.jobs.run()
    assert deliver(bench) == 3
    assert "Recipients: 1,001" in bench.sink.messages[0].body


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


def test_a_mail_that_does_not_get_through_is_tried_for_three_days_each_time_after_a_longer_while(bench: Bench) -> None:
    case = bench.asked(policy=inviting())
    bench.write("UPDATE gonogo_task SET expires_at = NULL")
    tried = []
    bench.sink.answers = lambda message: tried.append((bench.clock.at, message)) or Receipt("deferred", "450 busy")
    while {state for state, _, _ in mails(bench, case)} == {"pending"}:
        bench.clock.at = max(bench.clock.at, bench_next(bench, case))
        deliver(bench)

    assert {state for state, _, _ in mails(bench, case)} <= {"pending", "failed"}
    at = [when for when, message in tried if message.address == "bob@acme.example"]
    pauses = [(later - sooner).total("seconds") for sooner, later in pairwise(at)]
    assert pauses[:7] == sorted(pauses[:7])
    assert 20 <= pauses[0] <= 60
    assert 60 * HOUR.total("seconds") < (at[-1] - NOW).total("seconds") <= 72 * HOUR.total("seconds")
    assert ("failed", len(at), "450 busy") in mails(bench, case)


def bench_next(bench: Bench, case: Case):  # type: ignore[no-untyped-def]
    raise NotImplementedError
