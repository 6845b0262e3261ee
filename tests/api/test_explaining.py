"""Explain, simulate and backtest, over HTTP and on the command line."""

import json
from pathlib import Path

import pytest

from support import commands
from support.commands import Ended
from support.house import NOBODY, Body, House, asking, refusal
from support.server import Server
from support.team import Team, stage, through

LAST: Body = {"name": "everyone else", "approve": {"stages": [{"group": "approvers", "quorum": 1}]}}
SMALL: Body = {"name": "small", "when": {"recipients_at_most": 2}, "approve": "auto"}
POLICY: Body = {"rules": [SMALL, LAST], "separation": "requester"}
WRONG: Body = {"rules": [{**LAST, "approve": "auto"}], "separation": "friends"}


def explained(house: House, campaign: str) -> Body:
    found: Body = house.data("GET", f"/v1/campaigns/{campaign}/explain")
    return found


def run(server: Server, *arguments: str) -> Ended:
    return commands.run(*arguments, GONOGO_DATABASE_URL=server.url)


@pytest.fixture
def ann(server: Server) -> House:
    return House.of(server, policy=POLICY, member="ann@acme.example")


# Explain


def test_a_question_is_explained_from_draft_to_permit(ann: House) -> None:
    bob = ann.by("lexi", "campaigns:read", member="bob@acme.example")
    campaign = ann.draft(3)

    draft = explained(ann, campaign)
    task = ann.start(campaign)["task_id"]
    pending = explained(ann, campaign)
    bob.data("POST", f"/v1/lexi/tasks/{task}/approve")
    after = explained(ann, campaign)

    assert [each["about"] for each in (draft, pending, after)] == ["start", "task", "permit"]
    assert (draft["status"], draft["task_id"], draft["blockers"]) == ("draft", None, [])
    assert (pending["permission"], pending["rule"], pending["policy_version"]) == ("people", "everyone else", 1)
    assert (pending["task_id"], pending["expires_at"]) == (task, ann.task(task)["expires_at"])
    assert (pending["facts"]["recipients"], pending["facts"]["template_changed"]) == (3, True)
    [stage] = pending["stages"]
    assert (stage["whom"], stage["have"], stage["need"], stage["more"]) == ("approvers", 0, 1, 0)
    assert [each["name"] for each in stage["could"]] == ["bob"]
    assert pending["change"] == {
        "message": "2 recipients or fewer",
        "rule": "small",
        "parts": [{"fact": "recipients", "wanted": 2}],
    }
    assert (after["permit"], [each["name"] for each in after["by"]]) == ("quorum", ["bob"])


def test_a_permit_is_the_word_of_those_whose_votes_counted(server: Server) -> None:
    team = Team.of(server, "bob", "cid", "dan")
    team.group("legal", "bob", "cid", "dan")
    team.policy(through(stage("legal", 2)))
    campaign, task = team.ann.asked()
    assert team.vote("bob", task) == "pending"
    team.group("legal", "cid", "dan")
    assert [team.vote(name, task) for name in ("cid", "dan")] == ["pending", "approved"]
    team.group("legal", "bob")  # who was in it then counts
    after = explained(team.olga, campaign)
    assert sorted(each["name"] for each in after["by"]) == ["cid", "dan"]


def test_only_policy_writers_and_approvers_are_told_how_to_avoid_being_asked(ann: House) -> None:
    campaign = ann.draft(3)
    for scope, told in (("campaigns:write", False), ("policy:write", True), ("lexi", True)):
        somebody = ann.by("campaigns:read", scope)
        assert (explained(somebody, campaign)["change"] is not None) is told, scope


def test_what_nobody_can_satisfy_is_shown_as_such(ann: House) -> None:
    bob = ann.by("lexi", "campaigns:read", member="bob@acme.example")
    campaign = ann.draft(3)
    assert explained(ann, campaign)["unsatisfiable"] is False
    [person] = [each for each in ann.data("GET", "/v1/members")["members"] if each["name"] == "bob"]
    assert bob.client.delete(f"/v1/members/{person['id']}").status_code == 403
    ann.data("DELETE", f"/v1/members/{person['id']}")
    assert explained(ann, campaign)["unsatisfiable"] is True


def test_what_counted_is_shown_launch_by_launch(server: Server) -> None:
    ann = House.of(server, policy={**POLICY, "splitting": {"window": "PT24H"}}, member="ann@acme.example")
    first, second = ann.sent(), ann.draft(1)
    [window] = explained(ann, second)["counted"]
    [person] = ann.data("GET", "/v1/members")["members"]
    assert (window["per"], window["subject"], window["recipients"]) == ("requester", person["id"], 2)
    assert [(each["campaign_id"], each["recipients"]) for each in window["launches"]] == [(first, 2)]
    assert explained(ann, second)["facts"]["summed"] == {"requester": 2}


