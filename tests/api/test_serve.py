"""The server as a process: a whole launch through the gate, its health, and many hands at once."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from support.house import House, asking
from support.server import Server


def test_a_campaign_goes_from_draft_to_sent_through_the_gate(server: Server) -> None:
    ann = House.of(server, policy=asking(separation="requester"), member="ann@acme.example")
    bob = ann.by("lexi", member="bob@acme.example")
    campaign, task = ann.asked(25)
    assert ann.mails() == []

    shown = bob.task(task)
    approved = bob.data("POST", f"/v1/lexi/tasks/{task}/approve", {"seal": shown["seal"]})

    assert approved["execution_started"] is True
    ann.wait_for(campaign, "completed")
    assert Counter(str(mail["To"]) for mail in ann.mails()) == {p["email"]: 1 for p in ann.people(25)}
    assert {str(mail["From"]) for mail in ann.mails()} == {"Campaigns <campaigns@example.com>"}
    events = [event["event"] for event in ann.data("GET", f"/v1/campaigns/{campaign}/events")["events"]]
    assert events[-4:] == ["start", "approve", "begin", "complete"]


def test_health_and_readiness_need_no_key(server: Server) -> None:
    assert requests.get(f"{server.base}/healthz", timeout=5).json() == {"status": "ok"}
    ready = requests.get(f"{server.base}/readyz", timeout=5)
    assert (ready.status_code, ready.json()) == (200, {"database": "ok", "executor": "ok"})


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Server]:
    """A server without an executor."""
    server = Server(f"sqlite:///{tmp_path}/gonogo.db", tmp_path, arguments=("--no-worker",)).start()
    yield server
    server.stop()


def test_a_server_that_executes_nothing_says_so(idle: Server) -> None:
    ready = requests.get(f"{idle.base}/readyz", timeout=5)
    assert (ready.status_code, ready.json()) == (503, {"database": "ok", "executor": "silent"})
    assert requests.get(f"{idle.base}/healthz", timeout=5).status_code == 200


def test_of_many_approvals_at_once_one_launches_and_the_others_learn_it(server: Server) -> None:
    ann = House.of(server, policy=asking(), member="ann@acme.example")
    voters = [ann.by("lexi", member=f"voter{n}@acme.example") for n in range(8)]
    campaign, task = ann.asked(3)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda voter: voter.client.post(f"/v1/lexi/tasks/{task}/approve"), voters))

    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 7}
    refused = [answer.json()["error"]["blockers"][0] for answer in answers if answer.status_code == 400]
    assert {(blocker["code"], blocker["decision"]) for blocker in refused} == {("task_decided", "approved")}
    ann.wait_for(campaign, "completed")
    assert len(ann.mails()) == 3
    assert len(ann.task(task)["votes"]) == 1


def test_of_many_starts_at_once_one_starts(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(3)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: house.client.post(f"/v1/campaigns/{campaign}/start"), range(8)))

    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 7}
    house.wait_for(campaign, "completed")
    assert len(house.mails()) == 3


def test_two_servers_on_one_postgresql_are_one(postgresql_server: Server, tmp_path: Path) -> None:
    second = Server(postgresql_server.url, tmp_path, extra={"GONOGO_MAILDIR": str(postgresql_server.mail)}).start()
    try:
        house = House.of(postgresql_server, policy=asking())
        other = House(house.tenant, house.client, house.domain)
        other.client = type(house.client)(second.base, house.client.key)
        launched = []
        for _ in range(5):
            campaign, task = house.asked(2)
            other.data("POST", f"/v1/lexi/tasks/{task}/approve")
            launched.append(campaign)
        for campaign in launched:
            other.wait_for(campaign, "completed")
        assert len(house.mails()) == 10
        assert set(Counter(str(mail["To"]) for mail in house.mails()).values()) == {5}
    finally:
        second.stop()
