"""The policy document over the house API: every mistake at once, what it may ask of a launch, freezes and windows."""

import json
from datetime import date
from typing import Any

import pytest
import requests
from whenever import Instant, TimeDelta

from support.house import TEMPLATE, Body, House, eventually
from support.server import Server
from support.team import REVIEWER, WRITER, Team, blocker, stage, through

PEOPLE = {"stages": [stage()]}
WRONG: Body = {
    "rules": [
        {"name": "small", "when": {"recipients_at_most": -1, "chanel": "email"}, "approve": "auto"},
        {
            "name": "small",
            "when": {"hours": {"from": "25:00", "to": "06:00", "zone": "Europe/Nowhere"}},
            "approve": {"stages": [{"group": "ghosts", "quorum": 0}, {"people": ["nobody@acme.example"]}]},
        },
        {"name": "last", "when": {"review": "clean"}, "approve": "auto"},
    ],
    "separation": "friends",
    "expires_after": "three days",
    "escalate": {"after": "PT1H", "to": "spooks"},
    "break_glass": {"group": "phantoms", "reason": "optional"},
    "freeze": [{"from": "2026-12-27", "to": "2026-12-24", "zone": "Europe/Berlin", "reason": "holidays"}],
    "changes": {"stages": [{"group": "shades"}]},
    "dismissal": 2,
}
GROUPS = "expected one of the groups approvers, owners; found"
MISTAKES = {
    "rules[0].when.recipients_at_most": "expected 0 or more; found -1",
    "rules[0].when.chanel": "did you mean `channel`?",
    "rules[1].name": "another rule is named 'small'",
    "rules[1].when.hours.from": "expected a time of day, such as 09:00; found '25:00'",
    "rules[1].when.hours.zone": "expected an IANA time zone, such as Europe/Berlin; found 'Europe/Nowhere'",
    "rules[1].approve.stages[0].quorum": "expected 1 or more; found 0",
    "rules[1].approve.stages[0].group": f"{GROUPS} 'ghosts'",
    "rules[1].approve.stages[1].people[0]": "expected a member, by address or id; 'nobody@acme.example' is none",
    "rules[2].when": "the last rule must match everything: leave `when` out",
    "rules[2].approve": "the last rule must ask people, not `auto`",
    "separation": "expected 'none', 'requester' or 'contributors'; found 'friends'",
    "expires_after": "expected an ISO 8601 duration of hours, minutes and seconds, such as PT72H",
    "escalate.to": f"{GROUPS} 'spooks'",
    "break_glass.group": f"{GROUPS} 'phantoms'",
    "break_glass.reason": "expected 'required'; found 'optional'",
    "freeze[0].to": "expected `to` after `from`, which is 2026-12-27; found '2026-12-24'",
    "changes.stages[0].group": f"{GROUPS} 'shades'",
    "dismissal": "did you mean `dismissals`?",
}


