"""Which dialect answers: the mount, else the host, else the key, else the shape of the path."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from gonogo_api.choosing import by_prefix, by_shape, mounted
from support.errors import DIALECTS, campaigns, says_no
from support.house import NOBODY, refusal
from support.server import Client, Server

HOSTS = {f"api.{dialect}.example": dialect for dialect in DIALECTS}
FOREIGN = [(mount, key) for mount in DIALECTS for key in DIALECTS if mount != key]
CAMP, HEX = "camp_123", "507f1f77bcf86cd799439011"
#: What a path looks like, and whose it is.
SHAPES = {
    f"/v1/campaigns/{NOBODY}/start": "leadlex",
    "/v1/campaigns/42/start": "leadlex",
    "/v1/campaigns": "leadlex",
    "/v1/lexi/tasks": "leadlex",
    "/functions/v1/api-gateway/v1/campaigns/campaign-uuid/start": "leadlex",
    f"/v1/accounts/{HEX}/campaigns/{HEX}/start": "sonarly",
    "/v1/accounts": "sonarly",
    f"/v1/campaigns/{CAMP}/start": "leadterra",
    "/v1/leads/bulk": "leadterra",
    "/v1/sender-pools": "leadterra",
    "/api/v1/campaigns/42/start": "burki",
    "/api/v1/campaigns/-1": "burki",
    "/api/v1/assistants": "burki",
    f"/api/v1/campaigns/{NOBODY}/launch": "bavlio",
    "/api/v1/datasets": "bavlio",
    "/api/v1/templates": "bavlio",
    "/nowhere": "leadlex",
}


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that knows the hosts of all five products."""
    folder = tmp_path_factory.mktemp("hosting")
    hosts = "{" + ", ".join(f'"{host}": "{dialect}"' for host, dialect in HOSTS.items()) + "}"
    server = Server(f"sqlite:///{folder}/gonogo.db", folder, extra={"GONOGO_HOSTS": hosts})
    yield server.start()
    server.stop()


def speaks(answer: requests.Response, dialect: str, status: int) -> None:
    assert answer.status_code == status, answer.text
    says_no(answer, dialect)


# The mount


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_mount_speaks_its_dialect_whatever_the_key(server: Server, dialect: str) -> None:
    tenant = server.workspace(dialect)
    path = campaigns(tenant)
    assert tenant.client().get(path).status_code == 200
    for key in (None, "x", "wbk_your_api_key_here", "sk_live_YOUR_KEY", "bav_live_none", "bk_live_none"):
        speaks(Client(server.base, key).get(path), dialect, 401)


@pytest.mark.parametrize(("mount", "other"), FOREIGN)
def test_a_key_of_another_dialect_opens_no_mount(server: Server, mount: str, other: str) -> None:
    tenant = server.workspace(mount)
    stranger = tenant.client(dialect=other)
    speaks(stranger.get(campaigns(tenant)), mount, 401)
    speaks(stranger.post(campaigns(tenant), {"name": "Spring"}), mount, 401)


def test_a_mount_is_a_whole_word(server: Server) -> None:
    tenant = server.workspace()
    speaks(tenant.client().get("/leadlexx/v1/campaigns"), "leadlex", 404)
    speaks(tenant.client().get("/leadlex/leadlex/v1/campaigns"), "leadlex", 404)
    speaks(tenant.client().get("/leadlex/sonarly/v1/campaigns"), "leadlex", 404)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", (None, "/")),
        ("/v1/campaigns/", (None, "/v1/campaigns")),
        ("/leadlex", ("leadlex", "/")),
        ("/leadlex/", ("leadlex", "/")),
        ("/sonarly/v1/accounts", ("sonarly", "/v1/accounts")),
        ("/functions/v1/api-gateway/v1/campaigns", (None, "/v1/campaigns")),
        ("/leadlex/functions/v1/api-gateway/v1/campaigns/", ("leadlex", "/v1/campaigns")),
        ("/functions/v1/api-gatewayx", (None, "/functions/v1/api-gatewayx")),
    ],
)
def test_mount_gateway_and_last_slash_are_taken_off(path: str, found: tuple[str | None, str]) -> None:
    assert mounted(path) == found


# The host


