"""Separation of duties, over the house API: whoever had a hand in a launch does not decide about it by any way."""

from collections.abc import Callable

import pytest

from support.house import TEMPLATE, House, eventually
from support.server import Server
from support.team import BOTH, REVIEWER, Team, blocker, stage, through, word

Edit = Callable[[House, str], object]


def separated(server: Server, separation: str = "requester", *more: str) -> Team:
    """Ann and Eve may do everything that campaigns need; Bob decides, and so do those who are named."""
    team = Team.of(server, "bob", *more)
    for name in ("ann", "eve"):
        team.join(name, *BOTH)
    team.policy(through(stage(), separation=separation))
    return team


def patch(**said: object) -> Edit:
    return lambda house, campaign: house.data("PATCH", f"/v1/campaigns/{campaign}", said)


def add(house: House, campaign: str) -> object:
    return house.data("POST", f"/v1/campaigns/{campaign}/contacts", {"contacts": house.people(1, start=70)})


def add_to_the_list(house: House, campaign: str) -> object:
    list_id = house.campaign(campaign)["list_id"]
    return house.data("POST", f"/v1/lists/{list_id}/contacts", {"contacts": house.people(1, start=80)})


def take_off(house: House, campaign: str) -> object:
    return house.data("DELETE", f"/v1/campaigns/{campaign}/contacts/p0@{house.domain}")


def there_and_back(house: House, campaign: str) -> None:
    patch(template={"subject": "Other", "body": "words"})(house, campaign)
    patch(template=TEMPLATE)(house, campaign)


EDITS: dict[str, Edit] = {
    "the template": patch(template={"subject": "Hi {{ name }}", "body": "Dear {{ name }}, we launch."}),
    "a further step": patch(steps=[{"delay_days": 2, "template": TEMPLATE}]),
    "the sender": patch(sender={"email": "news@acme.example", "name": "Acme"}),
    "the settings": patch(daily_limit=7),
    "the start time": patch(start_at="2099-01-01T00:00:00Z"),
    "contacts": add,
    "contacts of the list": add_to_the_list,
    "one contact less": take_off,
    "there and back": there_and_back,
}


# Who asked


def test_who_asked_does_not_decide_by_whatever_key(server: Server) -> None:
    team = separated(server)
    _, task = team.ann.asked()
    assert team.vote("ann", task) == "separation_of_duties"
    assert team.vote("ann", task, "dismiss") == "separation_of_duties"
    assert team.vote(team.key("ann", *REVIEWER), task) == "separation_of_duties"
    assert team.vote(team.ann.by(*REVIEWER), task) == "person_required"
    assert team.vote("eve", task) == "approved"


def test_a_key_of_no_member_starts_nothing_that_somebody_else_must_decide(server: Server) -> None:
    team = separated(server)
    robot = team.ann.by(*BOTH)
    campaign = robot.draft()
    explained = robot.data("GET", f"/v1/campaigns/{campaign}/explain")
    answer = robot.client.post(f"/v1/campaigns/{campaign}/start")
    assert word(answer) == "person_required"
    assert blocker(answer)["separation"] == "requester"
    assert [each["code"] for each in explained["blockers"]] == ["person_required"]
    assert team.status_of(campaign) == "draft"
    asked = team.ann.start(campaign)  # only who asks is kept apart here, not who edited
    assert team.vote("bob", asked["task_id"]) == "approved"


def test_nor_edits_what_only_others_may_decide(server: Server) -> None:
    team = separated(server, "contributors")
    campaign = team.ann.draft()
    add(team.ann.by(*BOTH), campaign)
    answer = team.ann.client.post(f"/v1/campaigns/{campaign}/start")
    assert word(answer) == "person_required"
    assert "was edited with a key that belongs to no member" in answer.json()["error"]["message"]
    assert team.ann.asked()[1]


def test_a_key_that_only_wrote_the_same_text_elsewhere_stops_nobody(server: Server) -> None:
    team = separated(server, "contributors")
    campaign = team.ann.draft()
    team.ann.by(*BOTH).draft(0)  # of the same text, in a campaign of its own
    assert team.vote("bob", team.ann.start(campaign)["task_id"]) == "approved"


def test_what_nobody_is_asked_about_may_be_started_with_any_key(server: Server) -> None:
    team = separated(server)
    auto = {"name": "small", "when": {"recipients_at_most": 2}, "approve": "auto"}
    asked = through(stage(), separation="requester")
    team.policy({**asked, "rules": [auto, *asked["rules"]]})
    assert team.ann.by(*BOTH).start(team.ann.draft(2))["status"] != "pending_approval"


def test_without_separation_who_asked_decides(server: Server) -> None:
    team = separated(server, "none")
    _, task = team.ann.asked()
    assert team.vote("ann", task) == "approved"


