"""Senders under an international domain: kept in the one form that mail carries, wherever they are named."""

import pytest

from support.house import House, eventually, refusal
from support.server import Server

UNGATED = {"approval": "off", "reason": "a test"}
WRITTEN, CARRIED = "go@bücher.example", "go@xn--bcher-kva.example"  # RFC 5891


def test_a_sender_is_kept_in_the_form_that_mail_carries_and_its_messages_go_out(server: Server) -> None:
    house = House.of(server, policy=UNGATED)
    campaign = house.draft(sender={"email": WRITTEN, "name": "Bücher"})
    assert house.campaign(campaign)["sender"] == {"email": CARRIED, "name": "Bücher"}
    house.start(campaign)
    house.wait_for(campaign, "completed")
    assert [mail["From"].addresses[0].addr_spec for mail in house.mails()] == [CARRIED] * 2


def test_an_edit_keeps_it_so_and_the_same_sender_is_no_change(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(sender={"email": CARRIED})
    before = house.campaign(campaign)
    edited = house.data("PATCH", f"/v1/campaigns/{campaign}", {"sender": {"email": WRITTEN}})["campaign"]
    assert edited["sender"] == before["sender"]


def test_limits_and_holds_mean_the_same_sender_however_it_is_written(server: Server) -> None:
    house = House.of(server, policy=UNGATED)
    assert house.data("PUT", f"/v1/limits/senders/{WRITTEN}", {"daily": 1})["sender"]["email"] == CARRIED
    hold = house.data("POST", "/v1/holds", {"reason": "Prices.", "sender": WRITTEN})["hold"]
    assert hold["sender"] == CARRIED

    def stands_for() -> list[str]:
        return [each["code"] for each in house.data("GET", f"/v1/campaigns/{campaign}/why")["reasons"]]

    campaign = house.draft(sender={"email": WRITTEN})
    house.start(campaign)
    eventually(lambda: "held" in stands_for(), True)
    house.data("POST", f"/v1/holds/{hold['id']}/lift")
    eventually(lambda: house.data("GET", f"/v1/campaigns/{campaign}/stats")["waiting_for"], "sender_limit")
    assert house.data("DELETE", f"/v1/limits/senders/{WRITTEN}")["sender"]["email"] == CARRIED


@pytest.mark.parametrize("email", ["grüße@acme.example", "go@bü cher.example", "go@bücher", f"go@{'ü' * 70}.example"])
def test_a_sender_that_no_mail_carries_is_refused_everywhere(server: Server, email: str) -> None:
    house = House.of(server)
    campaign = house.draft()
    before = house.rows()
    for method, path, body, where in (
        ("POST", "/v1/campaigns", {"name": "Spring", "sender": {"email": email}}, "sender.email"),
        ("PATCH", f"/v1/campaigns/{campaign}", {"sender": {"email": email}}, "sender.email"),
        ("POST", "/v1/holds", {"reason": "Prices.", "sender": email}, "sender"),
        ("PUT", f"/v1/limits/senders/{email}", {"daily": 1}, "email"),
    ):
        answer = house.client.call(method, path, body)
        assert refusal(answer) == (400, "validation_error", []), (method, path)
        assert [each["path"] for each in answer.json()["error"]["mistakes"]] == [where]
    assert house.rows() == before