def test_a_draft_that_is_not_ready_is_told_its_blockers_with_figures(ann: House) -> None:
    [first, *_] = explained(ann, ann.draft(0))["blockers"]
    assert (first["code"], first["recipients"]) == ("audience_empty", 0)


# Simulate and backtest


def test_a_policy_is_tried_on_a_campaign_before_it_is_in_force(ann: House) -> None:
    campaign, before = ann.draft(3), ann.rows()
    body = {"campaign_id": campaign, "policy": {"rules": [LAST], "separation": "requester"}}
    found = ann.data("POST", "/v1/policy/simulate", body)
    assert (found["permission"], found["rule"], found["facts"]["recipients"]) == ("people", "everyone else", 3)
    assert found["requirement"]["stages"] == [{"group": "approvers", "quorum": 1}]
    assert (found["unsatisfiable"], found["blockers"]) == (True, [])  # Ann is the only approver, and asks
    medium = {"rules": [{**SMALL, "when": {"recipients_at_most": 3}}, LAST], "separation": "none"}
    found = ann.data("POST", "/v1/policy/simulate", {"campaign_id": campaign, "policy": medium})
    assert (found["permission"], found["requirement"], found["unsatisfiable"]) == ("auto", None, False)
    assert ann.rows() == before


def test_launches_of_the_past_are_told_as_a_diff(ann: House) -> None:
    campaign, before = ann.sent(), ann.rows()
    found = ann.data("POST", "/v1/policy/backtest", {"policy": asking(), "days": 7})
    then, now = {"permission": "auto", "rule": "small"}, {"permission": "people", "rule": "everything"}
    assert (found["launches"], found["changed"], found["undetermined"]) == (1, 1, 0)
    assert found["counts"] == [{"then": then, "now": now, "launches": 1}]
    [each] = found["named"]
    assert (each["campaign_id"], each["run"], each["recipients"]) == (campaign, 1, 2)
    assert (each["then"], each["now"]) == (then, now)
    assert ann.data("POST", "/v1/policy/backtest", {"policy": POLICY})["changed"] == 0
    assert ann.rows() == before


@pytest.mark.parametrize("path", ["simulate", "backtest"])
def test_mistakes_are_told_as_where_a_policy_is_put_into_force(ann: House, path: str) -> None:
    put = ann.client.put("/v1/policy", WRONG)
    more = {"campaign_id": ann.draft()} if path == "simulate" else {}
    before = ann.rows()
    answer = ann.client.post(f"/v1/policy/{path}", {"policy": WRONG, **more})
    assert refusal(answer) == (400, "validation_error", [])
    assert answer.json()["error"]["mistakes"] == put.json()["error"]["mistakes"]
    assert ann.rows() == before


def test_what_can_not_be_tried_is_refused(ann: House, server: Server) -> None:
    campaign = House.of(server).draft()
    for odd in (NOBODY, campaign, "42"):
        answer = ann.client.post("/v1/policy/simulate", {"campaign_id": odd, "policy": POLICY})
        assert refusal(answer) == (404, "not_found", [])
    for body in ({"policy": POLICY, "days": 0}, {"policy": POLICY, "days": 3_651}, {"policy": "all"}, {}):
        assert refusal(ann.client.post("/v1/policy/backtest", body)) == (400, "validation_error", [])


# On the command line


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    text = """\
    rules:
      - {name: "off", when: {recipients_at_most: 2, hours: {from: 00:00, to: 23:59, zone: UTC}}, approve: auto}
      - {name: everyone else, approve: {stages: [{group: legal}]}}
    separation: none
    """
    path.write_text(text)
    return path


def test_the_command_line_explains_the_same(ann: House, server: Server) -> None:
    ann.by("lexi", member="bob@acme.example")
    campaign, _ = ann.asked(3)
    assert run(server, "explain", campaign, "--json").json == explained(ann, campaign)
    lines = run(server, "explain", campaign).out.splitlines()
    assert lines[:2] == [
        "pending_approval, people by the rule everyone else of policy 1",
        "approvers: 0 of 1; bob could",
    ]
    assert lines[-1] == "nobody would be asked with 2 recipients or fewer"
    assert run(server, "explain", NOBODY).line == f"no campaign '{NOBODY}' in this workspace"


def test_what_was_permitted_is_told_by_whom(ann: House, server: Server) -> None:
    [line] = run(server, "explain", ann.sent()).out.splitlines()
    assert line == "completed, permitted (auto) by ann, the rule small of policy 1"


