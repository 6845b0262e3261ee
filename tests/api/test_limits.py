"""Limits of senders, pools and failing launches over the house API; and Leadterra's sender pools, which they are."""

import pytest

from support.driver_leadterra import Leadterra
from support.house import House, eventually, refusal
from support.server import Server


def waits(house: House, campaign: str) -> tuple[int, str | None]:
    stats = house.data("GET", f"/v1/campaigns/{campaign}/stats")
    return stats["sent"], stats["waiting_for"]


def test_limits_are_set_shown_with_their_use_and_taken_away(server: Server) -> None:
    house = House.of(server)
    assert house.data("GET", "/v1/limits") == {
        "failures": {"bounce_rate": 0.1, "error_rate": 0.25, "at_least": 100}, "senders": [], "pools": [],
    }  # fmt: skip
    changed = house.data("PUT", "/v1/limits", {"error_rate": 0.5})
    assert changed["failures"] == {"bounce_rate": 0.1, "error_rate": 0.5, "at_least": 100}
    sender, pool = "/v1/limits/senders/go@acme.example", "/v1/limits/pools/spring"
    made = house.data("PUT", sender, {"daily": 100, "timezone": "Europe/Berlin"})["sender"]
    assert made == {"email": "go@acme.example", "daily": 100, "timezone": "Europe/Berlin", "used_today": 0}
    house.data("PUT", pool, {"daily": 3})

    campaign = house.draft(5, sender={"email": "go@acme.example"}, pool="spring")
    assert house.campaign(campaign)["pool"] == "spring"
    house.start(campaign)
    eventually(lambda: waits(house, campaign), (3, "pool_limit"))
    assert house.campaign(campaign)["rate_limited_until"]
    told = house.data("GET", "/v1/limits")
    assert (told["senders"][0]["used_today"], told["pools"]) == (
        3, [{"id": "spring", "daily": 3, "timezone": "UTC", "used_today": 3}],
    )  # fmt: skip
    assert house.data("DELETE", sender)["sender"]["daily"] == 100
    assert house.data("DELETE", pool)["pool"]["id"] == "spring"
    for path in (sender, pool):
        assert refusal(house.client.delete(path)) == (404, "not_found", [])


def test_a_campaign_changes_its_pool_and_leaves_it(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(pool="spring", daily_limit=5)
    path = f"/v1/campaigns/{campaign}"
    assert house.data("PATCH", path, {"pool": "autumn"})["campaign"]["pool"] == "autumn"
    left = house.data("PATCH", path, {"pool": None})["campaign"]
    assert (left["pool"], left["daily_limit"]) == (None, 5)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/limits", {"error_rate": 1.5}),
        ("/v1/limits", {"at_least": -1}),
        ("/v1/limits", {"colour": 1}),
        ("/v1/limits/senders/nobody", {"daily": 5}),
        ("/v1/limits/senders/go@acme.example", {}),
        ("/v1/limits/senders/go@acme.example", {"daily": -1}),
        ("/v1/limits/senders/go@acme.example", {"daily": 10**10}),
        ("/v1/limits/pools/spring", {"daily": 5, "timezone": "Mars/Olympus"}),
        (f"/v1/limits/pools/{'x' * 101}", {"daily": 5}),
        ("/v1/limits/pools/%00", {"daily": 5}),
    ],
)
def test_what_is_no_limit_is_refused(server: Server, path: str, body: dict[str, object]) -> None:
    house = House.of(server)
    before = house.data("GET", "/v1/limits")
    assert refusal(house.client.put(path, body)) == (400, "validation_error", [])
    assert house.data("GET", "/v1/limits") == before


def test_limits_of_another_workspace_are_none(server: Server) -> None:
    house, stranger = House.of(server), House.of(server)
    house.data("PUT", "/v1/limits/pools/spring", {"daily": 0})
    assert stranger.data("GET", "/v1/limits")["pools"] == []
    assert refusal(stranger.client.delete("/v1/limits/pools/spring")) == (404, "not_found", [])
    campaign = stranger.draft(pool="spring")
    stranger.start(campaign)
    stranger.wait_for(campaign, "completed")


def test_leadterras_pools_tell_the_volume_that_is_left_and_hold_to_it(server: Server) -> None:
    leadterra = Leadterra(server)
    owner = leadterra.tenant.client(dialect="leadlex")
    assert owner.put("/leadlex/v1/limits/pools/pool_1", {"daily": 2}).status_code == 200
    none, full = leadterra.client.get("/v1/sender-pools").json()["senderPools"]
    assert (none["id"], none["dailyCapacity"]) == ("pool_default", None)
    assert full == {"id": "pool_1", "senderCount": 1, "dailyCapacity": 2, "remainingToday": 2, "remainingVolume": 2}

    wire_id = leadterra.client.post("/v1/campaigns", {"name": "Spring", "senderPoolId": "pool_1"}).json()["id"]
    leadterra.client.post(f"/v1/campaigns/{wire_id}/steps", {"subject": "Hello", "body": "Hello."})
    leads = [{"email": f"p{n}@pool.example"} for n in range(3)]
    leadterra.client.post(f"/v1/campaigns/{wire_id}/leads", {"leads": leads})
    assert leadterra.client.post(f"/v1/campaigns/{wire_id}/start").json()["status"] == "running"

    def left() -> int:
        return int(leadterra.client.get("/v1/sender-pools/pool_1").json()["remainingToday"])

    eventually(left, 0)
    assert leadterra.client.get(f"/v1/campaigns/{wire_id}").json()["status"] == "running"
