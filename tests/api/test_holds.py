"""Holds over the house API and the command line."""

from support import commands
from support.commands import Ended
from support.house import LATER, NOBODY, House, eventually, refusal
from support.server import Server

SENDER = {"email": "go@acme.example", "name": "Acme"}


def run(server: Server, *arguments: str) -> Ended:
    return commands.run(*arguments, GONOGO_DATABASE_URL=server.url)


def reasons(house: House, campaign: str) -> list[str]:
    return [each["code"] for each in house.data("GET", f"/v1/campaigns/{campaign}/why")["reasons"]]


def sent(house: House, campaign: str) -> int:
    return int(house.data("GET", f"/v1/campaigns/{campaign}/stats")["sent"])


def test_an_approver_holds_a_sender_and_an_owner_lets_it_go_again(server: Server) -> None:
    ann = House.of(server)
    bob = ann.by("lexi", "campaigns:read", member="bob@acme.example")
    held = bob.data("POST", "/v1/holds", {"reason": "The wrong prices.", "sender": SENDER["email"]})["hold"]
    told = (held["kind"], held["sender"], held["reason"], held["lifted_at"])
    assert told == ("sender", SENDER["email"], "The wrong prices.", None)

    campaign, other = ann.draft(sender=SENDER), ann.sent()
    ann.start(campaign)
    eventually(lambda: "held" in reasons(ann, campaign), True)
    assert (sent(ann, campaign), sent(ann, other)) == (0, 2)
    assert refusal(bob.client.post(f"/v1/holds/{held['id']}/lift"))[0] == 403

    lifted = ann.data("POST", f"/v1/holds/{held['id']}/lift")["hold"]
    assert lifted["lifted_at"] >= held["set_at"]
    assert ann.data("POST", f"/v1/holds/{held['id']}/lift")["hold"] == lifted
    ann.wait_for(campaign, "completed")
    assert bob.data("GET", "/v1/holds")["holds"] == [lifted]


def test_a_hold_of_another_workspace_is_none(server: Server) -> None:
    ann, stranger = House.of(server), House.of(server)
    held = ann.data("POST", "/v1/holds", {"reason": "An audit."})["hold"]
    assert (held["kind"], held["sender"]) == ("workspace", None)
    for wanted in (held["id"], NOBODY, "x"):
        assert refusal(stranger.client.post(f"/v1/holds/{wanted}/lift")) == (404, "not_found", [])
    assert stranger.data("GET", "/v1/holds") == {"holds": []}
    assert stranger.status(stranger.sent()) == "completed"


def test_a_hold_needs_a_reason_and_a_senders_address(server: Server) -> None:
    house = House.of(server)
    bodies: list[object] = [{}, {"reason": ""}, {"reason": "x" * 501}, {"reason": "x", "sender": "nobody"}, []]
    for body in bodies:
        assert refusal(house.client.post("/v1/holds", body))[0] == 400, body
    assert refusal(house.client.post("/v1/holds", {"reason": "  "}))[0] == 400
    assert house.data("GET", "/v1/holds") == {"holds": []}


def test_whoever_runs_the_server_holds_everything(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(steps=LATER)
    held = run(server, "hold", "--everything", "--reason", "The relay moves.", "--json").json
    try:
        house.start(campaign)
        eventually(lambda: reasons(house, campaign), ["held"])
        [told] = house.data("GET", f"/v1/campaigns/{campaign}/why")["reasons"]
        assert told["message"].startswith("A hold by whoever runs the server stands on everything since ")
        assert told["message"].endswith(": The relay moves.")
        assert (told["figures"]["kind"], told["figures"]["by"]) == ("everything", "whoever runs the server")
        assert refusal(house.client.post(f"/v1/holds/{held['id']}/lift")) == (404, "not_found", [])
        assert sent(house, campaign) == 0
    finally:
        assert run(server, "lift", held["id"], "--json").json["lifted_at"]
    eventually(lambda: sent(house, campaign), 2)


def test_what_holds_or_lifts_nothing_says_so_in_a_line(server: Server) -> None:
    assert "--everything" in run(server, "hold", "--reason", "x").line
    assert run(server, "lift", NOBODY).line == f"no hold '{NOBODY}' in this workspace"
