"""Keys over HTTP and on the command line: who may make them, for what, and that their end is at once."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from whenever import Instant, TimeDelta

from gonogo.actor import SCOPES
from gonogo.store.workspaces import KEY_FACTS
from gonogo_api.commands import app
from support.errors import DIALECTS, campaigns, says_no
from support.house import House, refusal
from support.server import PEPPER, Client, Server

SOON = (Instant.now() + TimeDelta(hours=1)).round("second").format_iso()


def made(house: House, **said: object) -> tuple[Client, str]:
    """A client of a new key, and the key's id."""
    found = house.data("POST", "/v1/keys", {"scopes": ["campaigns:read"], **said})
    assert set(found) == {"key", "id"}
    return Client(house.client.base, found["key"]), found["id"]


def told(house: House, key_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in house.data("GET", "/v1/keys")["keys"] if each["id"] == key_id)
    return found


def standing(house: House) -> object:
    """All that the workspace has; when keys were used is not a change."""
    keys = [{**key, "used_at": None} for key in house.data("GET", "/v1/keys")["keys"]]
    return {**house.rows(), "gonogo_key": keys}


# Made and told


def test_a_key_made_over_http_is_good_and_says_what_it_is_for(server: Server) -> None:
    house = House.of(server)
    reader, key_id = made(house)
    assert str(reader.key).startswith(f"wbk_{key_id}_")
    assert reader.get("/v1/campaigns").status_code == 200
    assert refusal(reader.post("/v1/campaigns", {"name": "Spring"})) == (403, "insufficient_permissions", [])
    shown = told(house, key_id)
    assert shown.pop("created_at") <= shown.pop("used_at")
    assert shown == {
        "id": key_id,
        "dialect": "leadlex",
        "scopes": ["campaigns:read"],
        "member_id": None,
        "expires_at": None,
        "revoked_at": None,
    }


def test_keys_of_one_address_belong_to_one_member(server: Server) -> None:
    house = House.of(server)
    keys = [made(house, member="ann@acme.example", expires_at=SOON)[1] for _ in range(2)]
    first, second = (told(house, key) for key in keys)
    assert first["member_id"] == second["member_id"] is not None
    assert Instant.parse_iso(first["expires_at"]) == Instant.parse_iso(SOON)


def test_nothing_secret_is_told_again(server: Server) -> None:
    house = House.of(server)
    new, key_id = made(house)
    answer = house.client.get("/v1/keys")
    [keys] = answer.json()["data"].values()
    assert [each["id"] for each in keys] == [key_id, str(house.client.key).split("_")[1]]
    assert {tuple(sorted(each)) for each in keys} == {tuple(sorted(KEY_FACTS))}
    assert str(new.key).rpartition("_")[2] not in answer.text
    assert "mac" not in answer.text


def test_keys_are_read_page_by_page_while_others_are_made_and_rotated(server: Server) -> None:
    house = House.of(server)
    own = str(house.client.key).split("_")[1]
    ids = [own, *(made(house)[1] for _ in range(6))][::-1]
    assert [[key["id"] for key in page] for page in house.pages("/v1/keys?limit=3")] == [ids[:3], ids[3:6], ids[6:]]
    assert [len(page) for page in house.pages("/v1/keys?limit=7")] == [7, 0]

    first = house.client.get("/v1/keys?limit=3")
    made(house)
    house.data("POST", f"/v1/keys/{ids[2]}/rotate")  # the cursor's own key
    house.data("DELETE", f"/v1/keys/{ids[4]}")
    rest = house.pages(first.links["next"]["url"])
    assert [[key["id"] for key in page] for page in rest] == [ids[3:6], ids[6:]]
    assert [key["revoked_at"] is None for key in rest[0]] == [True, False, True]

    for _ in range(42):  # nine there are
        made(house)
    assert [len(page) for page in house.pages("/v1/keys")] == [50, 1]
    assert House.of(server).pages(f"/v1/keys?cursor={ids[0]}") == [[]]  # another workspace's


