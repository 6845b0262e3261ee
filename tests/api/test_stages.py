"""Stages and quorum, over the house API: who counts, in which stage, once, and only for as long as they belong."""

import pytest

from support.house import eventually
from support.server import Server
from support.team import BOTH, REVIEWER, Team, blocker, stage, through, word


def team_of(server: Server, *stages: tuple[str, int, tuple[str, ...]], **more: object) -> Team:
    """Everybody who is in some group, and a policy of these stages: group, quorum, members."""
    team = Team.of(server, *dict.fromkeys(name for _, _, members in stages for name in members))
    for group, _, members in stages:
        team.group(group, *members)
    team.policy(through(*(stage(group, quorum) for group, quorum, _ in stages), **more))
    return team


# One after the other


def test_a_stage_opens_once_the_one_before_is_met(server: Server) -> None:
    team = team_of(server, ("marketing", 1, ("bob",)), ("legal", 2, ("cid", "dora")))
    campaign, task = team.ann.asked()

    closed = team.cid.client.post(f"/v1/lexi/tasks/{task}/approve")
    assert blocker(closed)["code"] == "stage_closed"
    assert blocker(closed)["stage"] == 2
    assert team.olga.task(task)["stage"] == 1
    assert team.vote("bob", task) == "pending"
    assert team.olga.task(task)["stage"] == 2
    assert [team.vote("cid", task), team.status_of(campaign), team.vote("dora", task)] == [
        "pending",
        "pending_approval",
        "approved",
    ]
    assert team.approvals(task) == (3, [1, 2])


def test_nobody_fills_two_stages(server: Server) -> None:
    team = team_of(server, ("marketing", 1, ("bob", "cid")), ("legal", 1, ("bob", "dora")))
    _, task = team.ann.asked()
    assert team.vote("bob", task) == "pending"
    assert team.vote("bob", task) == "already_voted"
    assert team.vote(team.key("bob", *BOTH), task) == "already_voted"
    assert team.vote("dora", task) == "approved"


def test_whoever_used_up_the_last_seat_of_a_later_stage_can_step_back(server: Server) -> None:
    team = team_of(server, ("marketing", 1, ("bob", "cid")), ("legal", 1, ("bob",)))
    campaign, task = team.ann.asked()
    assert team.vote("bob", task) == "pending"
    assert not team.olga.task(task)["unsatisfiable"]
    stages = team.olga.data("GET", f"/v1/campaigns/{campaign}/explain")["stages"]
    assert [each["could"] for each in stages] == [[], []]  # nobody now, but by taking the vote back
    assert team.vote("bob", task, "retract") == "pending"
    assert [team.vote(name, task) for name in ("cid", "bob")] == ["pending", "approved"]
    assert team.status_of(campaign) != "pending_approval"


def test_n_of_a_group_are_n_people_by_whatever_key_they_come(server: Server) -> None:
    team = team_of(server, ("legal", 2, ("bob", "cid", "dora")))
    _, task = team.ann.asked()
    assert team.vote("bob", task) == "pending"
    assert team.vote(team.key("bob", *REVIEWER), task) == "already_voted"
    assert team.vote(team.ann.by(*REVIEWER), task) == "not_entitled"  # a key of nobody is in no group
    assert team.approvals(task) == (1, [1])
    assert team.vote("dora", task) == "approved"


def test_a_key_of_nobody_is_no_person(server: Server) -> None:
    team = Team.of(server, "bob", "cid")
    team.policy(through(stage(quorum=2)))
    _, task = team.ann.asked()
    answer = team.ann.by(*REVIEWER).client.post(f"/v1/lexi/tasks/{task}/approve")
    assert (answer.status_code, blocker(answer)["code"]) == (403, "person_required")


def test_named_people_are_asked_and_nobody_else(server: Server) -> None:
    team = Team.of(server, "bob", "cid", "dora")
    team.policy(through({"people": ["bob@acme.example", team.id("cid")], "quorum": 2}))
    _, task = team.ann.asked()
    assert [each["email"] for each in team.olga.task(task)["may_decide"]] == ["bob@acme.example", "cid@acme.example"]
    assert [team.vote(name, task) for name in ("dora", "olga", "bob", "cid")] == [
        "not_entitled", "not_entitled", "pending", "approved",
    ]  # fmt: skip


