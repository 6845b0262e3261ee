"""Who decides in whose place, over the house API: from when, until when, about what, and once."""

from whenever import Instant, TimeDelta

from support.house import Body
from support.server import Server
from support.team import REVIEWER, Team, stage, through

FAR = "2099-01-01T00:00:00Z"


def lent(server: Server, quorum: int = 1) -> Team:
    """Bob and Cid are asked; Zoe and Yan may vote where somebody lets them."""
    team = Team.of(server, "bob", "cid", "zoe", "yan")
    team.group("legal", "bob", "cid")
    team.policy(through(stage("legal", quorum)))
    return team


def lend(team: Team, by: str, to: str, **span: object) -> Body:
    said = {"to": f"{to}@acme.example", "ends_at": FAR, **span}
    found: Body = team.people[by].data("POST", "/v1/delegations", said)["delegation"]
    return found


def hand_on(team: Team, by: str, task: str, to: str) -> int:
    said = {"to": f"{to}@acme.example"}
    return team.people[by].client.post(f"/v1/lexi/tasks/{task}/delegate", said).status_code


def test_a_delegate_decides_in_the_place_of_who_let_them(server: Server) -> None:
    team = lent(server)
    _, task = team.ann.asked()
    assert team.vote("zoe", task) == "not_entitled"
    lend(team, "bob", "zoe")
    assert task in [each["id"] for each in team.zoe.data("GET", "/v1/lexi/tasks?mine=true")["tasks"]]
    assert team.vote("zoe", task) == "approved"
    [vote] = team.olga.task(task)["votes"]
    assert (vote["person"], vote["seat"]) == (team.id("zoe"), team.id("bob"))


def test_a_delegation_begins_and_ends_when_it_says(server: Server) -> None:
    team = lent(server)
    _, task = team.ann.asked()
    tomorrow = (Instant.now() + TimeDelta(hours=24)).format_iso()
    lend(team, "bob", "zoe", starts_at=tomorrow)
    assert team.vote("zoe", task) == "not_entitled"
    made = lend(team, "cid", "zoe")
    team.cid.data("DELETE", f"/v1/delegations/{made['id']}")
    assert team.vote("zoe", task) == "not_entitled"
    past = (Instant.now() - TimeDelta(hours=1)).format_iso()
    refused = team.bob.client.post("/v1/delegations", {"to": "zoe@acme.example", "ends_at": past})
    assert refused.json()["error"]["mistakes"][0]["path"] == "ends_at"


def test_only_ones_own_delegation_can_be_ended_but_for_an_owner(server: Server) -> None:
    team = lent(server)
    made = lend(team, "bob", "zoe")
    assert team.cid.client.delete(f"/v1/delegations/{made['id']}").status_code == 404
    team.olga.data("DELETE", f"/v1/delegations/{made['id']}")
    assert team.bob.data("GET", "/v1/delegations")["delegations"] == []


def test_who_let_somebody_and_the_delegate_count_once_together(server: Server) -> None:
    team = lent(server, quorum=2)
    campaign, task = team.ann.asked()
    lend(team, "bob", "zoe")
    assert team.vote("zoe", task) == "pending"
    assert team.vote("bob", task) == "seat_taken"
    assert team.approvals(task) == (1, [1])
    assert team.status_of(campaign) == "pending_approval"
    assert team.vote("cid", task) == "approved"


def test_two_delegates_of_one_person_count_once(server: Server) -> None:
    team = lent(server, quorum=2)
    _, task = team.ann.asked()
    lend(team, "bob", "zoe")
    lend(team, "bob", "yan")
    assert team.vote("zoe", task) == "pending"
    assert team.vote("yan", task) == "seat_taken"


def test_a_delegate_of_two_people_votes_once(server: Server) -> None:
    team = lent(server, quorum=2)
    _, task = team.ann.asked()
    lend(team, "bob", "zoe")
    lend(team, "cid", "zoe")
    assert [team.vote("zoe", task), team.vote("zoe", task)] == ["pending", "already_voted"]
    assert team.vote("bob", task) == "seat_taken"
    assert team.vote("cid", task) == "approved"


def test_an_approver_who_stands_for_another_votes_in_the_own_place(server: Server) -> None:
    team = lent(server, quorum=2)
    _, task = team.ann.asked()
    lend(team, "bob", "cid")
    assert [team.vote(name, task) for name in ("cid", "bob")] == ["pending", "approved"]


def test_a_place_is_not_lent_on(server: Server) -> None:
    team = lent(server)
    _, task = team.ann.asked()
    lend(team, "bob", "zoe")
    lend(team, "zoe", "yan")
    assert team.vote("yan", task) == "not_entitled"