def test_a_policy_of_a_file_is_validated_tried_and_set(ann: House, server: Server, written: Path) -> None:
    there, file, sent = ("--workspace", ann.tenant.id), str(written), ann.sent()
    campaign = ann.draft(3)
    unknown = run(server, "policy", "validate", *there, file).line
    assert unknown.startswith("rules[1].approve.stages[0].group: expected one of the groups approvers, owners")
    people = [
        run(server, "member", "add", *there, f"{name}@acme.example", "--scope", "lexi", "--json").json
        for name in ("bob", "cid")
    ]
    made = run(server, "group", "add", *there, "legal", "bob@acme.example", "--json").json
    assert made == {"group": "legal", "members": [people[0]["id"]]}
    more = run(server, "group", "add", *there, "legal", "cid@acme.example", "--json").json
    assert more["members"] == sorted(each["id"] for each in people)

    assert run(server, "policy", "validate", *there, file, "--json").json == {"valid": True}
    tried = run(server, "policy", "simulate", *there, file, "--campaign", campaign)
    assert tried.out.splitlines() == ["people, by the rule everyone else", "asks 1 of legal"]
    past = run(server, "policy", "backtest", *there, file, "--days", "7")
    first, *rest = past.out.splitlines()
    assert first.endswith(": 1 would have gone otherwise, 0 undetermined")
    assert rest[0].split() == ["1", "auto", "(small)", "->", "auto", "(off)"]
    assert f"{sent} run 1, 2 recipients: auto (small) -> auto (off)" in rest[1]
    assert ann.data("GET", "/v1/policy")["version"] == 1
    put = run(server, "policy", "set", *there, file, "--json").json
    assert put == {"version": 2, "in_force": True, "task_id": None}
    in_force = ann.data("GET", "/v1/policy")["policy"]["rules"][0]
    assert (in_force["name"], in_force["when"]["hours"]["to"]) == ("off", "23:59")


def test_the_same_is_told_in_json(ann: House, server: Server, tmp_path: Path) -> None:
    file, campaign = tmp_path / "policy.json", ann.draft(3)
    file.write_text(json.dumps(asking()))
    there = ("--workspace", ann.tenant.id, str(file), "--json")
    asked = {"campaign_id": campaign, "policy": asking()}
    told = run(server, "policy", "simulate", *there, "--campaign", campaign).json
    overnight = ann.data("POST", "/v1/policy/simulate", asked)
    assert {**told, "facts": {**told["facts"], "at": None}} == {
        **overnight,
        "facts": {**overnight["facts"], "at": None},
    }
    ann.sent()
    past = run(server, "policy", "backtest", *there).json
    assert past["counts"] == ann.data("POST", "/v1/policy/backtest", {"policy": asking()})["counts"]


def test_a_file_that_is_no_policy_is_told_in_one_line(ann: House, server: Server, tmp_path: Path) -> None:
    there = ("--workspace", ann.tenant.id)
    for name, text, why in (
        ("a.yaml", "a: &a [1]\nb: *a\n", "aliases and tags are not taken"),
        ("b.json", '{"rules": [], "rules": []}', "a key is given twice"),
        ("c.yaml", "rules: []\n", "rules: "),
    ):
        file = tmp_path / name
        file.write_text(text)
        for verb in ("set", "validate", "backtest"):
            assert why in run(server, "policy", verb, *there, str(file)).line
    assert "No such file" in run(server, "policy", "set", *there, str(tmp_path / "none.yaml")).line
    assert "no workspace" in run(server, "policy", "set", "--workspace", NOBODY, str(tmp_path / "c.yaml")).line
    assert ann.data("GET", "/v1/policy")["version"] == 1


def test_members_and_groups_are_added_and_mistakes_are_told(ann: House, server: Server) -> None:
    there = ("--workspace", ann.tenant.id)
    made = run(server, "member", "add", *there, "dora@acme.example", "--name", "Dora", "--scope", "lexi", "--json").json
    assert made["scopes"] == ["lexi"]
    again = run(server, "member", "add", *there, "dora@acme.example", "--scope", "campaigns:read", "--json").json
    assert again == {"id": made["id"], "scopes": ["campaigns:read", "lexi"]}
    assert "email" in run(server, "member", "add", *there, "nobody").line
    assert "scopes" in run(server, "member", "add", *there, "eve@acme.example", "--scope", "all").line
    assert "members[0]" in run(server, "group", "add", *there, "legal", "eve@acme.example").line
    assert "built in" in run(server, "group", "add", *there, "owners", "dora@acme.example").line
    assert "no workspace" in run(server, "member", "add", "--workspace", NOBODY, "dora@acme.example").line
    names = {each["name"] for each in ann.data("GET", "/v1/members")["members"]}
    assert names == {"ann", "Dora"}