def test_who_asked_and_joins_the_group_later_does_not_decide(server: Server) -> None:
    team = separated(server)
    team.group("legal", "bob")
    team.policy(through(stage("legal"), separation="requester"))
    _, task = team.ann.asked()
    team.group("legal", "ann", "bob")
    assert team.vote("ann", task) == "separation_of_duties"
    assert [each["email"] for each in team.olga.task(task)["may_decide"]] == ["bob@acme.example"]
    assert team.vote("bob", task) == "approved"


def test_who_asked_leaves_and_comes_back_and_still_does_not_decide(server: Server) -> None:
    team = separated(server)
    _, task = team.ann.asked()
    team.olga.data("DELETE", f"/v1/members/{team.id('ann')}")
    team.join("ann", *BOTH)
    assert team.vote("ann", task) == "separation_of_duties"


def test_who_goes_on_with_what_was_revoked_is_who_asked(server: Server) -> None:
    team = separated(server)
    campaign, task = team.ann.asked(start_at="2099-01-01T00:00:00Z")
    team.vote("bob", task)
    team.bob.data("POST", f"/v1/campaigns/{campaign}/revoke")
    again = team.eve.data("POST", f"/v1/campaigns/{campaign}/resume")["campaign"]["task_id"]
    assert team.vote("eve", again) == "separation_of_duties"
    assert team.vote("ann", again) == "approved"


# Through somebody else's place


def lend(team: Team, by: str, to: str, **span: str) -> str:
    said = {"to": f"{to}@acme.example", "ends_at": "2099-01-01T00:00:00Z", **span}
    return str(team.people[by].data("POST", "/v1/delegations", said)["delegation"]["id"])


def test_who_asked_does_not_decide_through_a_delegate(server: Server) -> None:
    team = separated(server)
    team.join("zoe", *REVIEWER)
    team.group("legal", "ann", "bob")
    team.policy(through(stage("legal"), separation="requester"))
    _, task = team.ann.asked()
    lend(team, "ann", "zoe")
    assert team.vote("zoe", task) == "separation_of_duties"
    lend(team, "bob", "zoe")
    assert team.vote("zoe", task) == "approved"
    assert [(each["person"], each["seat"]) for each in team.olga.task(task)["votes"]] == [
        (team.id("zoe"), team.id("bob"))
    ]


def test_who_asked_does_not_decide_in_the_place_of_an_approver(server: Server) -> None:
    team = separated(server)
    team.group("legal", "bob")
    team.policy(through(stage("legal"), separation="requester"))
    _, task = team.ann.asked()
    lend(team, "bob", "ann")
    assert team.vote("ann", task) == "separation_of_duties"
    team.bob.data("POST", f"/v1/lexi/tasks/{task}/delegate", {"to": "ann@acme.example"})
    assert team.vote("ann", task) == "separation_of_duties"


def test_who_edited_does_not_decide_through_a_delegate_or_for_one(server: Server) -> None:
    team = separated(server, "contributors", "cid")
    team.group("legal", "bob", "eve")
    team.policy(through(stage("legal"), separation="contributors"))
    campaign = team.ann.draft()
    patch(name="Summer")(team.eve, campaign)
    task = team.ann.start(campaign)["task_id"]
    lend(team, "eve", "cid")
    assert team.vote("cid", task) == "separation_of_duties"
    lend(team, "bob", "eve")
    assert team.vote("eve", task) == "separation_of_duties"


# Who edited


@pytest.mark.parametrize("what", EDITS)
def test_who_edited_what_is_sealed_does_not_decide(server: Server, what: str) -> None:
    team = separated(server, "contributors")
    campaign = team.ann.draft()
    EDITS[what](team.eve, campaign)
    task = team.ann.start(campaign)["task_id"]
    assert team.vote("eve", task) == "separation_of_duties"
    assert team.vote(team.key("eve", *REVIEWER), task) == "separation_of_duties"
    assert team.vote("ann", task) == "separation_of_duties"
    assert team.vote("bob", task) == "approved"


def test_an_edit_that_somebody_else_undid_still_counts(server: Server) -> None:
    team = separated(server, "contributors")
    campaign = team.ann.draft()
    patch(template={"subject": "Other", "body": "words"})(team.eve, campaign)
    patch(template=TEMPLATE)(team.ann, campaign)
    task = team.ann.start(campaign)["task_id"]
    assert team.vote("eve", task) == "separation_of_duties"


def test_who_edited_for_a_run_that_never_went_out_does_not_decide_about_the_next(server: Server) -> None:
    team = separated(server, "contributors")
    campaign = team.ann.draft()
    add(team.eve, campaign)
    first = team.ann.start(campaign)["task_id"]
    assert team.vote("bob", first, "dismiss") == "dismissed"
    second = team.ann.start(campaign)["task_id"]
    assert team.vote("eve", second) == "separation_of_duties"


def test_where_only_who_asked_is_barred_an_editor_decides(server: Server) -> None:
    team = separated(server)
    campaign = team.ann.draft()
    add(team.eve, campaign)
    assert team.vote("eve", team.ann.start(campaign)["task_id"]) == "approved"