@pytest.mark.parametrize(
    "said",
    [
        {},
        [],
        {"scopes": []},
        {"scopes": "lexi"},
        {"scopes": ["everything"]},
        {"scopes": [5]},
        {"scopes": ["lexi"], "dialect": "klingon"},
        {"scopes": ["lexi"], "member": "nobody"},
        {"scopes": ["lexi"], "expires_at": "soon"},
        {"scopes": ["lexi"], "expires_at": "2020-01-01T00:00:00Z"},
        {"scopes": ["lexi"], "member": "ann@acme.example", "expires_at": "2020-01-01T00:00:00Z"},
        {"scopes": ["lexi"], "colour": "red"},
    ],
    ids=json.dumps,
)
def test_a_key_of_nonsense_is_not_made_nor_its_member(server: Server, said: Any) -> None:
    house = House.of(server)
    before = standing(house)
    assert refusal(house.client.post("/v1/keys", said)) == (400, "validation_error", [])
    assert standing(house) == before


# Who may


def test_keys_are_for_administrators(server: Server) -> None:
    house = House.of(server)
    _, key_id = made(house)
    others = house.by(*(scope for scope in SCOPES if scope != "admin"))
    before = standing(house)
    for method, path in (
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys"),
        ("POST", f"/v1/keys/{key_id}/rotate"),
        ("DELETE", f"/v1/keys/{key_id}"),
    ):
        answer = others.client.call(method, path, {"scopes": ["lexi"]} if path == "/v1/keys" else None)
        assert refusal(answer) == (403, "insufficient_permissions", []), path
    assert standing(house) == before


def test_nobody_grants_what_they_lack_by_a_new_key_or_by_an_old_one(server: Server) -> None:
    house = House.of(server)
    _, mighty = made(house, scopes=["admin", "lexi"])
    clerk = house.by("admin", "campaigns:read")
    before = standing(house)
    for path, said in (
        ("/v1/keys", {"scopes": ["lexi"]}),
        ("/v1/keys", {"scopes": ["admin", "lexi"], "member": "ann@acme.example"}),
        (f"/v1/keys/{mighty}/rotate", None),
    ):
        assert refusal(clerk.client.post(path, said)) == (403, "insufficient_permissions", []), path
    assert standing(house) == before

    _, plain = made(clerk)
    clerk.data("POST", f"/v1/keys/{plain}/rotate")
    clerk.data("DELETE", f"/v1/keys/{mighty}")


def test_a_key_of_another_workspace_is_not_found(server: Server) -> None:
    house, neighbour = House.of(server), House.of(server)
    reader, key_id = made(neighbour)
    for wanted in (key_id, "a" * 16, "nobody", "a%00", str(reader.key)):
        for method, path in (("DELETE", f"/v1/keys/{wanted}"), ("POST", f"/v1/keys/{wanted}/rotate")):
            assert refusal(house.client.call(method, path)) == (404, "not_found", []), path
    assert reader.get("/v1/campaigns").status_code == 200
    assert key_id not in house.client.get("/v1/keys").text


# Their end


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("rotated", [False, True], ids=["revoked", "rotated"])
def test_a_key_that_ended_is_refused_at_once_in_its_own_dialect(server: Server, dialect: str, rotated: bool) -> None:
    tenant = server.workspace(dialect)
    house = House(tenant, tenant.client(dialect="leadlex"), "example.com")
    old, key_id = made(house, dialect=dialect)
    path = campaigns(tenant)
    assert old.get(path).status_code == 200

    if rotated:
        new = house.data("POST", f"/v1/keys/{key_id}/rotate")
        assert Client(server.base, new["key"]).get(path).status_code == 200
    else:
        house.data("DELETE", f"/v1/keys/{key_id}")

    refused = old.get(path)
    assert refused.status_code == 401
    says_no(refused, dialect)


