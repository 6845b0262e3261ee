"""Answers on conditions: what a client has seen is not sent again, and what it has not seen is not overwritten."""

import threading

import pytest
import requests

from support.errors import DIALECTS, campaigns, says_no
from support.house import House, asking, refusal
from support.server import Server


def conditional(house: House, method: str, path: str, body: object = None, **headers: str) -> requests.Response:
    house.client.headers = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        return house.client.call(method, path, body)
    finally:
        house.client.headers = {}


def test_what_was_seen_is_not_sent_again_until_it_changes(server: Server) -> None:
    house = House.of(server)
    path = f"/v1/campaigns/{house.draft()}"
    tag = house.client.get(path).headers["ETag"]

    for seen in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = conditional(house, "GET", path, If_None_Match=seen)
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag), seen
        assert again.headers["X-Request-Id"]
    assert conditional(house, "GET", path, If_None_Match='"other"').status_code == 200

    house.client.patch(path, {"name": "Autumn"})
    changed = conditional(house, "GET", path, If_None_Match=tag)
    assert changed.status_code == 200
    assert changed.json()["data"]["campaign"]["name"] == "Autumn"
    assert changed.headers["ETag"] != tag


def test_an_error_has_no_tag(server: Server) -> None:
    house = House.of(server)
    answer = conditional(house, "GET", f"/v1/campaigns/{house.tenant.id}", If_None_Match="*")
    assert answer.status_code == 404
    assert "ETag" not in answer.headers


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_change_of_what_was_not_seen_is_refused_and_changes_nothing(server: Server, method: str) -> None:
    house = House.of(server)
    path = f"/v1/campaigns/{house.draft()}"
    stale = house.client.get(path).headers["ETag"]
    house.client.patch(path, {"name": "Autumn"})
    seen = house.client.get(path)

    refused = conditional(house, method, path, {"name": "Winter"}, If_Match=stale)
    assert refusal(refused) == (412, "precondition_failed", [])
    assert house.client.get(path).content == seen.content

    assert conditional(house, method, path, {"name": "Winter"}, If_Match=seen.headers["ETag"]).status_code == 200


def test_of_changes_made_at_once_on_one_condition_one_is_made(server: Server) -> None:
    house = House.of(server)
    path = f"/v1/campaigns/{house.draft()}"
    tag = house.client.get(path).headers["ETag"]
    url, headers = server.base + path, {"Authorization": f"Bearer {house.client.key}", "If-Match": tag}
    answers: list[int] = []

    def change(name: str) -> None:
        answers.append(requests.patch(url, json={"name": name}, headers=headers, timeout=30).status_code)

    threads = [threading.Thread(target=change, args=(f"Name {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, *[412] * 5]


def test_a_policy_is_replaced_only_by_who_has_seen_it(server: Server) -> None:
    house = House.of(server)
    stale = house.client.get("/v1/policy").headers["ETag"]
    assert conditional(house, "PUT", "/v1/policy", asking(), If_Match=stale).status_code == 200

    refused = conditional(house, "PUT", "/v1/policy", {"approval": "off", "reason": "a test"}, If_Match=stale)

    assert refusal(refused) == (412, "precondition_failed", [])
    assert house.client.get("/v1/policy").json()["data"]["version"] == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_head_has_the_headers_of_a_get_and_no_body(server: Server, dialect: str) -> None:
    tenant = server.workspace(dialect)
    client, path = tenant.client(), campaigns(tenant)
    shown, head = client.get(path), client.call("HEAD", path)

    assert (head.status_code, head.content) == (200, b"")
    for name in ("Content-Type", "Content-Length"):
        assert head.headers[name] == shown.headers[name]
    assert head.headers.get("ETag") == shown.headers.get("ETag")
    assert ("ETag" in head.headers) is (dialect == "leadlex")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_method_that_is_not_offered_is_told_those_that_are(server: Server, dialect: str) -> None:
    tenant = server.workspace(dialect)
    answer = tenant.client().call("PUT", campaigns(tenant))
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, POST"
    says_no(answer, dialect)
