"""Breaking the glass, over the house API: who may, what it passes over and what not, and who answers for it."""

from typing import Any

import pytest

from support.house import NOBODY, Body, asking
from support.server import Server
from support.team import REVIEWER, WRITER, Team, blocker, stage, through, word

FROZEN = {"from": "2020-01-01", "to": "2099-01-01", "zone": "Europe/Berlin", "reason": "holidays"}
REASON = "The shop is on fire"


def glazed(server: Server, **more: Any) -> Team:
    """Olga, Otto and Mia own the workspace; they may break the glass. Bob may only approve."""
    team = Team.of(server, "bob")
    for name in ("otto", "mia"):
        team.join(name, *WRITER, "lexi", "admin", "audit:read")
    team.policy(through(stage(), **{"separation": "requester", "break_glass": {}, **more}))
    return team


def smash(team: Team, campaign: str, by: str = "otto", reason: str = REASON) -> Any:
    return team.people[by].client.post(f"/v1/campaigns/{campaign}/break-glass", {"reason": reason})


def review(team: Team) -> Body:
    [found] = team.olga.data("GET", "/v1/lexi/tasks?type=break_glass_review")["tasks"]
    whole: Body = team.olga.task(found["id"])
    return whole


def test_the_glass_is_broken_and_somebody_else_answers_whether_it_was_right(server: Server) -> None:
    team = glazed(server)
    campaign, task = team.ann.asked()
    assert smash(team, campaign).status_code == 200
    team.ann.wait_for(campaign, "completed")
    assert len(team.ann.mails()) == 2
    assert team.ann.data("GET", f"/v1/campaigns/{campaign}/explain")["permission"] == "break_glass"
    assert team.olga.task(task)["outcome"] == "void"
    assert team.vote("bob", task) == "task_decided"

    shown = review(team)
    assert (shown["about"], shown["metadata"]) == (
        {"campaign_id": campaign, "reason": REASON},
        {"campaign_id": campaign},
    )
    assert [each["email"] for each in shown["may_decide"]] == ["olga@acme.example", "mia@acme.example"]
    path = "/v1/lexi/tasks?type=break_glass_review&campaign_id="
    listed = {each: team.olga.data("GET", f"{path}{each}")["tasks"] for each in (campaign, NOBODY)}
    assert [len(listed[each]) for each in (campaign, NOBODY)] == [1, 0]
    assert team.vote("bob", shown["id"]) == "not_entitled"
    assert team.vote("otto", shown["id"]) == "separation_of_duties"
    assert team.vote(team.key("otto", "lexi", "admin"), shown["id"]) == "separation_of_duties"
    assert team.vote(team.olga.by("lexi", "admin"), shown["id"]) == "person_required"
    assert team.vote("mia", shown["id"], comment="It was.") == "approved"
    assert team.vote("olga", shown["id"]) == "task_decided"

    acts = team.mia.data("GET", f"/v1/audit?kind=break_glass&subject={campaign}")["acts"]
    assert [(each["act"], each["person"]) for each in acts] == [
        ("broken", team.id("otto")),
        ("approve", team.id("mia")),
    ]
    assert acts[0]["figures"]["task"] == shown["id"]
    assert REASON not in str(acts)


def test_a_review_may_say_that_it_was_wrong_and_what_was_sent_stays_sent(server: Server) -> None:
    team = glazed(server)
    campaign = team.ann.draft()
    smash(team, campaign)
    team.ann.wait_for(campaign, "completed")
    assert team.vote("mia", review(team)["id"], "dismiss") == "dismissed"
    assert team.status_of(campaign) == "completed"
    [found] = team.olga.data("GET", "/v1/lexi/tasks?type=break_glass_review&status=dismissed")["tasks"]
    assert found["outcome"] == "dismissed"


def test_who_broke_it_does_not_review_it_through_a_delegate(server: Server) -> None:
    team = glazed(server)
    smash(team, team.ann.draft())
    said = {"to": "bob@acme.example", "ends_at": "2099-01-01T00:00:00Z"}
    team.otto.data("POST", "/v1/delegations", said)
    assert team.vote("bob", review(team)["id"]) == "separation_of_duties"


