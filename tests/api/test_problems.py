"""What can go wrong with any request, in every dialect: its own shape, its own status, nothing written."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from support.errors import DIALECTS, INVALID, MALFORMED, campaigns, says_no
from support.house import NOBODY, House, asking, refusal
from support.server import Client, Server, Tenant

every_dialect = pytest.mark.parametrize("dialect", DIALECTS)
#: What is not JSON, or not the kind of JSON that means one thing only (RFC 8259, RFC 7493).
MALFORMED_BODIES = {
    "no JSON": b"name=Spring",
    "half an object": b'{"name": "Spring"',
    "more than one value": b'{"name": "Spring"} {}',
    "a key given twice": b'{"name": "Spring", "name": "Autumn"}',
    "a key given twice, deep inside": b'{"name": "Spring", "metadata": {"a": [{"b": 1, "b": 2}]}}',
    "a key given twice, once escaped": b'{"name": "Spring", "n\\u0061me": "Autumn"}',
    "NUL": b'{"name": "Spr\\u0000ing"}',
    "NUL in a key": b'{"name": "Spring", "metadata": {"\\u0000": 1}}',
    "half a character": b'{"name": "Spr\\ud800ing"}',
    "NaN": b'{"name": "Spring", "metadata": {"x": NaN}}',
    "a number beyond all measure": b'{"name": "Spring", "metadata": {"x": 1e999}}',
    "Infinity": b'{"name": "Spring", "metadata": {"x": -Infinity}}',
    "a number of 5,000 digits": b'{"name": "Spring", "metadata": {"x": ' + b"9" * 5000 + b"}}",
    "no UTF-8": b'{"name": "Spr\xffing"}',
    "UTF-16": '{"name": "Spring"}'.encode("utf-16"),
    "nested without end": b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


def send(
    tenant: Tenant, body: bytes, *, path: str | None = None, method: str = "POST", key: str | None = None
) -> requests.Response:
    headers = {"Authorization": f"Bearer {key or tenant.key()}", "Content-Type": "application/json"}
    return requests.request(
        method, tenant.server.base + (path or campaigns(tenant)), data=body, headers=headers, timeout=30
    )


def rows(tenant: Tenant) -> Mapping[str, list[str]]:
    """Every row of the workspace."""
    return House(tenant, Client(tenant.server.base), "").rows()


@every_dialect
def test_strange_json_is_refused_in_the_dialects_own_words(server: Server, dialect: str) -> None:
    tenant = server.workspace(dialect)
    key = tenant.key()
    before = rows(tenant)

    for name, body in MALFORMED_BODIES.items():
        answer = send(tenant, body, key=key)
        assert answer.status_code == MALFORMED[dialect], (name, answer.text)
        says_no(answer, dialect)

    assert rows(tenant) == before


@every_dialect
def test_a_body_that_says_it_is_not_utf_8_is_refused(server: Server, dialect: str) -> None:
    tenant = server.workspace(dialect)
    key = tenant.key()
    before = rows(tenant)
    for charset in ("utf-16", "iso-8859-1", '"latin1"', b"\xff".decode("latin-1"), '"'):
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": f"application/json; charset={charset}",
        }
        answer = requests.post(server.base + campaigns(tenant), data=b'{"name": "x"}', headers=headers, timeout=30)
        assert answer.status_code == MALFORMED[dialect], answer.text
        says_no(answer, dialect)
    assert rows(tenant) == before
    fine = {"Authorization": f"Bearer {key}", "Content-Type": 'application/json; charset="UTF-8"'}
    body = b'{"name": "Spring"}'
    assert requests.post(server.base + campaigns(tenant), data=body, headers=fine, timeout=30).status_code == 201


@every_dialect
def test_nul_in_a_query_is_refused_in_the_dialects_own_words(server: Server, dialect: str) -> None:
    tenant = server.workspace(dialect)
    answer = tenant.client().get(f"{campaigns(tenant)}?cursor=%00")
    assert answer.status_code == INVALID[dialect], answer.text
    says_no(answer, dialect)


@every_dialect
def test_a_socket_is_not_opened_and_the_request_answered(server: Server, dialect: str) -> None:
    tenant = server.workspace(dialect)
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    client = Client(server.base, tenant.key(), {**upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
    assert client.get(campaigns(tenant)).status_code == 200
    client.key = None
    answer = client.get(campaigns(tenant))
    assert answer.status_code == 401
    says_no(answer, dialect)


@every_dialect
def test_json_of_another_shape_is_refused_in_the_dialects_own_words(server: Server, dialect: str) -> None:
    tenant = server.workspace(dialect)
    key = tenant.key()
    before = rows(tenant)

    for body in (b"{}", b"[]", b"null", b'"name"', b'{"name": 5}', b'{"name": ""}', b'{"name": null}'):
        answer = send(tenant, body, key=key)
        assert answer.status_code == INVALID[dialect], (body, answer.text)
        says_no(answer, dialect)

    assert rows(tenant) == before


@every_dialect
def test_a_body_without_end_is_refused(server: Server, dialect: str) -> None:
    tenant = server.workspace(dialect)
    large = b'{"name": "Spring", "padding": "' + b"x" * 1_048_576 + b'"}'
    key = tenant.key()
    before = rows(tenant)

    def chunks() -> Iterator[bytes]:
        yield large

    for body in (large, chunks()):  # with its length told, and without
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        answer = requests.post(server.base + campaigns(tenant), data=body, headers=headers, timeout=30)
        assert answer.status_code == 413, answer.text
        says_no(answer, dialect)

    assert rows(tenant) == before


@every_dialect
def test_unknown_paths_and_methods_are_refused_in_the_dialects_own_words(server: Server, dialect: str) -> None:
    client = server.workspace(dialect).client()
    for path in ("", "/", "/v9/nowhere", "/%2e%2e/%00", "/v9/%0A/x", "//v1", "/v1/campaigns//"):
        answer = client.get(f"/{dialect}{path}")
        assert answer.status_code == 404, path
        says_no(answer, dialect)

    answer = client.call("PUT", campaigns(server.workspace(dialect)))
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    says_no(answer, dialect)


@every_dialect
def test_who_asks_is_asked_before_what(server: Server, dialect: str) -> None:
    """A stranger learns nothing about bodies, ids or states."""
    tenant = server.workspace(dialect)
    reader = tenant.key("campaigns:read")

    for body in (b"{", b"{}", b'{"name": 5}'):
        stranger = send(tenant, body, key="wbk_a_b")
        assert stranger.status_code == 401, (body, stranger.text)
        says_no(stranger, dialect)
        unentitled = send(tenant, body, key=reader)
        assert unentitled.status_code == 403, (body, unentitled.text)
        says_no(unentitled, dialect)


def test_the_paths_that_are_no_dialects_say_no_in_json_too(server: Server) -> None:
    for path in ("/healthz", "/healthz/", "/readyz/", "/docs/"):
        assert requests.get(f"{server.base}{path}", timeout=30, allow_redirects=False).status_code == 200, path
    answer = requests.post(f"{server.base}/healthz", timeout=30)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.json() == {"error": {"code": "method_not_allowed", "message": "Method not allowed"}}


def test_every_request_has_an_id_of_its_own(server: Server) -> None:
    client = server.workspace().client()
    answers = [client.get("/v1/campaigns"), client.get("/v1/campaigns"), client.get(f"/v1/campaigns/{NOBODY}")]
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 3


def test_every_mistake_is_named_with_its_place(server: Server) -> None:
    house = House.of(server)
    answer = house.client.post("/v1/campaigns", {"name": 5, "steps": [{"delay_days": 1, "template": {"body": 5}}]})
    assert refusal(answer) == (400, "validation_error", [])
    assert [mistake["path"] for mistake in answer.json()["error"]["mistakes"]] == ["name", "steps[0].template.body"]

    answer = house.client.put("/v1/policy", asking(separation="friends", dismissals=0))
    assert [mistake["path"] for mistake in answer.json()["error"]["mistakes"]] == ["separation", "dismissals"]


@pytest.fixture
def broken_server(tmp_path: Path) -> Iterator[Server]:
    """A server whose database breaks under it, once its tenants are made."""
    server = Server(f"sqlite:///{tmp_path}/gonogo.db", tmp_path).start()
    yield server
    server.stop()


def test_a_failure_of_our_own_is_told_without_its_details(broken_server: Server) -> None:
    tenants = [broken_server.workspace(dialect) for dialect in DIALECTS]
    keys = [tenant.key() for tenant in tenants]
    paths = [campaigns(tenant) for tenant in tenants]
    assert broken_server.engine is not None
    with broken_server.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE gonogo_version RENAME TO elsewhere"))

    for tenant, key, path in zip(tenants, keys, paths, strict=True):
        answer = send(tenant, b'{"name": "Spring"}', key=key, path=path)
        assert answer.status_code == 500, answer.text
        says_no(answer, tenant.dialect)
        assert answer.headers["X-Request-Id"] in broken_server.log
        assert answer.headers.get("Connection") != "close"
        assert "gonogo_version" not in answer.text