@pytest.mark.parametrize(("host", "dialect"), HOSTS.items())
def test_a_host_speaks_its_dialect_whatever_the_key(hosting: Server, host: str, dialect: str) -> None:
    tenant = hosting.workspace(dialect)
    path = campaigns(tenant).removeprefix(f"/{dialect}")
    client = tenant.client()
    for name in (host, host.upper(), f"{host}:8443"):
        client.headers = {"Host": name}
        assert client.get(path).status_code == 200, name
    for other in DIALECTS:
        if other != dialect:
            stranger = tenant.client(dialect=other)
            stranger.headers = {"Host": host}
            speaks(stranger.get(path), dialect, 401)
    speaks(Client(hosting.base, None, {"Host": host}).get(path), dialect, 401)
    speaks(Client(hosting.base, client.key, {"Host": host}).get("/nowhere"), dialect, 404)


def test_a_mount_outdoes_the_host(hosting: Server) -> None:
    client = hosting.workspace("leadlex").client()
    client.headers = {"Host": "api.burki.example"}
    assert client.get("/leadlex/v1/campaigns").status_code == 200
    speaks(client.get("/api/v1/campaigns"), "burki", 401)


def test_a_host_that_nobody_named_decides_nothing(hosting: Server) -> None:
    client = hosting.workspace("leadterra").client()
    client.headers = {"Host": "api.burki.example.evil.example"}
    assert client.get("/v1/campaigns").status_code == 200


# The key


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_good_key_chooses_its_dialect(server: Server, dialect: str) -> None:
    tenant = server.workspace(dialect)
    client = tenant.client()
    assert client.get(campaigns(tenant).removeprefix(f"/{dialect}")).status_code == 200
    for path in SHAPES:
        answer = client.get(path)
        assert answer.status_code != 401, path
        if answer.status_code != 200:
            says_no(answer, dialect)


@pytest.mark.parametrize(
    ("key", "path", "dialect"),
    [
        ("wbk_your_api_key_here", "/api/v1/campaigns/42", "leadlex"),
        ("bav_live_none", "/v1/campaigns", "bavlio"),
        ("bk_live_none", "/v1/campaigns", "burki"),
        ("sk_live_YOUR_KEY", f"/v1/campaigns/{CAMP}", "leadterra"),
        ("sk_live_YOUR_KEY", f"/v1/accounts/{HEX}/campaigns/{HEX}", "sonarly"),
        ("YOUR_API_KEY", "/api/v1/campaigns/42", "burki"),
        ("sk_live_YOUR_KEY", "/v1/campaigns", "leadlex"),
    ],
)
def test_a_bad_key_is_answered_in_the_dialect_of_its_prefix_or_of_the_path(
    server: Server, key: str, path: str, dialect: str
) -> None:
    assert (by_prefix(key) or by_shape(path)) == dialect
    speaks(Client(server.base, key).get(path), dialect, 404 if path in UNSERVED[dialect] else 401)


UNSERVED = {
    "leadlex": ("/api/v1/campaigns/42",),
    "bavlio": ("/v1/campaigns",),
    "burki": ("/v1/campaigns",),
    "leadterra": (),
    "sonarly": (),
}


# Every combination of a path that collides and a key


COLLIDING = {
    "/v1/campaigns": ("leadlex", ("leadlex", "leadterra")),
    f"/v1/campaigns/{NOBODY}": ("leadlex", ("leadlex", "leadterra")),
    f"/v1/campaigns/{CAMP}": ("leadterra", ("leadlex", "leadterra")),
    "/v1/campaigns/42": ("leadlex", ("leadlex", "leadterra")),
    f"/v1/campaigns/{HEX}": ("leadlex", ("leadlex", "leadterra")),
    "/api/v1/campaigns": ("leadlex", ("burki", "bavlio")),
    "/api/v1/campaigns/42": ("burki", ("burki", "bavlio")),
    f"/api/v1/campaigns/{NOBODY}": ("bavlio", ("burki", "bavlio")),
    f"/api/v1/campaigns/{HEX}": ("leadlex", ("burki", "bavlio")),
    f"/api/v1/campaigns/{CAMP}": ("leadlex", ("burki", "bavlio")),
}
#: Bad keys, and whose their prefix is; nobody's where two products share it.
BAD = {"wbk_x_y": "leadlex", "bk_live_x_y": "burki", "bav_live_x_y": "bavlio", "sk_live_x_y": "", "x": "", "": ""}