@pytest.mark.parametrize("what", ["the template", "the sender", "the settings"])
def test_who_wrote_what_was_copied_does_not_decide_about_the_copy(server: Server, what: str) -> None:
    team = separated(server, "contributors")
    original = team.ann.draft()
    EDITS[what](team.eve, original)
    copy = team.ann.data("POST", f"/v1/campaigns/{original}/clone", {"contacts": True})["campaign"]["id"]
    task = team.ann.start(copy)["task_id"]
    assert team.vote("eve", task) == "separation_of_duties"
    assert team.vote("bob", task) == "approved"


def test_who_filled_a_list_that_is_shared_does_not_decide(server: Server) -> None:
    team = separated(server, "contributors")
    shared = team.eve.data("POST", "/v1/lists", {"name": "customers"})["list"]["id"]
    team.eve.data("POST", f"/v1/lists/{shared}/contacts", {"contacts": team.eve.people(2)})
    task = team.ann.start(team.ann.draft(0, list_id=shared))["task_id"]
    assert team.vote("eve", task) == "separation_of_duties"


# After a run that was completed


def sent_once(team: Team) -> str:
    """A campaign that Eve edited, Ann asked for and Bob approved, and that was sent."""
    campaign = team.ann.draft()
    add(team.eve, campaign)
    assert team.vote("bob", team.ann.start(campaign)["task_id"]) == "approved"
    team.ann.wait_for(campaign, "completed")
    return campaign


def test_a_run_that_nobody_approved_cleans_no_slate(server: Server) -> None:
    team = separated(server, "contributors")
    asked = through(stage(), separation="contributors")
    auto = {"name": "one", "when": {"recipients_at_most": 1}, "approve": "auto"}
    team.policy({**asked, "rules": [auto, *asked["rules"]]})
    campaign = team.eve.draft(1)  # who sends it to one person first
    team.eve.start(campaign)
    team.eve.wait_for(campaign, "completed")
    team.ann.data("POST", f"/v1/campaigns/{campaign}/reopen", {"recipients": "all"})
    add(team.ann, campaign)
    task = team.ann.start(campaign)["task_id"]
    assert team.vote("eve", task) == "separation_of_duties"
    assert team.vote("bob", task) == "approved"


def test_nor_does_a_run_of_other_parts(server: Server) -> None:
    team = separated(server, "contributors")
    shared = team.eve.data("POST", "/v1/lists", {"name": "customers"})["list"]["id"]
    team.eve.data("POST", f"/v1/lists/{shared}/contacts", {"contacts": team.eve.people(2, start=40)})
    campaign = sent_once(team)
    team.ann.data("POST", f"/v1/campaigns/{campaign}/reopen", {"recipients": "all"})
    patch(list_id=shared)(team.ann, campaign)
    task = team.ann.start(campaign)["task_id"]
    assert team.vote("eve", task) == "separation_of_duties"


def test_who_says_whom_the_next_run_reaches_does_not_decide_about_it(server: Server) -> None:
    team = separated(server, "contributors")
    campaign = sent_once(team)
    chosen = {"recipients": [f"p0@{team.domain}"]}
    team.eve.data("POST", f"/v1/campaigns/{campaign}/reopen", chosen)
    task = team.ann.start(campaign)["task_id"]
    assert team.vote("eve", task) == "separation_of_duties"
    assert team.vote("bob", task) == "approved"


def test_after_a_completed_run_the_slate_is_clean(server: Server) -> None:
    team = separated(server, "contributors")
    campaign = sent_once(team)
    team.ann.data("POST", f"/v1/campaigns/{campaign}/reopen", {"recipients": "all"})
    task = team.ann.start(campaign)["task_id"]
    assert team.vote("ann", task) == "separation_of_duties"
    assert team.vote("eve", task) == "approved"


def test_who_edits_after_a_completed_run_is_barred_again(server: Server) -> None:
    team = separated(server, "contributors")
    campaign = sent_once(team)
    team.ann.data("POST", f"/v1/campaigns/{campaign}/reopen", {"recipients": "all"})
    patch(name="Summer")(team.eve, campaign)
    task = team.ann.start(campaign)["task_id"]
    assert team.vote("eve", task) == "separation_of_duties"


def test_who_added_people_while_the_run_before_was_sending_does_not_decide_about_them(server: Server) -> None:
    """They wait for the next run: nobody has approved them yet."""
    team = separated(server, "contributors")
    campaign = team.ann.draft()
    hold = team.olga.data("POST", "/v1/holds", {"reason": "not yet"})["hold"]["id"]
    assert team.vote("bob", team.ann.start(campaign)["task_id"]) == "approved"
    add(team.eve, campaign)
    team.olga.data("POST", f"/v1/holds/{hold}/lift")
    team.ann.wait_for(campaign, "completed")
    eventually(lambda: len(team.ann.mails()), 2)
    team.ann.data("POST", f"/v1/campaigns/{campaign}/reopen")
    task = team.ann.start(campaign)["task_id"]
    assert team.olga.task(task)["recipients"] == 1
    assert team.vote("eve", task) == "separation_of_duties"
    assert team.vote("bob", task) == "approved"
