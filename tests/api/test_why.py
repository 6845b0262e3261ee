"""Why nothing is being sent, over HTTP and on the command line; and what people say about unknown messages."""

from typing import Any

import pytest
from whenever import Instant, TimeDelta

from gonogo.clock import new_id
from gonogo.store import cases, ledger
from support import commands
from support.commands import Ended
from support.house import NOBODY, Body, House, asking, eventually, refusal
from support.server import Server


def run(server: Server, *arguments: str) -> Ended:
    return commands.run(*arguments, GONOGO_DATABASE_URL=server.url)


def reasons(house: House, campaign: str) -> list[Body]:
    found: list[Body] = house.data("GET", f"/v1/campaigns/{campaign}/why")["reasons"]
    return found


def codes(house: House, campaign: str) -> list[str]:
    return [each["code"] for each in reasons(house, campaign)]


def waiting(house: House, campaign: str) -> Any:
    return house.data("GET", f"/v1/campaigns/{campaign}/stats")["waiting"]


def test_from_draft_to_sent_there_is_always_a_reason(server: Server) -> None:
    ann = House.of(server, policy=asking(), member="ann@acme.example")
    campaign = ann.draft()
    assert (codes(ann, campaign), waiting(ann, campaign)) == (["not_started"], None)
    task = ann.start(campaign)["task_id"]
    [asked] = reasons(ann, campaign)
    assert (asked["code"], asked["message"]) == ("awaits_approval", "It waits for approval of ann.")
    assert asked["until"] == ann.task(task)["expires_at"]
    assert (asked["figures"]["task"], asked["figures"]["may_decide"]) == (task, ["ann"])
    assert waiting(ann, campaign) == {"code": "awaits_approval", "message": asked["message"]}
    ann.data("POST", f"/v1/lexi/tasks/{task}/approve")
    ann.wait_for(campaign, "completed")
    assert (codes(ann, campaign), waiting(ann, campaign)) == (["ended"], None)


def test_what_waits_says_for_what_and_until_when(server: Server) -> None:
    house = House.of(server)
    campaign = house.running()
    eventually(lambda: codes(house, campaign), ["step"])
    [told] = reasons(house, campaign)
    stats = house.data("GET", f"/v1/campaigns/{campaign}/stats")
    assert (stats["waiting_for"], stats["until"]) == ("step", told["until"])
    assert Instant.parse_iso(told["until"]) > Instant.now() + TimeDelta(hours=47)
    house.data("POST", f"/v1/campaigns/{campaign}/pause")
    assert codes(house, campaign) == ["paused"]
    assert house.data("GET", f"/v1/campaigns/{campaign}/stats")["waiting_for"] is None


def test_the_command_line_tells_the_same(server: Server) -> None:
    house = House.of(server, policy=asking(), member="ann@acme.example")
    campaign, _ = house.asked()
    told = run(server, "why", campaign, "--json").json
    assert told == {"campaign": campaign, "reasons": reasons(house, campaign)}
    assert run(server, "why", campaign).out.startswith("awaits_approval: It waits for approval of ann. (until 20")
    assert run(server, "why", NOBODY).line == f"no campaign '{NOBODY}' in this workspace"


def test_who_paused_it_and_since_when_is_told_by_both(server: Server) -> None:
    ann = House.of(server, member="ann@acme.example")
    campaign = ann.running()
    ann.data("POST", f"/v1/campaigns/{campaign}/pause")
    [told] = reasons(ann, campaign)
    since = Instant.parse_iso(told["figures"]["since"])
    assert told["figures"] == {"reason": "person", "by": "ann", "since": told["figures"]["since"]}
    assert abs((Instant.now() - since).total("seconds")) < 60
    assert told["message"].startswith("Paused by ann since ")
    assert run(server, "why", campaign, "--json").json["reasons"] == [told]
    assert run(server, "why", campaign).out.startswith("paused: Paused by ann since ")


# Unknown messages


@pytest.fixture
def house(server: Server) -> House:
    return House.of(server, member="ann@acme.example")


def left_unknown(house: House) -> tuple[str, str]:
    """A running campaign, and the id of a message of it whose worker died."""
    campaign, engine = house.running(), house.tenant.server.engine
    eventually(lambda: codes(house, campaign), ["step"])
    assert engine is not None
    with engine.begin() as connection:
        case, token, now = cases.lock(connection, house.tenant.id, campaign), new_id(Instant.now()), Instant.now()
        now = now.round("microsecond", mode="floor")
        ledger.claim(connection, case, token, now, ledger.following(connection, case, 1))
        ledger.progress(connection, str(case.run_id), {}, {"cursor": 1})
        ledger.add_lease(connection, case, token, now - TimeDelta(seconds=1))
    eventually(lambda: house.data("GET", f"/v1/campaigns/{campaign}/stats")["unknown"], 1)
    [row] = house.data("GET", f"/v1/campaigns/{campaign}/messages?state=unknown")["messages"]
    return campaign, row["id"]


@pytest.mark.parametrize("verdict", ["sent", "released"])
def test_somebody_says_what_became_of_an_unknown_message_and_it_is_told_who(house: House, verdict: str) -> None:
    campaign, message = left_unknown(house)
    path = f"/v1/campaigns/{campaign}/messages/{message}/resolve"
    shown = house.data("POST", path, {"verdict": verdict})["message"]
    assert (shown["id"], shown["state"]) == (message, verdict)
    stats = house.data("GET", f"/v1/campaigns/{campaign}/stats")
    assert (stats["unknown"], stats["sent"]) == (0, 3 if verdict == "sent" else 2)
    [said] = house.data("GET", f"/v1/campaigns/{campaign}/resolutions")["resolutions"]
    person = next(each["id"] for each in house.data("GET", "/v1/members")["members"])
    assert (said["message"], said["verdict"], said["person"]) == (message, verdict, person)
    assert str(house.client.key).startswith(f"wbk_{said['actor']}_")
    assert refusal(house.client.post(path, {"verdict": "sent"}))[:2] == (400, "validation_error")
    assert len(house.data("GET", f"/v1/campaigns/{campaign}/resolutions")["resolutions"]) == 1


def test_only_an_unknown_message_of_ones_own_is_resolved(house: House, server: Server) -> None:
    campaign = house.sent()
    [first, _] = house.data("GET", f"/v1/campaigns/{campaign}/messages")["messages"]
    run_id = first["id"].partition(".")[0]
    writer = house.by("campaigns:write", "campaigns:read")
    before, path = house.rows(), f"/v1/campaigns/{campaign}/messages"
    answer = house.client.post(f"{path}/{first['id']}/resolve", {"verdict": "released"})
    assert refusal(answer)[:2] == (400, "validation_error")
    assert refusal(house.client.post(f"{path}/{first['id']}/resolve", {"verdict": "lost"}))[0] == 400
    for odd in ("x", "%00.0.0", f"{run_id}.0.99", f"{NOBODY}.0.0", f"{run_id}.0.{'9' * 5000}", f"{run_id}.²"):
        assert refusal(house.client.post(f"{path}/{odd}/resolve", {"verdict": "sent"})) == (404, "not_found", [])
    stranger = House.of(server)
    assert refusal(stranger.client.post(f"{path}/{first['id']}/resolve", {"verdict": "sent"}))[0] == 404
    assert refusal(stranger.client.get(f"/v1/campaigns/{campaign}/resolutions")) == (404, "not_found", [])
    assert refusal(writer.client.post(f"{path}/{first['id']}/resolve", {"verdict": "sent"}))[0] == 403
    assert house.rows() == before
