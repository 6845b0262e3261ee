"""The people of a workspace, over the house API."""

import requests

from support.house import House, asking, refusal
from support.server import Server
from support.team import Team


def add(house: House, email: str, *scopes: str, **more: object) -> requests.Response:
    return house.client.post("/v1/members", {"email": email, "scopes": list(scopes), **more})


def test_a_member_is_added_told_and_removed(server: Server) -> None:
    house = House.of(server)

    made = add(house, "ada@acme.example", "lexi", "campaigns:read", name="Ada")
    assert made.status_code == 201, made.text
    member = made.json()["data"]["member"]
    assert {**member, "id": "", "created_at": ""} == {
        "id": "",
        "email": "ada@acme.example",
        "name": "Ada",
        "scopes": ["campaigns:read", "lexi"],
        "created_at": "",
        "verified_at": None,
    }
    assert house.data("GET", "/v1/members")["members"] == [member]

    assert house.data("DELETE", f"/v1/members/{member['id']}")["member"] == member
    assert house.data("GET", "/v1/members")["members"] == []
    assert refusal(house.client.delete(f"/v1/members/{member['id']}")) == (404, "not_found", [])


def test_who_is_added_again_is_the_same_and_is_granted_more(server: Server) -> None:
    house = House.of(server)
    first = add(house, "ada@acme.example", "lexi").json()["data"]["member"]
    again = add(house, "Ada@acme.example", "campaigns:read").json()["data"]["member"]
    assert again == {**first, "scopes": ["campaigns:read", "lexi"]}


def test_all_that_ends_with_a_member_is_told_by_the_audit(server: Server) -> None:
    team = Team.of(server, "bob", "cid")
    team.group("legal", "bob")
    lent = team.bob.data("POST", "/v1/delegations", {"to": "cid@acme.example", "ends_at": "2099-01-01T00:00:00Z"})
    key = str(team.bob.client.key).split("_")[1]
    member = team.id("bob")
    team.olga.data("DELETE", f"/v1/members/{member}")

    def last(kind: str, subject: str) -> tuple[str, object]:
        acts = team.olga.data("GET", f"/v1/audit?kind={kind}&subject={subject}")["acts"]
        return acts[-1]["act"], acts[-1]["figures"]

    assert last("member", member) == ("removed", {})
    assert last("key", key) == ("revoked", {})
    assert last("group", "legal") == ("changed", {"joined": [], "left": [member]})
    assert last("delegation", lent["delegation"]["id"]) == ("ended", {})


def test_a_key_that_was_rotated_is_told_with_the_one_in_its_place(server: Server) -> None:
    team = Team.of(server, "bob")
    old = str(team.bob.client.key).split("_")[1]
    new = team.olga.data("POST", f"/v1/keys/{old}/rotate")["id"]
    acts = team.olga.data("GET", f"/v1/audit?kind=key&subject={old}")["acts"]
    assert [(each["act"], each["figures"].get("to")) for each in acts][-1] == ("rotated", new)


def test_the_keys_of_who_is_removed_end_for_good(server: Server) -> None:
    house = House.of(server)
    ada = house.by("lexi", "campaigns:read", member="ada@acme.example")
    [member] = house.data("GET", "/v1/members")["members"]
    assert ada.client.get("/v1/campaigns").status_code == 200

    house.data("DELETE", f"/v1/members/{member['id']}")
    assert ada.client.get("/v1/campaigns").status_code == 401

    back = add(house, "ada@acme.example", "campaigns:write").json()["data"]["member"]
    assert (back["id"], back["scopes"]) == (member["id"], ["campaigns:write"])
    assert ada.client.get("/v1/campaigns").status_code == 401


def test_nobody_grants_what_they_lack(server: Server) -> None:
    admin = House.of(server).by("admin")
    assert refusal(add(admin, "ada@acme.example", "lexi")) == (403, "insufficient_permissions", [])
    assert admin.data("GET", "/v1/members")["members"] == []


def test_what_is_no_member_is_refused(server: Server) -> None:
    house = House.of(server)
    for email, scopes in (("nobody", ["lexi"]), ("ada@acme.example", ["everything"]), ("", ["lexi"])):
        assert refusal(add(house, email, *scopes)) == (400, "validation_error", []), email
    assert house.data("GET", "/v1/members")["members"] == []


def test_a_removed_member_is_not_asked_any_more(server: Server) -> None:
    house = House.of(server, policy=asking())
    add(house, "ada@acme.example", "lexi")
    add(house, "bob@acme.example", "lexi")
    _, task = house.asked()
    assert [each["email"] for each in house.task(task)["may_decide"]] == ["ada@acme.example", "bob@acme.example"]

    ada = house.data("GET", "/v1/members")["members"][0]
    house.data("DELETE", f"/v1/members/{ada['id']}")
    assert [each["email"] for each in house.task(task)["may_decide"]] == ["bob@acme.example"]
