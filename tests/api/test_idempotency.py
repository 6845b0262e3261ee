"""A request that names itself (Idempotency-Key) has one effect and one answer, however often it comes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from support.house import TEMPLATE, Body, House, asking
from support.server import Server

NEW: Body = {"name": "Spring", "template": TEMPLATE}
REPLAYED = "Idempotency-Replayed"


def post(house: House, path: str, body: object = None, name: str = "first") -> requests.Response:
    headers = {**house.client.headers, "Authorization": f"Bearer {house.client.key}", "Idempotency-Key": name}
    return requests.post(house.client.base + path, json=body, headers=headers, timeout=30)


def campaigns(house: House) -> int:
    return len(house.data("GET", "/v1/campaigns")["campaigns"])


def test_the_same_request_is_answered_the_same_and_done_once(server: Server) -> None:
    house = House.of(server)
    first, again = post(house, "/v1/campaigns", NEW), post(house, "/v1/campaigns/", NEW)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first.headers["Content-Type"] == again.headers["Content-Type"] == "application/json"
    assert (first.headers.get(REPLAYED), again.headers[REPLAYED]) == (None, "true")
    assert first.headers["X-Request-Id"] != again.headers["X-Request-Id"]
    assert campaigns(house) == 1


@pytest.mark.parametrize("path", ["/v1/campaigns", "/v1/campaigns?x=1"])
def test_a_name_that_another_request_used_is_refused(server: Server, path: str) -> None:
    house = House.of(server)
    assert post(house, "/v1/campaigns", NEW).status_code == 201
    body = {**NEW, "name": "Autumn"} if path == "/v1/campaigns" else NEW
    answer = post(house, path, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert campaigns(house) == 1


def test_the_same_bytes_of_another_type_are_another_request(server: Server) -> None:
    house = House.of(server)
    path = f"{house.client.base}/v1/campaigns/{house.draft()}/contacts"

    def send(content_type: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {house.client.key}", "Idempotency-Key": "once"}
        return requests.post(path, data=b"email", headers={**headers, "Content-Type": content_type}, timeout=30)

    assert [send(each).status_code for each in ("text/csv", "TEXT/CSV; charset=utf-8")] == [200, 200]
    answer = send("application/x-ndjson")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")


def test_names_are_each_keys_own(server: Server) -> None:
    house = House.of(server)
    ids = {post(each, "/v1/campaigns", NEW).json()["data"]["campaign"]["id"] for each in (house, house.by())}
    assert len(ids) == campaigns(house) == 2


def test_a_launch_and_its_approval_happen_once(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign = house.data("POST", "/v1/campaigns", NEW)["campaign"]["id"]
    house.data("POST", f"/v1/campaigns/{campaign}/contacts", {"contacts": house.people(1)})
    started = [post(house, f"/v1/campaigns/{campaign}/start", name="start") for _ in range(2)]
    assert started[0].content == started[1].content
    task = started[0].json()["data"]["task_id"]
    approved = [post(house, f"/v1/lexi/tasks/{task}/approve", name="approve") for _ in range(2)]
    assert approved[0].status_code == 200
    assert approved[0].content == approved[1].content
    events = [event["event"] for event in house.data("GET", f"/v1/campaigns/{campaign}/events")["events"]]
    assert (events.count("start"), events.count("approve")) == (1, 1)


def test_a_refusal_is_an_answer_too(server: Server) -> None:
    house = House.of(server)
    campaign = house.data("POST", "/v1/campaigns", NEW)["campaign"]["id"]
    first = post(house, f"/v1/campaigns/{campaign}/start", name="start")
    house.data("POST", f"/v1/campaigns/{campaign}/contacts", {"contacts": house.people(1)})
    again = post(house, f"/v1/campaigns/{campaign}/start", name="start")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert first.status_code == 400
    assert post(house, f"/v1/campaigns/{campaign}/start", name="another").status_code == 200


def test_a_refusal_of_the_second_half_undoes_the_first_and_is_kept(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign = house.data("POST", "/v1/campaigns", NEW)["campaign"]["id"]
    house.data("POST", f"/v1/campaigns/{campaign}/cancel")
    answers = [post(house, f"/v1/campaigns/{campaign}/rerun", name="rerun") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].content == answers[1].content
    assert house.data("GET", f"/v1/campaigns/{campaign}")["campaign"]["status"] == "cancelled"


def test_a_request_that_was_wrong_may_be_sent_corrected_under_its_name(server: Server) -> None:
    house = House.of(server)
    assert post(house, "/v1/campaigns", {"title": "Spring"}).status_code == 400
    assert post(house, "/v1/campaigns", NEW).status_code == 201


@pytest.mark.parametrize("name", ["x" * 256, "caf\u00e9".encode().decode("latin-1")])
def test_a_name_that_can_not_be_kept_is_refused(server: Server, name: str) -> None:
    house = House.of(server)
    answer = post(house, "/v1/campaigns", NEW, name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_error")
    assert campaigns(house) == 0


def test_repetitions_at_the_same_moment_wait_for_one_answer(server: Server) -> None:
    house = House.of(server)
    for turn in range(3):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _, name=str(turn): post(house, "/v1/campaigns", NEW, name), range(8)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert sum(REPLAYED not in answer.headers for answer in answers) == 1
    assert campaigns(house) == 3


def test_an_answer_is_kept_for_a_day(server: Server) -> None:
    house = House.of(server)
    assert post(house, "/v1/campaigns", NEW).status_code == 201
    assert server.engine is not None
    with server.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE gonogo_reply SET created_at = '2020-01-01T00:00:00.000000Z'")
    assert REPLAYED not in post(house, "/v1/campaigns", NEW).headers
    assert campaigns(house) == 2


def test_the_foreign_dialects_repeat_what_is_repeated(server: Server) -> None:
    client = server.workspace("burki").client()
    client.headers["Idempotency-Key"] = "first"
    ids = {client.post("/api/v1/campaigns", {"name": "Spring"}).json()["id"] for _ in range(2)}
    assert len(ids) == 2


def test_an_answer_with_a_secret_is_never_kept(server: Server) -> None:
    house = House.of(server)
    own = house.data("GET", "/v1/keys")["keys"]
    answers = [
        post(house, "/v1/keys", {"scopes": ["lexi"]}),
        post(house, f"/v1/keys/{own[0]['id']}/rotate", name="second"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_error")
    assert [key["id"] for key in house.data("GET", "/v1/keys")["keys"]] == [key["id"] for key in own]
    assert server.engine is not None
    with server.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM gonogo_reply WHERE body LIKE '%%wbk%%'")
        assert kept.scalar_one() == 0