def test_the_place_of_somebody_who_left_the_group_is_none(server: Server) -> None:
    team = lent(server)
    _, task = team.ann.asked()
    lend(team, "bob", "zoe")
    team.group("legal", "cid")
    assert team.vote("zoe", task) == "not_entitled"


def test_a_vote_in_the_place_of_somebody_who_left_counts_no_more(server: Server) -> None:
    team = lent(server, quorum=2)
    _, task = team.ann.asked()
    lend(team, "bob", "zoe")
    team.vote("zoe", task)
    team.group("legal", "cid")
    assert team.approvals(task) == (0, [0])
    assert team.vote("cid", task) == "pending"


def test_a_delegate_who_is_no_member_any_more_counts_no_more(server: Server) -> None:
    team = lent(server, quorum=2)
    _, task = team.ann.asked()
    lend(team, "bob", "zoe")
    team.vote("zoe", task)
    team.olga.data("DELETE", f"/v1/members/{team.id('zoe')}")
    assert team.approvals(task) == (0, [0])
    assert [team.vote(name, task) for name in ("cid", "bob")] == ["pending", "approved"]


def test_one_task_is_handed_on_and_no_other(server: Server) -> None:
    team = lent(server)
    (_, one), (_, other) = team.ann.asked(), team.ann.asked()
    assert hand_on(team, "zoe", one, "yan") == 400
    assert hand_on(team, "bob", one, "zoe") == 200
    assert [each["id"] for each in team.zoe.data("GET", "/v1/lexi/tasks?mine=true")["tasks"]] == [one]
    assert (team.vote("zoe", other), team.vote("zoe", one)) == ("not_entitled", "approved")


def test_a_place_that_is_lent_is_not_handed_on(server: Server) -> None:
    """It would not be worth anything to who gets it."""
    team = lent(server)
    _, task = team.ann.asked()
    lend(team, "bob", "zoe")
    assert hand_on(team, "zoe", task, "yan") == 400


def test_a_question_about_the_policy_is_handed_on_too(server: Server) -> None:
    team = lent(server)
    asks = {"stages": [stage("legal")]}
    team.policy(through(stage("legal"), changes=asks))
    task = team.olga.client.put("/v1/policy", through(stage(), changes=asks)).json()["data"]["task_id"]
    assert team.vote("zoe", task) == "not_entitled"
    assert hand_on(team, "bob", task, "zoe") == 200
    assert team.vote("zoe", task) == "approved"


def test_nobody_is_delegate_of_themselves_or_of_nobody(server: Server) -> None:
    team = lent(server)
    for to in ("bob@acme.example", "nobody@acme.example"):
        answer = team.bob.client.post("/v1/delegations", {"to": to, "ends_at": FAR})
        assert (answer.status_code, answer.json()["error"]["mistakes"][0]["path"][:2]) == (400, "to")
    robot = team.bob.by(*REVIEWER)
    assert robot.client.post("/v1/delegations", {"to": "bob@acme.example", "ends_at": FAR}).status_code == 400


def test_delegations_are_acts_that_the_audit_shows(server: Server) -> None:
    team = lent(server)
    made = lend(team, "bob", "zoe")
    team.bob.data("DELETE", f"/v1/delegations/{made['id']}")
    acts = team.olga.data("GET", f"/v1/audit?kind=delegation&subject={made['id']}")["acts"]
    assert [(each["act"], each["person"]) for each in acts] == [("made", team.id("bob")), ("ended", team.id("bob"))]
    assert acts[0]["figures"]["to"] == team.id("zoe")


def test_comments_decide_nothing_and_stay(server: Server) -> None:
    team = lent(server)
    campaign, task = team.ann.asked()
    said = {"text": "Is the offer still valid?"}
    team.zoe.data("POST", f"/v1/lexi/tasks/{task}/comments", said)
    assert team.status_of(campaign) == "pending_approval"
    team.vote("bob", task, comment="Fine by me")
    team.bob.data("POST", f"/v1/lexi/tasks/{task}/comments", {"text": "It is."})
    shown = team.olga.task(task)
    assert [(each["person"], each["text"]) for each in shown["comments"]] == [
        (team.id("zoe"), said["text"]),
        (team.id("bob"), "It is."),
    ]
    assert [each["comment"] for each in shown["votes"]] == ["Fine by me"]
    assert team.zoe.client.post(f"/v1/lexi/tasks/{task}/comments", {"text": " "}).status_code == 400
    assert team.ann.client.post(f"/v1/lexi/tasks/{task}/comments", said).status_code == 403