# Membership is live


def test_who_was_taken_out_of_the_group_counts_no_more(server: Server) -> None:
    team = team_of(server, ("legal", 2, ("bob", "cid", "dora")))
    campaign, task = team.ann.asked()
    team.vote("bob", task)
    team.group("legal", "cid", "dora")
    assert team.approvals(task) == (0, [0])
    assert team.vote("cid", task) == "pending"
    assert team.vote("bob", task) == "not_entitled"
    assert team.status_of(campaign) == "pending_approval"
    assert team.vote("dora", task) == "approved"


def test_a_stage_that_loses_its_approval_is_open_again(server: Server) -> None:
    team = team_of(server, ("marketing", 1, ("bob", "cid")), ("legal", 1, ("dora",)))
    _, task = team.ann.asked()
    team.vote("bob", task)
    team.group("marketing", "cid")
    assert team.vote("dora", task) == "stage_closed"
    assert team.olga.task(task)["stage"] == 1
    assert [team.vote(name, task) for name in ("cid", "dora")] == ["pending", "approved"]


def test_who_comes_back_counts_again(server: Server) -> None:
    team = team_of(server, ("legal", 2, ("bob", "cid")))
    _, task = team.ann.asked()
    team.vote("bob", task)
    team.group("legal", "cid")
    team.group("legal", "bob", "cid")
    assert team.vote("cid", task) == "approved"


def test_who_is_no_member_any_more_counts_no_more(server: Server) -> None:
    team = Team.of(server, "bob", "cid", "dora")
    team.policy(through(stage(quorum=2)))
    _, task = team.ann.asked()
    team.vote("bob", task)
    team.olga.data("DELETE", f"/v1/members/{team.id('bob')}")
    assert team.vote("bob", task) == "invalid_key"
    assert [team.vote(name, task) for name in ("cid", "dora")] == ["pending", "approved"]


def test_who_joins_the_group_later_may_vote(server: Server) -> None:
    team = team_of(server, ("legal", 1, ("bob",)))
    team.join("dora", *REVIEWER)
    _, task = team.ann.asked()
    assert team.vote("dora", task) == "not_entitled"
    team.group("legal", "bob", "dora")
    assert team.vote("dora", task) == "approved"


def test_what_nobody_can_satisfy_any_more_is_shown_as_such(server: Server) -> None:
    team = team_of(server, ("legal", 2, ("bob", "cid")))
    _, task = team.ann.asked()
    assert not team.olga.task(task)["unsatisfiable"]
    team.group("legal", "bob")
    assert team.olga.task(task)["unsatisfiable"]


def test_a_group_that_the_policy_asks_can_not_be_taken_away(server: Server) -> None:
    team = team_of(server, ("legal", 1, ("bob",)))
    assert team.olga.client.delete("/v1/groups/legal").status_code == 400
    team.policy(through(stage()))
    assert team.olga.client.delete("/v1/groups/legal").status_code == 200


# No


def test_one_dismissal_ends_it_unless_the_policy_asks_for_more(server: Server) -> None:
    team = Team.of(server, "bob", "cid", "dora")
    team.policy(through(stage(quorum=2)))
    campaign, task = team.ann.asked()
    team.vote("cid", task)
    assert team.vote("bob", task, "dismiss") == "dismissed"
    assert team.status_of(campaign) == "draft"
    assert team.vote("dora", task) == "task_decided"


def test_two_dismissals_are_of_two_people(server: Server) -> None:
    team = Team.of(server, "bob", "cid", "dora")
    team.policy(through(stage(quorum=2), dismissals=2))
    campaign, task = team.ann.asked()
    again = team.key("bob", *REVIEWER)
    assert [team.vote(who, task, "dismiss") for who in ("bob", "bob", again)] == ["pending"] * 3
    assert team.status_of(campaign) == "pending_approval"
    assert team.vote("cid", task, "dismiss") == "dismissed"


# Taken back