@pytest.mark.parametrize("path", COLLIDING)
def test_where_paths_collide_a_bad_key_is_refused_in_one_dialect(server: Server, path: str) -> None:
    by_path, served_by = COLLIDING[path]
    for key, by_key in BAD.items():
        dialect = by_key or by_path
        for method in ("GET", "HEAD"):
            answer = Client(server.base, key or None).call(method, path)
            assert answer.status_code == (401 if dialect in served_by else 404), (key, answer.text)
        speaks(Client(server.base, key or None).get(path), dialect, 401 if dialect in served_by else 404)


@pytest.mark.parametrize("path", COLLIDING)
def test_where_paths_collide_a_good_key_is_answered_in_its_own_dialect(server: Server, path: str) -> None:
    _, served_by = COLLIDING[path]
    for dialect in DIALECTS:
        answer = server.workspace(dialect).client().get(path)
        assert answer.status_code != 401, dialect
        if answer.status_code != 200:
            says_no(answer, dialect)
        assert (answer.status_code == 200) is (dialect in served_by and path.endswith("/campaigns")), dialect


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_key_that_ended_is_as_good_as_none(server: Server, dialect: str) -> None:
    """It does not choose a dialect any more; its prefix does, and the path."""
    tenant = server.workspace(dialect)
    client = tenant.client()
    key_id = str(client.key).rsplit("_", 2)[1]
    assert tenant.client(dialect="leadlex").delete(f"/leadlex/v1/keys/{key_id}").status_code == 200
    path = campaigns(tenant).removeprefix(f"/{dialect}")
    expected = by_prefix(client.key) or by_shape(path)
    speaks(client.get(path), expected, 401)
    speaks(client.get(campaigns(tenant)), dialect, 401)


# The shape of the path


@pytest.mark.parametrize(("path", "dialect"), SHAPES.items())
def test_without_a_key_the_path_chooses(server: Server, path: str, dialect: str) -> None:
    _, inner = mounted(path)
    assert by_shape(inner) == dialect
    answer = Client(server.base).post(path)
    assert answer.status_code in (401, 404, 405)
    says_no(answer, dialect)


def test_a_campaign_is_served_by_its_own_dialect_and_under_its_uuid_by_the_house(server: Server) -> None:
    tenant = server.workspace("leadterra")
    wire_id = tenant.client().post("/v1/campaigns", {"name": "Spring"}).json()["id"]
    house, burki = tenant.client(dialect="leadlex"), tenant.client(dialect="burki")

    [shown] = house.get("/v1/campaigns").json()["data"]["campaigns"]

    assert house.get(f"/v1/campaigns/{shown['id']}").json()["data"]["campaign"]["name"] == "Spring"
    assert tenant.client().get(f"/v1/campaigns/{wire_id}").status_code == 200
    assert refusal(house.get(f"/v1/campaigns/{wire_id}")) == (404, "not_found", [])
    assert tenant.client().get(f"/v1/campaigns/{shown['id']}").status_code == 404
    assert burki.get("/api/v1/campaigns/1").status_code == 404


PLACES = {
    "leadlex": "/v1/campaigns",
    "sonarly": "/v1/accounts/507f1f77bcf86cd799439011/campaigns",
    "leadterra": "/v1/campaigns",
    "burki": "/api/v1/campaigns",
    "bavlio": "/api/v1/campaigns",
}


@pytest.mark.parametrize("dialect", PLACES)
def test_a_key_that_ended_is_refused_in_the_words_of_whoever_it_was_made_for(server: Server, dialect: str) -> None:
    tenant = server.workspace(dialect)
    house, key = tenant.client(dialect="leadlex"), tenant.key()
    key_id = key.split("_")[-2]
    assert house.delete(f"/leadlex/v1/keys/{key_id}").status_code in (200, 204)
    refused = Client(server.base, key).get(PLACES[dialect])
    mounted = Client(server.base, key).get(f"/{dialect}{PLACES[dialect]}")
    assert refused.status_code == mounted.status_code == 401
    assert _unsaid(refused.json()) == _unsaid(mounted.json())


def _unsaid(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what is another in every answer."""
    return {name: value for name, value in body.items() if name not in ("traceId", "requestId", "trace_id")}
