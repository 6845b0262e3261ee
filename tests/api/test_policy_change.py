"""The next policy as a question, over the house API: until people said yes, the old one judges."""

import json
from functools import partial
from pathlib import Path

from support import commands
from support.house import Body
from support.server import Server
from support.team import REVIEWER, Team, blocker, stage, through, word

ASKED = {"stages": [stage("owners")]}
STRICT = through(stage(), separation="requester", changes=ASKED)
LOOSE: Body = {"approval": "off", "reason": "in a hurry", "changes": ASKED}


def guarded(server: Server, **more: object) -> Team:
    """A policy in force, of which another may be made only with the yes of an owner: Olga, Otto or Mia."""
    team = Team.of(server, "bob")
    for name in ("otto", "mia"):
        team.join(name, *REVIEWER, "admin", "campaigns:write", "policy:write", "audit:read")
    team.policy({**STRICT, **more})
    return team


def propose(team: Team, document: Body, by: str = "otto") -> str:
    """The task that a version waits for."""
    answer = team.people[by].client.put("/v1/policy", document)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["data"]["task_id"])


def in_force(team: Team) -> tuple[int, bool]:
    """The version in force, and whether a launch needs nobody."""
    campaign = team.ann.draft()
    free = team.ann.data("GET", f"/v1/campaigns/{campaign}/launchability")["requirement"] is None
    shown = team.olga.data("GET", "/v1/policy/versions")["versions"]
    [version] = [each["version"] for each in shown if each["in_force"]]
    assert team.olga.data("GET", "/v1/policy")["version"] == version
    return version, free


def test_a_policy_waits_for_the_yes_of_somebody_else(server: Server) -> None:
    team = guarded(server)
    task = propose(team, LOOSE)
    assert in_force(team) == (1, False)
    shown = team.olga.task(task)
    assert (shown["type"], shown["about"]["version"], shown["about"]["policy"]) == ("policy_change", 2, LOOSE)
    assert shown["seal"] == shown["about"]["digest"]
    assert [each["email"] for each in shown["may_decide"]] == ["olga@acme.example", "mia@acme.example"]

    assert team.vote("otto", task) == "separation_of_duties"
    assert team.vote(team.key("otto", *REVIEWER, "admin"), task) == "separation_of_duties"
    assert team.vote("bob", task) == "not_entitled"
    assert team.vote("mia", task, seal="0" * 64) == "seal_changed"
    assert in_force(team) == (1, False)
    assert team.vote("mia", task, seal=shown["seal"]) == "approved"
    assert in_force(team) == (2, True)
    acts = team.mia.data("GET", "/v1/audit?kind=policy&subject=2")["acts"]
    assert [each["act"] for each in acts] == ["proposed", "approve", "put_into_force"]


def test_who_wrote_a_policy_has_no_say_in_it_whatever_separation_launches_have(server: Server) -> None:
    team = guarded(server, separation="none")
    task = propose(team, LOOSE)
    assert team.vote("otto", task) == "separation_of_duties"
    assert team.vote("mia", task) == "approved"


def test_switching_approval_on_again_is_a_change_too(server: Server) -> None:
    team = guarded(server)
    team.vote("mia", propose(team, LOOSE))
    task = propose(team, STRICT)
    assert in_force(team) == (2, True)
    assert team.vote("otto", task) == "separation_of_duties"
    assert team.vote("olga", task) == "approved"
    assert in_force(team) == (3, False)


def test_what_was_dismissed_stays_out(server: Server) -> None:
    team = guarded(server)
    task = propose(team, LOOSE)
    assert team.vote("mia", task, "dismiss") == "dismissed"
    assert team.vote("olga", task) == "task_decided"
    assert in_force(team) == (1, False)


def test_a_newer_proposal_takes_the_place_of_the_older(server: Server) -> None:
    team = guarded(server)
    older = propose(team, LOOSE)
    newer = propose(team, {**STRICT, "expires_after": "PT24H"})
    assert team.olga.task(older)["outcome"] == "void"
    assert team.vote("mia", older) == "task_decided"
    [listed] = team.olga.data("GET", "/v1/lexi/tasks?type=policy_change")["tasks"]
    assert listed["id"] == newer
    assert team.vote("mia", newer) == "approved"
    assert in_force(team) == (3, False)
    assert [each["version"] for each in team.olga.data("GET", "/v1/policy/versions")["versions"]] == [3, 2, 1]


def test_who_wrote_may_take_it_back_and_nobody_else(server: Server) -> None:
    team = guarded(server)
    task = propose(team, LOOSE)
    assert team.vote("mia", task, "withdraw") == "not_requester"
    team.otto.data("POST", f"/v1/lexi/tasks/{task}/withdraw")
    assert team.olga.task(task)["outcome"] == "void"
    assert team.vote("mia", task) == "task_decided"


def test_a_policy_with_a_mistake_asks_nobody_and_voids_nothing(server: Server) -> None:
    team = guarded(server)
    task = propose(team, LOOSE)
    answer = team.otto.client.put("/v1/policy", {**STRICT, "separation": "friends"})
    assert [each["path"] for each in answer.json()["error"]["mistakes"]] == ["separation"]
    assert team.vote("mia", task) == "approved"


def test_a_policy_is_approved_or_not_and_nothing_between(server: Server) -> None:
    team = guarded(server)
    task = propose(team, LOOSE)
    assert team.vote("mia", task, "request-changes") == "not_offered"
    assert team.vote("mia", task) == "approved"


