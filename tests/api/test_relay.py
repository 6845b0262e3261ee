"""A launch over HTTP that goes out over SMTP, and a relay that goes away in the middle of it."""

from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest

from support.driver_burki import Burki
from support.driver_sonarly import Sonarly
from support.house import House, eventually
from support.relays import Inbox, smtp_server
from support.server import Server, free_port


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with smtp_server() as found:
        yield found


@pytest.fixture
def house(inbox: Inbox, tmp_path: Path) -> Iterator[House]:
    """A client of a server that hands its mail to the relay."""
    relay = {"GONOGO_SMTP_URL": f"smtp://127.0.0.1:{inbox.port}", "GONOGO_CLAIM_BATCH": "5"}
    server = Server(f"sqlite:///{tmp_path}/gonogo.db", tmp_path, relay)
    yield House.of(server.start())
    server.stop()


def test_a_launch_goes_out_over_smtp(house: House, inbox: Inbox) -> None:
    campaign = house.draft(12)
    house.start(campaign)
    house.wait_for(campaign, "completed")

    everybody = [person["email"] for person in house.people(12)]
    assert sorted(inbox.recipients) == sorted(everybody)
    [mail] = [mail for mail in inbox.mails if mail["To"] == everybody[3]]
    assert (mail["Subject"], mail.get_content().strip()) == ("Hello N3", "Dear N3, we launch.")
    sent = house.data("GET", f"/v1/campaigns/{campaign}/messages")["messages"]
    assert {message["message_id"] for message in sent} == {mail["Message-ID"] for mail in inbox.mails}


def test_what_the_relay_says_of_a_recipient_stands_in_the_ledger(house: House, inbox: Inbox) -> None:
    inbox.refuses = {f"p1@{house.domain}": repeat("550 no such box")}
    campaign = house.draft(3)
    house.start(campaign)
    house.wait_for(campaign, "completed")

    [rejected] = house.data("GET", f"/v1/campaigns/{campaign}/messages?state=rejected")["messages"]
    assert (rejected["recipient"], rejected["error"]) == (f"p1@{house.domain}", "550 no such box")
    assert house.data("GET", f"/v1/campaigns/{campaign}/stats")["sent"] == 2


def test_a_relay_that_refuses_the_sender_pauses_the_campaign_and_says_why(house: House, inbox: Inbox) -> None:
    sender = "news@acme.example"
    inbox.refuses = {sender: chain(repeat(None, 5), repeat("553 not you"))}
    campaign = house.draft(15, sender={"email": sender, "name": "Acme"})
    house.start(campaign)
    house.wait_for(campaign, "paused")

    assert house.campaign(campaign)["paused_reason"] == "The relay refuses the sender: 553 not you"
    assert sorted(inbox.recipients) == sorted(person["email"] for person in house.people(5))

    inbox.refuses = {}
    house.data("POST", f"/v1/campaigns/{campaign}/resume")
    house.wait_for(campaign, "completed")
    eventually(lambda: len(inbox.recipients), 15)
    assert len(set(inbox.recipients)) == 15  # also those of the batch that met the refusal
    assert house.data("GET", f"/v1/campaigns/{campaign}/stats")["failed"] == 0


def test_while_the_relay_takes_nothing_a_foreign_start_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    relay = {"GONOGO_SMTP_URL": f"smtp://127.0.0.1:{free_port()}"}  # where nobody listens
    server = Server(f"sqlite:///{tmp_path}/gonogo.db", tmp_path, relay).start()
    try:
        sonarly, burki, house = Sonarly(server), Burki(server), House.of(server)
        theirs = sonarly.campaign(), burki.campaign()
        campaign = house.draft(2)
        assert house.start(campaign)["status"] == "active"  # nobody knows it yet
        eventually(lambda: house.data("GET", f"/v1/campaigns/{campaign}/stats")["waiting_for"], "channel")
        answers = sonarly.start(theirs[0]), burki.post(theirs[1], "start")
        assert answers[0].status_code == 502
        assert answers[0].json()["error"]["code"] == "UPSTREAM_ERROR"
        assert (answers[1].status_code, answers[1].json()["detail"]) == (500, "Background task system unavailable")
        assert (sonarly.status(theirs[0]), burki.status(theirs[1])) == ("draft", "draft")
        house.data("POST", f"/v1/campaigns/{campaign}/cancel")
        assert sonarly.start(theirs[0]).status_code == 200
    finally:
        server.stop()
