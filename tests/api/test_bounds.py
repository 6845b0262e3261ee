"""What no route reads is read strictly all the same; pages and errors that hold in every dialect."""

import pytest
import requests

from support.house import House, asking
from support.server import Client, Server

MEGABYTES = b" " * 3_000_000


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_a_body_over_the_limit_is_refused_where_none_is_asked_for(server: Server, kind: str) -> None:
    house = House.of(server, policy=asking())
    campaign = house.draft()
    before = house.rows()
    for method, path in (("POST", "start"), ("POST", "cancel"), ("DELETE", "")):
        headers = {"Authorization": f"Bearer {house.client.key}", "Content-Type": kind}
        url = f"{server.base}/v1/campaigns/{campaign}/{path}".rstrip("/")
        assert requests.request(method, url, data=MEGABYTES, headers=headers, timeout=30).status_code == 413
    assert house.rows() == before


@pytest.mark.parametrize("body", [b'{"a": NaN}', b'{"a": 1, "a": 2}', b'{"a": "\\u0000"}'])
def test_json_that_nobody_asked_for_is_read_strictly_by_every_method(server: Server, body: bytes) -> None:
    house = House.of(server)
    campaign = house.draft()
    before = house.rows()
    headers = {"Authorization": f"Bearer {house.client.key}", "Content-Type": "application/json"}
    for method, path in (("DELETE", ""), ("POST", "/start")):
        url = f"{server.base}/v1/campaigns/{campaign}{path}"
        assert requests.request(method, url, data=body, headers=headers, timeout=30).status_code == 400
    assert house.rows() == before


def test_a_read_takes_no_offence_at_what_its_document_does_not_tell(server: Server) -> None:
    client = House.of(server).client
    assert client.get("/v1/webhooks?x=%00").status_code == 200
    odd = Client(server.base, client.key, {"Content-Type": "application/json; charset=latin-1"})
    assert odd.get("/v1/webhooks").status_code == 200


@pytest.mark.parametrize(
    ("dialect", "path", "body"),
    [
        ("leadterra", "/v1/campaigns", {"name": "A"}),
        ("burki", "/api/v1/campaigns", {"name": "A"}),
        ("bavlio", "/api/v1/campaigns", {"name": "A"}),
    ],
)
def test_a_page_of_campaigns_links_to_the_next(server: Server, dialect: str, path: str, body: dict[str, str]) -> None:
    client = server.workspace(dialect).client()
    for _ in range(2):
        assert client.post(path, body).status_code in (200, 201)
    first = client.get(f"{path}?limit=1")
    second = requests.get(
        server.base + first.links["next"]["url"], headers={"Authorization": f"Bearer {client.key}"}, timeout=30
    )
    assert second.status_code == 200
    assert second.json()["campaigns"] != first.json()["campaigns"]
    assert len(second.json()["campaigns"]) == 1


@pytest.mark.parametrize(
    ("dialect", "path"),
    [
        ("leadlex", "/v1/campaigns"),
        ("sonarly", "/v1/accounts/{group}/campaigns"),
        ("leadterra", "/v1/campaigns"),
        ("burki", "/api/v1/campaigns"),
        ("bavlio", "/api/v1/campaigns"),
    ],
)
def test_a_body_that_does_not_say_what_it_is_is_json(server: Server, dialect: str, path: str) -> None:
    tenant = server.workspace(dialect)
    message = ', "message": {"subject": "Hello", "body": "Dear all"}' if dialect == "sonarly" else ""
    headers = {"Authorization": f"Bearer {tenant.client().key}"}
    url = server.base + (path.format(group=tenant.account_group()) if dialect == "sonarly" else path)
    assert requests.post(url, data=f'{{"name": "Spring"{message}}}', headers=headers, timeout=30).status_code == 201