def test_a_key_of_no_member_proposes_no_policy(server: Server) -> None:
    team = guarded(server)
    robot = team.olga.by("campaigns:read", "policy:write")
    answer = robot.client.put("/v1/policy", LOOSE)
    assert answer.status_code == 400
    assert "propose it as a member" in answer.json()["error"]["message"]
    assert in_force(team) == (1, False)


def test_nor_does_the_command_line_but_as_a_member(server: Server, tmp_path: Path) -> None:
    team = guarded(server)
    file = tmp_path / "loose.json"
    file.write_text(json.dumps(LOOSE))
    run = partial(commands.run, "policy", "set", "--workspace", team.tenant.id, GONOGO_DATABASE_URL=server.url)
    assert "propose it as a member" in run(str(file)).line
    assert "--by: expected a member" in run("--by", "nobody@acme.example", str(file)).line
    assert team.olga.data("GET", "/v1/lexi/tasks?type=policy_change")["tasks"] == []
    task = run("--by", "mia@acme.example", "--json", str(file)).json["task_id"]
    assert team.vote("mia", task) == "separation_of_duties"
    assert team.vote("otto", task) == "approved"
    assert in_force(team) == (2, True)


def test_a_proposal_that_people_can_satisfy_no_more_does_not_come_into_force(server: Server) -> None:
    team = guarded(server)
    team.join("cid", *REVIEWER)
    task = propose(team, through(stage(quorum=5), changes=ASKED))  # bob, otto, mia, cid, and olga
    team.olga.data("DELETE", f"/v1/members/{team.id('cid')}")
    answer = team.mia.client.post(f"/v1/lexi/tasks/{task}/approve")
    assert word(answer) == "policy_outdated"
    [mistake] = blocker(answer)["mistakes"]
    assert mistake.startswith("rules[0].approve: nobody could satisfy this: it asks 5 of approvers")
    assert in_force(team) == (1, False)
    assert team.approvals(task) == (0, [0])
    team.join("dan", *REVIEWER)
    assert team.vote("mia", task) == "approved"
    assert in_force(team) == (2, False)


def test_a_change_asks_for_its_stages_one_after_the_other(server: Server) -> None:
    team = guarded(server, changes={"stages": [stage("owners", 2), {"people": ["bob@acme.example"]}]})
    task = propose(team, STRICT)
    assert [team.vote(name, task) for name in ("mia", "bob")] == ["pending", "stage_closed"]
    assert team.vote("mia", task, "retract") == "pending"
    assert team.approvals(task) == (0, [0, 0])
    assert [team.vote(name, task) for name in ("mia", "mia", "olga")] == ["pending", "already_voted", "pending"]
    assert in_force(team) == (1, False)
    assert team.vote("bob", task) == "approved"
    assert in_force(team)[0] == 2


def test_a_vote_with_another_key_of_somebody_who_approved_can_be_taken_back(server: Server) -> None:
    team = guarded(server, changes={"stages": [stage("owners", 2)]})
    task = propose(team, LOOSE)
    assert team.vote("mia", task) == "pending"
    assert team.vote(team.key("mia", *REVIEWER), task, "retract") == "pending"
    assert team.approvals(task) == (0, [0])
    assert team.vote("olga", task) == "pending"
    assert in_force(team) == (1, False)


def test_only_questions_that_i_may_decide_are_mine(server: Server) -> None:
    team = guarded(server)
    task = propose(team, LOOSE)
    path = "/v1/lexi/tasks?type=policy_change&mine=true"
    listed = {name: [each["id"] for each in team.people[name].data("GET", path)["tasks"]] for name in ("bob", "mia")}
    assert listed == {"bob": [], "mia": [task]}
    assert team.otto.data("GET", path)["tasks"] == []


def test_what_was_asked_keeps_what_it_asked_and_what_was_permitted_its_permit(server: Server) -> None:
    team = Team.of(server, "bob", "cid")
    team.policy(through(stage(quorum=2)))
    _, task = team.ann.asked()
    scheduled, other = team.ann.asked(start_at="2099-01-01T00:00:00Z")
    assert [team.vote(name, other) for name in ("bob", "cid")] == ["pending", "approved"]
    team.policy(through(stage()))
    assert [team.vote(name, task) for name in ("bob", "cid")] == ["pending", "approved"]
    assert team.status_of(scheduled) == "scheduled"
    assert team.olga.data("GET", "/v1/holds")["holds"] == []


def test_where_the_policy_says_so_a_change_of_it_holds_what_was_permitted(server: Server) -> None:
    team = Team.of(server, "bob")
    team.policy(through(stage(), on_policy_change="hold"))
    assert team.olga.data("GET", "/v1/holds")["holds"] == []
    campaign, task = team.ann.asked()
    team.policy(through(stage()))
    [hold] = team.olga.data("GET", "/v1/holds")["holds"]
    assert (hold["kind"], hold["lifted_at"]) == ("workspace", None)
    assert "version 2" in hold["reason"]
    assert team.vote("bob", task) == "approved"
    reason, *_ = team.ann.data("GET", f"/v1/campaigns/{campaign}/why")["reasons"]
    assert reason["code"] == "held"
    assert team.ann.mails() == []
    team.olga.data("POST", f"/v1/holds/{hold['id']}/lift")
    team.ann.wait_for(campaign, "completed")


def test_the_figures_of_a_refusal_name_the_next_stage(server: Server) -> None:
    team = guarded(server, changes={"stages": [stage("owners"), {"people": ["bob@acme.example"]}]})
    task = propose(team, LOOSE)
    answer = team.bob.client.post(f"/v1/lexi/tasks/{task}/approve")
    assert (word(answer), blocker(answer)["stage"]) == ("stage_closed", 2)