def mistakes(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 400, answer.text
    found = answer.json()["error"]["mistakes"]
    assert len({each["path"] for each in found}) == len(found)
    return {each["path"]: each["message"] for each in found}


# Written


def test_every_mistake_is_told_at_once_and_the_old_version_stays_in_force(server: Server) -> None:
    team = Team.of(server, "bob")
    before = team.policy(through(stage()))
    found = mistakes(team.olga.client.put("/v1/policy", WRONG))
    assert found.keys() == MISTAKES.keys()
    assert {path: said for path, said in found.items() if MISTAKES[path] not in said} == {}
    assert mistakes(team.olga.client.post("/v1/policy/validate", WRONG)) == found

    assert team.olga.data("GET", "/v1/policy")["version"] == before
    assert [each["version"] for each in team.olga.data("GET", "/v1/policy/versions")["versions"]] == [before]
    _, task = team.ann.asked()
    assert team.vote("bob", task) == "approved"


@pytest.mark.parametrize("said", [[], "auto", None, 7, {}, {"rules": []}, {"approval": "off"}, {"approval": "on"}])
def test_what_is_no_policy_is_refused_and_nothing_changes(server: Server, said: Any) -> None:
    team = Team.of(server)
    assert mistakes(team.olga.client.put("/v1/policy", said))
    assert team.olga.data("GET", "/v1/policy")["version"] == 0


def test_a_group_counts_as_known_from_its_making_on(server: Server) -> None:
    team = Team.of(server, "bob")
    document = through(stage("legal"))
    assert list(mistakes(team.olga.client.put("/v1/policy", document))) == ["rules[0].approve.stages[0].group"]
    team.group("legal", "bob")
    assert team.policy(document) == 1


def test_a_policy_that_nobody_could_satisfy_is_refused_with_the_figures(server: Server) -> None:
    team = Team.of(server, "bob", "cid")
    team.group("legal", "bob", "cid")
    found = mistakes(team.olga.client.put("/v1/policy", through(stage("legal", 2), stage("legal", 1))))
    assert list(found) == ["rules[0].approve"]
    assert "2 of legal (of whom 2 may approve), then 1 of legal (of whom 2 may approve)" in found["rules[0].approve"]


def test_who_is_asked_must_be_an_approver_and_too_few_to_say_no_are_told_with_all_else(server: Server) -> None:
    team = Team.of(server, "bob")
    team.group("legal", "bob", "ann")  # of whom Ann is no approver
    two, one = {"stages": [stage("legal", 2)]}, {"stages": [stage("legal")]}
    said = {
        "rules": [{"name": "two", "approve": two}, {"name": "two", "approve": one}],
        "dismissals": 2,
        "separation": "friends",
    }
    answer = team.olga.client.put("/v1/policy", said)
    assert answer.status_code == 400
    assert {each["path"]: each["message"] for each in answer.json()["error"]["mistakes"]} == {
        "separation": "expected 'none', 'requester' or 'contributors'; found 'friends'",
        "rules[1].name": "another rule is named 'two'; names must differ",
        "rules[0].approve": (
            "nobody could satisfy this: it asks 2 of legal (of whom 1 may approve), each person counting once"
        ),
        "dismissals": "expected 1 or less, so many people rules[1].approve asks; found 2",
    }
    assert team.policy(through(stage("legal"))) == 1


@pytest.mark.parametrize("people", [None, 5, True, {}, [[]], [{}], [None], [["bob@acme.example"]], [[None]]])
def test_whatever_stands_for_people_is_a_mistake_with_its_place(server: Server, people: Any) -> None:
    team = Team.of(server, "bob")
    found = mistakes(team.olga.client.put("/v1/policy", through({"people": people})))
    assert all(path.startswith("rules[0].approve.stages[0]") for path in found), found
    assert team.olga.client.post("/v1/policy/validate", through({"people": people})).status_code == 400


def test_a_stage_that_nobody_could_meet_is_told_beside_one_of_an_unknown_group(server: Server) -> None:
    team = Team.of(server, "bob")
    found = mistakes(team.olga.client.put("/v1/policy", through(stage("ghosts"), stage(quorum=50))))
    assert list(found) == ["rules[0].approve.stages[0].group", "rules[0].approve"]
    assert "50 of approvers (of whom 2 may approve)" in found["rules[0].approve"]


def test_a_group_alone_lets_nobody_decide(server: Server) -> None:
    team = Team.of(server, "bob")
    team.group("legal", "bob", "ann")
    team.policy(through(stage("legal")))
    _, task = team.ann.asked()
    assert [each["email"] for each in team.olga.task(task)["may_decide"]] == ["bob@acme.example"]
    assert team.vote(team.key("ann", *REVIEWER), task) == "approved"  # whose key made Ann an approver


def test_yaml_and_json_have_the_same_digest_and_versions_are_kept(server: Server) -> None:
    team = Team.of(server, "bob")
    said = through({"people": ["bob@acme.example"]}, expires_after="PT24H")
    text = (
        "expires_after: PT24H\nseparation: none\nrules:\n- approve: {stages: [{people: [bob@acme.example]}]}\n"
        "  name: everything\n"
    )
    first = team.olga.data("PUT", "/v1/policy", said)
    headers = {"Authorization": f"Bearer {team.olga.client.key}", "Content-Type": "application/yaml"}
    second = requests.put(f"{server.base}/v1/policy", data=text, headers=headers, timeout=30).json()["data"]

    assert (first["version"], second["version"]) == (1, 2)
    assert first["digest"] == second["digest"]
    assert "bob@acme.example" not in json.dumps(second)  # who is named stands there by id
    third = team.olga.data("PUT", "/v1/policy", {**said, "expires_after": "PT25H"})
    shown = team.olga.data("GET", "/v1/policy/versions")["versions"]
    assert [(each["version"], each["digest"], each["in_force"]) for each in shown] == [
        (3, third["digest"], True),
        (2, first["digest"], False),
        (1, first["digest"], False),
    ]
    assert third["digest"] != first["digest"]


# Asked of a launch

SUNDAY = "2099-01-04T12:00:00Z"
RULES: dict[str, tuple[Body, Body, Body]] = {  # when, a draft that it holds for, and one that it does not
    "at most": ({"recipients_at_most": 2}, {}, {"recipients": 3}),
    "over": ({"recipients_over": 2}, {"recipients": 3}, {}),
    "channel": ({"channel": "webhook"}, {"channel": "webhook"}, {}),
    "sender": ({"sender": "*@vip.example"}, {"sender": {"email": "a@VIP.example", "name": "A"}}, {}),
    "hours": (
        {"hours": {"from": "22:00", "to": "06:00", "zone": "Asia/Tokyo"}},
        {"start_at": "2099-01-04T14:00:00Z"},
        {"start_at": SUNDAY},
    ),
    "weekdays": (
        {"weekdays": {"days": ["mon"], "zone": "Pacific/Auckland"}},
        {"start_at": SUNDAY},
        {"start_at": "2099-01-04T10:00:00Z"},
    ),
    "warnings": ({"warnings": "some"}, {"template": {"subject": "TODO", "body": "Dear {{ name }}"}}, {}),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_holds_for_what_it_names_and_for_nothing_else(server: Server, name: str) -> None:
    assert date.fromisoformat(SUNDAY[:10]).strftime("%a") == "Sun"
    team = Team.of(server, "bob")
    when, *drafts = RULES[name]
    rules = [{"name": name, "when": when, "approve": "auto"}, {"name": "else", "approve": PEOPLE}]
    team.policy({"rules": rules, "separation": "none"})
    shown = []
    for fields in drafts:
        told = team.ann.data("GET", f"/v1/campaigns/{team.ann.draft(**fields)}/launchability")
        shown.append((told["rule"], told["requirement"] is None))
    assert shown == [(name, True), ("else", False)]


def test_a_list_can_be_named(server: Server) -> None:
    team = Team.of(server, "bob")
    shared = team.ann.data("POST", "/v1/lists", {"name": "testers"})["list"]["id"]
    when = {"list": shared, "review": "clean"}
    rules = [{"name": "testers", "when": when, "approve": "auto"}, {"name": "else", "approve": PEOPLE}]
    team.policy({"rules": rules, "separation": "none"})
    assert team.ann.start(team.ann.draft(list_id=shared))["task_id"] is None
    assert team.ann.start(team.ann.draft())["task_id"] is not None


def test_a_template_is_unchanged_since_the_last_approved_run_and_only_since_that(server: Server) -> None:
    team = Team.of(server, "bob")
    rules = [
        {"name": "again", "when": {"template": "unchanged"}, "approve": "auto"},
        {"name": "else", "approve": PEOPLE},
    ]
    team.policy({"rules": rules, "separation": "none"})
    campaign, task = team.ann.asked()
    path = f"/v1/campaigns/{campaign}/launchability"
    team.vote("bob", task, "dismiss")
    assert team.ann.data("GET", path)["rule"] == "else"  # that run was never approved
    assert team.vote("bob", team.ann.start(campaign)["task_id"]) == "approved"
    team.ann.wait_for(campaign, "completed")
    team.ann.data("POST", f"/v1/campaigns/{campaign}/reopen", {"recipients": "all"})
    assert team.ann.data("GET", path)["rule"] == "again"
    team.ann.data("PATCH", f"/v1/campaigns/{campaign}", {"template": {"subject": "New", "body": "words"}})
    assert team.ann.data("GET", path)["rule"] == "else"
    team.ann.data("PATCH", f"/v1/campaigns/{campaign}", {"template": TEMPLATE})
    assert team.ann.data("GET", path)["rule"] == "again"


def test_where_approval_is_off_the_permit_says_so(server: Server) -> None:
    team = Team.of(server)
    team.policy({"approval": "off", "reason": "we are three people"})
    campaign = team.ann.sent()
    assert team.ann.data("GET", f"/v1/campaigns/{campaign}/explain")["permission"] == "ungated"
    acts = team.olga.data("GET", "/v1/audit?kind=policy")["acts"]
    assert [(each["act"], each["figures"]["approval"]) for each in acts] == [("put_into_force", "off")]


# Freezes


def frozen(begins: TimeDelta, ends: TimeDelta) -> Body:
    now = Instant.now()
    first, last = ((now + span).to_tz("UTC").to_plain().round("second").format_iso() for span in (begins, ends))
    return {"from": first, "to": last, "zone": "UTC", "reason": "stocktaking"}


HOUR, DAY = TimeDelta(hours=1), TimeDelta(hours=24)


def test_no_launch_begins_in_a_freeze_and_its_figures_are_told(server: Server) -> None:
    team = Team.of(server, "bob")
    span = frozen(-HOUR, DAY)
    small = [{"name": "small", "when": {"recipients_at_most": 100}, "approve": "auto"}]
    team.policy({"rules": [*small, {"name": "else", "approve": PEOPLE}], "freeze": [span]})
    campaign = team.ann.draft()
    answer = team.ann.client.post(f"/v1/campaigns/{campaign}/start")
    assert answer.status_code == 400
    told = blocker(answer)
    assert {name: told[name] for name in ("code", *span)} == {"code": "frozen", **span}
    assert "stocktaking" in told["message"]
    assert team.status_of(campaign) == "draft"
    assert not team.ann.data("GET", f"/v1/campaigns/{campaign}/launchability")["launchable"]

    for inside, days in ((True, 0.5), (False, 2)):
        start_at = (Instant.now() + DAY * days).format_iso()
        answer = team.ann.client.post(f"/v1/campaigns/{team.ann.draft(start_at=start_at)}/start")
        assert answer.ok is not inside


def test_a_freeze_that_began_after_the_question_holds_up_the_last_vote(server: Server) -> None:
    team = Team.of(server, "bob", "cid")
    team.policy(through(stage(quorum=2)))
    campaign, task = team.ann.asked()
    team.policy(through(stage(quorum=2), freeze=[frozen(-HOUR, HOUR)]))
    assert team.vote("bob", task) == "pending"
    assert team.vote("cid", task) == "frozen"
    assert team.status_of(campaign) == "pending_approval"
    assert team.approvals(task) == (1, [1])
    team.policy(through(stage(quorum=2)))
    assert team.vote("cid", task) == "approved"


# Windows


def splitting(server: Server, **splitting: object) -> Team:
    team = Team.of(server, "bob")
    rules = [
        {"name": "small", "when": {"recipients_at_most": 5}, "approve": "auto"},
        {"name": "large", "approve": PEOPLE},
    ]
    team.policy({"rules": rules, "separation": "none", "splitting": {"window": "PT24H", **splitting}})
    team.join("eve", *WRITER)
    return team


def asks(house: House, **fields: Any) -> bool:
    return house.start(house.draft(2, **fields))["task_id"] is not None


def test_the_third_small_launch_of_one_person_asks(server: Server) -> None:
    team = splitting(server)
    assert [asks(team.ann), asks(team.key("ann", *WRITER)), asks(team.ann)] == [False, False, True]
    assert [asks(team.eve), asks(team.eve)] == [False, False]
    campaign = team.ann.draft(2)
    told = team.ann.data("GET", f"/v1/campaigns/{campaign}/explain")
    [counted] = told["counted"]
    assert (counted["per"], counted["recipients"]) == ("requester", 4)
    assert [each["recipients"] for each in counted["launches"]] == [2, 2]
    assert team.vote("bob", team.ann.start(campaign)["task_id"]) == "approved"


def test_a_launch_that_was_cancelled_or_run_again_counts_too(server: Server) -> None:
    team = splitting(server)
    start_at = "2099-01-01T00:00:00Z"
    scheduled = team.ann.draft(2, start_at=start_at)
    team.ann.start(scheduled)
    team.ann.data("POST", f"/v1/campaigns/{scheduled}/cancel")
    sent = team.ann.sent()
    again = team.ann.data("POST", f"/v1/campaigns/{sent}/rerun", {"recipients": "all"})["campaign"]
    assert again["status"] == "pending_approval"


def test_a_list_or_a_sender_is_summed_whoever_asks(server: Server) -> None:
    team = splitting(server, per=["list", "sender"])
    shared = team.ann.data("POST", "/v1/lists", {"name": "customers"})["list"]["id"]
    sender = {"email": "news@acme.example", "name": "Acme"}
    assert [asks(team.ann, sender=sender), asks(team.eve, sender=sender), asks(team.ann, sender=sender)] == [
        False, False, True,
    ]  # fmt: skip
    others = iter({"email": f"n{n}@acme.example", "name": "Acme"} for n in range(3))
    assert [asks(house, list_id=shared, sender=next(others)) for house in (team.ann, team.eve, team.ann)] == [
        False, False, True,
    ]  # fmt: skip


def test_what_people_approved_is_not_summed(server: Server) -> None:
    team = splitting(server)
    large = team.ann.start(team.ann.draft(9))["task_id"]
    assert team.vote("bob", large) == "approved"
    assert asks(team.ann) is False
    eventually(lambda: len(team.ann.mails()), 11)
