"""What came back, told over the house API; and addresses that are not written to."""

from typing import Any

import pytest

from support.house import LATER, NOBODY, House, eventually, refusal
from support.server import Server

UNGATED = {"approval": "off", "reason": "a test"}


def sent(server: Server, recipients: int = 2) -> tuple[House, str, list[dict[str, Any]]]:
    """A campaign whose first messages are out, and those."""
    house = House.of(server, policy=UNGATED)
    campaign = house.draft(recipients, steps=LATER)
    house.start(campaign)
    eventually(lambda: house.data("GET", f"/v1/campaigns/{campaign}/stats")["sent"], recipients)
    return house, campaign, house.data("GET", f"/v1/campaigns/{campaign}/messages")["messages"]


def tell(house: House, *responses: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.data("POST", "/v1/responses", {"responses": responses})["responses"]
    return found


def asked(house: House, email: str) -> list[tuple[str, bool]]:
    found = house.data("GET", f"/v1/suppressions?email={email}")["suppressions"]
    return [(each["reason"], each["lasting"]) for each in found]


def test_each_response_is_answered_by_its_index(server: Server) -> None:
    house, _, [first, second] = sent(server)
    answers = tell(
        house,
        {"message": first["id"], "kind": "bounce"},
        {"message": second["message_id"], "kind": "reply", "at": "2026-01-05T09:00:00+01:00"},
        {"message": f"{NOBODY}.0.0", "kind": "bounce"},
        {"message": first["id"], "kind": "bounce"},
        {"recipient": f"p9@{house.domain}", "kind": "complaint"},
        {"recipient": "nobody", "kind": "complaint"},
    )
    assert [each["index"] for each in answers] == list(range(6))
    assert [(each["result"], each["code"]) for each in answers] == [
        ("suppressed", None),
        ("suppressed", None),
        ("refused", "message_unknown"),
        ("repeated", None),
        ("suppressed", None),
        ("refused", "recipient_invalid"),
    ]
    assert (answers[0]["reason"], answers[2]["reason"]) == (None, "Message not found")
    assert asked(house, first["recipient"]) == [("bounce", True)]
    assert asked(house, second["recipient"]) == [("reply", False)]
    assert asked(house, f"p9@{house.domain}") == [("complaint", True)]


def test_a_message_of_another_workspace_answers_as_a_missing_one_and_nothing_happens(server: Server) -> None:
    house, _, [first, _] = sent(server)
    stranger, before = House.of(server), house.rows()
    foreign = tell(stranger, {"message": first["id"], "kind": "complaint"})
    missing = tell(stranger, {"message": f"{NOBODY}.0.0", "kind": "complaint"})
    assert foreign == missing
    tell(stranger, {"recipient": first["recipient"], "kind": "complaint"})
    assert stranger.client.delete(f"/v1/suppressions/p1@{house.domain}").status_code == 404
    assert house.rows() == before
    assert asked(house, first["recipient"]) == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "responses"),
        ({"responses": []}, "responses"),
        ({"responses": [{"message": "x", "kind": "bounce"}] * 1001}, "responses"),
        ({"responses": [{"message": "x", "kind": "bounce"}, {"message": "x", "kind": "party"}]}, "responses[1].kind"),
        ({"responses": [{"kind": "bounce"}]}, "responses[0]"),
        ({"responses": [{"message": "x", "recipient": "a@x.example", "kind": "bounce"}]}, "responses[0]"),
        ({"responses": [{"recipient": "a@x.example", "kind": "reply"}]}, "responses[0]"),
        ({"responses": [{"message": 5, "kind": "bounce"}]}, "responses[0].message"),
        ({"responses": [{"message": "x", "kind": "bounce", "at": "soon"}]}, "responses[0].at"),
        ({"responses": [{"message": "x", "kind": "bounce", "colour": "red"}]}, "responses[0].colour"),
    ],
)
def test_what_can_not_be_read_is_refused_as_a_whole(server: Server, body: object, path: str) -> None:
    house = House.of(server)
    before = house.rows()
    answer = house.client.post("/v1/responses", body)
    assert refusal(answer) == (400, "validation_error", [])
    assert path in [each["path"] for each in answer.json()["error"]["mistakes"]]
    assert house.rows() == before


def test_a_thousand_are_taken_at_once(server: Server) -> None:
    house, _, messages = sent(server, 200)
    told = [{"message": each["id"], "kind": "bounce"} for each in messages[:50]]
    told += [{"recipient": f"q{n}@{house.domain}", "kind": "unsubscribe"} for n in range(1000 - len(told))]
    assert {each["result"] for each in tell(house, *told)} == {"suppressed"}
    assert {each["result"] for each in tell(house, *reversed(told))} == {"repeated"}
    assert house.data("GET", "/v1/suppressions")["counts"] == {
        "unsubscribe": 1000 - len(messages[:50]),
        "complaint": 0,
        "bounce": len(messages[:50]),
        "reply": 0,
    }


def test_a_request_that_names_itself_is_told_the_same_again(server: Server) -> None:
    house, _, [first, _] = sent(server)
    house.client.headers["Idempotency-Key"] = "once"
    answers = [tell(house, {"message": first["id"], "kind": "bounce"}) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0][0]["result"] == "suppressed"


def test_an_address_is_suppressed_asked_about_and_allowed_again(server: Server) -> None:
    house = House.of(server)
    email = f"ada@{house.domain}"
    added = {"email": email, "reason": "complaint", "added": True}
    assert house.data("POST", "/v1/suppressions", {"email": email, "reason": "complaint"}) == added
    assert house.data("POST", "/v1/suppressions", {"email": email, "reason": "complaint"}) == {**added, "added": False}
    assert house.data("POST", "/v1/suppressions", {"email": email})["reason"] == "unsubscribe"
    assert asked(house, email.upper().replace("@", "%40")) == [("complaint", True), ("unsubscribe", True)]
    assert house.data("DELETE", f"/v1/suppressions/{email}") == {"email": email, "removed": 2}
    assert asked(house, email) == []
    assert refusal(house.client.delete(f"/v1/suppressions/{email}")) == (404, "not_found", [])


def test_addresses_can_not_be_listed_only_counted(server: Server) -> None:
    house = House.of(server)
    house.data("POST", "/v1/suppressions", {"email": f"ada@{house.domain}", "reason": "bounce"})
    answer = house.client.get("/v1/suppressions")
    assert answer.json()["data"] == {
        "counts": {"unsubscribe": 0, "complaint": 0, "bounce": 1, "reply": 0},
        "suppressions": None,
    }
    assert house.domain not in answer.text


def test_what_is_no_address_is_a_validation_error(server: Server) -> None:
    house = House.of(server)
    before = house.rows()
    for method, path, body in (
        ("GET", "/v1/suppressions?email=nobody", None),
        ("GET", "/v1/suppressions?email=", None),
        ("POST", "/v1/suppressions", {"email": "nobody"}),
        ("POST", "/v1/suppressions", {"email": "ada@x.example", "reason": "dislike"}),
        ("POST", "/v1/suppressions", {"reason": "bounce"}),
        ("DELETE", "/v1/suppressions/nobody", None),
    ):
        answer = house.client.call(method, path, body)
        assert refusal(answer) == (400, "validation_error", []), (method, path, body)
    assert house.rows() == before
