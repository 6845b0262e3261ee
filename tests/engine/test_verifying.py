"""Whose an address is: who vouches for it, the mail that asks, and which link shows it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from whenever import Instant, TimeDelta

from gonogo import holds, reading, rehearsing, responses, review_mail, service, workspaces
from gonogo.actor import machine
from gonogo.ballots import Ballot
from gonogo.errors import Invalid, NotFound
from gonogo.execution.channels import ChannelUnavailable, Message, Receipt
from gonogo.execution.links import PROOF_LASTS, Links, Proofs
from gonogo.rehearsing import DAILY, Asked, ask_to_verify, send_test
from gonogo.store import acts
from support.engine import Bench, asking, snapshot

PROOFS = Proofs("https://go.example/", b"a secret of 32 bytes for the test")
SECOND = TimeDelta(seconds=1)


def join(bench: Bench, name: str = "eve") -> str:
    """A member of whom nobody has shown that the address is theirs."""
    with bench.call() as call:
        return workspaces.add_member(call, f"{name}@acme.example")


def ask(bench: Bench, member: str) -> bool:
    return ask_to_verify(bench.transact, bench.executor.channels, PROOFS, member)


def token(bench: Bench) -> str:
    """Of the newest mail."""
    [found] = re.findall(r"^https://go\.example/m/(\S+)$", bench.sink.messages[-1].body, re.MULTILINE)
    return str(found)


def follow(bench: Bench, presented: str, proofs: Proofs = PROOFS) -> str | None:
    with bench.engine.connect() as connection:
        found = rehearsing.follow(connection, proofs, presented, bench.clock.now())
    return found and str(found.id)


def verified_at(bench: Bench, member: str) -> Instant | None:
    with bench.call() as call:
        return reading.member(call, member).verified_at


def told(bench: Bench, member: str) -> list[tuple[str, str, str]]:
    """Every act on a member: what, by which actor and person."""
    with bench.call() as call:
        rows = acts.page(call.connection, bench.workspace, kind="member", subject=member)
    return [(row["act"], row["actor"], row["person"]) for row in rows]


def refused(bench: Bench, deed: Callable[[], object]) -> str:
    """Why nothing was sent; and nothing was written down."""
    before, mails = snapshot(bench.engine), len(bench.sink.messages)
    with pytest.raises(Invalid) as found:
        deed()
    assert snapshot(bench.engine) == before
    assert len(bench.sink.messages) == mails
    return str(found.value)


# Who vouches


def test_a_member_is_verified_where_the_caller_vouches_and_not_else(bench: Bench) -> None:
    eve = join(bench)
    with bench.call(machine(bench.workspace)) as call:
        ida = workspaces.add_member(call, "ida@acme.example", verified=True)
    assert (verified_at(bench, eve), verified_at(bench, ida)) == (None, bench.clock.now())
    assert [act for act, _, _ in told(bench, eve)] == ["joined"]
    assert told(bench, ida) == [("joined", "system", "system"), ("verified", "system", "system")]


def test_to_vouch_for_a_member_who_is_there_verifies_once_and_nothing_unverifies(bench: Bench) -> None:
    eve, then = join(bench), bench.clock.now()
    for verified in (True, False, True):
        with bench.call() as call:
            assert workspaces.add_member(call, "Eve@acme.example", verified=verified) == eve
        assert verified_at(bench, eve) == then
        bench.clock.move(SECOND)
    assert [act for act, _, _ in told(bench, eve)] == ["joined", "verified"]


# The mail


def test_nobody_is_sent_a_test_message_whose_address_is_not_verified(bench: Bench) -> None:
    eve, campaign = join(bench), bench.draft()
    asked = Asked(campaign, [bench.bob.person, eve])
    said = refused(bench, lambda: send_test(bench.transact, bench.executor.channels, asked))
    assert f"POST /v1/members/{eve}/verify" in said
    with bench.call() as call:
        workspaces.verify_member(call, eve)
    assert [view.state for view in send_test(bench.transact, bench.executor.channels, asked)] == ["sent", "sent"]


def test_the_mail_goes_to_the_member_alone_and_says_nothing_that_a_member_wrote(bench: Bench) -> None:
    with bench.call() as call:
        eve = workspaces.add_member(call, "eve@acme.example", name="Buy at http://evil.example")
    assert ask(bench, eve)
    [mail] = bench.sink.messages
    assert (mail.address, mail.subject) == ("eve@acme.example", "Please confirm your address")
    assert mail.sender_email == workspaces.SENDER["email"]
    assert ("Auto-Submitted", "auto-generated") in mail.headers
    assert re.findall("https?://[^/]+", mail.body) == ["https://go.example"]
    assert follow(bench, token(bench)) == eve
    assert verified_at(bench, eve) is None


def test_who_is_verified_is_asked_no_more(bench: Bench) -> None:
    before = snapshot(bench.engine)
    assert not ask(bench, bench.bob.person)
    assert bench.sink.messages == []
    assert snapshot(bench.engine) == before


def test_the_mails_are_of_the_days_few_test_messages(bench: Bench) -> None:
    eve = join(bench)
    asked = Asked(bench.draft(), [bench.bob.person])
    for _ in range(DAILY // 2):
        ask(bench, eve)
        send_test(bench.transact, bench.executor.channels, asked)
    assert "0 of today are left" in refused(bench, lambda: ask(bench, eve))


def test_no_mail_goes_out_where_no_test_message_would(bench: Bench) -> None:
    eve, channels = join(bench), bench.executor.channels
    with bench.call() as call:
        responses.suppress(call, "eve@acme.example", "complaint")
    assert "complaint" in refused(bench, lambda: ask(bench, eve))
    with bench.call() as call:
        responses.allow_again(call, "eve@acme.example")
        held = holds.set_hold(call, reason="an incident")
    assert "an incident" in refused(bench, lambda: ask(bench, eve))
    with bench.call() as call:
        holds.lift_hold(call, held)
    bench.executor.channels = {}
    assert "no channel" in refused(bench, lambda: ask(bench, eve))
    bench.executor.channels = channels
    bench.write("UPDATE gonogo_workspace SET sender_id = NULL WHERE id = :id", id=bench.workspace)
    assert "no sender" in refused(bench, lambda: ask(bench, eve))


def test_only_present_members_of_the_workspace_are_asked(bench: Bench) -> None:
    stranger = Bench(bench.engine)
    gone, theirs = join(bench), join(stranger)
    with bench.call() as call:
        workspaces.remove_member(call, gone)
    for nobody in (gone, theirs, "nobody"):
        with pytest.raises(NotFound):
            ask(bench, nobody)
    assert (bench.sink.messages, stranger.sink.messages) == ([], [])


def test_a_member_who_was_erased_is_not_asked(bench: Bench) -> None:
    eve = join(bench)
    bench.write(
        "UPDATE gonogo_payload SET salt = NULL, body = NULL"
        " WHERE digest = (SELECT payload FROM gonogo_member WHERE id = :id)",
        id=eve,
    )
    assert "erased" in refused(bench, lambda: ask(bench, eve))


@pytest.mark.parametrize("state", ["rejected", "failed", "unknown", "deferred"])
def test_a_mail_that_may_not_have_arrived_is_told(bench: Bench, state: Any) -> None:
    eve = join(bench)
    bench.sink.answers = lambda _: Receipt(state, "because")
    with pytest.raises(Invalid, match=f"channel: the mail is {state}: because"):
        ask(bench, eve)


def test_a_channel_in_trouble_is_told(bench: Bench) -> None:
    def down(_: Message) -> Receipt:
        raise ChannelUnavailable("The relay is down.")

    eve, bench.sink.answers = join(bench), down
    with pytest.raises(Invalid, match="the mail is failed: The relay is down"):
        ask(bench, eve)


# The link


def test_a_link_is_good_for_seven_days(bench: Bench) -> None:
    eve = join(bench)
    ask(bench, eve)
    bench.clock.move(PROOF_LASTS - SECOND)
    assert follow(bench, token(bench)) == eve
    bench.clock.move(SECOND)
    assert follow(bench, token(bench)) is None


def test_a_link_that_was_made_up_or_changed_shows_nothing(bench: Bench) -> None:
    eve = join(bench)
    ask(bench, eve)
    made = token(bench)
    member, second, mac = made.split(".")
    wrong = [
        f"{member}.{int(second) + 1}.{mac}",
        f"{bench.bob.person}.{second}.{mac}",
        f"{member}.{second}.{'0' * 32}",
        f"{member}.{second}.{mac.upper()}x",
        f"{member}.{second}",
        f"{member}.99999999999.{mac}",
        f"{made}\n",
        "",
    ]
    assert [follow(bench, each) for each in wrong] == [None] * len(wrong)
    assert follow(bench, made, Proofs(PROOFS.base_url, b"another")) is None
    assert follow(bench, made) == eve


def test_a_link_shows_the_address_that_it_was_sent_to_and_no_other(bench: Bench) -> None:
    eve = join(bench)
    ask(bench, eve)
    bench.write("UPDATE gonogo_member SET address_key = 'anew' WHERE id = :id", id=eve)
    assert follow(bench, token(bench)) is None


def test_a_link_ends_with_the_membership(bench: Bench) -> None:
    eve = join(bench)
    ask(bench, eve)
    with bench.call() as call:
        workspaces.remove_member(call, eve)
    assert follow(bench, token(bench)) is None


def test_to_decide_through_the_link_in_a_mail_verifies_the_address(bench: Bench) -> None:
    links = Links("https://go.example", b"a secret of 32 bytes for the test")
    case = bench.asked(policy={**asking(), "invite": True, "link_decides": True})
    bench.write("UPDATE gonogo_member SET verified_at = NULL WHERE workspace_id = :id", id=bench.workspace)
    review_mail.deliver_due(bench.engine, bench.clock, bench.sink, links)
    [mail] = [mail for mail in bench.sink.messages if mail.address == "bob@acme.example"]
    [secret] = re.findall(r"/r/([0-9a-f]{48})", mail.body)
    with bench.engine.connect() as connection:
        link = review_mail.follow(connection, links, secret)
    assert link is not None
    for seal, verified in (("another", None), (str(case.seal), bench.clock.now())):
        with bench.call(link.member) as call:
            review_mail.decide(call, links, secret, Ballot("approve", seal))
        assert verified_at(bench, bench.bob.person) == verified
    assert told(bench, bench.bob.person)[-1] == ("verified", review_mail.LINK, bench.bob.person)
    assert verified_at(bench, bench.cid.person) is None


def test_to_decide_with_a_key_verifies_nothing(bench: Bench) -> None:
    case = bench.asked(policy=asking())
    bench.write("UPDATE gonogo_member SET verified_at = NULL WHERE workspace_id = :id", id=bench.workspace)
    bench.did(service.approve, case.task_id, by=bench.bob)
    assert verified_at(bench, bench.bob.person) is None