def test_a_key_is_revoked_once_and_not_rotated_then(server: Server) -> None:
    house = House.of(server)
    _, key_id = made(house)
    first, second = (house.data("DELETE", f"/v1/keys/{key_id}") for _ in range(2))
    assert first == second == {"id": key_id, "revoked_at": told(house, key_id)["revoked_at"]}
    assert refusal(house.client.post(f"/v1/keys/{key_id}/rotate")) == (400, "validation_error", [])


def test_a_key_can_put_another_in_its_own_place(server: Server) -> None:
    house = House.of(server)
    own = str(house.client.key).split("_")[1]
    new = Client(server.base, house.data("POST", f"/v1/keys/{own}/rotate")["key"])
    assert refusal(house.client.get("/v1/keys")) == (401, "invalid_key", [])
    assert new.get("/v1/keys").status_code == 200


# On the command line


class Desk:
    """The command line of one database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.workspace = self.json("workspace", "create", "Acme")["id"]

    def run(self, *arguments: str) -> Result:
        variables = {"GONOGO_DATABASE_URL": self.url, "GONOGO_PEPPER": PEPPER, "COLUMNS": "200"}
        return CliRunner().invoke(app, arguments, env=variables)

    def json(self, *arguments: str) -> Any:
        ended = self.run(*arguments, "--json")
        assert ended.exit_code == 0, ended.exception
        return json.loads(ended.stdout)

    def key(self, verb: str, *arguments: str) -> Any:
        return self.json("key", verb, *arguments, "--workspace", self.workspace)

    def create(self, *more: str) -> Any:
        return self.key("create", "--dialect", "burki", "--scope", "lexi", "--scope", "campaigns:read", *more)


@pytest.fixture
def desk(database_url: str) -> Desk:
    return Desk(database_url)


def test_keys_are_listed_rotated_and_revoked(desk: Desk) -> None:
    old = desk.create("--expires-at", SOON)
    new = desk.key("rotate", old["id"])
    assert new["key"].startswith(f"bk_live_{new['id']}_")
    since = desk.key("revoke", new["id"])
    assert since == desk.key("revoke", new["id"])

    rows = {row["id"]: row for row in desk.key("list")["keys"]}
    assert set(rows) == {old["id"], new["id"]}
    assert rows[new["id"]]["revoked_at"] == since["revoked_at"]
    assert Instant.parse_iso(rows[new["id"]]["expires_at"]) == Instant.parse_iso(SOON)
    assert rows[old["id"]]["revoked_at"] is not None


def test_the_table_of_keys_shows_all_that_may_be_told(desk: Desk) -> None:
    key = desk.create()
    told = desk.run("key", "list", "--workspace", desk.workspace).stdout
    for word in (*KEY_FACTS, key["id"], "burki", "campaigns:read"):
        assert word in told
    assert key["key"].rpartition("_")[2] not in told


@pytest.mark.parametrize("verb", ["revoke", "rotate"])
def test_a_key_of_another_workspace_is_not_touched(desk: Desk, verb: str) -> None:
    key, neighbour = desk.create(), Desk(desk.url)
    refused = neighbour.run("key", verb, key["id"], "--workspace", neighbour.workspace)
    assert str(refused.exception) == f"no key {key['id']!r} in this workspace"
    assert (neighbour.key("list"), desk.key("list")["keys"][0]["revoked_at"]) == ({"keys": []}, None)


@pytest.mark.parametrize(
    ("at", "says"), [("soon", "--expires-at: expected"), ("2020-01-01T00:00Z", "expires_at: expected")]
)
def test_a_key_ends_at_a_time_to_come(desk: Desk, at: str, says: str) -> None:
    arguments = ("key", "create", "--workspace", desk.workspace, "--dialect", "burki", "--scope", "lexi")
    assert str(desk.run(*arguments, "--expires-at", at).exception).startswith(says)
    assert desk.key("list") == {"keys": []}
