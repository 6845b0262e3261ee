"""Events at an address of their own, as mail providers POST them that can only be given a URL: without a key."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo import models
from gonogo.models import table
from gonogo_api import responding
from support.house import LATER, House, eventually, refusal
from support.server import LIMIT, PEPPER, Server

UNGATED = {"approval": "off", "reason": "a test"}
NOTHING: dict[str, Any] = {"responses": [{"recipient": "ada@x.example", "kind": "complaint"}]}


def url(house: House) -> str:
    """The address that the house's key is told."""
    return str(house.data("GET", "/v1/responses/url")["url"])


def post(address: str, body: Any = NOTHING, **more: Any) -> requests.Response:
    return requests.post(address, json=body, timeout=30, allow_redirects=False, **more)


def key_id(house: House) -> str:
    return str(house.client.key).split("_")[1]


def reasons(house: House, email: str) -> list[str]:
    return [each["reason"] for each in house.data("GET", f"/v1/suppressions?email={email}")["suppressions"]]


def test_a_provider_tells_of_a_bounce_without_a_header(server: Server) -> None:
    house = House.of(server, policy=UNGATED)
    campaign = house.draft(2, steps=LATER)
    house.start(campaign)
    eventually(lambda: house.data("GET", f"/v1/campaigns/{campaign}/stats")["sent"], 2)
    first, second = house.data("GET", f"/v1/campaigns/{campaign}/messages")["messages"]
    told = [
        {"message": first["message_id"], "kind": "bounce", "at": "2026-01-15T09:00:00Z"},
        {"message": second["id"], "kind": "reply"},
        {"recipient": f"p9@{house.domain}", "kind": "complaint"},
        {"recipient": "nobody", "kind": "complaint"},
    ]
    address = url(house)
    assert re.fullmatch(rf"{server.base}/e/{key_id(house)}\.[0-9a-f]{{64}}", address)
    answer = post(address, {"responses": told})
    assert answer.status_code == 200
    assert [each["result"] for each in answer.json()["data"]["responses"]] == ["suppressed"] * 3 + ["refused"]
    assert reasons(house, first["recipient"]) == ["bounce"]
    assert reasons(house, f"p9@{house.domain}") == ["complaint"]

    before = house.rows()
    again = post(address, {"responses": told})
    assert [each["result"] for each in again.json()["data"]["responses"]] == ["repeated"] * 3 + ["refused"]
    assert house.rows() == before
    with_key = house.client.post("/v1/responses", {"responses": told})
    assert (with_key.status_code, with_key.json()) == (again.status_code, again.json())
    assert with_key.headers.keys() == again.headers.keys()


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"responses": [{"recipient": "a@x.example", "kind": "bounce", "kind": "reply"}]}', "application/json", 400),
        (b'{"responses": [{"recipient": "a@x.example\\u0000", "kind": "bounce"}]}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"responses": []}', "application/json", 400),
        (b'{"events": [{"recipient": "a@x.example", "kind": "bounce"}]}', "application/json", 400),
        (b"", "application/json", 400),
        (b"event=bounce", "application/x-www-form-urlencoded", 415),
        (b" " * 1_048_577, "application/json", 413),
    ],
)
def test_a_body_is_read_as_strictly_as_with_a_key(server: Server, body: bytes, kind: str, status: int) -> None:
    house = House.of(server)
    address, before = url(house), house.rows()
    headers = {"Content-Type": kind}
    answer = requests.post(address, data=body, headers=headers, timeout=30)
    headers["Authorization"] = f"Bearer {house.client.key}"
    with_key = requests.post(f"{server.base}/v1/responses", data=body, headers=headers, timeout=30)
    assert answer.status_code == status
    assert (answer.status_code, answer.json()) == (with_key.status_code, with_key.json())
    assert house.rows() == before


def ended(house: House, how: str) -> None:
    """End the house's key."""
    if how == "expires":
        assert house.tenant.server.engine is not None
        with house.tenant.server.engine.begin() as connection:
            keys = table(models.Key)
            past = Instant.now() - TimeDelta(seconds=1)
            connection.execute(sa.update(keys).where(keys.c.id == key_id(house)).values(expires_at=past))
    elif how == "rotate":
        house.data("POST", f"/v1/keys/{key_id(house)}/rotate")
    else:
        house.data("DELETE", f"/v1/keys/{key_id(house)}")


@pytest.mark.parametrize("how", ["revoke", "rotate", "expires"])
def test_an_address_ends_at_once_with_its_key(server: Server, how: str) -> None:
    house = House.of(server)
    other, address = house.by(), url(house)
    assert post(address).status_code == 200
    ended(house, how)
    before = other.rows()
    assert refusal(post(address, {"responses": [{"recipient": "b@x.example", "kind": "bounce"}]})) == (
        404, "not_found", [],
    )  # fmt: skip
    assert other.rows() == before
    assert post(url(other)).status_code == 200