def test_an_approval_can_be_taken_back_until_the_quorum_is_met(server: Server) -> None:
    team = Team.of(server, "bob", "cid")
    team.policy(through(stage(quorum=2)))
    _, task = team.ann.asked()
    assert [team.vote("bob", task, choice) for choice in ("approve", "retract", "retract")] == [
        "pending", "pending", "no_vote",
    ]  # fmt: skip
    assert team.approvals(task) == (0, [0])
    assert [team.vote(name, task) for name in ("cid", "bob")] == ["pending", "approved"]
    assert team.vote("bob", task, "retract") == "task_decided"


def test_a_key_that_may_no_longer_approve_can_still_take_an_approval_back(server: Server) -> None:
    team = Team.of(server)
    team.join("otto", "lexi", "admin")
    team.policy(through(stage("owners", 2)))
    _, task = team.ann.asked()
    team.vote("otto", task)
    assert team.vote(team.key("otto", "lexi"), task, "retract") == "pending"
    assert team.approvals(task) == (0, [0])


def test_an_approval_in_anothers_place_can_be_taken_back_after_the_delegation_ended(server: Server) -> None:
    team = team_of(server, ("legal", 2, ("bob", "cid")))
    team.join("dora", *REVIEWER)
    _, task = team.ann.asked()
    said = {"to": "dora@acme.example", "ends_at": "2099-01-01T00:00:00Z"}
    delegation = team.bob.data("POST", "/v1/delegations", said)["delegation"]["id"]
    assert team.vote("dora", task) == "pending"
    team.bob.data("DELETE", f"/v1/delegations/{delegation}")
    assert team.vote("dora", task, "retract") == "pending"
    assert team.approvals(task) == (0, [0])


# Revoked


def test_an_approval_revoked_pauses_and_what_is_left_asks_anew(server: Server) -> None:
    team = Team.of(server, "bob", "cid")
    team.policy(through(stage(quorum=2)))
    campaign, task = team.ann.asked(start_at="2099-01-01T00:00:00Z")
    assert [team.vote(name, task) for name in ("bob", "cid")] == ["pending", "approved"]
    assert team.status_of(campaign) == "scheduled"

    assert word(team.ann.client.post(f"/v1/campaigns/{campaign}/revoke")) == "insufficient_permissions"
    assert word(team.bob.client.post(f"/v1/campaigns/{campaign}/revoke")) == "paused"
    assert team.ann.campaign(campaign)["paused_reason"] == "revoked"
    assert word(team.ann.client.post(f"/v1/campaigns/{campaign}/resume")) == "pending_approval"
    again = team.ann.campaign(campaign)["task_id"]
    assert again != task
    assert team.vote("bob", again) == "pending"
    assert team.approvals(again) == (1, [1])


@pytest.mark.parametrize("who", ["zoe", "ann"])
def test_only_who_may_decide_may_revoke(server: Server, who: str) -> None:
    team = team_of(server, ("legal", 1, ("bob",)), separation="requester")
    team.join("zoe", *REVIEWER)
    team.join("ann", *BOTH)
    campaign, task = team.ann.asked(start_at="2099-01-01T00:00:00Z")
    team.vote("bob", task)
    answer = team.people[who].client.post(f"/v1/campaigns/{campaign}/revoke")
    assert answer.status_code == 403
    assert team.status_of(campaign) == "scheduled"


def test_a_launch_in_flight_that_is_revoked_sends_nothing_more(server: Server) -> None:
    team = Team.of(server, "bob")
    team.policy(through(stage()))
    campaign, task = team.ann.asked(3, daily_limit=1)
    team.vote("bob", task)
    eventually(lambda: team.ann.data("GET", f"/v1/campaigns/{campaign}/stats")["sent"], 1)
    assert word(team.bob.client.post(f"/v1/campaigns/{campaign}/revoke")) == "paused"

    team.ann.data("PATCH", f"/v1/campaigns/{campaign}", {"name": "Summer"})
    assert word(team.ann.client.post(f"/v1/campaigns/{campaign}/resume")) == "pending_approval"
    assert len(team.ann.mails()) == 1
