"""Test sends over the house API, into a real maildir."""

from email.message import EmailMessage

from support.house import LATER, NOBODY, Body, House, mails, refusal
from support.server import Server


def member(house: House, name: str) -> str:
    """A member whom the command line made, so that the address is verified."""
    house.tenant.key("lexi", member=f"{name}@{house.domain}")
    found = house.data("GET", "/v1/members")["members"]
    return next(str(each["id"]) for each in found if each["email"] == f"{name}@{house.domain}")


def arrived(house: House) -> list[EmailMessage]:
    return mails(house.tenant.server.mail, house.domain)


def test_a_member_gets_the_message_marked_and_the_log_tells(server: Server) -> None:
    house = House.of(server)
    ada, campaign = member(house, "ada"), house.draft(steps=LATER)
    answer = house.client.post(f"/v1/campaigns/{campaign}/test-send", {"member_ids": [ada]})
    assert answer.status_code == 201, answer.text
    [shown] = answer.json()["data"]["test_sends"]
    assert (shown["state"], shown["member_id"], shown["step"], shown["error"]) == ("sent", ada, 0, None)
    [mail] = arrived(house)
    assert (mail["To"], mail["Subject"]) == (f"ada@{house.domain}", "[Test] Hello N0")
    assert house.data("GET", f"/v1/campaigns/{campaign}/test-sends") == {"test_sends": [shown]}
    assert house.status(campaign) == "draft"
    assert house.data("GET", f"/v1/campaigns/{campaign}/stats")["sent"] == 0
    body = {"member_ids": [ada], "step": 1, "variables": {"name": "Grace"}}
    house.data("POST", f"/v1/campaigns/{campaign}/test-send", body)
    assert sorted(str(mail["Subject"]) for mail in arrived(house)) == ["[Test] Hello Grace", "[Test] Hello N0"]


def test_nobody_but_a_member_of_the_workspace_is_sent_to(server: Server) -> None:
    house, stranger = House.of(server), House.of(server)
    campaign, theirs = house.draft(), member(stranger, "eve")
    path, before = f"/v1/campaigns/{campaign}/test-send", house.rows()
    for wanted in (theirs, NOBODY, f"ada@{house.domain}", "42"):
        assert refusal(house.client.post(path, {"member_ids": [wanted]})) == (404, "not_found", [])
    assert refusal(stranger.client.post(path, {"member_ids": [theirs]})) == (404, "not_found", [])
    assert refusal(stranger.client.get(f"{path}s")) == (404, "not_found", [])
    unreadable: list[Body] = [{}, {"member_ids": []}, {"member_ids": [NOBODY] * 21}, {"member_ids": [5]}]
    for odd in [*unreadable, {"email": "a@x.example"}]:
        assert refusal(house.client.post(path, odd)) == (400, "validation_error", [])
    assert house.rows() == before
    assert arrived(house) == arrived(stranger) == []


def test_the_day_has_twenty_and_the_refusal_says_so(server: Server) -> None:
    house = House.of(server)
    people, campaign = [member(house, f"m{n}") for n in range(7)], house.draft()
    path = f"/v1/campaigns/{campaign}/test-send"
    for _ in range(2):
        house.data("POST", path, {"member_ids": people})
    answer = house.client.post(path, {"member_ids": people})
    assert refusal(answer) == (400, "validation_error", [])
    assert "6 of today are left" in answer.json()["error"]["message"]
    assert len(arrived(house)) == 14
    assert [len(page) for page in house.pages(f"{path}s?limit=9")] == [9, 5]


def test_a_test_send_can_not_be_repeated_by_its_name(server: Server) -> None:
    house = House.of(server)
    ada, campaign = member(house, "ada"), house.draft()
    house.client.headers["Idempotency-Key"] = "once"
    answer = house.client.post(f"/v1/campaigns/{campaign}/test-send", {"member_ids": [ada]})
    assert refusal(answer) == (400, "validation_error", [])
    assert arrived(house) == []