def test_an_address_that_no_key_was_told_is_not_found_whatever_is_sent_along(server: Server) -> None:
    house = House.of(server)
    reader, foreign = house.by("campaigns:read"), house.tenant.client(dialect="burki")
    assert refusal(reader.client.get("/v1/responses/url")) == (403, "insufficient_permissions", [])
    address = url(house)
    token, before = address.rpartition("/")[2], house.rows()
    name, _, mac = token.partition(".")

    def of(key: str, pepper: str = PEPPER) -> str:
        return responding.token(pepper.encode(), key)

    wrong = [
        f"{name}.{mac[:-1]}{'0' if mac[-1] != '0' else '1'}", f"{name}.", name, f".{mac}", f"{name}.{mac[:32]}",
        token.upper(), f"{token}%00", f"{token}.", f"{token}%0A", "x", "%C3%BC", of(name, "another pepper"),
        of("a" * 16), of(""), of(key_id(reader)), of(str(foreign.key).split("_")[2]), f"{key_id(reader)}.{mac}",
    ]  # fmt: skip
    with_key = {"Authorization": f"Bearer {house.client.key}"}
    answers = [post(f"{server.base}/e/{each}", headers=headers) for each in wrong for headers in ({}, with_key)]
    for each, answer in zip([each for each in wrong for _ in range(2)], answers, strict=True):
        assert refusal(answer) == (404, "not_found", []), each
    assert len({answer.text for answer in answers}) == 1
    assert house.rows() == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_to_do_anything_else_with_it_changes_nothing(server: Server, method: str) -> None:
    house = House.of(server)
    address, before = url(house), house.rows()
    answer = requests.request(method, address, json=None if method in ("GET", "HEAD") else NOTHING, timeout=30)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert house.rows() == before


def test_it_counts_as_requests_of_the_key(strict: Server) -> None:
    house = House.of(strict)
    address = url(house)  # the first of them
    answers = [post(address) for _ in range(LIMIT)]
    assert [answer.status_code for answer in answers] == [200] * (LIMIT - 1) + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert refusal(answers[-1]) == (429, "rate_limited", [])
    assert house.client.get("/v1/campaigns").status_code == 429


def test_its_use_is_a_use_of_the_key(server: Server) -> None:
    house = House.of(server)
    other = house.by()
    address = f"{server.base}/e/{responding.token(PEPPER.encode(), key_id(house))}"
    assert post(address).status_code == 200
    [used_at] = [each["used_at"] for each in other.data("GET", "/v1/keys")["keys"] if each["id"] == key_id(house)]
    assert used_at is not None


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that is told where it is reached from outside."""
    folder = tmp_path_factory.mktemp("public")
    server = Server(f"sqlite:///{folder}/gonogo.db", folder, {"GONOGO_PUBLIC_URL": "https://go.example/mail/"})
    yield server.start()
    server.stop()


def test_the_address_leads_where_the_server_is_reached_from_outside(public: Server) -> None:
    house = House.of(public)
    address = url(house)
    assert address.startswith(f"https://go.example/mail/e/{key_id(house)}.")
    assert post(address.replace("https://go.example/mail", public.base)).status_code == 200


def test_with_the_same_name_a_delivery_is_answered_the_same(server: Server) -> None:
    house = House.of(server)
    address = url(house)
    answers = [post(address, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert [answer.json()["data"]["responses"][0]["result"] for answer in answers] == ["suppressed"] * 2
    assert "Idempotency-Replayed" in answers[1].headers


def test_while_the_database_is_down_a_provider_is_asked_to_come_again(strict: Server) -> None:
    house = House.of(strict)
    address = url(house)
    with strict.broken("ALTER TABLE gonogo_key RENAME TO gonogo_gone", "ALTER TABLE gonogo_gone RENAME TO gonogo_key"):
        answer = post(address)
    assert refusal(answer) == (500, "internal_error", [])
    assert post(address).status_code == 200


def test_several_deliveries_of_one_event_at_once_are_one(server: Server) -> None:
    house = House.of(server)
    address, results = url(house), []
    gate = threading.Barrier(4)

    def deliver() -> None:
        gate.wait(10)
        results.append(post(address).json()["data"]["responses"][0]["result"])

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) == ["repeated"] * 3 + ["suppressed"]


def test_the_commands_of_the_page_ask_for_the_address_and_post_to_it(server: Server) -> None:
    house = House.of(server)
    page = (Path(__file__).parents[2] / "docs" / "responses.md").read_text()
    [script] = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    variables = {**os.environ, "KEY": str(house.client.key)}
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8000", server.base)],
        env=variables, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(ran.stdout)["data"]["responses"][0]["result"] == "suppressed"
    assert reasons(house, "ada@example.com") == ["complaint"]