@pytest.mark.parametrize("who", ["ann", "bob", "a key of nobody", "a lesser key"])
def test_nobody_else_may(server: Server, who: str) -> None:
    team = glazed(server)
    team.join("bob", *REVIEWER, "campaigns:execute")
    campaign = team.ann.draft()
    keys = {"a key of nobody": team.otto.by(), "a lesser key": team.key("otto", *WRITER, "lexi"), **team.people}
    answer = keys[who].client.post(f"/v1/campaigns/{campaign}/break-glass", {"reason": REASON})
    wanted = "person_required" if who == "a key of nobody" else "not_entitled"
    assert (answer.status_code, blocker(answer)["code"]) == (403, wanted)
    assert team.status_of(campaign) == "draft"
    assert team.olga.data("GET", "/v1/lexi/tasks?type=break_glass_review")["tasks"] == []


def test_a_group_can_be_named_that_may(server: Server) -> None:
    team = glazed(server)
    team.join("dora", *WRITER)
    team.group("on call", "dora")
    team.policy(asking(break_glass={"group": "on call"}))
    assert word(smash(team, team.ann.draft(), "otto")) == "not_entitled"
    assert smash(team, team.ann.draft(), "dora").ok
    team.group("on call")
    assert word(smash(team, team.ann.draft(), "dora")) == "not_entitled"


@pytest.mark.parametrize("document", [asking(), {"approval": "off", "reason": "we are few"}])
def test_where_the_policy_names_nobody_the_glass_stays_whole(server: Server, document: Body) -> None:
    team = glazed(server)
    team.policy(document)
    answer = smash(team, team.ann.draft())
    assert (answer.status_code, blocker(answer)["code"]) == (403, "break_glass_off")


@pytest.mark.parametrize("reason", ["", " \n ", None, "x" * 2_001])
def test_without_a_reason_nothing_happens(server: Server, reason: Any) -> None:
    team = glazed(server)
    campaign = team.ann.draft()
    answer = smash(team, campaign, reason=reason)
    assert (answer.status_code, answer.json()["error"]["mistakes"][0]["path"]) == (400, "reason")
    assert team.status_of(campaign) == "draft"


def test_a_freeze_is_passed_over_and_what_lexi_refuses_is_not(server: Server) -> None:
    team = glazed(server, freeze=[FROZEN])
    campaign = team.ann.draft()
    assert word(team.ann.client.post(f"/v1/campaigns/{campaign}/start")) == "frozen"
    broken = team.ann.draft(template={"subject": "Hi", "body": "Dear {{ nobody_has_this }}"})
    found = word(smash(team, broken))
    assert found == word(team.ann.client.post(f"/v1/campaigns/{broken}/start"))
    assert found not in ("frozen", "active")
    assert team.status_of(broken) == "draft"
    for empty, code in ((team.ann.draft(0), "audience_empty"), (team.ann.draft(template=None), "content_missing")):
        assert word(smash(team, empty)) == code
    assert smash(team, campaign).ok
    team.ann.wait_for(campaign, "completed")


def test_it_launches_now_or_not_at_all(server: Server) -> None:
    team = glazed(server)
    campaign = team.ann.draft(start_at="2099-01-01T00:00:00Z")
    assert word(smash(team, campaign)) == "start_not_now"
    assert team.status_of(campaign) == "draft"


def test_once_it_is_broken_it_is_not_broken_again(server: Server) -> None:
    team = glazed(server)
    campaign = team.ann.draft(3, daily_limit=1)
    assert smash(team, campaign).ok
    team.ann.data("POST", f"/v1/campaigns/{campaign}/pause")
    assert word(smash(team, campaign)) == "permit_held"
    assert len(team.olga.data("GET", "/v1/lexi/tasks?type=break_glass_review")["tasks"]) == 1


def test_a_launch_in_need_can_be_revoked(server: Server) -> None:
    team = glazed(server)
    campaign = team.ann.draft(3, daily_limit=1)
    smash(team, campaign)
    assert word(team.bob.client.post(f"/v1/campaigns/{campaign}/revoke")) == "paused"
    assert word(team.ann.client.post(f"/v1/campaigns/{campaign}/resume")) == "pending_approval"


def test_a_question_that_the_broken_glass_made_idle_is_closed_and_another_can_be_asked(server: Server) -> None:
    team = glazed(server)
    campaign, task = team.ann.asked(3, daily_limit=1)
    smash(team, campaign)
    assert team.olga.data("GET", "/v1/lexi/tasks")["tasks"] == []
    team.bob.data("POST", f"/v1/campaigns/{campaign}/revoke")
    again = team.ann.data("POST", f"/v1/campaigns/{campaign}/resume")["campaign"]["task_id"]
    assert team.vote("bob", task) == "task_decided"
    assert team.vote("bob", again) == "approved"
