"""Webhooks over the house API, with a real receiver."""

from collections.abc import Iterator
from typing import Any

import pytest

from gonogo.clock import SystemClock
from gonogo.deliveries import deliver_due
from gonogo.execution.posting import Poster
from support.house import NOBODY, House, asking, refusal
from support.receiver import Receiver, Reply, receiver
from support.server import Server


@pytest.fixture
def hears() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[dict[str, Server]]:
    """Servers on both databases that deliver nothing by themselves: the tests say when."""
    cluster, name = request.getfixturevalue("postgresql"), f"quiet_{tmp_path_factory.mktemp('name').parent.name}"
    urls = {"postgresql": cluster.create(name.replace("-", "_"))}
    urls["sqlite"] = f"sqlite:///{tmp_path_factory.mktemp('quiet')}/gonogo.db"
    servers = {
        backend: Server(url, tmp_path_factory.mktemp(backend), arguments=("--no-worker",)).start()
        for backend, url in urls.items()
    }
    yield servers
    for each in servers.values():
        each.stop()
    cluster.drop(name.replace("-", "_"))


@pytest.fixture
def server(quiet: dict[str, Server], backend: str) -> Server:
    return quiet[backend]


@pytest.fixture(scope="module")
def allowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may call private addresses."""
    folder = tmp_path_factory.mktemp("allowing")
    server = Server(f"sqlite:///{folder}/gonogo.db", folder, {"GONOGO_ALLOW_PRIVATE_WEBHOOKS": "true"})
    yield server.start()
    server.stop()


def add(house: House, url: str, **more: object) -> dict[str, Any]:
    answer = house.client.post("/v1/webhooks", {"url": url, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


def deliver(server: Server) -> None:
    """What a worker does, whether or not one runs."""
    assert server.engine is not None
    while deliver_due(server.engine, SystemClock(), Poster(5, private_allowed=True).post):
        pass


def test_a_webhook_is_made_listed_and_removed_and_its_secret_told_once(server: Server) -> None:
    house = House.of(server)
    made = add(house, "https://hook.example/a", events=["task.*", "campaign.completed"])
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == {
        "id": made["id"],
        "url": "https://hook.example/a",
        "events": ["campaign.completed", "task.*"],
        "created_at": made["created_at"],
    }
    listed = house.client.get("/v1/webhooks")
    assert listed.json()["data"] == {"webhooks": [made]}
    assert secret not in listed.text
    assert house.data("DELETE", f"/v1/webhooks/{made['id']}") == {"webhook": made}
    assert house.data("GET", "/v1/webhooks") == {"webhooks": []}
    assert refusal(house.client.delete(f"/v1/webhooks/{made['id']}")) == (404, "not_found", [])


def test_what_was_told_stands_in_the_log_page_by_page_and_may_be_replayed(server: Server, hears: Receiver) -> None:
    house = House.of(server, policy=asking())
    webhook = add(house, hears.url, events=["campaign.started", "task.created", "task.voided", "campaign.withdrawn"])
    _, task = house.asked()
    house.data("POST", f"/v1/lexi/tasks/{task}/withdraw")
    deliver(server)
    assert [each.document["type"] for each in hears.requests] == [
        "campaign.started", "task.created", "campaign.withdrawn", "task.voided",
    ]  # fmt: skip
    assert all(each.signed_with(webhook["secret"]) for each in hears.requests)

    log = f"/v1/webhooks/{webhook['id']}/deliveries"
    pages = house.pages(f"{log}?limit=3")
    assert [len(page) for page in pages] == [3, 1]
    newest = pages[0][0]
    assert [each["id"] for page in pages for each in page] == hears.ids[::-1]
    assert {**newest, "at": "", "settled_at": ""} == {
        "id": hears.ids[-1],
        "type": "task.voided",
        "data": hears.requests[-1].document["data"],
        "at": "",
        "state": "delivered",
        "tries": 1,
        "next_at": None,
        "status": 200,
        "error": None,
        "settled_at": "",
    }
    again = house.data("POST", f"{log}/{newest['id']}/replay")["delivery"]
    assert (again["state"], again["tries"], again["status"]) == ("pending", 0, None)
    deliver(server)
    assert hears.ids[-2:] == [newest["id"]] * 2


def test_a_refusal_is_told_in_the_log(server: Server, hears: Receiver) -> None:
    house = House.of(server, policy=asking())
    hears.answers = lambda _: Reply(500, body=b"out of order")
    webhook = add(house, hears.url, events=["task.created"])
    house.asked()
    deliver(server)
    [told] = house.data("GET", f"/v1/webhooks/{webhook['id']}/deliveries")["deliveries"]
    assert (told["state"], told["tries"], told["status"], told["error"]) == ("pending", 1, 500, "500 out of order")
    assert told["next_at"] > told["at"]
    house.data("DELETE", f"/v1/webhooks/{webhook['id']}")


def test_a_webhook_is_tried_out(server: Server, hears: Receiver) -> None:
    """The server calls no private address, unless it is told that it may."""
    house = House.of(server)
    webhook = add(house, hears.url)
    tried = house.data("POST", f"/v1/webhooks/{webhook['id']}/test")
    assert tried == {
        "delivered": False,
        "status": None,
        "error": "The host 127.0.0.1 has an address that is not public.",
    }
    assert hears.requests == []
    dead = add(house, "http://nowhere.invalid/s3cret")
    tried = house.data("POST", f"/v1/webhooks/{dead['id']}/test")
    assert (tried["delivered"], tried["status"]) == (False, None)
    assert "s3cret" not in tried["error"]


def test_where_private_addresses_are_allowed_they_are_called(allowing: Server, hears: Receiver) -> None:
    house = House.of(allowing)
    webhook = add(house, hears.url)
    tried = house.data("POST", f"/v1/webhooks/{webhook['id']}/test")
    assert tried == {"delivered": True, "status": 200, "error": None}
    [request] = hears.requests
    assert request.document["type"] == "webhook.test"
    assert request.signed_with(webhook["secret"])
    hears.script(Reply(404, body=b"who?"))
    tried = house.data("POST", f"/v1/webhooks/{webhook['id']}/test")
    assert tried == {"delivered": False, "status": 404, "error": "404 who?"}
    assert house.data("GET", f"/v1/webhooks/{webhook['id']}/deliveries") == {"deliveries": []}


def test_a_rotated_secret_is_told_once_and_the_old_one_signs_until_the_next(server: Server, hears: Receiver) -> None:
    house = House.of(server, policy=asking())
    webhook = add(house, hears.url, events=["task.created"])
    rotated = house.data("POST", f"/v1/webhooks/{webhook['id']}/rotate")
    assert rotated["id"] == webhook["id"]
    assert rotated["secret"] not in (webhook["secret"], None)
    house.asked()
    deliver(server)
    assert [hears.requests[0].signed_with(each) for each in (rotated["secret"], webhook["secret"])] == [True, True]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "ftp://a.example"},
        {"url": "http://user:s3cret@a.example"},
        {"url": "a.example"},
        {"url": "http://a.example", "events": []},
        {"url": "http://a.example", "events": ["campaign.sneezed"]},
        {"url": "http://a.example", "secret": "mine"},
    ],
)
def test_what_makes_no_webhook_is_refused(server: Server, body: dict[str, object]) -> None:
    house = House.of(server)
    answer = house.client.post("/v1/webhooks", body)
    assert refusal(answer) == (400, "validation_error", []), answer.text
    assert "s3cret" not in answer.text
    assert house.data("GET", "/v1/webhooks") == {"webhooks": []}


def test_an_answer_with_a_secret_is_not_kept_to_be_given_again(server: Server) -> None:
    house = House.of(server)
    webhook = add(house, "https://hook.example/a")
    house.client.headers["Idempotency-Key"] = "once"
    path = f"/v1/webhooks/{webhook['id']}"
    for ask, body in (("/v1/webhooks", {"url": "https://b.example"}), (f"{path}/rotate", None), (f"{path}/test", None)):
        assert refusal(house.client.post(ask, body))[0] == 400, ask


def test_webhooks_and_deliveries_of_another_workspace_are_none(server: Server, hears: Receiver) -> None:
    house, stranger = House.of(server, policy=asking()), House.of(server)
    mine, other = add(house, hears.url, events=["task.created"]), add(stranger, "https://b.example")
    house.asked()
    [told] = house.data("GET", f"/v1/webhooks/{mine['id']}/deliveries")["deliveries"]
    for webhook, notice in ((mine["id"], told["id"]), (other["id"], told["id"]), (NOBODY, NOBODY), ("x", "x")):
        answer = stranger.client.post(f"/v1/webhooks/{webhook}/deliveries/{notice}/replay")
        assert refusal(answer) == (404, "not_found", [])
    for method, path in (("GET", "/deliveries"), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/test")):
        answer = stranger.client.call(method, f"/v1/webhooks/{mine['id']}{path}")
        assert refusal(answer) == (404, "not_found", [])
